"""A certificate authority of one's own, for serving on one machine.

The authority is bound by name constraints to the hosts it was made for: whoever trusts it, trusts it for nothing
else. Certificates keep to what Go and OpenSSL ask of them: subject alternative names, server authentication, key
identifiers, and at most 397 days (CA/Browser Forum Baseline Requirements, 6.3.2).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import stat
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from registry_gen.errors import InputError, StorageError
from registry_gen.shim import codes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

LOOPBACK: Final = ("127.0.0.1", "localhost")
"""What every server certificate names, so that the same server answers on this machine."""

_AUTHORITY_NAME: Final = "registry-gen local authority"
_AUTHORITY_LIFE: Final = timedelta(days=3650)
_SERVER_LIFE: Final = timedelta(days=90)
_RENEW_BEFORE: Final = timedelta(days=30)
_CLOCK_SKEW: Final = timedelta(hours=1)
_HOST_PORT: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]*)(?::[0-9]{1,5})?")
_DNS_NAME: Final = re.compile(r"(?=.{1,253}$)[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?(\.[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?)*")


class Certificate(NamedTuple):
    """PEM files: the server's certificate and key (one file holds both), and the authority that clients trust."""

    cert_file: Path
    key_file: Path
    ca_file: Path


@dataclass(frozen=True, slots=True)
class _Pair:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate.public_bytes(serialization.Encoding.PEM)


def server_certificate(state: Path, hosts: Sequence[str], now: datetime) -> Certificate:
    """Make, or find again, a server certificate for ``hosts`` and the loopback names.

    ``state`` is the state folder: files go into its "tls" folder, keys readable by the owner alone. ``hosts`` may
    carry ports; ``now`` is aware of its time zone. What is there is kept until 30 days before its end, or until a
    host is missing from it. Raises InputError SRV004 for a bad host, StorageError SRV003 for a folder that fails.
    """
    names = tuple(sorted({*LOOPBACK, *(_host_name(host) for host in hosts)}))
    folder = state / "tls"
    authority_file, ca_file, server_file = folder / "authority.pem", folder / "ca.pem", folder / "server.pem"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _load(authority_file)
        if (
            authority is None
            or not _is_private(authority_file)
            or not _is_bound(authority.certificate, names)
            or not _covers(authority.certificate, names, now, _SERVER_LIFE)
        ):
            authority = _make_authority(names, now)
            _write(authority_file, authority.pem(), mode=0o600)
        ca = authority.certificate.public_bytes(serialization.Encoding.PEM)
        if not ca_file.exists() or ca_file.read_bytes() != ca:
            _write(ca_file, ca, mode=0o644)
        server = _load(server_file)
        if (
            server is None
            or not _is_private(server_file)
            or not _covers(server.certificate, names, now, _RENEW_BEFORE)
            or not _is_issued_by(server.certificate, authority.certificate)
        ):
            _write(server_file, _make_server(authority, names, now).pem(), mode=0o600)
    except OSError as error:
        raise StorageError(codes.TLS_FILES, str(error), where=str(folder), hint=codes.TLS_FILES.fix) from error
    return Certificate(server_file, server_file, ca_file)


def _host_name(host: str) -> str:
    """A host without its port and in lower case; raises InputError SRV004."""
    found = _HOST_PORT.fullmatch(host.lower())
    name = found[1].strip("[]") if found else host.lower()
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    if not _DNS_NAME.fullmatch(name):
        raise InputError(codes.BAD_HOST, found=repr(host), hint=codes.BAD_HOST.fix)
    return name


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _permitted(name: str) -> x509.GeneralName:
    """The same name as a constraint, where an address is a network of one (RFC 5280, 4.2.1.10)."""
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)


def _make_authority(names: Sequence[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _common_name(_AUTHORITY_NAME)
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints([_permitted(n) for n in names], None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Pair(key, certificate)


def _make_server(authority: _Pair, names: Sequence[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_common_name("registry-gen serve"), authority.certificate.subject, key, now, _SERVER_LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Pair(key, certificate)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _covers(certificate: x509.Certificate, names: Sequence[str], now: datetime, left: timedelta) -> bool:
    """Whether a certificate of ours is valid now, stays so for the time ``left``, and is for these names."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - left:
        return False
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            allowed = extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
            return {_permitted(name) for name in names} <= set(allowed)
        return {_general_name(name) for name in names} <= set(
            extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return False


def _is_bound(authority: x509.Certificate, names: Sequence[str]) -> bool:
    """Whether an authority is what is made here for these names: one brought along could vouch for any host."""
    try:
        limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    return (
        limits.critical
        and limits.value == x509.NameConstraints([_permitted(name) for name in names], None)
        and authority.subject == authority.issuer == _common_name(_AUTHORITY_NAME)
        and authority.not_valid_after_utc - authority.not_valid_before_utc == _AUTHORITY_LIFE + _CLOCK_SKEW
        and _is_issued_by(authority, authority)
    )


def _is_private(path: Path) -> bool:
    """Whether a file is this user's, and nobody else may read it; git makes no such files."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o600 and found.st_uid == os.geteuid()


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _load(path: Path) -> _Pair | None:
    """Read a file that ``_Pair.pem`` made; None where there is none, or where it is not usable any more."""
    try:
        pem = path.read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return _Pair(key, certificate)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file whole, never readable by others before its mode is set."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
