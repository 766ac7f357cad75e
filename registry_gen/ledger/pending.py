"""Keys that a CDN is still to be told of; see its migration. Notes are made under the publication lock alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.model.purge import PendingPurges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

_NOTE: Final = """
INSERT INTO pending_purges (key) SELECT DISTINCT unnest(%s::text[])
ON CONFLICT (key) DO UPDATE SET noted = DEFAULT
"""
_NOTE_ABANDONED: Final = """
INSERT INTO pending_purges (key)
SELECT DISTINCT artifact->>'key' FROM intents, jsonb_array_elements(payload->'artifacts') AS artifact
WHERE id = ANY(%s) AND status = 'abandoned'
ON CONFLICT (key) DO UPDATE SET noted = DEFAULT
"""


def note(connection: Connection[TupleRow], keys: Sequence[str]) -> None:
    """Keys changed, or are gone; runs inside the transaction that says so."""
    if keys:
        connection.execute(_NOTE, (list(keys),))


def note_abandoned(connection: Connection[TupleRow], ids: Sequence[int]) -> None:
    """The artifacts of these abandoned intents are gone; other bytes may come to their keys."""
    connection.execute(_NOTE_ABANDONED, (list(ids),))


def read(connection: Connection[TupleRow], most: int) -> PendingPurges:
    """What is pending; of more than ``most`` keys only their number."""
    row = connection.execute("SELECT count(*), coalesce(max(noted), 0) FROM pending_purges").fetchone()
    count, last = row or (0, 0)
    if count > most:
        return PendingPurges(count, (), last)
    keys = connection.execute("SELECT key FROM pending_purges ORDER BY key").fetchall()
    return PendingPurges(count, tuple(key for (key,) in keys), last)


def forget(connection: Connection[TupleRow], keys: Sequence[str] | None, last: int) -> None:
    """The CDN was told of keys, or of all where None, as they were noted up to ``last``."""
    if keys is None:
        connection.execute("DELETE FROM pending_purges WHERE noted <= %s", (last,))
    elif keys:
        connection.execute("DELETE FROM pending_purges WHERE noted <= %s AND key = ANY(%s)", (last, list(keys)))
