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
from registry_gen.log.note import checkpoint_body, key_id, note, parse_checkpoint, verifier_key
from registry_gen.signing import codes
from registry_gen.signing.keys import private_key
from registry_gen.verify.dsse import IN_TOTO, envelope, pae

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.log.note import Checkpoint

KEY_FILE: Final = "keys/log.key"


class LogSigner:
    """Signs checkpoints and statements of the log ``name`` (its origin, such as ``registry.example.com/log``)."""

    __slots__ = ("_key", "name", "public_key")

    def __init__(self, name: str, secret: bytes, where: str = "the log's key") -> None:
        """Take an Ed25519 key in PEM (PKCS #8); ``where`` it is from, for errors. Raises InputError KEY005."""
        self._key = _parsed(secret, where)
        self.name: Final = name
        self.public_key: Final = self._key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        """The verifier key that people configure to check the log: ``NAME+HASH+KEY`` (C2SP signed-note)."""
        return verifier_key(self.name, self.public_key)

    def sign_checkpoint(self, size: int, root: bytes) -> bytes:
        """The signed note for a log of ``size`` entries with this 32-byte root; the same bytes every time."""
        body = checkpoint_body(self.name, size, root)
        return note(body, self.name, key_id(self.name, self.public_key), self._key.sign(body))

    def sign_statement(self, payload: bytes) -> bytes:
        """A DSSE envelope of an in-toto statement, one line of JSON; the same bytes every time.

        Its key id is the hash in the verifier key, eight hexadecimal digits.
        """
        keyid = key_id(self.name, self.public_key).hex()
        return envelope(IN_TOTO, payload, [(keyid, self._key.sign(pae(IN_TOTO, payload)))])

    def checked(self, data: bytes) -> Checkpoint:
        """Read a checkpoint of this log; raises RefusalError LOG004 or LOG005 for any other."""
        return parse_checkpoint(data, self.name, self.public_key)


def make_log_key() -> bytes:
    """A new Ed25519 private key in PEM (PKCS #8)."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def open_log_signer(reference: str | None, state: Path, name: str, *, create: bool) -> LogSigner:
    """The signer with the key that ``reference`` names, or with the registry's own in the folder ``state``.

    ``create`` False refuses (InputError KEY004) to make a key where there is none. Raises InputError KEY001 to KEY006.
    """
    own = state / KEY_FILE
    return LogSigner(name, private_key(reference, own, make_log_key, create=create), reference or str(own))


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
