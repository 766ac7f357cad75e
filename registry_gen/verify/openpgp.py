"""OpenPGP keys and detached signatures under the key policy of docs/key-policy.md.

The policy is stricter than the clients: whatever passes here, real Terraform accepts as well, never the other way
round. Times come in from outside; beside them pysequoia looks at the machine's clock and refuses what lies ahead of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pysequoia
from pysequoia.packet import PacketPile

from registry_gen.errors import RefusalError
from registry_gen.model.facts import SigningKey
from registry_gen.verify import armor, codes
from registry_gen.verify.arithmetic import HASHES, tidy, verifies
from registry_gen.verify.certificate import Certificate, Key, read_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MAX_SIGNATURE: Final = 64_000
MAX_SIGNATURES: Final = 16
CLOCK_SKEW: Final = timedelta(minutes=10)

_BINARY_DOCUMENT = 0x00
_HASH_NAMES = {1: "MD5", 2: "SHA-1", 3: "RIPEMD-160", 11: "SHA-224"}


@dataclass(frozen=True, slots=True)
class _Signature:
    """One signature packet: its ``body``, and what its subpackets say. ``issuer`` is a fingerprint or a key id."""

    body: bytes
    issuer: str
    created: datetime
    expires: datetime | None


def parse_key(text: str, where: str) -> SigningKey:
    """The one public certificate in a text, under the key policy. Text around the armored block is left out.

    Exactly one certificate, although clients read several from one armor: one file for each key shows in a review
    which one came and went. An expired certificate is accepted. Raises RefusalError SIG001 to SIG006.
    """
    block = armor.find_block(text, where)
    certificate = read_certificate(armor.read_block(block, where), where)
    return SigningKey(certificate.primary.fingerprint, block)


def verify_detached(data: bytes, signature: bytes, keys: Sequence[SigningKey], where: str, at: datetime) -> str:
    """Check a binary detached signature and return the fingerprint (upper-case hex) of the certificate that made it.

    ``signature`` may be several signatures in a row, as publishers make them when a new key takes over: one good one
    by one of ``keys`` is enough, as it is for clients. ``at`` is now. Raises RefusalError SIG001 to SIG017; where no
    signature is good, the one that came furthest says why.
    """
    signatures = _read_signatures(signature, where)
    certificates = [read_certificate(armor.read_block(key.armor, where), where) for key in keys]
    problems: list[RefusalError] = []
    for body in signatures:
        try:
            return _judge(data, body, certificates, where, at)
        except RefusalError as problem:
            problems.append(problem)
    raise min(problems, key=lambda problem: problem.code is codes.UNKNOWN_ISSUER)


def _read_signatures(signature: bytes, where: str) -> list[bytes]:
    """The bodies of the signature packets."""
    if signature.lstrip().startswith(b"-----BEGIN"):
        raise RefusalError(codes.ARMORED_SIGNATURE, where=where)
    if len(signature) > MAX_SIGNATURE:
        found = f"{len(signature)} bytes"
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, expected=f"at most {MAX_SIGNATURE} bytes", found=found)
    try:
        packets = list(armor.packets(signature))
    except ValueError as error:
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, found=str(error)) from None
    if not packets:
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, found="nothing")
    if len(packets) > MAX_SIGNATURES:
        found = f"{len(packets)} packets"
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, expected=f"at most {MAX_SIGNATURES}", found=found)
    for packet in packets:
        if packet.type != armor.SIGNATURE:
            raise RefusalError(codes.NOT_A_SIGNATURE, where=where, found=f"a packet of type {packet.type}")
    return [packet.body for packet in packets]


def _judge(data: bytes, body: bytes, certificates: Sequence[Certificate], where: str, at: datetime) -> str:
    """The fingerprint of the certificate behind one signature; RefusalError where a rule is broken."""
    signature = _read_signature(body, where)
    certificate, key = _find_issuer(signature, certificates, where)
    _check_times(signature, certificate, key, where, at)
    if not (_sequoia_agrees(data, body, certificate) or _renewed_key_agrees(data, signature, certificate, key)):
        raise RefusalError(codes.BAD_SIGNATURE, where=where, found=f"a signature that names {key.fingerprint}")
    return certificate.primary.fingerprint


def _read_signature(body: bytes, where: str) -> _Signature:
    """What a signature says of itself. Raises RefusalError SIG010 or SIG016."""
    if len(body) < 6 or body[0] != 4:
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, expected="a signature of version 4")
    if body[1] != _BINARY_DOCUMENT:
        found = f"a signature of type 0x{body[1]:02x}"
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, expected="a signature of a binary document", found=found)
    if body[3] not in HASHES:
        found = _HASH_NAMES.get(body[3], f"hash algorithm {body[3]}")
        raise RefusalError(codes.WEAK_HASH, where=where, expected="SHA-256, SHA-384 or SHA-512", found=found)
    try:
        (packet,) = PacketPile.from_bytes(_framed(body))
        created, expires = packet.signature_created, packet.signature_expiration_time
        issuer = packet.issuer_fingerprint or packet.issuer_key_id
    except (RuntimeError, ValueError, OverflowError):
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, found="a packet that cannot be read") from None
    if created is None or issuer is None:
        raise RefusalError(codes.NOT_A_SIGNATURE, where=where, expected="a signature that names its time and its key")
    return _Signature(body, issuer.upper(), created, expires)


def _find_issuer(signature: _Signature, certificates: Sequence[Certificate], where: str) -> tuple[Certificate, Key]:
    for certificate in certificates:
        for key in certificate.keys:
            if key.fingerprint.endswith(signature.issuer):
                return certificate, key
    known = ", ".join(certificate.primary.fingerprint for certificate in certificates) or "no key at all"
    raise RefusalError(codes.UNKNOWN_ISSUER, where=where, expected=known, found=signature.issuer)


def _check_times(signature: _Signature, certificate: Certificate, key: Key, where: str, at: datetime) -> None:
    """Nothing revoked; made while key and certificate lived, and not after now."""
    created = signature.created
    if key.revoked:
        raise RefusalError(codes.REVOKED_KEY, where=where, found=f"the revoked subkey {key.fingerprint}")
    if created > at + CLOCK_SKEW:
        found = created.isoformat()
        raise RefusalError(codes.SIGNED_IN_FUTURE, where=where, expected=f"at most {at.isoformat()}", found=found)
    if signature.expires is not None and signature.expires <= at:
        raise RefusalError(codes.EXPIRED_SIGNATURE, where=where, found=f"an end at {signature.expires.isoformat()}")
    if not (key.alive_at(created) and certificate.primary.alive_at(created)):
        found = f"a signature of {created.isoformat()} by {key.fingerprint}"
        raise RefusalError(codes.EXPIRED_AT_SIGNING, where=where, found=found)


def _sequoia_agrees(data: bytes, body: bytes, certificate: Certificate) -> bool:
    """pysequoia's judgement of everything, at the time of signing."""
    try:
        signature = pysequoia.Sig.from_bytes(_framed(body))
        pysequoia.verify(data, store=lambda _ids: [certificate.cert], signature=signature)
    except RuntimeError:
        return False
    return True


def _renewed_key_agrees(data: bytes, signature: _Signature, certificate: Certificate, key: Key) -> bool:
    """Our own judgement, for keys whose life was prolonged after they signed; see ``arithmetic`` for why."""
    primary = certificate.primary
    if not (key.renewed_after(signature.created) or primary.renewed_after(signature.created)):
        return False
    statement = key.statement_at(signature.created)
    return (
        statement is not None
        and statement.signing
        and verifies(primary, statement.body, statement.subject)
        and verifies(key, signature.body, data)
    )


def _framed(body: bytes) -> bytes:
    """A signature packet as pysequoia reads it: tidy numbers, and a header of the OpenPGP format."""
    body = tidy(body)
    return bytes((0xC0 | armor.SIGNATURE, 0xFF)) + len(body).to_bytes(4, "big") + body
