"""The log as the bucket holds it, read to the last entry by whoever has no ledger to compare it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError, StorageError
from registry_gen.log import codes as log_codes
from registry_gen.log.note import parse_checkpoint, parse_verifier_key
from registry_gen.log.tiles import parse_bundle
from registry_gen.log.tree import TILE_WIDTH, Tail, append, root
from registry_gen.publish import codes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from registry_gen.storage import Storage


@dataclass(frozen=True, slots=True)
class BucketLog:
    """A signed checkpoint, its etag, and the very entries that it was signed for."""

    checkpoint: bytes
    etag: str
    tail: Tail
    payloads: tuple[bytes, ...]


def read_log(storage: Storage, executor: Executor, origin: str, vkeys: Sequence[str]) -> BucketLog:
    """Read the log ``origin`` and find that one of ``vkeys`` (C2SP signed-note) has signed its root.

    Raises StorageError PUB050 where there is no log, RefusalError LOG004, LOG005 or LOG007 where it is not this one or
    not signed by these keys, PUB051 where its entries do not lead to its root.
    """
    found = storage.get(paths.CHECKPOINT)
    if found is None:
        raise StorageError(codes.NO_LOG, where=storage.name, hint=codes.NO_LOG.fix)
    checkpoint = parse_checkpoint(found[0], origin, *(_public_key(vkey, origin) for vkey in vkeys))
    keys = _bundles(checkpoint.size)
    payloads = tuple(payload for entries in executor.map(lambda key: _read(storage, *key), keys) for payload in entries)
    tail = append(Tail(), payloads)
    if root(tail) != checkpoint.root:
        raise _incomplete(storage.name, f"the root that was signed for {checkpoint.size} entries", "another one")
    return BucketLog(found[0], found[1].etag, tail, payloads)


def left_tiles(storage: Storage, size: int) -> tuple[str, ...]:
    """Tiles and bundles of a log longer than ``size``: no checkpoint leads to them, and they take the place of ours."""
    return tuple(stored.key for stored in storage.list("log/tile/") if _is_beyond(stored.key, size))


def _public_key(vkey: str, origin: str) -> bytes:
    name, public_key = parse_verifier_key(vkey)
    if name != origin:
        raise RefusalError(
            log_codes.BAD_VERIFIER_KEY, where=vkey, expected=f"a key of the log {origin}", found=f"one of {name}"
        )
    return public_key


def _bundles(size: int) -> list[tuple[str, int]]:
    """Keys of the bundles of a log, each with the number of its entries."""
    full, rest = divmod(size, TILE_WIDTH)
    partial = [(paths.log_entries(full, rest), rest)] if rest else []
    return [*((paths.log_entries(index), TILE_WIDTH) for index in range(full)), *partial]


def _read(storage: Storage, key: str, width: int) -> tuple[bytes, ...]:
    found = storage.get(key)
    if found is None:
        raise _incomplete(key, f"a bundle of {width} entries", "nothing")
    entries = parse_bundle(found[0])
    if len(entries) != width:
        raise _incomplete(key, f"{width} entries", str(len(entries)))
    return entries


def _is_beyond(key: str, size: int) -> bool:
    try:
        return paths.tile_end(key) > size
    except ValueError:
        return False


def _incomplete(where: str, expected: str, found: str) -> RefusalError:
    hint = codes.LOG_INCOMPLETE.fix
    return RefusalError(codes.LOG_INCOMPLETE, where=where, expected=expected, found=found, hint=hint)
