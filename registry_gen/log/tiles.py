"""What the bucket holds of the log: tiles of hashes and bundles of entries (C2SP tlog-tiles).

A log that grows from ``old`` to a new size needs the tiles that changed, and only the new tail and some entries
to make them: usually those from the start of the bundle that ``old`` lies in. ``first_entry`` says from where.
A recovering run makes the very same tiles from the same two things, so nothing has to be kept beside the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log import codes
from registry_gen.log.tree import HASH_BYTES, TILE_WIDTH, Tail, Tile, grow, leaves_per_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_ENTRY_BYTES: Final = 65_535

_LENGTH_BYTES: Final = 2


def first_entry(old: int, after: Tail) -> int:
    """The index of the first entry that ``tiles`` needs to bring a bucket from size ``old`` to ``after``.

    That is the start of ``old``'s bundle, except where a tile above the lowest level became full meanwhile (once in
    65,536 entries): the hashes on its left have left the tail, and are made again from the entries under it.
    """
    return old - old % leaves_per_hash(_kept_level(old, after))


def tiles(old: int, after: Tail, payloads: Sequence[bytes]) -> tuple[tuple[str, bytes], ...]:
    """Keys and bytes of all tiles and bundles, full and partial, that the log needs at ``after`` but not at ``old``.

    ``payloads`` are the entries from ``first_entry(old, after)`` to the end. Raises RefusalError LOG003 where they do
    not lead to ``after``, and LOG001 for an entry that is too long.
    """
    start = first_entry(old, after)
    tail, full = grow(_tail_at(start, _kept_level(old, after), after), payloads)
    if tail != after:
        raise RefusalError(
            codes.ENTRIES_DIFFER,
            where=f"entries {start} to {start + len(payloads)}",
            expected=f"the hashes of {after.size} entries",
            found=f"those of {tail.size}" if tail.size != after.size else "other hashes",
        )
    new_tiles = [tile for tile in (*full, *_partial_tiles(after)) if _is_new(tile, old)]
    return (
        *((paths.log_tile(tile.level, tile.index, tile.width), tile.hashes) for tile in new_tiles),
        *(
            (paths.log_entries(tile.index, tile.width), bundle(_under(tile, start, payloads)))
            for tile in new_tiles
            if tile.level == 0
        ),
    )


def bundle(payloads: Sequence[bytes]) -> bytes:
    """Entries, each behind its length (big-endian uint16); raises RefusalError LOG001 for one that is too long."""
    return b"".join(len(check_entry(payload)).to_bytes(_LENGTH_BYTES, "big") + payload for payload in payloads)


def parse_bundle(data: bytes) -> tuple[bytes, ...]:
    """The entries of a bundle; raises RefusalError LOG003 where it ends in the middle of one."""
    entries = []
    at = 0
    while at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if at != len(data):
        raise RefusalError(codes.ENTRIES_DIFFER, "a bundle of log entries ends in the middle of an entry")
    return tuple(entries)


def check_entry(payload: bytes) -> bytes:
    """Return the payload; raises RefusalError LOG001 where a bundle cannot hold it."""
    if len(payload) > MAX_ENTRY_BYTES:
        raise RefusalError(codes.ENTRY_TOO_LONG, expected=f"at most {MAX_ENTRY_BYTES} bytes", found=str(len(payload)))
    return payload


def _kept_level(old: int, after: Tail) -> int:
    """The lowest level, 1 or more, whose tile at size ``old`` is still the beginning of a tile in the tail."""
    if not 0 <= old <= after.size:
        raise ValueError(f"a log of {after.size} entries never grew from {old}")
    level = 1
    while old // leaves_per_hash(level + 1) != after.size // leaves_per_hash(level + 1):
        level += 1
    return level


def _tail_at(size: int, level: int, after: Tail) -> Tail:
    """The tail at an earlier ``size``, a multiple of 256**level, from ``level`` on contained in ``after``."""
    kept = size // leaves_per_hash(level) % TILE_WIDTH
    rows = [b""] * level + [row[: kept * HASH_BYTES] for row in after.levels[level : level + 1]]
    rows += after.levels[level + 1 :]
    while rows and not rows[-1]:
        rows.pop()
    return Tail(tuple(rows))


def _partial_tiles(tail: Tail) -> Iterator[Tile]:
    for level, row in enumerate(tail.levels):
        if row:
            yield Tile(level, tail.size // leaves_per_hash(level + 1), row)


def _is_new(tile: Tile, old: int) -> bool:
    """Whether a log of ``old`` entries lacked the last hash of this tile."""
    return (tile.index * TILE_WIDTH + tile.width) * leaves_per_hash(tile.level) > old


def _under(tile: Tile, start: int, payloads: Sequence[bytes]) -> Sequence[bytes]:
    first = tile.index * TILE_WIDTH - start
    return payloads[first : first + tile.width]
