"""The place that is published to, and how the registry moves to another one: etags are each storage's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.errors import LedgerError
from registry_gen.ledger import audit, codes
from registry_gen.model.facts import PublishedDocument
from registry_gen.model.intent import AuditRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.intent import Run

_BEGIN: Final = """
INSERT INTO storage_copies (place, begun_at) VALUES (%s, %s) ON CONFLICT (place) DO NOTHING
"""
_COPIED: Final = """
INSERT INTO copied_documents (place, key, content, revision, etag)
SELECT %s, d.key, d.content, d.revision, d.etag
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[]) AS d (key, content, revision, etag)
ON CONFLICT (place, key) DO UPDATE
SET content = excluded.content, revision = excluded.revision, etag = excluded.etag
"""
_SURPLUS: Final = """
SELECT c.key, c.content, c.revision, c.etag FROM copied_documents c
WHERE c.place = %s AND NOT EXISTS (SELECT FROM documents d WHERE d.key = c.key) ORDER BY c.key
"""
_MOVE: Final = """
UPDATE documents d SET etag = c.etag FROM copied_documents c
WHERE c.place = %s AND c.key = d.key AND c.content = d.content AND c.revision = d.revision
"""


def settle(connection: Connection[TupleRow], place: str) -> None:
    """Remember the place where none is known, or nothing was ever logged."""
    connection.execute(
        "UPDATE log_head SET place = %s WHERE place IS DISTINCT FROM %s AND (place IS NULL OR size = 0)", (place, place)
    )


def begin(connection: Connection[TupleRow], place: str, run: Run) -> None:
    """Remember that a copy to ``place`` has begun: what is there from now on is the copy's own."""
    connection.execute(_BEGIN, (place, run.at))


def is_begun(connection: Connection[TupleRow], place: str) -> bool:
    """Whether a copy to ``place`` has begun, and the registry has not moved there yet."""
    return connection.execute("SELECT FROM storage_copies WHERE place = %s", (place,)).fetchone() is not None


def copied(connection: Connection[TupleRow], place: str, keys: Sequence[str]) -> dict[str, PublishedDocument]:
    """Those of the documents under ``keys`` that a copy has put to ``place``, with their etags there."""
    rows = connection.execute(
        "SELECT key, content, revision, etag FROM copied_documents WHERE place = %s AND key = ANY(%s)",
        (place, list(keys)),
    )
    return {row[0]: PublishedDocument(*row) for row in rows}


def remember(connection: Connection[TupleRow], place: str, documents: Sequence[PublishedDocument]) -> None:
    """Remember documents that a copy has put to ``place``."""
    connection.execute(
        _COPIED,
        (
            place,
            [document.key for document in documents],
            [document.content for document in documents],
            [document.revision for document in documents],
            [document.etag for document in documents],
        ),
    )


def surplus(connection: Connection[TupleRow], place: str) -> tuple[PublishedDocument, ...]:
    """What a copy has put to ``place`` and the registry no longer has."""
    return tuple(PublishedDocument(*row) for row in connection.execute(_SURPLUS, (place,)))


def forget(connection: Connection[TupleRow], place: str, keys: Sequence[str]) -> None:
    """Documents that were deleted at ``place`` again."""
    connection.execute("DELETE FROM copied_documents WHERE place = %s AND key = ANY(%s)", (place, list(keys)))


def move(connection: Connection[TupleRow], place: str, checkpoint_etag: str | None, run: Run, where: str) -> None:
    """Publish to ``place`` from now on: the etags of all documents become those of the copy, or nothing changes.

    Raises LedgerError LED006 where the copy lacks a document as it is now.
    """
    before: Mapping[str, object] = {"place": _place(connection)}
    moved = connection.execute(_MOVE, (place,)).rowcount
    row = connection.execute("SELECT count(*) FROM documents").fetchone()
    if row is None or moved != row[0]:
        detail = f"the copy in {place} has {moved} of {row[0] if row else 0} documents as they are now"
        raise LedgerError(codes.FROZEN, detail, where=where, hint="Run the command again.")
    connection.execute("UPDATE log_head SET place = %s, etag = coalesce(%s, etag)", (place, checkpoint_etag))
    connection.execute("DELETE FROM storage_copies WHERE place = %s", (place,))
    audit.append_rows(connection, [_row(before, place, run)])


def _place(connection: Connection[TupleRow]) -> str | None:
    row = connection.execute("SELECT place FROM log_head").fetchone()
    return row[0] if row else None


def _row(before: Mapping[str, object], place: str, run: Run) -> AuditRow:
    return AuditRow(
        actor=run.actor,
        action="move-storage",
        address="",
        before=before,
        after={"place": place},
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )
