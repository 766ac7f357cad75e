"""The log as it is served: checkpoints that a known key signed, tiles, bundles, and proofs made from them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from registry_gen import paths
from registry_gen.errors import RefusalError, RegistryError, SourceError
from registry_gen.inspect import codes
from registry_gen.log.codes import BAD_PROOF
from registry_gen.log.note import MAX_NOTE_BYTES, parse_checkpoint, parse_verifier_key
from registry_gen.log.proofs import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from registry_gen.log.tiles import MAX_ENTRY_BYTES, parse_bundle
from registry_gen.log.tree import HASH_BYTES, TILE_BYTES, TILE_WIDTH, leaf_hash, root_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry_gen.inspect.reader import Reader
    from registry_gen.log.note import Checkpoint

_K = TypeVar("_K")
_V = TypeVar("_V")

_MAX_BUNDLE: Final = TILE_WIDTH * (MAX_ENTRY_BYTES + 2)
_TILES_KEPT: Final = 4096
_BUNDLES_KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint and the note that it came in."""

    note: bytes
    checkpoint: Checkpoint


def read_checkpoint(reader: Reader, keys: Sequence[str]) -> Signed:
    """The log's checkpoint, signed by one of these verifier keys, all of one name.

    Raises SourceError where there is none, RefusalError LOG004 and LOG005 for one that cannot be believed.
    """
    note = reader.read(paths.CHECKPOINT, MAX_NOTE_BYTES)
    parsed = [parse_verifier_key(key) for key in keys]
    return Signed(note, parse_checkpoint(note, parsed[0][0], *(public_key for _, public_key in parsed)))


class Tiles:
    """Tiles and bundles of a log of ``size`` entries; nothing in them is believed. Safe to use from several threads."""

    def __init__(self, reader: Reader, size: int) -> None:
        self.size: Final = size
        self._reader = reader
        self._hashes = _Recent[tuple[int, int, int], bytes](_TILES_KEPT)
        self._bundles = _Recent[tuple[int, int], tuple[bytes, ...]](_BUNDLES_KEPT)

    def width(self, index: int) -> int:
        """How many entries bundle ``index``, or the lowest tile of that index, has."""
        return min(TILE_WIDTH, self.size - index * TILE_WIDTH)

    def hashes(self, level: int, index: int, width: int) -> bytes:
        """Hashes of a tile, as ``proofs.TileReader`` has it; raises SourceError, RefusalError INS011 (wrong length)."""
        return self._hashes.get((level, index, width), lambda: self._read_tile(level, index, width))

    def bundle(self, index: int) -> tuple[bytes, ...]:
        """The entries of a bundle; raises SourceError, RefusalError INS012 for another number of entries."""
        width = self.width(index)
        return self._bundles.get((index, width), lambda: self._read_bundle(index, width))

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        key = paths.log_tile(level, index, width)
        data = self._partial_or_full(key, paths.log_tile(level, index), TILE_BYTES)
        if len(data) not in (width * HASH_BYTES, TILE_BYTES):
            raise RefusalError(
                codes.TILE_DIFFERS, where=key, expected=f"{width * HASH_BYTES} bytes", found=f"{len(data)}"
            )
        return data[: width * HASH_BYTES]

    def _read_bundle(self, index: int, width: int) -> tuple[bytes, ...]:
        key = paths.log_entries(index, width)
        data = self._partial_or_full(key, paths.log_entries(index), _MAX_BUNDLE)
        try:
            entries = parse_bundle(data)
        except RefusalError as error:
            raise RefusalError(codes.BUNDLE_DIFFERS, where=key, found=error.message) from None
        if len(entries) not in (width, TILE_WIDTH):
            raise RefusalError(codes.BUNDLE_DIFFERS, where=key, expected=f"{width} entries", found=f"{len(entries)}")
        return entries[:width]

    def _partial_or_full(self, key: str, full: str, limit: int) -> bytes:
        """A partial tile may be deleted once the full one is there (C2SP tlog-tiles): then that one is read."""
        try:
            return self._reader.read(key, limit)
        except SourceError as error:
            if error.code is not codes.MISSING or key == full:
                raise
            try:
                return self._reader.read(full, limit)
            except SourceError:
                raise error from None


def proved_entry(tiles: Tiles, checkpoint: Checkpoint, index: int) -> bytes:
    """Entry ``index``, proved to be in the log of this checkpoint without reading more than a few tiles.

    Raises SourceError, RefusalError INS012 where the entry was altered, INS013 where tiles do not lead to the root,
    INS015 for an index beyond the log.
    """
    where = f"entry {index} of the log"
    if index >= checkpoint.size:
        raise RefusalError(codes.UNPROVED, where=where, expected=f"an entry of {checkpoint.size}")
    bundle, at = divmod(index, TILE_WIDTH)
    payload = tiles.bundle(bundle)[at]
    proof = inclusion_proof(tiles.hashes, index, checkpoint.size)
    try:
        verify_inclusion(leaf_hash(payload), index, checkpoint.size, proof, checkpoint.root)
    except RefusalError:
        promised = tiles.hashes(0, bundle, tiles.width(bundle))[at * HASH_BYTES : (at + 1) * HASH_BYTES]
        try:
            verify_inclusion(promised, index, checkpoint.size, proof, checkpoint.root)
        except RefusalError as error:
            raise RefusalError(codes.ROOT_DIFFERS, where=where, expected=error.expected, found=error.found) from None
        raise altered_entry(bundle, tiles.width(bundle), index, promised, leaf_hash(payload)) from None
    return payload


def altered_entry(bundle: int, width: int, index: int, promised: bytes, found: bytes) -> RefusalError:
    """INS012 for the entry of a bundle that is not the one under its tile's hash."""
    where = f"{paths.log_entries(bundle, width)}, entry {index} of the log"
    return RefusalError(codes.BUNDLE_DIFFERS, where=where, expected=f"the hash {promised.hex()}", found=found.hex())


def require_continued(tiles: Tiles, kept: Checkpoint, now: Checkpoint) -> None:
    """The log of now must begin with the log that was kept; raises RefusalError INS010 where that is not proved.

    A tile that cannot be fetched for another reason than that it is not there is no proof of anything: SourceError.
    """
    if now.size < kept.size or (now.size == kept.size and now.root != kept.root):
        raise rewritten(kept, now)
    if kept.size in (0, now.size):
        return
    try:
        proof = consistency_proof(tiles.hashes, kept.size, now.size)
        verify_consistency(kept.size, kept.root, now.size, now.root, proof)
    except RegistryError as error:
        if error.code not in (BAD_PROOF, codes.TILE_DIFFERS, codes.MISSING):
            raise
        raise rewritten(kept, now, f", and no proof: {error.message} ({error.where or 'from the tiles'})") from None


def rewritten(kept: Checkpoint, now: Checkpoint, why: str = "") -> RefusalError:
    """INS010 with both checkpoints."""
    return RefusalError(
        codes.REWRITTEN,
        where=f"{paths.CHECKPOINT} of {now.origin}",
        expected=f"a log that begins with the {kept.size} entries of root {root_text(kept.root)}",
        found=f"{now.size} entries of root {root_text(now.root)}{why}",
    )


class _Recent(Generic[_K, _V]):
    """Keeps what was read last; what two threads want at once is read once, and what went wrong is told to both."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_K, Future[_V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _K, read: Callable[[], _V]) -> _V:
        with self._lock:
            found = self._kept.get(key)
            mine = self._kept.setdefault(key, Future())
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if found is not None:
            return found.result()
        try:
            mine.set_result(read())
        except BaseException as error:
            with self._lock:
                if self._kept.get(key) is mine:
                    del self._kept[key]  # asked again, it may be there
            mine.set_exception(error)
            raise
        return mine.result()
