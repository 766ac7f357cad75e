"""Detached OpenPGP signatures of a fixed date, so that the demo's releases are the same bytes on every machine.

Libraries sign as of now; a version 4 signature by an Ed25519 key is a few fields (RFC 9580, 5.2.3, and RFC 4880bis
for the older EdDSA algorithm 22 that every client reads). Only for the demo's keys, which have no password.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

if TYPE_CHECKING:
    from pathlib import Path

_SIGNED_AT: Final = 1_717_236_000  # 2024-06-01 10:00 UTC
_SECRET_KEY_PACKET: Final = 0xC5
_OID: Final = bytes.fromhex("092b06010401da470f01")
_VERSION, _BINARY, _EDDSA, _SHA512 = 4, 0, 22, 10
_CREATED, _ISSUER, _ISSUER_FINGERPRINT = 2, 16, 33


@dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 key; ``fingerprint`` are the 20 bytes of version 4."""

    key: Ed25519PrivateKey
    fingerprint: bytes

    def sign(self, data: bytes) -> bytes:
        """A detached binary signature of ``data``."""
        hashed = _subpacket(_CREATED, _SIGNED_AT.to_bytes(4, "big"))
        hashed += _subpacket(_ISSUER_FINGERPRINT, bytes([_VERSION]) + self.fingerprint)
        unhashed = _subpacket(_ISSUER, self.fingerprint[-8:])
        covered = bytes([_VERSION, _BINARY, _EDDSA, _SHA512]) + len(hashed).to_bytes(2, "big") + hashed
        trailer = bytes([_VERSION, 0xFF]) + len(covered).to_bytes(4, "big")
        digest = hashlib.sha512(data + covered + trailer).digest()
        raw = self.key.sign(digest)
        body = covered + len(unhashed).to_bytes(2, "big") + unhashed + digest[:2] + _mpi(raw[:32]) + _mpi(raw[32:])
        return bytes([0xC2, 0xFF]) + len(body).to_bytes(4, "big") + body


def read_signer(path: Path) -> Signer:
    """Read one of the demo's private keys: armor around a secret-key packet of its first and only key pair."""
    lines = path.read_text(encoding="ascii").split("-----BEGIN PGP PRIVATE KEY BLOCK-----", 1)[1].splitlines()
    packet = base64.b64decode("".join(line for line in lines[1:] if line and line[0] not in "=-"))
    if packet[:2] != bytes([_SECRET_KEY_PACKET, 0xFF]):
        raise ValueError(f"{path.name} does not begin with a secret key")
    body = packet[6 : 6 + int.from_bytes(packet[2:6], "big")]
    public_length = 6 + len(_OID) + 2 + 33  # version, time, algorithm; curve; one MPI of 263 bits
    if body[5:6] + body[6 : 6 + len(_OID)] != bytes([_EDDSA]) + _OID or body[public_length] != 0:
        raise ValueError(f"{path.name} is not an Ed25519 key without a password")
    bits = int.from_bytes(body[public_length + 1 : public_length + 3], "big")
    secret = body[public_length + 3 : public_length + 3 + (bits + 7) // 8].rjust(32, b"\0")
    public = body[:public_length]
    fingerprint = hashlib.sha1(b"\x99" + len(public).to_bytes(2, "big") + public, usedforsecurity=False).digest()
    return Signer(Ed25519PrivateKey.from_private_bytes(secret), fingerprint)


def _subpacket(type_: int, data: bytes) -> bytes:
    return bytes([len(data) + 1, type_]) + data


def _mpi(data: bytes) -> bytes:
    number = int.from_bytes(data, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")
