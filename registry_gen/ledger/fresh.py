"""A ledger that is filled from elsewhere: nothing may be in it, and nobody may take it for its former self."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

_IN_USE: Final = """
SELECT CASE
    WHEN EXISTS (SELECT FROM log_entries) THEN 'entries of a log'
    WHEN EXISTS (SELECT FROM packages) THEN 'packages'
    WHEN EXISTS (SELECT FROM intents) THEN 'intents'
    WHEN EXISTS (SELECT FROM audit_log) THEN 'rows of the audit log'
END
"""
_RAISE_GENERATION: Final = """
UPDATE publication SET generation = greatest(generation + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
    holder = NULL, backend = NULL, since = NULL
"""


def require_unused(connection: Connection[TupleRow], where: str) -> None:
    """Raise LedgerError LED030, saying what there is, for a ledger in use."""
    row = connection.execute(_IN_USE).fetchone()
    if row is not None and row[0] is not None:
        raise LedgerError(codes.IN_USE, where=where, found=row[0], hint=codes.IN_USE.fix)


def outrun(connection: Connection[TupleRow]) -> None:
    """Leave all generations of before behind: a publisher that slept meanwhile must not find its own again."""
    connection.execute(_RAISE_GENERATION)
