"""The verifier key that the log stands under, and its change, which the log itself tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen.errors import LedgerError
from registry_gen.ledger import audit, codes, reading
from registry_gen.ledger.intents import append_entries
from registry_gen.log.entries import audit_head

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import LogHead
    from registry_gen.model.intent import AuditRow, Entry


def adopt(connection: Connection[TupleRow], key: str, where: str) -> None:
    """Remember the key of a log that none is known of; raises LedgerError LED006 where another one is."""
    kept = connection.execute("UPDATE log_head SET key = %s WHERE coalesce(key, %s) = %s", (key, key, key))
    if kept.rowcount != 1:
        raise _frozen(where, reading.log_head(connection).key)


def change(
    connection: Connection[TupleRow], before: str | None, key: str, entry: Entry, row: AuditRow, where: str
) -> LogHead:
    """Append the entry and the audit row that tell of the change, and remember the new key; nothing where it is known.

    Raises LedgerError LED006 where the log stands under another key than ``before``.
    """
    head = reading.log_head(connection)
    if head.key == key:
        return head
    if head.key != before:
        raise _frozen(where, head.key)
    done = audit.append_rows(connection, [row])
    head = append_entries(connection, head, [(None, entry), (None, audit_head(done.seq, done.hash, row.at))])
    connection.execute("UPDATE log_head SET key = %s", (key,))
    return replace(head, key=key)


def _frozen(where: str, key: str | None) -> LedgerError:
    detail = f"the log stands under the key {key or 'of nobody'}, which was changed meanwhile"
    return LedgerError(codes.FROZEN, detail, where=where, hint="Run the command again.")
