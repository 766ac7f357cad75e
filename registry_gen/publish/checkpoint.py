"""Bringing the log into the bucket: tiles first, create-only, then the signed checkpoint by compare-and-swap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from registry_gen import paths
from registry_gen.errors import ConflictError, RefusalError
from registry_gen.log.tiles import first_entry, tiles
from registry_gen.log.tree import root
from registry_gen.model.digest import sha256
from registry_gen.publish import codes

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from registry_gen.ledger import Publication
    from registry_gen.storage import Storage


class CheckpointSigner(Protocol):
    """Holds the log's private key."""

    def sign_checkpoint(self, size: int, root: bytes) -> bytes:
        """The signed note for a log of ``size`` entries with this 32-byte root."""

    def checked_size(self, note: bytes) -> int:
        """The size that a checkpoint of this very log states; raises RefusalError where it is not one."""


def put_log(publication: Publication, storage: Storage, executor: Executor, signer: CheckpointSigner) -> int:
    """Bring the bucket's log to where the ledger's is; returns the number of puts.

    The ledger keeps the checkpoint before it is put, so a second one for the same size is never signed.
    Raises ConflictError PUB003 where the bucket's checkpoint is not one that this ledger could have made.
    """
    head = publication.log_head()
    size = head.tail.size
    if head.stored_size == size:
        return 0
    checkpoint = head.checkpoint
    if checkpoint is None:
        checkpoint = signer.sign_checkpoint(size, root(head.tail))
        publication.checkpoint_signed(size, checkpoint)
    payloads = publication.log_entries(first_entry(head.stored_size, head.tail), size)
    new_tiles = tiles(head.stored_size, head.tail, payloads)

    def put_tile(tile: tuple[str, bytes]) -> None:
        key, body = tile
        storage.put_new(key, body, sha256(body))

    for _ in executor.map(put_tile, new_tiles):
        pass
    try:
        stored = storage.put_if(paths.CHECKPOINT, checkpoint, head.etag)
    except ConflictError:
        stored = storage.put_if(paths.CHECKPOINT, checkpoint, _adopted_etag(publication, storage, signer, size))
    publication.checkpoint_stored(size, stored.etag)
    return len(new_tiles) + 1


def _adopted_etag(publication: Publication, storage: Storage, signer: CheckpointSigner, size: int) -> str | None:
    """The etag of a checkpoint of ours that was put by a run that was stopped before it said so."""
    publication.log_head()  # raises where the lock was lost meanwhile, before anything is read again
    found = storage.get(paths.CHECKPOINT)
    if found is None:
        return None
    body, stored = found
    try:
        theirs = signer.checked_size(body)
    except RefusalError as error:
        raise _foreign(f"a checkpoint that is not signed by this log's key: {error.message}") from error
    if theirs > size:
        raise _foreign(f"a checkpoint of {theirs} entries where the ledger has {size}")
    return stored.etag


def _foreign(found: str) -> ConflictError:
    return ConflictError(
        codes.FOREIGN_CHECKPOINT, where=paths.CHECKPOINT, found=found, hint=codes.FOREIGN_CHECKPOINT.fix
    )
