"""Signed notes and checkpoints as text: C2SP signed-note and tlog-checkpoint, with Ed25519 keys.

Nothing here holds a private key: who signs gives the signature of ``checkpoint_body`` to ``note``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry_gen.errors import RefusalError
from registry_gen.log import codes
from registry_gen.log.tree import HASH_BYTES, root_text

MAX_NOTE_BYTES: Final = 262_144
"""Room for many more than the 16 signatures that a verifier must accept, post-quantum ones among them."""

_ED25519: Final = b"\x01"
_PUBLIC_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VERIFIER_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its name (origin), how many entries it has, and the 32-byte root over them."""

    origin: str
    size: int
    root: bytes


def checkpoint_body(origin: str, size: int, root: bytes) -> bytes:
    """The text that is signed: name, size and root in base64, a line each."""
    if not is_name(origin) or size < 0 or len(root) != HASH_BYTES:
        raise ValueError("a checkpoint needs a name without spaces and plus, a size and a root of 32 bytes")
    return f"{origin}\n{size}\n{root_text(root)}\n".encode()


def note(body: bytes, name: str, key_id: bytes, signature: bytes) -> bytes:
    """A note of ``body`` (UTF-8, ends in a newline) with one signature by the key ``name`` and ``key_id`` (4 bytes)."""
    return also_signed(body + b"\n", name, key_id, signature)


def also_signed(note: bytes, name: str, key_id: bytes, signature: bytes) -> bytes:
    """The note with one more signature, over the same body: verifiers ignore those of keys they do not know."""
    return note + f"— {name} {_encode(key_id + signature)}\n".encode()


def key_id(name: str, public_key: bytes) -> bytes:
    """The 4 bytes that name an Ed25519 key (32 raw bytes) beside the key's name."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """``NAME+HASH+KEY``: what people configure to verify a log, made from its name and raw Ed25519 key."""
    if not is_name(name) or len(public_key) != _PUBLIC_KEY_BYTES:
        raise ValueError("a verifier key needs a name without spaces and plus, and a public key of 32 bytes")
    return f"{name}+{key_id(name, public_key).hex()}+{_encode(_ED25519 + public_key)}"


def parse_verifier_key(text: str) -> tuple[str, bytes]:
    """The name and the raw Ed25519 key of ``NAME+HASH+KEY``; raises RefusalError LOG007."""
    found = _VERIFIER_KEY.fullmatch(text)
    key = _decode(found[3]) if found else None
    if not found or not key or key[:1] != _ED25519 or len(key) != 1 + _PUBLIC_KEY_BYTES:
        raise RefusalError(codes.BAD_VERIFIER_KEY, expected="NAME+HASH+KEY of an Ed25519 key", found=repr(text[:200]))
    name, public_key = found[1], key[1:]
    if found[2] != key_id(name, public_key).hex():
        raise RefusalError(
            codes.BAD_VERIFIER_KEY, expected=f"the hash {key_id(name, public_key).hex()}", found=found[2]
        )
    return name, public_key


def is_name(name: str) -> bool:
    """Whether a log or key may have this name: not empty, no Unicode spaces, no plus, nothing unprintable."""
    return bool(_NAME.fullmatch(name)) and name.isprintable()


def parse_checkpoint(data: bytes, name: str, *public_keys: bytes) -> Checkpoint:
    """Read a signed checkpoint of the log ``name`` and verify it with the log's raw Ed25519 keys (32 bytes each).

    Of several keys, one must have signed; none may have signed something else. Signatures by other keys are ignored,
    and so are extension lines. Raises RefusalError LOG004 for anything that is no checkpoint of this log, LOG005 where
    the log's own signature is missing or wrong.
    """
    body, signatures = _split(data)
    _verify(body, signatures, name, public_keys)
    checkpoint = _checkpoint(body)
    if checkpoint.origin != name:
        raise _bad(f"the log {name}", repr(checkpoint.origin[:200]))
    return checkpoint


def stated(data: bytes) -> Checkpoint:
    """What a checkpoint states, whoever signed it; raises RefusalError LOG004 for what is no checkpoint."""
    return _checkpoint(_split(data)[0])


def _checkpoint(body: str) -> Checkpoint:
    lines = body.removesuffix("\n").split("\n")
    root = _decode(lines[2]) if len(lines) >= 3 else None
    if root is None or len(root) != HASH_BYTES or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise _bad("three lines with name, size and root of the log", repr(body[:200]))
    return Checkpoint(lines[0], int(lines[1]), root)


def _split(data: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note, and the names and values (key id and signature) of its signatures."""
    if len(data) > MAX_NOTE_BYTES:
        raise _bad(f"at most {MAX_NOTE_BYTES} bytes", str(len(data)))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _bad("UTF-8", f"{data[error.start]:#04x} at byte {error.start}") from None
    body, blank, signed = text.rpartition("\n\n")
    if not blank or not signed.endswith("\n") or _CONTROL.search(text):
        raise _bad("text, an empty line and signatures", repr(text[:200]))
    signatures = []
    for line in signed.removesuffix("\n").split("\n"):
        found = _SIGNATURE.fullmatch(line)
        value = _decode(found[2]) if found else None
        if not found or not value or len(value) <= _KEY_ID_BYTES:
            raise _bad("signature lines", repr(line[:200]))
        signatures.append((found[1], value))
    return body + "\n", signatures


def _verify(body: str, signatures: list[tuple[str, bytes]], name: str, public_keys: tuple[bytes, ...]) -> None:
    known = {key_id(name, public_key): public_key for public_key in public_keys}
    ours = [value for signer, value in signatures if signer == name and value[:_KEY_ID_BYTES] in known]
    if not ours:
        expected = " or ".join(verifier_key(name, public_key) for public_key in public_keys)
        raise RefusalError(codes.BAD_CHECKPOINT_SIGNATURE, expected=f"a signature by {expected}", found="none")
    for value in ours:
        public_key = known[value[:_KEY_ID_BYTES]]
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(value[_KEY_ID_BYTES:], body.encode())
        except InvalidSignature:
            expected = f"a signature by {verifier_key(name, public_key)}"
            found = "one that does not match"
            raise RefusalError(codes.BAD_CHECKPOINT_SIGNATURE, expected=expected, found=found) from None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes | None:
    """The bytes of canonical base64, None for anything else."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _encode(data) == text else None


def _bad(expected: str, found: str) -> RefusalError:
    return RefusalError(codes.BAD_CHECKPOINT, where="log/checkpoint", expected=expected, found=found)
