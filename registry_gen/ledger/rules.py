"""The rules of who may approve what, as they were published last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg.types.json import Json

from registry_gen.errors import LedgerError
from registry_gen.ledger import audit, codes
from registry_gen.ledger.rows import canonical, utc
from registry_gen.model.digest import Sha256
from registry_gen.model.rules import PublishedRules

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.intent import AuditRow

_CHANGE: Final = """
INSERT INTO approval_rules (digest, content, published_at) VALUES (%s, %s, %s)
ON CONFLICT (singleton) DO UPDATE
SET digest = excluded.digest, content = excluded.content, published_at = excluded.published_at
"""


def read(connection: Connection[TupleRow]) -> PublishedRules | None:
    """The rules that were published last, None where none ever were."""
    row = connection.execute("SELECT digest, content, published_at FROM approval_rules").fetchone()
    return None if row is None else PublishedRules(Sha256(row[0]), row[1], utc(row[2]))


def change(
    connection: Connection[TupleRow], before: Sha256 | None, rules: PublishedRules, row: AuditRow, where: str
) -> None:
    """Replace the rules whose digest is ``before``, None for none; raises LedgerError LED055 where it is another."""
    known = read(connection)
    found = known.digest if known else None
    if found == rules.digest:
        return
    if found != before:
        raise LedgerError(
            codes.RULES_CHANGED,
            where=where,
            expected=before or "none",
            found=found or "none",
            hint=codes.RULES_CHANGED.fix,
        )
    connection.execute(_CHANGE, (rules.digest, Json(rules.content, canonical), rules.published_at))
    audit.append_rows(connection, [row])
