"""Whether the bucket is this ledger's, asked more closely than for a publish: a repair overwrites and deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import ConflictError, RefusalError, StorageError
from registry_gen.log.note import parse_checkpoint, parse_verifier_key
from registry_gen.log.tree import root
from registry_gen.publish import codes
from registry_gen.publish.checkpoint import root_at
from registry_gen.publish.fsck_log import going_on, is_tile
from registry_gen.publish.own_bucket import require_own_checkpoint, require_own_place
from registry_gen.storage import codes as storage_codes

if TYPE_CHECKING:
    from registry_gen.ledger import Ledger, LogHead, Publication
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage


def require_ours(ledger: Ledger | Publication, registry: Registry, signer: CheckpointSigner) -> bool:
    """Refuse a bucket of another ledger, one that is ahead of this one, and one of which nothing is left.

    True where the bucket proves that nobody published here whom this ledger does not know of: its checkpoint is signed
    by the log's key, states a beginning of this very log, and no bundle goes on where it ends. A checkpoint that is
    broken or gone is for mending, and proves nothing: then no tile may be of a longer log at all.

    Raises ConflictError PUB003, PUB011 or PUB015, StorageError PUB010.
    """
    head, storage = ledger.log_head(), registry.public
    require_own_place(head, registry.place)
    body = _checkpoint(storage)
    if body is None and head.stored_size and next(iter(storage.list("records/")), None) is None:
        raise StorageError(codes.BUCKET_LOST, where=storage.name, hint=codes.BUCKET_LOST.fix)
    ours = body is not None and _is_ours(ledger, head, body, registry, signer)
    size = head.tail.size
    tiles = (stored.key for stored in storage.list("log/tile/") if is_tile(stored.key))
    beyond = [key for key in tiles if paths.tile_end(key) > size]
    doubtful = going_on(storage, ledger.log_entries, size, beyond) if ours else beyond
    if doubtful:
        raise ConflictError(
            codes.FOREIGN_CHECKPOINT,
            where=f"{storage.name}/{doubtful[0]}",
            expected=f"a log of {size} entries, as in the ledger",
            found=f"a tile of one of {paths.tile_end(doubtful[0])} or more",
            hint=f"{codes.FOREIGN_CHECKPOINT.fix} A file that you know somebody planted there can be deleted.",
        )
    return ours


def _checkpoint(storage: Storage) -> bytes | None:
    try:
        found = storage.get(paths.CHECKPOINT)
    except StorageError as error:
        if error.code is not storage_codes.IN_THE_WAY:
            raise
        return b""  # no checkpoint, but for mending all the same
    return found[0] if found else None


def _is_ours(
    ledger: Ledger | Publication, head: LogHead, body: bytes, registry: Registry, signer: CheckpointSigner
) -> bool:
    """Whether a checkpoint is by the key of the log; raises ConflictError where it states what is not this log."""
    try:
        require_own_checkpoint(head, registry.public, body, registry.log_origin)
        keys = [parse_verifier_key(vkey)[1] for vkey in {head.key or signer.vkeys[0], *signer.vkeys}]
        theirs = parse_checkpoint(body, registry.log_origin, *keys)
    except RefusalError:
        return False
    if theirs.root == (root(head.tail) if theirs.size == head.tail.size else root_at(ledger, theirs.size)):
        return True
    raise ConflictError(
        codes.FOREIGN_CHECKPOINT,
        where=f"{registry.public.name}/{paths.CHECKPOINT}",
        expected="a checkpoint of the entries in the ledger",
        found=f"one of {theirs.size} other entries, signed by the key of the log",
        hint=codes.FOREIGN_CHECKPOINT.fix,
    )
