"""Checking one version 4 OpenPGP signature with a key, and nothing else (RFC 9580, sections 5.2.3 and 5.2.4).

pysequoia judges every signature at the moment it was made, and then needs a self-signature of the key from before
that moment. gpg keeps only the newest self-signature, so all older releases of a publisher who prolonged a key
could not be verified (tried with pysequoia 0.1.35 and gpg 2.2.40); Terraform takes them. For exactly that case the
policy proves the parts itself: this signature, and the self-signature that is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from registry_gen.verify.certificate import ECDSA, EDDSA, RSA

if TYPE_CHECKING:
    from registry_gen.verify.certificate import Key

HASHES: Final[dict[int, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    8: hashes.SHA256,
    9: hashes.SHA384,
    10: hashes.SHA512,
}
"""The hash algorithms that signatures may use, by their OpenPGP number."""

_CURVES: Final[dict[bytes, type[ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1]]] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1,
    bytes.fromhex("2b81040022"): ec.SECP384R1,
    bytes.fromhex("2b81040023"): ec.SECP521R1,
}


def verifies(key: Key, signature: bytes, subject: bytes) -> bool:
    """Whether a signature packet's body was made by ``key`` over ``subject``; False for anything malformed too."""
    try:
        hash_ = HASHES[signature[3]]()
        end = 6 + int.from_bytes(signature[4:6], "big")
        hashed = signature[:end]
        if signature[0] != 4 or signature[2] != key.algorithm or len(hashed) != end:
            return False
        digest = hashes.Hash(hash_)
        digest.update(subject)
        digest.update(hashed + b"\x04\xff" + len(hashed).to_bytes(4, "big"))
        _check(key, _integers(signature[_numbers_start(signature) :]), digest.finalize(), hash_)
    except (InvalidSignature, KeyError, IndexError, ValueError, OverflowError):
        return False
    return True


def tidy(signature: bytes) -> bytes:
    """The same signature packet body with its numbers' lengths written as RFC 9580, section 3.2, asks.

    Old versions of Go's OpenPGP library wrote the length of the whole field instead, wrong for every other RSA
    signature; HashiCorp's are among them. Clients read those, pysequoia does not. The numbers are not part of what
    is signed. A body that cannot be read comes back as it is.
    """
    start = _numbers_start(signature)
    try:
        numbers = _integers(signature[start:])
    except ValueError:
        return signature
    return signature[:start] + b"".join(
        number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")
        for number in numbers
    )


def _numbers_start(signature: bytes) -> int:
    """Where the numbers of a signature begin: behind both areas of subpackets and two bytes of the digest."""
    hashed_end = 6 + int.from_bytes(signature[4:6], "big")
    return hashed_end + 2 + int.from_bytes(signature[hashed_end : hashed_end + 2], "big") + 2


def _check(key: Key, parts: list[int], digest: bytes, hash_: hashes.HashAlgorithm) -> None:
    """Raise InvalidSignature, or ValueError where the parts cannot be a signature by such a key."""
    prehashed = Prehashed(hash_)
    if key.algorithm in RSA:
        modulus, exponent = _integers(key.body[6:])
        (value,) = parts
        signature = value.to_bytes((modulus.bit_length() + 7) // 8, "big")
        rsa.RSAPublicNumbers(exponent, modulus).public_key().verify(signature, digest, padding.PKCS1v15(), prehashed)
        return
    oid_end = 7 + key.body[6]
    (point,) = _integers(key.body[oid_end:])
    encoded = point.to_bytes((point.bit_length() + 7) // 8, "big")
    r, s = parts
    if key.algorithm == EDDSA:
        # The point is 0x40 and the 32 bytes of the native encoding; so are r and s, without the mark.
        ed25519.Ed25519PublicKey.from_public_bytes(encoded[1:]).verify(
            r.to_bytes(32, "big") + s.to_bytes(32, "big"), digest
        )
        return
    if key.algorithm != ECDSA:
        raise ValueError("an algorithm that cannot sign")
    curve = _CURVES[key.body[7:oid_end]]()
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve, encoded)
    public.verify(encode_dss_signature(r, s), digest, ec.ECDSA(prehashed))


def _integers(data: bytes) -> list[int]:
    """Multiprecision integers: two bytes of length in bits, then the number (RFC 9580, section 3.2)."""
    numbers = []
    position = 0
    while position < len(data):
        size = (int.from_bytes(data[position : position + 2], "big") + 7) // 8
        start = position + 2
        position = start + size
        if position > len(data):
            raise ValueError("a number is cut short")
        numbers.append(int.from_bytes(data[start:position], "big"))
    return numbers
