"""An OpenPGP certificate as the key policy sees it: keys, lifetimes, revocations.

pysequoia proves the self-signatures; what it does not expose (lifetimes of subkeys, sizes, self-signatures over time)
is read here from the packets. The policy itself is written down in docs/key-policy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import pysequoia
from pysequoia.packet import PacketPile

from registry_gen.errors import RefusalError
from registry_gen.verify import armor, codes

if TYPE_CHECKING:
    from pysequoia.packet import Packet

RSA: Final = frozenset({1, 2, 3})
ELGAMAL_AND_DSA: Final = frozenset({16, 17, 20})
ECDH: Final = 18
ECDSA: Final = 19
EDDSA: Final = 22

MIN_RSA_BITS: Final = 2048

_NIST = {
    bytes.fromhex("2a8648ce3d030107"): "P-256",
    bytes.fromhex("2b81040022"): "P-384",
    bytes.fromhex("2b81040023"): "P-521",
}
_CURVES = {
    ECDSA: _NIST,
    EDDSA: {bytes.fromhex("2b06010401da470f01"): "Ed25519"},
    ECDH: {**_NIST, bytes.fromhex("2b060104019755010501"): "Curve25519"},
}

# Types of signatures (RFC 9580, section 5.2.1).
_SUBKEY_BINDING = 0x18
_DIRECT_KEY = 0x1F
_KEY_REVOCATION = 0x20
_SUBKEY_REVOCATION = 0x28
_ABOUT_KEYS = frozenset({0x10, 0x11, 0x12, 0x13, _SUBKEY_BINDING, _DIRECT_KEY})

_KNOWN = frozenset(
    {armor.SIGNATURE, armor.PUBLIC_KEY, armor.TRUST, armor.USER_ID, armor.PUBLIC_SUBKEY, armor.USER_ATTRIBUTE}
)


@dataclass(frozen=True, slots=True)
class SelfSignature:
    """A statement of the primary key about itself or a subkey.

    ``body`` is the signature packet's body; ``subject`` the bytes that it is made over, before its own trailer;
    ``validity`` the key's lifetime from its creation (None: for ever); ``signing`` whether the key may sign data.
    """

    body: bytes
    subject: bytes
    created: datetime
    validity: timedelta | None
    signing: bool


@dataclass(frozen=True, slots=True)
class Key:
    """The primary key or a subkey. ``body`` is the key packet's body; ``history`` oldest statement first."""

    fingerprint: str
    algorithm: int
    created: datetime
    body: bytes
    revoked: bool
    history: tuple[SelfSignature, ...]

    def statement_at(self, time: datetime) -> SelfSignature | None:
        """The statement in force at a time: the newest made by then, else the first one made later.

        gpg keeps only the newest statement of a key whose life was prolonged, so for older signatures the later
        statement is all there is; what it says counts from the key's creation and covers them.
        """
        earlier = [statement for statement in self.history if statement.created <= time]
        return earlier[-1] if earlier else next(iter(self.history), None)

    def alive_at(self, time: datetime) -> bool:
        """Whether the key existed and had not expired."""
        statement = self.statement_at(time)
        if statement is None or time < self.created:
            return False
        return statement.validity is None or time < self.created + statement.validity

    def renewed_after(self, time: datetime) -> bool:
        """Whether every statement that is left of the key was made after that time."""
        return bool(self.history) and time < self.history[0].created


@dataclass(frozen=True, slots=True)
class Certificate:
    """A primary key and its subkeys; ``cert`` is what pysequoia made of the same bytes."""

    cert: pysequoia.Cert
    primary: Key
    subkeys: tuple[Key, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The primary key, then the subkeys."""
        return (self.primary, *self.subkeys)


def read_certificate(data: bytes, where: str) -> Certificate:
    """Read the packets of exactly one certificate and apply the key policy to it.

    Raises RefusalError SIG001 to SIG006. An expired certificate is not refused: what it signed while it lived holds.
    """
    _check_packets(data, where)
    try:
        cert = pysequoia.Cert.from_bytes(data)
        certificate = _assemble(cert, data)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError):
        raise RefusalError(codes.NOT_A_KEY, where=where, found="packets that cannot be read") from None
    _check_strength(certificate, where)
    _check_standing(certificate, where)
    return certificate


def _check_packets(data: bytes, where: str) -> None:
    """One certificate made of the packets that certificates have, before anything parses them."""
    try:
        types = [packet.type for packet in armor.packets(data)]
    except ValueError as error:
        raise RefusalError(codes.NOT_A_KEY, where=where, found=str(error)) from None
    if armor.SECRET_KEY in types or armor.SECRET_SUBKEY in types:
        raise RefusalError(codes.SECRET_KEY, where=where)
    if types[:1] != [armor.PUBLIC_KEY]:
        raise RefusalError(codes.NOT_A_KEY, where=where, expected="a public key as the first packet")
    if types.count(armor.PUBLIC_KEY) > 1:
        found = f"{types.count(armor.PUBLIC_KEY)} keys"
        raise RefusalError(codes.SEVERAL_KEYS, where=where, expected="one certificate", found=found)
    if unknown := sorted(set(types) - _KNOWN):
        raise RefusalError(codes.NOT_A_KEY, where=where, found=f"packets of type {unknown[0]}")


@dataclass(slots=True)
class _Draft:
    """A key while the packets that follow it are read."""

    fingerprint: str
    body: bytes
    subject: bytes
    history: list[SelfSignature]
    revoked: bool = False

    def finish(self) -> Key:
        return Key(
            fingerprint=self.fingerprint.upper(),
            algorithm=self.body[5],
            created=datetime.fromtimestamp(int.from_bytes(self.body[1:5], "big"), UTC),
            body=self.body,
            revoked=self.revoked,
            history=tuple(sorted(self.history, key=lambda statement: statement.created)),
        )


def _assemble(cert: pysequoia.Cert, data: bytes) -> Certificate:
    """Give each self-signature to the key that it speaks of. Raises whatever broken packets cause."""
    drafts: list[_Draft] = []
    subject = b""
    for raw, packet in zip(armor.packets(data), PacketPile.from_bytes(data), strict=True):
        if raw.type in {armor.PUBLIC_KEY, armor.PUBLIC_SUBKEY}:
            subject = (drafts[0].subject if drafts else b"") + b"\x99" + len(raw.body).to_bytes(2, "big") + raw.body
            drafts.append(_Draft(packet.fingerprint or "", raw.body, subject, []))
        elif raw.type in {armor.USER_ID, armor.USER_ATTRIBUTE}:
            mark = b"\xb4" if raw.type == armor.USER_ID else b"\xd1"
            subject = drafts[0].subject + mark + len(raw.body).to_bytes(4, "big") + raw.body
        elif raw.type == armor.SIGNATURE:
            _take_signature(drafts, raw.body, packet, subject)
    return Certificate(cert, drafts[0].finish(), tuple(draft.finish() for draft in drafts[1:]))


def _take_signature(drafts: list[_Draft], body: bytes, packet: Packet, subject: bytes) -> None:
    """Keep what the primary key says of itself or of the last subkey; what others say of it counts for nothing.

    A revocation counts whoever seems to have made it: owners may let others revoke, and a forged one only refuses.
    """
    primary, last = drafts[0], drafts[-1]
    kind = body[1]
    if kind == _KEY_REVOCATION:
        primary.revoked = True
    elif kind == _SUBKEY_REVOCATION:
        last.revoked = True
    elif kind == _SUBKEY_BINDING and last is primary:
        pass  # pysequoia leaves such a stray out as well
    elif kind in _ABOUT_KEYS and issued_by(packet, primary.fingerprint) and packet.signature_created is not None:
        flags = packet.key_flags
        draft = last if kind == _SUBKEY_BINDING else primary
        signing = flags.signing if flags is not None else draft is primary
        about = primary.subject if kind == _DIRECT_KEY else subject
        draft.history.append(SelfSignature(body, about, packet.signature_created, packet.key_validity_period, signing))


class Issued(Protocol):
    """What a signature says of its maker; old ones have the key id alone."""

    @property
    def issuer_fingerprint(self) -> str | None:
        """Hexadecimal digits."""

    @property
    def issuer_key_id(self) -> str | None:
        """The last 16 of them."""


def issued_by(packet: Issued, fingerprint: str) -> bool:
    """Whether a signature names this key as its maker."""
    if packet.issuer_fingerprint is not None:
        return packet.issuer_fingerprint.lower() == fingerprint.lower()
    return packet.issuer_key_id is not None and fingerprint.lower().endswith(packet.issuer_key_id.lower())


def _check_strength(certificate: Certificate, where: str) -> None:
    """Every key of the certificate counts: clients get all of them and believe whichever signed."""
    for key in certificate.keys:
        weakness = _weakness(key)
        if weakness:
            raise RefusalError(codes.WEAK_KEY, where=where, found=f"{key.fingerprint}: {weakness}")


def _weakness(key: Key) -> str:
    """What is wrong with a key's version, algorithm, size or curve; "" for nothing."""
    if key.body[0] != 4:
        return f"a key of version {key.body[0]} (clients read version 4)"
    if key.algorithm in ELGAMAL_AND_DSA:
        return "DSA or ElGamal"
    if key.algorithm in RSA:
        bits = int.from_bytes(key.body[6:8], "big")
        return f"RSA with {bits} bits" if bits < MIN_RSA_BITS else ""
    if key.algorithm in _CURVES:
        oid = key.body[7 : 7 + key.body[6]]
        return "" if oid in _CURVES[key.algorithm] else f"the curve {oid.hex()}"
    return f"algorithm {key.algorithm}"


def _check_standing(certificate: Certificate, where: str) -> None:
    """Not revoked, and with a self-signature that pysequoia takes for good."""
    if certificate.primary.revoked or certificate.cert.is_revoked:
        raise RefusalError(codes.REVOKED_KEY, where=where, found=certificate.primary.fingerprint)
    try:
        _ = certificate.cert.expiration
    except RuntimeError:
        raise RefusalError(codes.BROKEN_KEY, where=where, found=certificate.primary.fingerprint) from None
    if not any(key.history and key.history[-1].signing for key in certificate.keys if not key.revoked):
        raise RefusalError(
            codes.BROKEN_KEY, "no key in it may sign", where=where, found=certificate.primary.fingerprint
        )
