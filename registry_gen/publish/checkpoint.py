"""Bringing the log into the bucket: tiles first, create-only, then the signed checkpoint by compare-and-swap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError, RefusalError, RegistryError
from registry_gen.log.note import stated
from registry_gen.log.tiles import first_entry, tiles
from registry_gen.log.tree import Tail, append, root
from registry_gen.model.digest import sha256
from registry_gen.publish import codes
from registry_gen.publish.log_key import require_log_key
from registry_gen.storage import Put

if TYPE_CHECKING:
    from registry_gen.ledger import Ledger, LogHead, Publication
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.storage import Storage

PAGE: Final = 10_000
"""How many entries are read at once where all of them have to be hashed again."""


def put_log(publication: Publication, storage: Storage, signer: CheckpointSigner) -> int:
    """Bring the bucket's log to where the ledger's is; returns the number of puts.

    The ledger keeps the checkpoint before it is put, so a second one for the same size is never signed.
    Raises ConflictError PUB003, and puts nothing, where the bucket's checkpoint is not one that this ledger could
    have made: a tile of another history could lie where a tile of the right one belongs. Raises InputError PUB012, and
    signs nothing, where the log stands under another key than the signer's present one.
    """
    head = publication.log_head()
    size = head.tail.size
    if head.stored_size == size:
        return 0
    etag = _replaceable(publication, storage, signer, head)
    checkpoint = head.checkpoint
    if checkpoint is None:
        require_log_key(publication, head, signer)
        checkpoint = signer.sign_checkpoint(size, root(head.tail))
        publication.checkpoint_signed(size, checkpoint)
    payloads = publication.log_entries(first_entry(head.stored_size, head.tail), size)
    new_tiles = tiles(head.stored_size, head.tail, payloads)

    for put in storage.put_all([Put(key, body, sha256(body)) for key, body in new_tiles]):
        if isinstance(put, RegistryError):
            raise put
    try:
        stored = storage.put_if(paths.CHECKPOINT, checkpoint, etag)
    except ConflictError:
        publication.log_head()  # raises where the lock was lost meanwhile, before anything is read again
        stored = storage.put_if(paths.CHECKPOINT, checkpoint, _replaceable(publication, storage, signer, head))
    publication.checkpoint_stored(size, stored.etag)
    return len(new_tiles) + 1


def _replaceable(publication: Publication, storage: Storage, signer: CheckpointSigner, head: LogHead) -> str | None:
    """The etag of the bucket's checkpoint, None where there is none; raises ConflictError PUB003 where it is not ours.

    Ours is also one that a run put that was stopped before it said so. Name, size and root decide, and not who signed:
    the key may have changed since, and what leads to the very entries of the ledger is no other history.
    """
    found = storage.get(paths.CHECKPOINT)
    if found is None:
        return None
    body, stored = found
    if stored.etag == head.etag:
        return stored.etag
    try:
        theirs = stated(body)
    except RefusalError as error:
        raise _foreign(f"what is no checkpoint: {error.message}") from error
    if theirs.origin != signer.name:
        raise _foreign(f"a checkpoint of the log {theirs.origin}")
    if theirs.size > head.tail.size:
        raise _foreign(f"a checkpoint of {theirs.size} entries where the ledger has {head.tail.size}")
    if theirs.root != root_at(publication, theirs.size):
        raise _foreign(f"a checkpoint of {theirs.size} entries that are not those of the ledger")
    return stored.etag


def root_at(ledger: Ledger | Publication, size: int) -> bytes:
    """The root of the ledger's log when it had ``size`` entries."""
    tail = Tail()
    for start in range(0, size, PAGE):
        tail = append(tail, ledger.log_entries(start, min(start + PAGE, size)))
    return root(tail)


def _foreign(found: str) -> ConflictError:
    return ConflictError(
        codes.FOREIGN_CHECKPOINT, where=paths.CHECKPOINT, found=found, hint=codes.FOREIGN_CHECKPOINT.fix
    )
