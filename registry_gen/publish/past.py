"""What the registry said at a point of its past: the ledger's log, read up to there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import InputError
from registry_gen.log import codes
from registry_gen.log.history import replay
from registry_gen.log.tree import HASH_BYTES, Tail, grow_hashes, leaf_hash, root
from registry_gen.publish.checkpoint import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.ledger import Ledger
    from registry_gen.log.history import History
    from registry_gen.log.moment import Moment


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
