"""Whether the bucket is the one this ledger publishes to: asked before anything is planned for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import ConflictError, StorageError
from registry_gen.log.note import stated
from registry_gen.publish import codes

if TYPE_CHECKING:
    from registry_gen.ledger import LogHead
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage


def require_own_bucket(head: LogHead, registry: Registry) -> None:
    """The public storage must be the place that this ledger publishes to, and hold its log.

    Raises ConflictError PUB015 for another place, and what ``require_own_log`` raises.
    """
    require_own_place(head, registry.place)
    require_own_log(head, registry.public, registry.log_origin)


def require_own_place(head: LogHead, place: str) -> None:
    """Raise ConflictError PUB015 where the ledger has published, and to another place than this one."""
    if head.place in (None, place) or not head.tail.size:
        return
    before, after = (_as_written(text) for text in (str(head.place), place))
    raise ConflictError(
        codes.OTHER_PLACE,
        where="storage.public",
        expected=f"{head.place}, where this registry publishes to",
        found=place,
        hint=f"Write {before} into registry.yaml again, or move all that is published: "
        f"registry-gen storage copy {before} {after}",
    )


def _as_written(place: str) -> str:
    """A known place as registry.yaml and ``storage copy`` take it."""
    return place.removeprefix("file://").partition(" at ")[0]


def require_own_log(head: LogHead, storage: Storage, origin: str) -> None:
    """One read: the checkpoint must be there if the ledger has published, and must not be ahead of the ledger's log.

    ``origin`` is the log's name. Raises ConflictError PUB003 where the bucket holds the log of another ledger, or a
    longer one, PUB011 where the log has another name, and StorageError PUB010 where the log that this ledger has
    published is not there.
    """
    found = storage.get(paths.CHECKPOINT)
    if found is None:
        if head.stored_size:
            raise StorageError(codes.BUCKET_LOST, where=storage.name, hint=codes.BUCKET_LOST.fix)
        return
    require_own_checkpoint(head, storage, found[0], origin)


def require_own_checkpoint(head: LogHead, storage: Storage, body: bytes, origin: str) -> None:
    """What a checkpoint states, whoever signed it, must not be ahead of the ledger's log, nor of another name.

    Raises ConflictError PUB003 or PUB011, and RefusalError LOG004 for what is no checkpoint.
    """
    theirs = stated(body)
    if head.tail.size < max(theirs.size, 1):
        raise ConflictError(
            codes.FOREIGN_CHECKPOINT,
            where=f"{storage.name}/{paths.CHECKPOINT}",
            expected=f"a log of {head.tail.size} entries, as in the ledger",
            found=f"one of {theirs.size}",
            hint=codes.FOREIGN_CHECKPOINT.fix,
        )
    if theirs.origin != origin:
        raise ConflictError(
            codes.RENAMED,
            where=f"{storage.name}/{paths.CHECKPOINT}",
            expected=f"the log {origin}",
            found=theirs.origin,
            hint=codes.RENAMED.fix,
        )
