"""What the registry said at a point of its past, and the way back: the ledger's log, read up to there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import InputError
from registry_gen.log import codes
from registry_gen.log.history import replay
from registry_gen.log.read_entries import read_entry
from registry_gen.log.tree import HASH_BYTES, Tail, grow_hashes, leaf_hash, root
from registry_gen.plan.rollback import changed_since, roll_back
from registry_gen.publish.checkpoint import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from registry_gen.ledger import Ledger
    from registry_gen.log.history import History
    from registry_gen.log.moment import Moment
    from registry_gen.log.read_entries import LoggedEntry
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.plan.rollback import Rollback


@dataclass(frozen=True, slots=True)
class Past:
    """What the log said then, and the 32-byte root that it had; ``entries`` is how many it has by now."""

    history: History
    root: bytes
    entries: int


def look_back(ledger: Ledger, moment: Moment | None = None) -> Past:
    """The registry as of ``moment``, or as of now. Entries are read in pages, none is kept.

    Raises InputError LOG011 where the log has fewer entries, RefusalError LOG008 for one that cannot be read.
    """
    size = ledger.log_head().tail.size
    upto = moment.entries if moment and moment.entries is not None else size
    if upto > size:
        raise InputError(codes.AHEAD, expected=f"at most {size}", found=str(upto), hint=codes.AHEAD.fix)
    hashes = bytearray()

    def hashed() -> Iterator[bytes]:
        for payload in _entries(ledger, upto):
            hashes.extend(leaf_hash(payload))
            yield payload

    history = replay(hashed(), at=moment.at if moment else None)
    tail, _ = grow_hashes(Tail(), bytes(hashes[: history.size * HASH_BYTES]))
    return Past(history, root(tail), size)


def _entries(ledger: Ledger, upto: int) -> Iterator[bytes]:
    for start in range(0, upto, PAGE):
        yield from ledger.log_entries(start, min(start + PAGE, upto))


def newest_entries(ledger: Ledger, limit: int, address: Address | None = None) -> tuple[LoggedEntry, ...]:
    """The last ``limit`` entries of the log, newest first, or of those about one package.

    No others are read, or kept. Raises RefusalError LOG008 for one that cannot be read.
    """
    with ledger.inspection() as known:
        if address is not None:
            found = known.log_entries_of([address])[-limit:]
            return tuple(read_entry(payload, index) for index, payload in reversed(found))
        size = known.log_head().tail.size
        start = max(size - limit, 0)
        payloads = known.log_entries(start, size)
    return tuple(read_entry(payload, start + at) for at, payload in reversed(tuple(enumerate(payloads))))


@dataclass(frozen=True, slots=True)
class PlannedRollback:
    """How the catalog must change, the position of the log that it goes back to, and how many entries there are now.

    ``listed`` counts all versions that are listed now.
    """

    rollback: Rollback
    position: int
    entries: int
    listed: int


def plan_rollback(ledger: Ledger, moment: Moment, catalog: Catalog, now: datetime) -> PlannedRollback:
    """How ``catalog`` must change for the registry to say what it said at ``moment``; raises as ``look_back`` does."""
    then, latest = look_back(ledger, moment), look_back(ledger)
    packages = ledger.packages(changed_since(then.history, latest.history))
    rollback = roll_back(then.history, latest.history, packages, catalog, now)
    listed = sum(head.listed for head in ledger.heads().values())
    return PlannedRollback(rollback, then.history.size, latest.entries, listed)
