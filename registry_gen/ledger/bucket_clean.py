"""What nothing names any more goes: old changes and snapshots, and what interrupted runs left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.ledger.bucket_snapshot import key_of, read_list
from registry_gen.ledger.bucket_store import answering
from registry_gen.model.digest import Sha256

if TYPE_CHECKING:
    from datetime import datetime

    from registry_gen.ledger.bucket_lease import HeldLease
    from registry_gen.ledger.bucket_store import ObjectStore

GRACE: Final = timedelta(days=1)
"""For whoever read a head before, and fetches what that one names."""


def sweep(store: ObjectStore, lease: HeldLease, now: datetime) -> None:
    """Delete objects of the state that the head does not lead to and that nobody wrote lately; only such as we make.

    For the holder of the lease who has just taken a snapshot. One who sleeps here deletes nothing that a later holder
    names: later snapshots name parts of this one, or new ones, whose keys hold their own generation. Raises LedgerError
    LED044.
    """
    head = lease.head
    parts = read_list(store, head)
    named = {paths.STATE_HEAD, *(part.key for part in parts.parts)} if parts else {paths.STATE_HEAD}
    named |= {key_of(head.snapshot)} if head.snapshot else set()
    named |= {
        paths.state_change(number, Sha256(change.sha256))
        for number, change in enumerate(head.changes, start=head.first)
    }
    with answering(store, paths.STATE):
        gone = [
            kept.key
            for kept in store.list(paths.STATE)
            if kept.key not in named
            and kept.modified is not None
            and kept.modified < now - GRACE
            and paths.is_made(kept.key)
        ]
        if gone:
            lease.require()
            store.delete(gone)
