"""Writing: every method is one transaction on the connection that holds the lock, and checks the generation first."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from psycopg.types.json import Jsonb

from registry_gen import paths
from registry_gen.errors import LedgerError
from registry_gen.ledger import (
    audit,
    codes,
    forget,
    imported,
    intents,
    lock,
    log_key,
    pending,
    places,
    reading,
    remembered,
    rules,
    violations,
)
from registry_gen.ledger.connection import translated
from registry_gen.ledger.rebuild import rebuild
from registry_gen.ledger.rows import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import Alarm, Contents, Forgotten, ImportCounts, LogHead, RunStatus, Violation
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, PackageHead, PublishedDocument
    from registry_gen.model.imported import ImportedPackage
    from registry_gen.model.intent import AuditRow, Entry, Intent, OpenIntent, Run
    from registry_gen.model.plan import AskedReleases
    from registry_gen.model.purge import PendingPurges
    from registry_gen.model.rules import PublishedRules

_STORE_DOCUMENTS: Final = """
WITH stored AS (
    INSERT INTO documents (owner, key, content, revision, etag)
    SELECT p.id, d.key, d.content, d.revision, d.etag
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])
        AS d (owner, key, content, revision, etag)
    LEFT JOIN packages p ON p.address = d.owner
    ON CONFLICT (key) DO UPDATE SET content = excluded.content, revision = excluded.revision, etag = excluded.etag
    WHERE documents.owner IS NOT DISTINCT FROM excluded.owner AND documents.revision <= excluded.revision
    RETURNING 1
)
SELECT count(*) FROM stored
"""
# A head that moved on since it was read keeps its inputs: the next run plans it again.
_SETTLE_INPUTS: Final = """
UPDATE packages p SET inputs = h.inputs, due_at = h.due_at
FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::timestamptz[]) AS h (address, revision, inputs, due_at)
WHERE p.address = h.address AND p.revision = h.revision
"""
_START_RUN: Final = """
INSERT INTO sync_runs (generation, catalog_commit, actor, started_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (generation, started_at) DO UPDATE SET actor = excluded.actor RETURNING id
"""
# One that only stages for long, and holds no lock meanwhile, is among them: it says later how it ended.
_INTERRUPT_OTHERS: Final = """
UPDATE sync_runs SET status = 'interrupted', ended_at = greatest(started_at, %s) WHERE status = 'running' AND id <> %s
"""


class PostgresPublication:
    """The right to change what is published, as ``ledger.Publication`` describes it. Safe to call from threads.

    ``notes_purges``: a CDN is to be told of what changes.
    """

    def __init__(
        self, connection: Connection[TupleRow], generation: int, where: str, *, notes_purges: bool = False
    ) -> None:
        self._connection = connection
        self._generation = generation
        self._where = where
        self._notes_purges = notes_purges
        self._one_at_a_time = Lock()  # transactions of two threads would mix on one connection

    @property
    def generation(self) -> int:
        """A number that grows with each holder of the lock."""
        return self._generation

    def begin(self, new: Sequence[Intent]) -> tuple[OpenIntent, ...]:
        """Commit intents and return them with their ids; one that is already there keeps its id.

        Raises LedgerError LED005 where a package moved on, or another change of it is not finished.
        """
        with self._fenced() as connection:
            return intents.begin(connection, new, self._generation, self._where)

    def open_intents(self) -> tuple[OpenIntent, ...]:
        """Every intent that is neither finished nor abandoned, oldest first."""
        with self._fenced() as connection:
            return reading.open_intents(connection)

    def abandon(self, ids: Sequence[int]) -> None:
        """Give up intents that were not logged; raises LedgerError LED006 for a logged one."""
        with self._fenced() as connection:
            intents.abandon(connection, ids, self._where)

    def abandoned(self) -> tuple[OpenIntent, ...]:
        """Every intent that was given up and is not collected, oldest first."""
        with self._fenced() as connection:
            return reading.abandoned_intents(connection)

    def collected(self, ids: Sequence[int]) -> None:
        """Close abandoned intents of which the bucket holds nothing any more."""
        with self._fenced() as connection:
            if self._notes_purges:
                pending.note_abandoned(connection, ids)
            intents.collected(connection, ids)

    def log(self, begun: Sequence[OpenIntent]) -> LogHead:
        """Fix indices, size and tail, and make the intents' facts the packages' own; returns the new head."""
        with self._fenced() as connection:
            return intents.log(connection, begun, self._where)

    def log_head(self) -> LogHead:
        """Where the log stands now."""
        with self._fenced() as connection:
            return reading.log_head(connection)

    def log_entries(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The payloads of entries ``start`` to ``stop - 1``."""
        with self._fenced() as connection:
            return reading.log_entries(connection, start, stop)

    def adopt_log_key(self, key: str) -> None:
        """The log stands under this verifier key; raises LedgerError LED006 where another one is known."""
        with self._fenced(later=True) as connection:
            log_key.adopt(connection, key, self._where)

    def change_log_key(self, before: str | None, key: str, entry: Entry, row: AuditRow) -> LogHead:
        """The log stands under ``key`` from now on, as ``entry`` and ``row`` tell; returns the new head.

        Raises LedgerError LED006 where it stood under another key than ``before``.
        """
        with self._fenced() as connection:
            return log_key.change(connection, before, key, entry, row, self._where)

    def checkpoint_signed(self, size: int, checkpoint: bytes) -> None:
        """Keep the checkpoint of the log's present size; raises LedgerError LED006 for another size or checkpoint."""
        with self._fenced() as connection:
            kept = connection.execute(
                "UPDATE log_head SET checkpoint = %s WHERE size = %s AND coalesce(checkpoint, %s) = %s",
                (checkpoint, size, checkpoint, checkpoint),
            )
            if kept.rowcount != 1:
                raise self._frozen(f"the log has another size than {size}, or another checkpoint of it")

    def checkpoint_stored(self, size: int, etag: str) -> None:
        """The bucket holds the signed checkpoint of ``size``.

        Raises LedgerError LED006 for a size that was never signed, or smaller than what the bucket held before.
        """
        with self._fenced(later=True) as connection:
            kept = connection.execute(
                """
                UPDATE log_head SET stored_size = %s, etag = %s
                WHERE %s >= stored_size AND (%s < size OR %s = size AND checkpoint IS NOT NULL)
                """,
                (size, etag, size, size, size),
            )
            if kept.rowcount != 1:
                raise self._frozen(f"the log has no signed checkpoint of size {size}, or the bucket holds a later one")
            self._note(connection, [paths.CHECKPOINT])

    def documents(self, owner: Address | None) -> Mapping[str, PublishedDocument]:
        """The mutable documents of a package by key; None for those of the site."""
        with self._fenced() as connection:
            if owner is None:
                return reading.documents_of_site(connection)
            return reading.documents_of(connection, [owner]).get(owner, {})

    def documents_of(self, owners: Sequence[Address]) -> Mapping[Address, Mapping[str, PublishedDocument]]:
        """The mutable documents of several packages, in one query; packages without any are left out."""
        with self._fenced() as connection:
            return reading.documents_of(connection, owners)

    def documents_stored(self, documents: Mapping[Address | None, Sequence[PublishedDocument]]) -> None:
        """Remember documents that are in the bucket now, by their owners.

        Raises LedgerError LED006 where a key belongs to another owner or was stored at a later revision.
        """
        all_of_them = [(owner, document) for owner, several in documents.items() for document in several]
        if not all_of_them:
            return
        with self._fenced(later=True) as connection:
            intents.ensure_packages(connection, [owner for owner in documents if owner is not None])
            row = connection.execute(
                _STORE_DOCUMENTS,
                (
                    [None if owner is None else str(owner) for owner, _ in all_of_them],
                    [document.key for _, document in all_of_them],
                    [document.content for _, document in all_of_them],
                    [document.revision for _, document in all_of_them],
                    [document.etag for _, document in all_of_them],
                ),
            ).fetchone()
            if row is None or row[0] != len(all_of_them):
                owners = ", ".join(sorted(str(owner or "the site") for owner in documents)[:3])
                raise self._frozen(f"a document of {owners} has another owner or a later revision")
            self._note(connection, [document.key for _, document in all_of_them])

    def document_removed(self, owner: Address, keys: Sequence[str]) -> None:
        """Forget documents that the bucket holds no more."""
        with self._fenced(later=True) as connection:
            connection.execute(
                "DELETE FROM documents d USING packages p WHERE d.owner = p.id AND p.address = %s AND d.key = ANY(%s)",
                (str(owner), list(keys)),
            )
            self._note(connection, keys)

    def settle_place(self, place: str) -> None:
        """Remember the place that is published to, where none is known or nothing was ever logged."""
        with self._fenced(later=True) as connection:
            places.settle(connection, place)

    def begin_copy(self, place: str, run: Run) -> None:
        """Remember that a copy to another place has begun."""
        with self._fenced() as connection:
            places.begin(connection, place, run)

    def copy_begun(self, place: str) -> bool:
        """Whether a copy to this place has begun, and the registry has not moved there yet."""
        with self._fenced() as connection:
            return places.is_begun(connection, place)

    def copied_documents(self, place: str, keys: Sequence[str]) -> Mapping[str, PublishedDocument]:
        """Those of the documents under ``keys`` that a copy has put to ``place``, with their etags there."""
        with self._fenced() as connection:
            return places.copied(connection, place, keys)

    def documents_copied(self, place: str, documents: Sequence[PublishedDocument]) -> None:
        """Remember documents that a copy has put to ``place``."""
        with self._fenced() as connection:
            places.remember(connection, place, documents)

    def surplus_copies(self, place: str) -> tuple[PublishedDocument, ...]:
        """What a copy has put to ``place`` and the registry no longer has."""
        with self._fenced() as connection:
            return places.surplus(connection, place)

    def copies_removed(self, place: str, keys: Sequence[str]) -> None:
        """The copy in ``place`` holds these documents no more."""
        with self._fenced() as connection:
            places.forget(connection, place, keys)

    def move(self, place: str, checkpoint_etag: str | None, run: Run) -> None:
        """Publish to ``place`` from now on; raises LedgerError LED006 where the copy lacks a document as it is now."""
        with self._fenced() as connection:
            places.move(connection, place, checkpoint_etag, run, self._where)

    def packages(self, addresses: Sequence[Address]) -> Mapping[Address, Package]:
        """Packages as of now, with all their versions; those that were never published are left out."""
        with self._fenced() as connection:
            return reading.packages(connection, addresses)

    def finish(self, logged: Sequence[OpenIntent], at: datetime) -> None:
        """Listed: the packages' revision becomes visible, withdrawals enter their stages, and the intents close.

        Raises LedgerError LED006 for an intent that is not logged.
        """
        with self._fenced(later=True) as connection:
            intents.finish(connection, logged, at, self._where)
            self._note(connection, [key for item in logged for key in item.intent.removes])

    def settle_inputs(self, heads: Sequence[PackageHead]) -> None:
        """Keep ``inputs`` and ``due_at`` of packages that need nothing; one that has moved on is left as it is."""
        with self._fenced(later=True) as connection:
            intents.ensure_packages(connection, [head.address for head in heads])
            connection.execute(
                _SETTLE_INPUTS,
                (
                    [str(head.address) for head in heads],
                    [head.revision for head in heads],
                    [head.inputs for head in heads],
                    [None if head.due_at is None else instant(head.due_at) for head in heads],
                ),
            )

    def violation(self, new: Sequence[Violation], at: datetime) -> None:
        """Record alarms; one that is known already gets its last sighting renewed."""
        with self._fenced(later=True) as connection:
            intents.ensure_packages(connection, [violation.address for violation in new])
            violations.record(connection, new, at)

    def acknowledge(
        self, ids: Sequence[int], reason: str, run: Run, approved: Mapping[int, Sequence[object]] | None = None
    ) -> tuple[Alarm, ...]:
        """Acknowledge alarms and say so in the audit log; one that was acknowledged before stays as it was.

        Raises LedgerError LED032 for an unknown id.
        """
        with self._fenced() as connection:
            return violations.acknowledge(connection, ids, reason, run, self._where, approved or {})

    def change_rules(self, before: Sha256 | None, new: PublishedRules, row: AuditRow) -> None:
        """Put rules in force in the place of those with the digest ``before``; raises LedgerError LED055."""
        with self._fenced() as connection:
            rules.change(connection, before, new, row, self._where)

    def audit(self, rows: Sequence[AuditRow]) -> None:
        """Append to the hash-chained audit log."""
        with self._fenced() as connection:
            audit.append_rows(connection, rows)

    def import_packages(self, packages: Sequence[ImportedPackage], row: AuditRow) -> ImportCounts:
        """Keep what another registry says of versions, and ``row`` where anything of it is new."""
        with self._fenced() as connection:
            counts = imported.store(connection, packages)
            if counts.tags or counts.zips:
                audit.append_rows(connection, [row])
            return counts

    def forget_imported(self, addresses: Sequence[Address] | None, reason: str, run: Run) -> tuple[Forgotten, ...]:
        """Forget what was imported of these packages, None for all, except of what was ever published."""
        with self._fenced() as connection:
            return forget.forget(connection, addresses, reason, run)

    def remember(self, asked: Mapping[Address, AskedReleases]) -> None:
        """Keep what sources said of releases until they are asked again; an answer never replaces a later one."""
        with self._fenced(later=True) as connection:
            remembered.store(connection, asked)

    def pending_purges(self, most: int) -> PendingPurges:
        """What a CDN is still to be told of; of more than ``most`` keys only their number."""
        with self._fenced() as connection:
            return pending.read(connection, most)

    def purged(self, keys: Sequence[str] | None, last: int) -> None:
        """A CDN was told of these keys, of all where None, as far as they were noted until ``last``."""
        with self._fenced(later=True) as connection:
            pending.forget(connection, keys, last)

    def start_run(self, catalog_commit: str | None, actor: str, at: datetime) -> int:
        """Record that a publish began; the same moment under the same lock is the same run.

        One that began before and has not ended is called interrupted, until it says something else itself.
        """
        with self._fenced(later=True) as connection:
            row = connection.execute(_START_RUN, (self._generation, catalog_commit, actor, at)).fetchone()
            if row is None:
                raise LedgerError(codes.DATABASE_ERROR, where=self._where, hint=codes.DATABASE_ERROR.fix)
            run: int = row[0]
            connection.execute(_INTERRUPT_OTHERS, (at, run))
            return run

    def finish_run(self, run: int, status: RunStatus, summary: Mapping[str, int], at: datetime) -> None:
        """Record how a run ended."""
        with self._fenced(later=True) as connection:
            connection.execute(
                "UPDATE sync_runs SET status = %s, summary = %s, ended_at = %s WHERE id = %s",
                (status, Jsonb(dict(summary)), at, run),
            )

    def rebuild(self, contents: Contents, before_commit: Callable[[], None]) -> None:
        """Fill an empty ledger, and commit that once ``before_commit`` is done.

        Raises LedgerError LED030 for a ledger that holds anything, and what ``before_commit`` does.
        """
        with self._fenced() as connection:
            rebuild(connection, contents, self._generation, self._where)
            before_commit()

    def _note(self, connection: Connection[TupleRow], keys: Sequence[str]) -> None:
        if self._notes_purges:
            pending.note(connection, keys)

    @contextmanager
    def _fenced(self, *, later: bool = False) -> Iterator[Connection[TupleRow]]:
        """One transaction. ``later``: nothing depends on its end, for the next run would find all that it says anew; a
        ledger whose commits cost much may commit it together with what comes after it.
        """
        del later
        with self._one_at_a_time, translated(self._where), self._connection.transaction():
            lock.require_generation(self._connection, self._generation, self._where)
            yield self._connection

    def _frozen(self, detail: str) -> LedgerError:
        return LedgerError(codes.FROZEN, detail, where=self._where, hint=codes.FROZEN.fix)
