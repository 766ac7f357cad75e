"""Alarms: recorded once for each thing that was seen, and acknowledged by somebody, for a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from registry_gen.errors import LedgerError
from registry_gen.ledger import Acknowledgement, Alarm, audit, codes
from registry_gen.ledger.rows import address_from, token, utc
from registry_gen.model.intent import AuditRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import Violation
    from registry_gen.model.intent import Run

_RECORD: Final = """
INSERT INTO tag_violations (package, version, kind, published, seen, token, first_seen, last_seen)
SELECT p.id, v.version, v.kind, v.published, v.seen, v.token, %s, %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS v (address, version, kind, published, seen, token)
JOIN packages p ON p.address = v.address
ON CONFLICT (package, token) DO UPDATE SET last_seen = greatest(tag_violations.last_seen, excluded.last_seen)
"""
_COLUMNS: Final = """
SELECT v.id, p.kind, p.address, v.version, v.kind, v.published, v.seen, v.first_seen, v.last_seen,
    v.acknowledged_by, v.acknowledged_reason, v.acknowledged_at
FROM tag_violations v JOIN packages p ON p.id = v.package
"""
_OPEN: Final = sql.SQL(_COLUMNS + "WHERE v.acknowledged_at IS NULL ORDER BY v.first_seen, v.id")
_ALL: Final = sql.SQL(_COLUMNS + "ORDER BY v.first_seen, v.id")
_SOME: Final = sql.SQL(_COLUMNS + "WHERE v.id = ANY(%s) ORDER BY v.id")
_ACKNOWLEDGE: Final = """
UPDATE tag_violations
SET acknowledged_by = %s, acknowledged_reason = %s, acknowledged_at = greatest(%s, first_seen) WHERE id = ANY(%s)
"""


def record(connection: Connection[TupleRow], violations: Sequence[Violation], at: datetime) -> None:
    """Keep alarms about packages that the ledger has; one that is known already was only seen again.

    A known one stays acknowledged: somebody has looked at this very value. Another value is another alarm.
    """
    # One statement may touch a row only once, and a source may say the same thing twice.
    distinct = list(dict.fromkeys(violations))
    connection.execute(
        _RECORD,
        (
            at,
            at,
            [str(violation.address) for violation in distinct],
            [violation.version for violation in distinct],
            [violation.kind for violation in distinct],
            [violation.published for violation in distinct],
            [violation.seen for violation in distinct],
            [token([v.version, v.kind, v.published, v.seen]) for v in distinct],
        ),
    )


def read(connection: Connection[TupleRow], *, acknowledged: bool) -> tuple[Alarm, ...]:
    """Alarms that nobody has acknowledged, and on request the others too, oldest first."""
    rows = connection.execute(_ALL) if acknowledged else connection.execute(_OPEN)
    return tuple(map(_alarm, rows))


def acknowledge(
    connection: Connection[TupleRow],
    ids: Sequence[int],
    reason: str,
    run: Run,
    where: str,
    approved: Mapping[int, Sequence[object]],
) -> tuple[Alarm, ...]:
    """Acknowledge alarms, with a row of the audit log for each, and return them as they stand afterwards.

    One that was acknowledged before keeps its first acknowledgement. Raises LedgerError LED032 where there is no alarm
    of some number; then none is acknowledged.
    """
    found = tuple(map(_alarm, connection.execute(_SOME, (list(ids),))))
    if unknown := sorted(set(ids) - {alarm.id for alarm in found}):
        raise LedgerError(codes.NO_VIOLATION, where=where, found=f"violation {unknown[0]}", hint=codes.NO_VIOLATION.fix)
    new = [alarm for alarm in found if alarm.acknowledged is None]
    connection.execute(_ACKNOWLEDGE, (run.actor, reason, run.at, [alarm.id for alarm in new]))
    audit.append_rows(connection, [_audit_row(alarm, reason, run, approved.get(alarm.id)) for alarm in new])
    return tuple(map(_alarm, connection.execute(_SOME, (list(ids),))))


def _alarm(row: TupleRow) -> Alarm:
    id_, kind, address, version, code, published, seen, first_seen, last_seen, by, reason, at = row
    return Alarm(
        address=address_from(kind, address),
        version=version,
        kind=code,
        published=published,
        seen=seen,
        id=id_,
        first_seen=utc(first_seen),
        last_seen=utc(last_seen),
        acknowledged=None if at is None else Acknowledgement(by, reason, utc(at)),
    )


def _audit_row(alarm: Alarm, reason: str, run: Run, approvals: Sequence[object] | None) -> AuditRow:
    violation = {
        "violation": alarm.id,
        "version": alarm.version,
        "code": alarm.kind,
        "published": alarm.published,
        "seen": alarm.seen,
    }
    return AuditRow(
        actor=run.actor,
        action="acknowledge",
        address=str(alarm.address),
        before={**violation, "acknowledged": False},
        after={**violation, "acknowledged": True, "reason": reason, **({"approvals": approvals} if approvals else {})},
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )
