"""Whether an audit log is whole: its chain, and what the transparency log says of it.

A table's owner can switch triggers off and rewrite the whole chain; the hashes that were logged stay what they were.
So the log is recomputed first, and each row that an entry of it names must have the hash that was logged.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import orjson

from registry_gen.errors import LedgerError, RefusalError
from registry_gen.ledger import codes
from registry_gen.ledger.audit import BEFORE_THE_FIRST, REBUILD, Anchor, StoredAuditRow, VerifiedAudit, row_hash
from registry_gen.ledger.rows import utc
from registry_gen.log.note import stated
from registry_gen.log.read_entries import AuditHead, read_entry
from registry_gen.log.tree import Tail, append, root, root_text
from registry_gen.model.digest import parse_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.digest import Sha256

_AT_ONCE: Final = 2_000
_AUDIT_HEAD: Final = b"audit-head"

_COLUMNS: Final = "seq, at, actor, action, address, before::text, after::text, catalog_commit, run_url, prev_hash, hash"
_ALL: Final = f"SELECT {_COLUMNS} FROM audit_log ORDER BY seq"  # noqa: S608 - both are constants
_NEWEST: Final = f"SELECT {_COLUMNS} FROM audit_log WHERE address = coalesce(%s, address) ORDER BY seq DESC LIMIT %s"  # noqa: S608


def rows(connection: Connection[TupleRow]) -> Iterator[StoredAuditRow]:
    """All rows, oldest first, a few thousand in memory at a time; needs a transaction."""
    with connection.cursor(name="audit_log") as cursor:
        cursor.itersize = _AT_ONCE
        yield from map(_row, cursor.execute(_ALL))


def newest_rows(connection: Connection[TupleRow], address: str | None, limit: int) -> tuple[StoredAuditRow, ...]:
    """The newest rows, newest first; those of one address where it is given."""
    return tuple(map(_row, connection.execute(_NEWEST, (address, limit))))


def verify(connection: Connection[TupleRow], where: str) -> VerifiedAudit:
    """Recompute log and audit log; needs a transaction in which all queries see the same moment.

    Raises LedgerError LED031 where the log is not what its head says, LED018 naming the first row that does not fit.
    """
    anchors = read_anchors(connection, where)
    verified = verify_chain(rows(connection), anchors, f"{where} audit_log")
    for anchor in anchors:
        if anchor.seq > verified.seq:
            raise broken(
                f"{where} audit_log",
                verified.seq + 1,
                expected=f"row {anchor.seq} too, which entry {anchor.index} of the log names",
                found=f"row {verified.seq} is the last",
            )
    return verified


def verify_chain(rows: Iterable[StoredAuditRow], anchors: Sequence[Anchor] | None, where: str) -> VerifiedAudit:
    """Recompute a chain row by row and compare it with ``anchors``, which are sorted, or None where nothing is known.

    A chain begins with row 1, or with the row of a rebuilding, which goes on from a row that the log names. Such a row
    may also follow rows that were kept, if it says itself which ones are lost between them and it.
    Raises LedgerError LED018 naming the first row that does not fit.
    """
    known = anchors or ()
    first = seq = checked = confirmed = 0
    previous = BEFORE_THE_FIRST
    lost: list[tuple[int, int]] = []
    for row in rows:
        if not first or (row.seq > seq + 1 and _tells_of_loss(row, seq)):
            start, goes_on = _beginning(row, anchors, where)
            first = first or start
            if start > seq + 1:
                lost.append((seq + 1, start - 1))
                seq, previous = start - 1, goes_on
                checked = sum(anchor.seq < start for anchor in known)
        if row.seq != seq + 1:
            raise broken(where, seq + 1, expected=f"row {seq + 1}", found=f"row {row.seq} follows row {seq}")
        seq += 1
        if row.prev_hash != previous:
            raise broken(where, seq, expected=f"the hash {previous} of the row before", found=row.prev_hash)
        previous = row_hash(row)
        if previous != row.hash:
            raise broken(where, seq, expected=f"the hash {row.hash} as stored", found=previous)
        while checked < len(known) and known[checked].seq == seq:
            _require_anchored(known, checked, previous, where)
            checked += 1
            confirmed += 1
    return VerifiedAudit(first, seq, previous, confirmed, len(known) - checked, tuple(lost))


def read_anchors(connection: Connection[TupleRow], where: str) -> tuple[Anchor, ...]:
    """Recompute the log from its entries, and return what they say of the audit log, sorted; needs a transaction.

    Raises LedgerError LED031 where the entries are not those that the head, and the checkpoint of it, were made for.
    """
    tail = Tail()
    anchors: list[Anchor] = []
    with connection.cursor(name="log_entries") as cursor:
        cursor.itersize = _AT_ONCE
        entries = iter(cursor.execute("SELECT index, payload FROM log_entries ORDER BY index"))
        while portion := list(islice(entries, _AT_ONCE)):
            for expected, (index, payload) in enumerate(portion, tail.size):
                if index != expected:
                    raise _log_broken(where, f"entry {expected}", f"entry {index}")
                anchors += _anchor(index, payload, where)
            tail = append(tail, [payload for _, payload in portion])
    _require_head(connection, tail, where)
    return tuple(sorted(anchors))


def broken(where: str, seq: int, *, expected: str, found: str) -> LedgerError:
    """The error that names a row of the audit log."""
    return LedgerError(
        codes.AUDIT_BROKEN, where=f"{where} row {seq}", expected=expected, found=found, hint=codes.AUDIT_BROKEN.fix
    )


def _row(row: TupleRow) -> StoredAuditRow:
    seq, at, *rest = row
    return StoredAuditRow(seq, utc(at), *rest)


def _tells_of_loss(row: StoredAuditRow, seq: int) -> bool:
    """Whether it is the row of a rebuilding that kept the rows up to ``seq``."""
    after = orjson.loads(row.after)
    return row.action == REBUILD and isinstance(after, dict) and after.get("rows_lost") == [seq + 1, row.seq - 1]


def _beginning(row: StoredAuditRow, anchors: Sequence[Anchor] | None, where: str) -> tuple[int, Sha256]:
    """The number of a chain's first row, and the hash before it."""
    if row.action != REBUILD or row.seq <= 1:
        return 1, BEFORE_THE_FIRST
    if anchors is not None and not any((each.seq, each.hash) == (row.seq - 1, row.prev_hash) for each in anchors):
        raise broken(
            where, row.seq, expected="the hash of a row that the log names, to go on from", found=row.prev_hash
        )
    return row.seq, parse_sha256(row.prev_hash)


def _require_anchored(anchors: Sequence[Anchor], checked: int, computed: str, where: str) -> None:
    anchor = anchors[checked]
    if anchor.hash == computed:
        return
    confirmed = f"row {anchors[checked - 1].seq} is the last that the log confirms" if checked else "it confirms none"
    raise broken(
        where,
        anchor.seq,
        expected=f"the hash {anchor.hash} of entry {anchor.index} of the log",
        found=f"{computed}; {confirmed}",
    )


def _anchor(index: int, payload: bytes, where: str) -> Iterator[Anchor]:
    """The type is read from what was hashed: the column beside it could be changed without a trace."""
    if _AUDIT_HEAD not in payload:
        return
    try:
        said = read_entry(payload, index).said
    except RefusalError as error:
        raise _log_broken(where, "entries as registry-gen writes them", error.message) from None
    if isinstance(said, AuditHead):
        yield Anchor(said.seq, index, said.hash)


def _require_head(connection: Connection[TupleRow], tail: Tail, where: str) -> None:
    row = connection.execute("SELECT size, tail, root, checkpoint FROM log_head").fetchone()
    assert row is not None, "the migration inserts this row and a trigger keeps it"  # noqa: S101
    size, stored, head_root, checkpoint = row
    if size != tail.size:
        raise _log_broken(where, f"{size} entries", f"{tail.size}")
    if stored != tail.to_bytes() or head_root != root(tail):
        raise _log_broken(
            where, f"entries of the root {root_text(head_root)}", f"others, of the root {root_text(root(tail))}"
        )
    if checkpoint is None:
        return
    try:
        signed = stated(checkpoint)
    except RefusalError as error:
        raise _log_broken(where, "a signed checkpoint", error.message) from None
    if (signed.size, signed.root) != (tail.size, head_root):
        raise _log_broken(
            where,
            f"what was signed, {signed.size} entries of the root {root_text(signed.root)}",
            f"{tail.size} of the root {root_text(head_root)}",
        )


def _log_broken(where: str, expected: str, found: str) -> LedgerError:
    return LedgerError(codes.LOG_BROKEN, where=where, expected=expected, found=found, hint=codes.LOG_BROKEN.fix)
