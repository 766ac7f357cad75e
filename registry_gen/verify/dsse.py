"""DSSE envelopes, version 1.0: a payload, what it is, and signatures over both (secure-systems-lab/dsse, protocol.md).

Nothing here holds a private key: who signs gives the signature of ``pae`` to ``envelope``. Keys are Ed25519.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry_gen.errors import RefusalError
from registry_gen.verify import codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IN_TOTO: Final = "application/vnd.in-toto+json"
"""The payload type of an in-toto statement (in-toto/attestation, spec/v1/envelope.md)."""

MAX_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 16


def pae(payload_type: str, body: bytes) -> bytes:
    """The pre-authentication encoding: the bytes that are signed. They begin with "DSSEv1 ", as no other text of a
    registry does that its key signs.
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def envelope(payload_type: str, payload: bytes, signatures: Sequence[tuple[str, bytes]]) -> bytes:
    """An envelope as one line of JSON, without a newline; ``signatures`` are (key id, signature of ``pae``)."""
    fields = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(sig).decode()} for keyid, sig in signatures],
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def open_envelope(data: bytes, payload_type: str, keys: Mapping[str, bytes], where: str) -> bytes:
    """The payload of an envelope that one of ``keys`` signed: raw Ed25519 keys (32 bytes) by their key id.

    A key id only chooses the key to try; a signature under an unknown one counts for nothing. Members of the JSON
    that DSSE does not know are passed over, as it asks. Raises RefusalError ATT001 for what is no envelope or holds
    more than one, ATT002 where no signature by one of the keys holds, ATT003 for a payload of another type.
    """
    found_type, payload, signatures = _parsed(data, where)
    if found_type != payload_type:
        raise RefusalError(codes.OTHER_STATEMENT, where=where, expected=payload_type, found=repr(found_type[:100]))
    signed = pae(payload_type, payload)
    if any(keyid in keys and _holds(keys[keyid], sig, signed) for keyid, sig in signatures):
        return payload
    known = any(keyid in keys for keyid, _ in signatures)
    raise RefusalError(
        codes.UNSIGNED_STATEMENT,
        where=where,
        expected=f"a signature by {' or '.join(sorted(keys)) or 'a known key'}",
        found="one that does not match" if known else "none by it",
    )


def _holds(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _parsed(data: bytes, where: str) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    if len(data) > MAX_BYTES:
        raise _bad(where, f"at most {MAX_BYTES} bytes", f"{len(data)} bytes")
    try:
        found = json.loads(data.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise _bad(where, "one JSON object with each member once", "something else") from None
    payload_type = _member(found, "payloadType", where)
    payload = _bytes(found, "payload", where)
    signatures = found.get("signatures")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise _bad(where, f"1 to {MAX_SIGNATURES} signatures", "something else")
    return payload_type, payload, [_signature(each, where) for each in signatures]


def _signature(found: object, where: str) -> tuple[str, bytes]:
    keyid = found.get("keyid") if isinstance(found, dict) else None
    return keyid if isinstance(keyid, str) else "", _bytes(found, "sig", where)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Readers disagree about which of two equal names counts: what one verified, another would not see."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _member(found: object, name: str, where: str) -> str:
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise _bad(where, f"an object with {name}, a text", type(value).__name__)
    return value


def _bytes(found: object, name: str, where: str) -> bytes:
    """Base64 with its padding and nothing else in it; DSSE allows both alphabets, and has verifiers read either."""
    text = _member(found, name, where)
    for alphabet in (None, b"-_"):
        try:
            data = base64.b64decode(text, altchars=alphabet, validate=True)
        except (binascii.Error, ValueError):
            continue
        if base64.b64encode(data, altchars=alphabet).decode() == text:
            return data
    raise _bad(where, f"base64 as {name}", "something else")


def _bad(where: str, expected: str, found: str) -> RefusalError:
    return RefusalError(codes.NO_ENVELOPE, where=where, expected=expected, found=found)
