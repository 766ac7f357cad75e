"""The Ed25519 key that signs the log's checkpoints, and statements about what the registry made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from registry_gen.errors import InputError
from registry_gen.log.note import also_signed, checkpoint_body, key_id, note, verifier_key
from registry_gen.signing import codes
from registry_gen.signing.keys import own_key, private_key, read_reference, remove_key, rotate_key
from registry_gen.verify.dsse import IN_TOTO, envelope, open_envelope, pae

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY_FILE: Final = "keys/log.key"
FORMER_KEY_FILE: Final = "keys/log.former.key"

Secret = tuple[bytes, str]
"""A private key as it was read, and where it is from, for errors."""


class LogSigner:
    """Signs checkpoints and statements of the log ``name`` (its origin, such as ``registry.example.com/log``).

    It signs with the present key and with former ones beside it, so that whoever knows any of them can verify.
    """

    __slots__ = ("_keys", "name")

    def __init__(self, name: str, secret: bytes, where: str = "the log's key", former: Sequence[Secret] = ()) -> None:
        """Take Ed25519 keys in PEM (PKCS #8); ``where`` the present one is from, for errors. Raises InputError KEY005.

        A former key that is the present one, or another former one, counts once.
        """
        keys = [_parsed(*each) for each in ((secret, where), *former)]
        self._keys: Final = {key.public_key().public_bytes_raw(): key for key in keys}
        self.name: Final = name

    @property
    def vkey(self) -> str:
        """The verifier key that people configure to check the log: ``NAME+HASH+KEY`` (C2SP signed-note)."""
        return self.vkeys[0]

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys of all that it signs with: the present one, then former ones."""
        return tuple(verifier_key(self.name, public_key) for public_key in self._keys)

    def sign_checkpoint(self, size: int, root: bytes) -> bytes:
        """The signed note for a log of ``size`` entries with this 32-byte root; the same bytes every time."""
        body = checkpoint_body(self.name, size, root)
        (first, signature), *others = self._signatures(body)
        signed = note(body, self.name, first, signature)
        for other, signature in others:
            signed = also_signed(signed, self.name, other, signature)
        return signed

    def sign_statement(self, payload: bytes) -> bytes:
        """A DSSE envelope of an in-toto statement, one line of JSON; the same bytes every time.

        A key id is the hash in the verifier key, eight hexadecimal digits.
        """
        signatures = [(each.hex(), signature) for each, signature in self._signatures(pae(IN_TOTO, payload))]
        return envelope(IN_TOTO, payload, signatures)

    def opened(self, data: bytes, where: str) -> bytes:
        """The statement in an envelope that one of its keys signed; raises RefusalError ATT001 to ATT003 for others."""
        keys = {key_id(self.name, public_key).hex(): public_key for public_key in self._keys}
        return open_envelope(data, IN_TOTO, keys, where)

    def _signatures(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Key id and signature by each key, the present one first."""
        return [(key_id(self.name, public_key), key.sign(data)) for public_key, key in self._keys.items()]


def make_log_key() -> bytes:
    """A new Ed25519 private key in PEM (PKCS #8)."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def open_log_signer(
    reference: str | None, state: Path, name: str, *, create: bool, former: Sequence[str] = ()
) -> LogSigner:
    """The signer with the key that ``reference`` names, or with the registry's own in the folder ``state``.

    ``former`` are references to keys that sign too; beside an own key, so does an own former one. ``create`` False
    refuses (InputError KEY004) to make a key where there is none. Raises InputError KEY001 to KEY006.
    """
    own = state / KEY_FILE
    secret = private_key(reference, own, make_log_key, create=create)
    others = [(read_reference(each), each) for each in former]
    if reference is None:
        kept = own_key(state / FORMER_KEY_FILE)
        others += [(kept, str(state / FORMER_KEY_FILE))] if kept else []
    return LogSigner(name, secret, reference or str(own), others)


def rotate_log_key(reference: str | None, state: Path, *, lost: bool) -> None:
    """Make a new key of the registry's own; the one before becomes the former one, where it is not ``lost``.

    Raises InputError KEY003, KEY004, KEY006 and KEY007, and KEY008 where the key is not an own one.
    """
    _require_own(reference)
    own = state / KEY_FILE
    if lost and own_key(own) is None:
        private_key(None, own, make_log_key, create=True)
    else:
        rotate_key(own, state / FORMER_KEY_FILE, make_log_key)


def retire_log_key(reference: str | None, state: Path) -> bool:
    """Delete the own former key; False where there is none.

    Raises InputError KEY006, and KEY008 where the present key is not an own one.
    """
    _require_own(reference)
    return remove_key(state / FORMER_KEY_FILE)


def _require_own(reference: str | None) -> None:
    if reference is not None:
        raise InputError(codes.REFERENCED, where=f"signing.log: {reference}", hint=codes.REFERENCED.fix)


def _parsed(secret: bytes, where: str) -> Ed25519PrivateKey:
    expected = "an Ed25519 private key in PEM, without a password"
    try:
        key = load_pem_private_key(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = "something else"
        raise InputError(codes.UNUSABLE, where=where, expected=expected, found=found) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(codes.UNUSABLE, where=where, expected=expected, found="another kind of key")
    return key
