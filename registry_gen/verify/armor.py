"""ASCII armor of one OpenPGP public key (RFC 9580, section 6), and the packets inside it.

pysequoia would read more than this: several blocks, armor of any kind, compressed packets. What we accept is served
to clients, so it is narrowed here to what every client reads, before any packet is parsed.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.verify import codes

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ARMOR: Final = 200_000
MAX_LINE: Final = 96  # ProtonMail/go-crypto, which the clients use, calls longer lines corrupt

SIGNATURE: Final = 2
SECRET_KEY: Final = 5
PUBLIC_KEY: Final = 6
SECRET_SUBKEY: Final = 7
TRUST: Final = 12
USER_ID: Final = 13
PUBLIC_SUBKEY: Final = 14
USER_ATTRIBUTE: Final = 17

_BEGIN = re.compile(r"^-----BEGIN PGP ([A-Z0-9 ,/]{1,40})-----[ \t]*$", re.MULTILINE)
_PUBLIC = "PUBLIC KEY BLOCK"
_CHECKSUM = re.compile(r"=[A-Za-z0-9+/]{4}")


@dataclass(frozen=True, slots=True)
class RawPacket:
    """One packet as it stands in the bytes: its type and its body."""

    type: int
    body: bytes


def find_block(text: str, where: str) -> str:
    """The one armored public key in a text, with LF line ends; what people write around it is left out.

    Raises RefusalError SIG001 where there is none, SIG002 for a private key, SIG003 for several.
    """
    if len(text) > MAX_ARMOR:
        raise RefusalError(
            codes.NOT_A_KEY, where=where, expected=f"at most {MAX_ARMOR} characters", found=f"{len(text)} characters"
        )
    text = text.replace("\r\n", "\n")
    begins = list(_BEGIN.finditer(text))
    if any("PRIVATE" in begin[1] or "SECRET" in begin[1] for begin in begins):
        raise RefusalError(codes.SECRET_KEY, where=where)
    if not begins or begins[0][1] != _PUBLIC:
        kind = f"armor of a {begins[0][1]}" if begins else "no armor"
        raise RefusalError(codes.NOT_A_KEY, where=where, expected=f"-----BEGIN PGP {_PUBLIC}-----", found=kind)
    if len(begins) > 1:
        raise RefusalError(codes.SEVERAL_KEYS, where=where, expected="one block", found=f"{len(begins)} blocks")
    end = f"\n-----END PGP {_PUBLIC}-----"
    stop = text.find(end, begins[0].end())
    if stop < 0:
        raise RefusalError(codes.NOT_A_KEY, where=where, expected=end.strip(), found="the end of the text")
    return text[begins[0].start() : stop] + end + "\n"


def read_block(block: str, where: str) -> bytes:
    """The bytes inside a block that ``find_block`` returned. Raises RefusalError SIG001."""
    lines = block.rstrip("\n").split("\n")[1:-1]
    while lines and ":" in lines[0]:
        lines.pop(0)
    if not lines or lines[0].strip():
        raise RefusalError(codes.NOT_A_KEY, where=where, expected="a blank line after the armor's headers")
    body = [line.strip() for line in lines[1:] if line.strip()]
    if any(len(line) > MAX_LINE for line in body):
        raise RefusalError(codes.NOT_A_KEY, where=where, expected=f"lines of at most {MAX_LINE} characters")
    checksum = body.pop() if body and _CHECKSUM.fullmatch(body[-1]) else None
    try:
        data = base64.b64decode("".join(body), validate=True)
    except (binascii.Error, ValueError):
        raise RefusalError(codes.NOT_A_KEY, where=where, expected="base64 inside the armor") from None
    if checksum is not None and base64.b64decode(checksum[1:]) != _crc24(data):
        raise RefusalError(codes.NOT_A_KEY, where=where, expected=f"the checksum {checksum}", found="other bytes")
    return data


def packets(data: bytes) -> Iterator[RawPacket]:
    """The packets of a sequence, without looking into them. Raises ValueError where the framing is broken.

    Partial and indeterminate lengths are refused: keys and signatures never have them (RFC 9580, section 4.2.1.4).
    """
    position = 0
    while position < len(data):
        head = data[position]
        if not head & 0x80:
            raise ValueError("no packet header")
        if head & 0x40:
            type_, (start, length) = head & 0x3F, _new_length(data, position + 1)
        else:
            type_, (start, length) = (head >> 2) & 0x0F, _old_length(data, position + 1, head & 0x03)
        position = start + length
        if position > len(data):
            raise ValueError("a packet is cut short")
        yield RawPacket(type_, data[start:position])


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    """Where the body starts and how long it is, for a header of the OpenPGP format."""
    first = _number(data, position, 1)
    if first < 192:
        return position + 1, first
    if first < 224:
        return position + 2, ((first - 192) << 8) + _number(data, position + 1, 1) + 192
    if first == 255:
        return position + 5, _number(data, position + 1, 4)
    raise ValueError("a partial length")


def _old_length(data: bytes, position: int, kind: int) -> tuple[int, int]:
    """Where the body starts and how long it is, for a header of the legacy format."""
    if kind == 3:
        raise ValueError("an indeterminate length")
    size = 1 << kind
    return position + size, _number(data, position, size)


def _number(data: bytes, position: int, size: int) -> int:
    if position + size > len(data):
        raise ValueError("a packet header is cut short")
    return int.from_bytes(data[position : position + size], "big")


def _crc24(data: bytes) -> bytes:
    """The armor's checksum (RFC 9580, section 6.1.1)."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return (crc & 0xFFFFFF).to_bytes(3, "big")
