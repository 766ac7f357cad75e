"""The publication lock: an advisory lock of the session, and a generation that each holder raises.

The lock keeps honest publishers apart; the generation stops one that lost it without noticing, as behind a
connection pooler or after a failover.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

import psycopg

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

KEY: Final = 0x7265_6702
"""What the lock is known by, together with the schema."""
_LONGEST_WAIT: Final = 2_147_483_647
"""Milliseconds: the largest lock_timeout."""

# The second half of the key is the schema: sites that share a database do not wait for each other.
_TRY: Final = "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))"
_WAIT: Final = "SELECT pg_advisory_lock(%s, hashtext(current_schema()))"
_RELEASE: Final = "SELECT pg_advisory_unlock(%s, hashtext(current_schema()))"
_RAISE: Final = """
UPDATE publication SET generation = generation + 1, holder = current_setting('application_name'),
    backend = pg_backend_pid(), since = now()
RETURNING generation
"""
_HOLDER: Final = """
SELECT p.holder, p.backend, p.since, a.client_addr::text
FROM publication p LEFT JOIN pg_stat_activity a ON a.pid = p.backend
"""


def acquire(connection: Connection[TupleRow], wait_seconds: float, where: str) -> int:
    """Take the lock, waiting at most so long, and return the new generation.

    Raises LedgerError LED003, naming the holder, where another one holds on.
    """
    wait(connection, wait_seconds, where)
    row = connection.execute(_RAISE).fetchone()
    if row is None:
        raise LedgerError(codes.SCHEMA_MISSING, where=where, hint=codes.SCHEMA_MISSING.fix)
    generation: int = row[0]
    return generation


def wait(connection: Connection[TupleRow], wait_seconds: float, where: str) -> None:
    """Take the lock alone; raises as ``acquire`` does."""
    if not _taken(connection, wait_seconds):
        raise _held(connection, wait_seconds, where)


def release(connection: Connection[TupleRow]) -> None:
    """Give the lock back at once, and close; closing alone would do so a moment later."""
    try:
        if not connection.broken and not connection.closed:
            connection.execute(_RELEASE, (KEY,))
    except psycopg.Error:
        pass  # The session is gone, and its lock with it.
    finally:
        connection.close()


def require_generation(connection: Connection[TupleRow], generation: int, where: str) -> None:
    """Hold the generation until the transaction ends; raises LedgerError LED004 where it is no longer ours."""
    row = connection.execute("SELECT generation, holder, since FROM publication FOR SHARE").fetchone()
    if row is None or row[0] != generation:
        found = "no generation" if row is None else f"generation {row[0]} of {row[1]}"
        raise LedgerError(
            codes.LOCK_LOST,
            where=where,
            expected=f"generation {generation}",
            found=found,
            hint=codes.LOCK_LOST.fix,
        )


def _taken(connection: Connection[TupleRow], wait_seconds: float) -> bool:
    tried = connection.execute(_TRY, (KEY,)).fetchone()
    if tried is not None and tried[0]:
        return True
    milliseconds = min(int(wait_seconds * 1000), _LONGEST_WAIT)
    if milliseconds <= 0:
        return False
    try:
        with connection.transaction():  # for the settings alone: the lock itself outlives it
            connection.execute(
                "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true)",
                (str(milliseconds),),
            )
            connection.execute(_WAIT, (KEY,))
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _held(connection: Connection[TupleRow], wait_seconds: float, where: str) -> LedgerError:
    row = connection.execute(_HOLDER).fetchone()
    found = "another publisher"
    if row is not None and row[0] is not None:
        holder, backend, since, client = row
        found = f"{holder!r} (server process {backend}{f' from {client}' if client else ''})"
        found += f" since {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return LedgerError(
        codes.LOCK_HELD,
        f"another publisher still holds the publication lock after {wait_seconds:g} s",
        where=where,
        found=found,
        hint=codes.LOCK_HELD.fix,
    )
