"""OpenPGP keys and signatures with every date chosen by the test, the same bytes on every run.

    key = make_key("acme")                                   # Ed25519, never expires
    key = make_key("acme", algorithm="rsa2048")              # RSA keys differ from run to run
    key = make_key("acme", expires=datetime(2024, 1, 1, tzinfo=UTC))
    key = make_key("acme", revoked=datetime(2024, 1, 1, tzinfo=UTC))
    key = make_key("acme", subkey=True)                      # signs with a subkey, as HashiCorp's key does
    key.armor, key.fingerprint, key.secret_armor
    key.sign(data)                                           # detached, binary, SHA-512
    key.sign(data, at=datetime(2023, 1, 1, tzinfo=UTC), digest="sha1")

Written out packet by packet (RFC 9580, version 4 packets) because libraries sign only as of now and only well.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils

CREATED = datetime(2020, 1, 1, tzinfo=UTC)
SIGNED = datetime(2024, 6, 1, tzinfo=UTC)

Algorithm = Literal["ed25519", "rsa1024", "rsa2048", "rsa4096"]
Digest = Literal["sha1", "sha256", "sha512"]

_ED25519_OID = bytes.fromhex("092b06010401da470f01")
_HASH_IDS = {"sha1": 2, "sha256": 8, "sha512": 10}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 (weak on purpose: such signatures must be refused)
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class TestKey:
    """A certificate, its secret half, and the key of it that signs data."""

    __test__ = False

    armor: str
    secret_armor: str
    fingerprint: str
    signing: _Material

    def sign(self, data: bytes, *, at: datetime = SIGNED, digest: Digest = "sha512") -> bytes:
        """A detached binary signature of ``data`` made at ``at``."""
        return _signature(self.signing, 0x00, data, at, digest=digest)

    def sign_armored(self, data: bytes, *, at: datetime = SIGNED) -> bytes:
        """The same with armor, which Terraform refuses."""
        return _armor("SIGNATURE", self.sign(data, at=at)).encode()


@dataclass(frozen=True, slots=True)
class _Material:
    """One key pair: ``body`` is the public key packet's, ``secret`` the secret half's MPIs."""

    private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    body: bytes
    secret: bytes

    @property
    def hashed_body(self) -> bytes:
        return b"\x99" + len(self.body).to_bytes(2) + self.body

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha1(self.hashed_body).digest()  # noqa: S324 (what version 4 fingerprints are)


def make_key(
    name: str,
    *,
    algorithm: Algorithm = "ed25519",
    created: datetime = CREATED,
    expires: datetime | None = None,
    revoked: datetime | None = None,
    subkey: bool = False,
) -> TestKey:
    """A key of ``name``; equal arguments give equal Ed25519 keys."""
    primary = _material(f"{name} primary", algorithm, created)
    user = f"{name} <{name}@example.test>".encode()
    lifetime = _lifetime(created, expires)
    # Key flags: 1 certifies, 2 signs.
    own = _subpacket(27, bytes([0x01 if subkey else 0x03])) + _subpacket(25, b"\x01") + lifetime
    certified = _signature(
        primary, 0x13, primary.hashed_body + b"\xb4" + len(user).to_bytes(4) + user, created, extra=own
    )
    tail = _packet(13, user) + certified
    head = b""
    if revoked is not None:
        reason = _subpacket(29, b"\x02key material has been compromised")
        head = _signature(primary, 0x20, primary.hashed_body, revoked, extra=reason)
    public, secret, signing = b"", b"", primary
    if subkey:
        signing = _material(f"{name} subkey", algorithm, created)
        both = primary.hashed_body + signing.hashed_body
        back = _signature(signing, 0x19, both, created, framed=False)
        binding = _subpacket(27, b"\x02") + lifetime + _subpacket(32, back)
        bound = _signature(primary, 0x18, both, created, extra=binding)
        public = _packet(14, signing.body) + bound
        secret = _packet(7, _secret_body(signing)) + bound
    return TestKey(
        _armor("PUBLIC KEY BLOCK", _packet(6, primary.body) + head + tail + public),
        _armor("PRIVATE KEY BLOCK", _packet(5, _secret_body(primary)) + head + tail + secret),
        primary.fingerprint.hex().upper(),
        signing,
    )


def _material(seed: str, algorithm: Algorithm, created: datetime) -> _Material:
    head = b"\x04" + int(created.timestamp()).to_bytes(4)
    if algorithm == "ed25519":
        raw = hashlib.sha256(seed.encode()).digest()
        key = ed25519.Ed25519PrivateKey.from_private_bytes(raw)
        point = b"\x40" + key.public_key().public_bytes_raw()
        return _Material(key, head + b"\x16" + _ED25519_OID + _mpi(point), _mpi(raw))
    bits = int(algorithm.removeprefix("rsa"))
    rsa_key = rsa.generate_private_key(65537, bits)
    numbers = rsa_key.private_numbers()
    p, q = sorted((numbers.p, numbers.q))
    public = _mpi_of(numbers.public_numbers.n) + _mpi_of(numbers.public_numbers.e)
    secret = _mpi_of(numbers.d) + _mpi_of(p) + _mpi_of(q) + _mpi_of(pow(p, -1, q))
    return _Material(rsa_key, head + b"\x01" + public, secret)


def _signature(
    key: _Material,
    type_: int,
    data: bytes,
    at: datetime,
    *,
    extra: bytes = b"",
    digest: Digest = "sha512",
    framed: bool = True,
) -> bytes:
    """A signature packet over ``data``; unframed it is only the packet's body (embedded signatures)."""
    hashed = _subpacket(2, int(at.timestamp()).to_bytes(4)) + extra + _subpacket(33, b"\x04" + key.fingerprint)
    unhashed = _subpacket(16, key.fingerprint[-8:])
    algorithm = 22 if isinstance(key.private, ed25519.Ed25519PrivateKey) else 1
    covered = bytes([4, type_, algorithm, _HASH_IDS[digest]]) + len(hashed).to_bytes(2) + hashed
    value = hashlib.new(digest, data + covered + b"\x04\xff" + len(covered).to_bytes(4)).digest()
    if isinstance(key.private, ed25519.Ed25519PrivateKey):
        raw = key.private.sign(value)
        numbers = _mpi(raw[:32]) + _mpi(raw[32:])
    else:
        numbers = _mpi(key.private.sign(value, padding.PKCS1v15(), utils.Prehashed(_HASHES[digest])))
    body = covered + len(unhashed).to_bytes(2) + unhashed + value[:2] + numbers
    return _packet(2, body) if framed else body


def _lifetime(created: datetime, expires: datetime | None) -> bytes:
    return b"" if expires is None else _subpacket(9, int((expires - created).total_seconds()).to_bytes(4))


def _secret_body(key: _Material) -> bytes:
    """The secret packet's body, not encrypted: usage 0 and a sum of all octets."""
    return key.body + b"\x00" + key.secret + (sum(key.secret) % 65536).to_bytes(2)


def _subpacket(type_: int, data: bytes) -> bytes:
    length = len(data) + 1
    head = bytes([length]) if length < 192 else b"\xff" + length.to_bytes(4)
    return head + bytes([type_]) + data


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4) + body


def _mpi(data: bytes) -> bytes:
    return _mpi_of(int.from_bytes(data))


def _mpi_of(number: int) -> bytes:
    return number.bit_length().to_bytes(2) + number.to_bytes((number.bit_length() + 7) // 8)


def _armor(kind: str, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    check = base64.b64encode(_crc24(data).to_bytes(3)).decode()
    return "\n".join([f"-----BEGIN PGP {kind}-----", "", *lines, f"={check}", f"-----END PGP {kind}-----", ""])


def _crc24(data: bytes) -> int:
    crc = 0xB704CE
    for octet in data:
        crc ^= octet << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc
