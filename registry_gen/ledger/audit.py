"""The audit log: append-only, each row hashing the one before, so that an altered row shows.

``hash`` is the SHA-256, in hex, of a JSON array in UTF-8 without spaces: the row's number, its time (ISO 8601, UTC),
actor, action, address, ``before`` and ``after`` as the very text that is stored, the catalog commit or null, the URL
of the run where there is one, and the hash of the row before (64 zeros before the first). A table's owner can switch
the triggers off and rewrite the whole chain; that is why the chain's head goes into the transparency log.

Where the ledger was lost, the rows are lost with it, and the log still knows the number and the hash of the last one
that it names. The row that tells of the rebuilding takes the number after it and hashes it as the row before: so the
chain goes on from what nobody can have made up, and shows which rows are gone.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.ledger.rows import canonical, instant, utc
from registry_gen.model.digest import Sha256, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.log.read_entries import AuditHead as Logged
    from registry_gen.model.intent import AuditRow

BEFORE_THE_FIRST: Final = Sha256("0" * 64)
REBUILD: Final = "rebuild"
"""The action of a row that begins the chain anew after the ledger was lost."""


_LAST: Final = """
SELECT seq, at, actor, action, address, before::text, after::text, catalog_commit, run_url, prev_hash, hash
FROM audit_log ORDER BY seq DESC LIMIT %s
"""
_APPEND: Final = """
INSERT INTO audit_log (seq, at, actor, action, address, before, after, catalog_commit, run_url, prev_hash, hash)
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::json[], %s::json[],
    %s::text[], %s::text[], %s::text[], %s::text[])
"""

_Content = tuple[str, str, str, str, str, str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The last row's number and hash; 0 and zeros where there is none."""

    seq: int
    hash: Sha256


@dataclass(frozen=True, slots=True)
class StoredAuditRow:
    """A row of the audit log as it is kept; ``before`` and ``after`` are JSON, the very text that ``hash`` covers."""

    seq: int
    at: datetime
    actor: str
    action: str
    address: str
    before: str
    after: str
    catalog_commit: str | None
    run_url: str | None
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True, order=True)
class Anchor:
    """What the transparency log says of the audit log: row ``seq`` has this hash, says entry number ``index``."""

    seq: int
    index: int
    hash: str


@dataclass(frozen=True, slots=True)
class VerifiedAudit:
    """An audit log that is whole: its first and last row (0 and zeros for none), and how many anchors agree with it.

    ``lost`` are the first and last rows of each part that a rebuilding of the ledger could not bring back.
    ``unchecked`` is how many anchors name rows behind the last one: an export may be older than the log.
    """

    first: int
    seq: int
    hash: Sha256
    anchors: int
    unchecked: int = 0
    lost: tuple[tuple[int, int], ...] = ()


def append_rows(connection: Connection[TupleRow], rows: Sequence[AuditRow], after: Logged | None = None) -> AuditHead:
    """Append to the chain and return its new head; ``after`` is a row that the log names, to go on from where it is
    later than the last one that is there.

    Where the log already ends with exactly these rows they are not appended again: that is a repeated write whose
    first commit had succeeded.
    """
    contents = [_content(row) for row in rows]
    last = connection.execute(_LAST, (max(len(rows), 1),)).fetchall()[::-1]
    seq, previous = (last[-1][0], last[-1][10]) if last else (0, BEFORE_THE_FIRST)
    if after and after.seq > seq:
        seq, previous = after.seq, after.hash
    if not rows or [_stored_content(row) for row in last] == contents:
        return AuditHead(seq, previous)
    lines = []
    for content in contents:
        seq += 1
        digest = _hash(seq, content, previous)
        lines.append((seq, *content, previous, digest))
        previous = digest
    connection.execute(_APPEND, tuple([line[column] for line in lines] for column in range(len(lines[0]))))
    return AuditHead(seq, previous)


def restore_rows(connection: Connection[TupleRow], rows: Sequence[StoredAuditRow]) -> None:
    """Put rows back that were kept elsewhere, as they are; whoever gives them has verified their chain."""
    if rows:
        lines = [astuple(row) for row in rows]
        connection.execute(_APPEND, tuple([line[column] for line in lines] for column in range(len(lines[0]))))


def _content(row: AuditRow) -> _Content:
    before, after = canonical(row.before).decode(), canonical(row.after).decode()
    return (instant(row.at), row.actor, row.action, row.address, before, after, row.catalog_commit, row.run_url)


def _stored_content(row: TupleRow) -> _Content:
    return (instant(utc(row[1])), *row[2:9])


def row_hash(row: StoredAuditRow) -> Sha256:
    """What the hash of a row must be, whatever it says of itself."""
    said = (row.actor, row.action, row.address, row.before, row.after, row.catalog_commit, row.run_url)
    return _hash(row.seq, (instant(row.at), *said), row.prev_hash)


def _hash(seq: int, content: _Content, previous: str) -> Sha256:
    *rest, run_url = content
    return sha256(canonical([seq, *rest, *([] if run_url is None else [run_url]), previous]))
