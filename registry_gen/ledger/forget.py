"""Taking an import back: what it said of things that were never published is forgotten, and the audit log says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.ledger import Forgotten, audit
from registry_gen.model.address import parse_address
from registry_gen.model.intent import AuditRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.address import Address
    from registry_gen.model.intent import Run

_FORGET: Final = """
WITH tags AS (
    DELETE FROM imported_tags t WHERE (%(all)s OR t.address = ANY(%(some)s)) AND NOT EXISTS (
        SELECT FROM packages p JOIN module_versions v ON v.package = p.id
        WHERE p.address = t.address AND v.version = t.version
    ) RETURNING t.address
), zips AS (
    DELETE FROM imported_zips t WHERE (%(all)s OR t.address = ANY(%(some)s)) AND NOT EXISTS (
        SELECT FROM packages p JOIN provider_versions v ON v.package = p.id
        JOIN provider_platforms z ON z.version_id = v.id
        WHERE p.address = t.address AND v.version = t.version AND z.os = t.os AND z.arch = t.arch
    ) RETURNING t.address
), known AS (
    SELECT address, 0 AS zip, 0 AS gone FROM imported_tags WHERE %(all)s OR address = ANY(%(some)s)
    UNION ALL SELECT address, 1, 0 FROM imported_zips WHERE %(all)s OR address = ANY(%(some)s)
    UNION ALL SELECT address, 0, 1 FROM tags
    UNION ALL SELECT address, 1, 1 FROM zips
)
SELECT address, sum(gone * (1 - zip)), sum(gone * zip), count(*) - 2 * sum(gone)
FROM known GROUP BY address ORDER BY address COLLATE "C"
"""
# Its head may say that nothing is to be done: that was so with what was imported.
_LOOK_AGAIN: Final = "UPDATE packages SET inputs = NULL WHERE address = ANY(%s)"


def forget(
    connection: Connection[TupleRow], addresses: Sequence[Address] | None, reason: str, run: Run
) -> tuple[Forgotten, ...]:
    """Forget, and say what; runs inside a transaction of the caller.

    The statement sees the tables as they were before it, so what goes is counted twice: as known, and as gone.
    """
    some = [str(address) for address in addresses or ()]
    rows = connection.execute(_FORGET, {"all": addresses is None, "some": some})
    found = tuple(Forgotten(parse_address(text), int(tags), int(zips), int(kept)) for text, tags, zips, kept in rows)
    less = [each for each in found if each.tags or each.zips]
    connection.execute(_LOOK_AGAIN, ([str(each.address) for each in less],))
    audit.append_rows(connection, [_audit_row(each, reason, run) for each in less])
    return found


def _audit_row(forgotten: Forgotten, reason: str, run: Run) -> AuditRow:
    return AuditRow(
        actor=run.actor,
        action="forget-import",
        address=str(forgotten.address),
        before={"tags": forgotten.tags, "zips": forgotten.zips},
        after={"kept": forgotten.kept, "reason": reason},
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )
