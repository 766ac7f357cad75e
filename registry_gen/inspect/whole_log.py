"""The whole log, read once from its first entry on: its hashes are computed again, and its entries replayed.

Entries make hashes, hashes make tiles, tiles make the root that was signed. Where these disagree, what leads to the
signed root is right and the other is named.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from registry_gen import paths
from registry_gen.errors import RefusalError, RegistryError
from registry_gen.inspect import codes
from registry_gen.inspect.public_log import Tiles, altered_entry, require_continued, rewritten
from registry_gen.inspect.side_by_side import side_by_side
from registry_gen.log.history import replay
from registry_gen.log.read_entries import KeysEntry, read_entry
from registry_gen.log.tree import (
    HASH_BYTES,
    TILE_WIDTH,
    Tail,
    Tile,
    grow_hashes,
    leaf_hash,
    leaves_per_hash,
    root,
    root_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry_gen.inspect.reader import Reader
    from registry_gen.log.history import History
    from registry_gen.log.note import Checkpoint
    from registry_gen.publish.progress import Progress

_T = TypeVar("_T")

MAX_SIZE: Final = 50_000_000
"""Entries that are read one after the other; some 100 GB."""


_MOST_UNREAD: Final = 20
"""So many bundles that cannot be had are named; a server that has none of them is not asked for the rest."""


@dataclass(frozen=True, slots=True)
class WholeLog:
    """What came of reading all entries: ``history`` only where every one of them leads to the signed root."""

    history: History | None
    problems: tuple[RegistryError, ...]
    entries: int


@dataclass(frozen=True, slots=True)
class NewEntries:
    """What came of reading those since last time: how many, and the log's keys where an entry changed them."""

    problems: tuple[RegistryError, ...]
    entries: int
    log_keys: tuple[str, ...] | None


def read_whole_log(
    reader: Reader, now: Checkpoint, kept: Checkpoint | None, progress: Progress, *, workers: int
) -> WholeLog:
    """Read every entry of the log at ``now``, and compare it with the log at ``kept``, the checkpoint of last time.

    Problems are INS010 to INS014, LOG008 for an entry that cannot be read, and what the source says of what cannot be
    fetched. Memory holds a few bundles and the history.
    """
    if now.size > MAX_SIZE:
        return WholeLog(None, (_too_long(now.size),), 0)
    reading = _Reading(Tiles(reader, now.size), _Chain(kept.size if kept else 0))
    entries = reading.entries(progress, workers)
    history: History | None = None
    unreadable: list[RegistryError] = []
    try:
        history = replay(entries)
    except RefusalError as error:
        unreadable.append(error)
        deque(entries, maxlen=0)
    believed = reading.leads_to(now.root)
    problems = (*reading.problems(now, kept), *(unreadable if believed else ()))
    return WholeLog(history if believed else None, problems, reading.count)


def read_new_entries(reader: Reader, now: Checkpoint, read: int, progress: Progress, *, workers: int) -> NewEntries:
    """Read the entries behind the first ``read`` ones, which must lead to the root of ``now`` with those before them.

    Problems are as above. Raises SourceError, RefusalError INS011 for tiles that cannot be had.
    """
    if now.size - read > MAX_SIZE:
        return NewEntries((_too_long(now.size - read),), 0, None)
    tiles = Tiles(reader, now.size)
    reading = _Reading(tiles, _Chain(0, _tail_at(tiles, read)))
    log_keys: tuple[str, ...] | None = None
    unreadable: list[RegistryError] = []
    for index, payload in enumerate(reading.entries(progress, workers), start=read):
        try:
            entry = read_entry(payload, index)
        except RefusalError as error:
            unreadable.append(error)
            continue
        if isinstance(entry.said, KeysEntry) and entry.address is None:
            log_keys = entry.said.keys
    problems = (*reading.problems(now, None), *(unreadable if reading.leads_to(now.root) else ()))
    return NewEntries(problems, reading.count, None if problems else log_keys)


def _too_long(size: int) -> RefusalError:
    expected = f"at most {MAX_SIZE} entries"
    return RefusalError(codes.TOO_LONG, where=paths.CHECKPOINT, expected=expected, found=f"{size}")


def _tail_at(tiles: Tiles, size: int) -> Tail:
    """The tail that the log had at ``size``, out of the tiles of today, which are to be checked by its root.

    Raises SourceError, RefusalError INS011 for a tile of the wrong length.
    """
    rows = []
    level = 0
    while leaves_per_hash(level) <= size:
        index, width = divmod(size // leaves_per_hash(level), TILE_WIDTH)
        whole = min(TILE_WIDTH, tiles.size // leaves_per_hash(level) - index * TILE_WIDTH)
        rows.append(tiles.hashes(level, index, whole)[: width * HASH_BYTES] if width else b"")
        level += 1
    return Tail(tuple(rows))


@dataclass(slots=True)
class _Chain:
    """A log that grows: its tail, its root after ``old`` entries, and the full tiles above the lowest level."""

    old: int
    tail: Tail = field(default_factory=Tail)
    old_root: bytes | None = None
    tiles: tuple[Tile, ...] = ()

    def grow(self, hashes: bytes) -> None:
        missing = (self.old - self.tail.size) * HASH_BYTES
        if 0 < missing <= len(hashes):
            self.old_root = root(grow_hashes(self.tail, hashes[:missing])[0])
        self.tail, full = grow_hashes(self.tail, hashes)
        self.tiles += tuple(tile for tile in full if tile.level)

    def all_tiles(self) -> Iterator[Tile]:
        """The tiles above the lowest level, full and partial."""
        yield from self.tiles
        for level, row in enumerate(self.tail.levels):
            if level and row:
                yield Tile(level, self.tail.size // leaves_per_hash(level + 1), row)


@dataclass(frozen=True, slots=True)
class _Part:
    """The entries of one bundle and the hashes over them as they are served, or why they cannot be had."""

    index: int
    entries: tuple[bytes, ...] | RegistryError
    tile: bytes | RegistryError


class _Reading:
    """One pass over the log: ``served`` grows by its entries, ``tiled`` by the hashes in its lowest tiles."""

    def __init__(self, tiles: Tiles, begun: _Chain) -> None:
        self._tiles = tiles
        self._start = begun.tail.size
        self._served = begun
        self._tiled = begun
        self._unread: list[RegistryError] = []
        self._altered: list[RegistryError] = []
        self._wrong_tiles: list[RegistryError] = []

    @property
    def count(self) -> int:
        """How many entries were read."""
        return self._served.tail.size - self._start

    def entries(self, progress: Progress, workers: int) -> Iterator[bytes]:
        """The entries in their order up to one that is missing; not to be believed before ``leads_to`` says so."""
        size = self._tiles.size
        parts = range(self._start // TILE_WIDTH, -(-size // TILE_WIDTH)) if size > self._start else range(0)
        progress.begin("Log", len(parts))
        for part in side_by_side(self._part, parts, workers=workers):
            progress.step("Log", "")
            if isinstance(part.entries, RegistryError):
                self._unread.append(part.entries)
                if len(self._unread) == _MOST_UNREAD:
                    return
            elif not self._unread:
                new = part.entries[max(0, self._start - part.index * TILE_WIDTH) :]
                self._take(part, new)
                yield from new

    def _part(self, index: int) -> _Part:
        """Fetch one bundle and its tile; called from several threads."""
        return _Part(
            index,
            _or_error(lambda: self._tiles.bundle(index)),
            _or_error(lambda: self._tiles.hashes(0, index, self._tiles.width(index))),
        )

    def _take(self, part: _Part, new: Sequence[bytes]) -> None:
        """Let both chains grow. They are one until entries and tile disagree."""
        hashes = b"".join(map(leaf_hash, new))
        if isinstance(part.tile, RegistryError):
            self._wrong_tiles.append(part.tile)
            tile = hashes
        else:
            tile = part.tile[len(part.tile) - len(hashes) :]
        if tile != hashes:
            if self._tiled is self._served:
                self._tiled = replace(self._served)
            width = self._tiles.width(part.index)
            self._wrong_tiles.append(RefusalError(codes.TILE_DIFFERS, where=paths.log_tile(0, part.index, width)))
            first = part.index * TILE_WIDTH + width - len(new)
            self._altered += self._differences(part.index, first, tile, hashes)
        self._served.grow(hashes)
        if self._tiled is not self._served:
            self._tiled.grow(tile)

    def _differences(self, bundle: int, first: int, tile: bytes, hashes: bytes) -> Iterator[RegistryError]:
        """The first entry of a bundle that is not the one under its tile's hash; ``first`` is the first one's index."""
        for at in range(0, len(hashes), HASH_BYTES):
            promised, found = tile[at : at + HASH_BYTES], hashes[at : at + HASH_BYTES]
            if promised != found:
                index = first + at // HASH_BYTES
                yield altered_entry(bundle, self._tiles.width(bundle), index, promised, found)
                return

    def leads_to(self, wanted: bytes) -> bool:
        """Whether the entries lead to this root."""
        return not self._unread and root(self._served.tail) == wanted

    def problems(self, now: Checkpoint, kept: Checkpoint | None) -> Iterator[RegistryError]:
        """What is wrong, once all was read."""
        if self.leads_to(now.root):
            yield from self._wrong_tiles
            yield from self._higher(self._served)
            if kept and kept.size and kept.root != self._served.old_root:
                yield rewritten(kept, now)
            return
        yield from self._unread
        if not self._unread and root(self._tiled.tail) == now.root:
            yield from self._altered
            yield from self._higher(self._tiled)
        elif not self._unread:
            found = root_text(root(self._served.tail))
            yield RefusalError(codes.ROOT_DIFFERS, where=paths.CHECKPOINT, expected=root_text(now.root), found=found)
            yield from self._altered
        if kept:
            # With entries that cannot be believed, only the tiles may still show that the log goes on.
            error = _or_error(lambda: require_continued(self._tiles, kept, now))
            if error:
                yield error

    def _higher(self, chain: _Chain) -> Iterator[RegistryError]:
        for tile in chain.all_tiles():
            try:
                served = self._tiles.hashes(tile.level, tile.index, tile.width)
            except RegistryError as error:
                yield error
                continue
            if served != tile.hashes:
                yield RefusalError(codes.TILE_DIFFERS, where=paths.log_tile(tile.level, tile.index, tile.width))


def _or_error(read: Callable[[], _T]) -> _T | RegistryError:
    try:
        return read()
    except RegistryError as error:
        return error
