"""The Merkle tree of the log: hashes as in RFC 6962 section 2.1, kept in tiles as in C2SP tlog-tiles.

A tile of level L holds up to 256 hashes, each of them the root of 256**L leaves. So the widths of the rightmost,
partial tiles are the digits of the tree's size in base 256, and these tiles are all that appending needs.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.log import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HASH_BYTES: Final = 32
TILE_WIDTH: Final = 256
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
EMPTY_ROOT: Final = hashlib.sha256().digest()

_SIZE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Tile:
    """Hashes of one tile, 32 bytes each, leftmost first; fewer than 256 of them make a partial tile."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        """How many hashes it holds, 1 to 256."""
        return len(self.hashes) // HASH_BYTES


@dataclass(frozen=True, slots=True)
class Tail:
    """The rightmost, partial tile of every level, lowest first: all that is needed to append and to sign.

    A level whose last tile is full is empty here; there is no empty level on top. ``Tail()`` is the empty log.
    """

    levels: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse (RefusalError LOG002) hashes that are no tail."""
        if any(len(row) % HASH_BYTES or len(row) >= TILE_BYTES for row in self.levels):
            raise RefusalError(codes.BAD_TAIL, found="a level that is no partial tile")
        if self.levels and not self.levels[-1]:
            raise RefusalError(codes.BAD_TAIL, found="an empty level on top")

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return sum(self.width(level) * leaves_per_hash(level) for level in range(len(self.levels)))

    def width(self, level: int) -> int:
        """How many hashes the partial tile of ``level`` holds, 0 to 255."""
        return len(self.levels[level]) // HASH_BYTES

    def to_bytes(self) -> bytes:
        """The size (8 bytes, big-endian) and then the hashes, lowest level first."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.levels)

    @staticmethod
    def from_bytes(data: bytes) -> Tail:
        """Read what ``to_bytes`` wrote; raises RefusalError LOG002 where hashes and size do not fit together."""
        size = int.from_bytes(data[:_SIZE_BYTES], "big")
        levels = []
        start = _SIZE_BYTES
        for width in _digits(size):
            levels.append(data[start : start + width * HASH_BYTES])
            start += width * HASH_BYTES
        if len(data) != start:
            raise RefusalError(codes.BAD_TAIL, expected=f"{start} bytes for {size} entries", found=f"{len(data)} bytes")
        return Tail(tuple(levels))


def leaves_per_hash(level: int) -> int:
    """How many entries one hash in a tile of ``level`` stands for: 256**level."""
    return 1 << (8 * level)


def leaf_hash(payload: bytes) -> bytes:
    """The 32-byte hash of an entry: SHA-256 over 0x00 and the entry (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + payload).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of a node: SHA-256 over 0x01 and both children (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def append(tail: Tail, payloads: Sequence[bytes]) -> Tail:
    """The tail of the log after ``payloads`` were appended in order."""
    return grow(tail, payloads)[0]


def grow(tail: Tail, payloads: Sequence[bytes]) -> tuple[Tail, tuple[Tile, ...]]:
    """Append, and also return every tile that became full on the way: lowest level first, left to right."""
    return grow_hashes(tail, b"".join(map(leaf_hash, payloads)))


def grow_hashes(tail: Tail, added: bytes) -> tuple[Tail, tuple[Tile, ...]]:
    """The same for entries of which only the hashes are known, 32 bytes each."""
    full: list[Tile] = []
    levels: list[bytes] = []
    index = tail.size
    while added or len(levels) < len(tail.levels):
        level = len(levels)
        index //= TILE_WIDTH
        row = (tail.levels[level] if level < len(tail.levels) else b"") + added
        cut = len(row) - len(row) % TILE_BYTES
        done = [
            Tile(level, index + start // TILE_BYTES, row[start : start + TILE_BYTES])
            for start in range(0, cut, TILE_BYTES)
        ]
        full += done
        levels.append(row[cut:])
        added = b"".join(perfect_root(tile.hashes) for tile in done)
    return Tail(tuple(levels)), tuple(full)


def root_text(root: bytes) -> str:
    """A root as people compare it, and as a checkpoint has it: in base64."""
    return base64.b64encode(root).decode()


def root(tail: Tail) -> bytes:
    """The 32-byte root hash of the log; that of the empty log is SHA-256 of nothing (RFC 6962 section 2.1)."""
    total: bytes | None = None
    for row in tail.levels:
        for subtree in _subtrees_from_the_right(row):
            total = subtree if total is None else node_hash(subtree, total)
    return EMPTY_ROOT if total is None else total


def perfect_root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, 32 bytes each."""
    sha256 = hashlib.sha256
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
    return hashes


def _subtrees_from_the_right(row: bytes) -> Iterator[bytes]:
    """The roots of the largest perfect subtrees that make up a partial tile, smallest (rightmost) first."""
    end = len(row)
    width = HASH_BYTES
    while end:
        if end & width:
            yield perfect_root(row[end - width : end])
            end -= width
        width *= 2


def _digits(size: int) -> Iterator[int]:
    """The digits of ``size`` in base 256, lowest first."""
    while size:
        size, digit = divmod(size, TILE_WIDTH)
        yield digit
