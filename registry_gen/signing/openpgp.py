"""The OpenPGP key that signs SHA256SUMS where a provider's publisher does not.

Keys that the registry makes for itself are Ed25519: clients take RSA 4096 and Ed25519 alike, but the certificate is
embedded in the document of every platform of every version, where Ed25519 needs 1.8 kB and RSA 4096 four times that.
They are version 4 keys, which every client reads, and never expire: OpenTofu may be told to refuse expired ones.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import pysequoia

from registry_gen.errors import InputError
from registry_gen.model.facts import SigningKey
from registry_gen.signing import codes
from registry_gen.signing.keys import own_key, private_key, replace_key

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE: Final = "keys/openpgp.asc"
FORMER_KEY_FILE: Final = "keys/openpgp.former.{}.asc"
"""Named by its fingerprint, so that a second change never has to wait for the end of a first one."""

_VERSION_4_DIGITS: Final = 40


class SumsSigner:
    """Signs sums with one OpenPGP key; safe to use from several threads."""

    __slots__ = ("_secret", "key")

    def __init__(self, secret: bytes, where: str = "the OpenPGP key") -> None:
        """Take a transferable secret key, armored or binary; ``where`` it is from, for errors.

        Raises InputError KEY005 for one that cannot sign, or whose signatures clients refuse.
        """
        self._secret = _parsed(secret, where)
        certificate = self._secret.extract_certificate()
        self.key: Final = SigningKey(certificate.fingerprint.upper(), str(certificate))

    def sign(self, data: bytes) -> bytes:
        """A detached binary signature (clients refuse armored ones). No two are alike: it holds time and salt."""
        mode = pysequoia.SignatureMode.DETACHED
        return pysequoia.sign(self._secret.signer(), data, mode=mode, armor=False)


def make_sums_key(host: str) -> bytes:
    """A new armored secret key in the name of the registry at ``host``."""
    secret = pysequoia.Tsk.generate(
        f"Registry {host}",
        profile=pysequoia.Profile.RFC4880,
        cipher_suite=pysequoia.CipherSuite.Cv25519,
        validity_seconds=None,
    )
    return str(secret).encode()


def open_sums_signer(reference: str | None, state: Path, host: str, *, create: bool) -> SumsSigner:
    """The signer with the key that ``reference`` names, or with the registry's own in the folder ``state``.

    ``create`` False refuses (InputError KEY004) to make a key where there is none. Raises InputError KEY001 to KEY006.
    """
    own = state / KEY_FILE
    secret = private_key(reference, own, lambda: make_sums_key(host), create=create)
    return SumsSigner(secret, reference or str(own))


def rotate_sums_key(reference: str | None, state: Path, host: str) -> Path | None:
    """Make a new key of the registry's own; the file that the one before is kept in, None where there was none.

    One that is lost, revoked or expired is replaced like any other. Raises InputError KEY003, KEY006, and KEY009 where
    the key is not an own one.
    """
    if reference is not None:
        raise InputError(codes.SUMS_REFERENCED, where=f"signing.openpgp: {reference}", hint=codes.SUMS_REFERENCED.fix)
    own = state / KEY_FILE
    present = own_key(own)
    if present is None:
        private_key(None, own, lambda: make_sums_key(host), create=True)
        return None
    former = state / FORMER_KEY_FILE.format(_name(present))
    replace_key(own, former, lambda: make_sums_key(host))
    return former


def _name(secret: bytes) -> str:
    """What tells a key from others: its fingerprint, or a digest of what cannot be read."""
    try:
        return pysequoia.Tsk.from_bytes(secret).extract_certificate().fingerprint.upper()
    except RuntimeError:
        return f"unreadable-{hashlib.sha256(secret).hexdigest()[:16]}"


def _parsed(secret: bytes, where: str) -> pysequoia.Tsk:
    try:
        key = pysequoia.Tsk.from_bytes(secret)
    except RuntimeError:
        raise _unusable(where, "a secret OpenPGP key", "something else") from None
    certificate = key.extract_certificate()
    if len(certificate.fingerprint) != _VERSION_4_DIGITS:
        raise _unusable(where, "an OpenPGP key of version 4", "a version that clients cannot read")
    if certificate.is_revoked:
        raise _unusable(where, "a key in force", "a revoked one")
    try:
        pysequoia.sign(key.signer(), b"", mode=pysequoia.SignatureMode.DETACHED, armor=False)
    except (RuntimeError, ValueError):
        found = "one that is public only, locked with a password, expired, or not for signing"
        raise _unusable(where, "a secret key that can sign", found) from None
    return key


def _unusable(where: str, expected: str, found: str) -> InputError:
    # The library's own text holds a stack trace, so it is not shown.
    return InputError(codes.UNUSABLE, where=where, expected=expected, found=found, hint=codes.UNUSABLE.fix)
