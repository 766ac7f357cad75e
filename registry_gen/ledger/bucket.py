"""``ledger: bucket``: the embedded PostgreSQL, its state in the private bucket, so that a CI runner needs no database.

Every transaction that changes anything is put into the bucket before it is committed here, in this order: the rows as
an object of the journal, ``state/head`` with that object's digest, the commit. The head decides: what it names has
happened, whether this machine lives to commit it or not, and what it does not name has not. So nothing of it can reach
the public bucket before the private one holds it, and this machine is never ahead.

Calls that only say what was done already, and that the next run would find anew, share a transaction with the call
after them, or with the lease's end: each move of the head is a write to the one object that a bucket lets nobody write
often.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg

from registry_gen.errors import LedgerError
from registry_gen.ledger import backup, bucket_journal, bucket_snapshot, codes, lock
from registry_gen.ledger.bucket_clean import sweep
from registry_gen.ledger.bucket_head import Lease
from registry_gen.ledger.bucket_lease import HeldLease, Timing, beginning, read_head, take
from registry_gen.ledger.bucket_sync import bring, migration, position, set_position
from registry_gen.ledger.connection import connect, translated
from registry_gen.ledger.embedded import EmbeddedServer
from registry_gen.ledger.migrate import migrate, shipped
from registry_gen.ledger.postgres import PostgresLedger
from registry_gen.ledger.publication import PostgresPublication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import Publication
    from registry_gen.ledger.backup import Counts
    from registry_gen.ledger.bucket_head import Head
    from registry_gen.ledger.bucket_store import ObjectStore
    from registry_gen.model.intent import AuditRow

_SYNC_KEY: Final = 0x7265_6703
_WAIT_TO_SYNC: Final = "SELECT pg_advisory_lock(%s, hashtext(current_schema()))"
_SYNC_IS_OVER: Final = "SELECT pg_advisory_unlock(%s, hashtext(current_schema()))"
_TRY_PUBLICATION: Final = "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))"
# The lease counts the generations; this database's may be ahead of it, since it was filled from elsewhere.
_TRIGGERS_OFF: Final = "SET LOCAL session_replication_role = replica"
_SET_GENERATION: Final = """
UPDATE publication SET generation = %s, holder = current_setting('application_name'), backend = pg_backend_pid(),
    since = now()
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """When a snapshot is taken: after so many changes, or bytes of them. ``kept`` older changes stay in the head."""

    changes: int = 64
    bytes: int = 32 << 20
    kept: int = 64


def open_bucket(folder: Path, store: ObjectStore, owner: str, *, notes_purges: bool = False) -> BucketLedger:
    """The ledger whose state is in ``store``, brought to this machine; ``folder`` such as STATE/ledger.

    ``owner`` is who the lease is held for, as people are told; ``notes_purges``: a CDN is to be told of what changes.
    Raises LedgerError LED020 to LED022 where the server
    cannot be had, LED013 and LED044 to LED047 where the bucket's state cannot.
    """
    server = EmbeddedServer.start(folder)
    try:
        ledger = BucketLedger(server.dsn(), store, owner, on_close=server.close, notes_purges=notes_purges)
        ledger.bring()
    except BaseException:
        server.close()
        raise
    return ledger


class BucketLedger(PostgresLedger):
    """``ledger.Ledger`` for a database that is this process's to throw away. Reading asks that database alone."""

    def __init__(
        self,
        dsn: str,
        store: ObjectStore,
        owner: str,
        *,
        timing: Timing | None = None,
        sizes: Sizes | None = None,
        on_close: Callable[[], None] | None = None,
        notes_purges: bool = False,
    ) -> None:
        super().__init__(dsn, on_close, notes_purges=notes_purges)
        self._published_now: BucketPublication | None = None
        self._store = store
        self._owner = owner[:1_000]
        self._timing = timing or Timing()
        self._sizes = sizes or Sizes()

    def bring(self) -> None:
        """Bring this machine's ledger to where the bucket's is; where a publisher of this machine works, it is."""
        with connect(self._dsn) as connection, translated(self._where):
            connection.execute(_WAIT_TO_SYNC, (_SYNC_KEY,))
            tried = connection.execute(_TRY_PUBLICATION, (lock.KEY,)).fetchone()
            if tried and tried[0]:
                try:
                    self._bring(connection, self.head())
                finally:
                    lock.release(connection)

    def head(self) -> Head | None:
        """Where the bucket's ledger stands, and who holds its lease; None where it holds nothing yet."""
        found = read_head(self._store)
        return found.head if found else None

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Publication]:
        """Hold the lease, waiting at most so long; raises LedgerError LED003 where another holds on."""
        with self._published(wait_seconds) as publication:
            yield publication

    def restore(self, file: Path) -> Counts:
        """Fill this ledger, where nothing was ever published, from a backup; raises what ``backup.restore`` does."""
        with self._leased(0) as lease:
            with self._local(0) as connection, translated(self._where):
                self._bring(connection, lease.head)
            counts = backup.restore(self._dsn, file)
            with self._local(0) as connection, translated(self._where):
                self._save(connection, lease, anew=True)
        return counts

    def lock(self, until: datetime, reason: str, row: AuditRow) -> Lease:
        """Take the lease for a person, until it expires or is given back; ``row`` tells the audit log.

        Raises LedgerError LED003 where another one holds it.
        """
        left = Lease(owner=self._owner, since=self._timing.clock(), expires_at=until, by_hand=True, reason=reason)
        with self._published(0, leave=left) as publication:
            publication.audit([row])
        return left

    def unlock(self, row: AuditRow, *, force: bool) -> Lease | None:
        """Take away a lease that somebody holds, and return it; None where nobody does. ``row`` tells the audit log.

        Raises LedgerError LED049 for a lease that is not one of a person of our name, unless ``force`` is given.
        """
        head = self.head()
        held = head.lease if head else None
        if head is None or held is None or not held.holds(self._timing.clock(), self._timing.margin):
            return None
        if not force and not (held.by_hand and held.owner == self._owner):
            code = codes.LEASE_OF_ANOTHER
            raise LedgerError(code, where=self._store.name, expected=repr(self._owner), found=str(held), hint=code.fix)
        with self._published(0, over=head.generation) as publication:
            publication.audit([row])
        return held

    @contextmanager
    def _published(
        self, wait_seconds: float, *, over: int | None = None, leave: Lease | None = None
    ) -> Iterator[BucketPublication]:
        with self._local(wait_seconds) as connection, self._leased(wait_seconds, over) as lease:
            with translated(self._where):
                self._bring(connection, lease.head)
                self._begin(connection, lease)
            publication = BucketPublication(
                connection, lease, self._store, self._where, notes_purges=self._notes_purges
            )
            self._published_now = publication
            try:
                yield publication
                if self._wants_snapshot(lease.head, publication):
                    publication.settle()
                    with translated(self._where):
                        self._save(connection, lease)
                publication.settle(leave, last=True)
            except BaseException:
                with suppress(LedgerError):  # what ended the run is told; what it had done is kept if that can be
                    publication.settle(last=True)
                raise
            finally:
                self._published_now = None

    def _wants_snapshot(self, head: Head, publication: BucketPublication) -> bool:
        unsaved = head.unsaved
        changes = len(unsaved) + publication.waits
        return changes >= self._sizes.changes or sum(each.size for each in unsaved) >= self._sizes.bytes

    @contextmanager
    def _snapshot(self) -> Iterator[Connection[TupleRow]]:
        """As on a server; our own publisher's changes are among what is read, those that wait, too."""
        publication = self._published_now
        if publication:
            publication.settle()
        with super()._snapshot() as connection:
            yield connection

    def _bring(self, connection: Connection[TupleRow], head: Head | None) -> None:
        if bring(connection, self._store, head, self._where):
            self._forget_connections()  # they remember tables that are gone

    def _begin(self, connection: Connection[TupleRow], lease: HeldLease) -> None:
        """What only the holder may do: the schema of a newer registry-gen, and the marks of its own time."""
        migrate(connection, shipped(), self._where)
        bucket_journal.switch_on(connection)
        if migration(connection) != lease.head.migration:
            self._save(connection, lease, whole=True)
        with connection.transaction():
            connection.execute(_TRIGGERS_OFF)
            connection.execute(_SET_GENERATION, (lease.generation,))
        bucket_journal.begin(connection)

    def _save(
        self, connection: Connection[TupleRow], lease: HeldLease, *, whole: bool = False, anew: bool = False
    ) -> None:
        """Take a snapshot and let the head name it; then forget older changes, and sweep away what nothing names.

        ``whole`` says that the schema has changed; ``anew`` that the ledger was filled from elsewhere, so that no
        change leads to it.
        """
        head = lease.head.model_copy(update={"migration": migration(connection)})
        if anew:
            digest = "0" * 64  # of no change: no machine is there yet
            head = head.model_copy(update={"first": head.number + 1, "before": digest, "changes": ()})
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            ref = bucket_snapshot.save(connection, self._store, head, whole=whole or anew)
            kept = 0 if whole or anew else self._sizes.kept
            first = max(head.first, head.number - kept)
            lease.move(
                migration=head.migration,
                snapshot=ref,
                first=first,
                before=head.digest_at(first),
                changes=head.changes[first - head.first :],
            )
            connection.execute("DELETE FROM bucket_unsaved")
            set_position(connection, head.ledger, head.number, head.digest)
        sweep(self._store, lease, self._timing.clock())

    @contextmanager
    def _local(self, wait_seconds: float) -> Iterator[Connection[TupleRow]]:
        """A connection that keeps other processes of this machine away."""
        connection = connect(self._dsn)
        try:
            with translated(self._where):
                # Whoever only brings the ledger holds both locks, for a moment: not what a publisher is refused for.
                connection.execute(_WAIT_TO_SYNC, (_SYNC_KEY,))
                tried = connection.execute(_TRY_PUBLICATION, (lock.KEY,)).fetchone()
                connection.execute(_SYNC_IS_OVER, (_SYNC_KEY,))
                if not (tried and tried[0]):
                    lock.wait(connection, wait_seconds, self._where)
            yield connection
        finally:
            lock.release(connection)

    @contextmanager
    def _leased(self, wait_seconds: float, over: int | None = None) -> Iterator[HeldLease]:
        now = self._timing.clock()
        lease = Lease(owner=self._owner, since=now, expires_at=now)
        held = take(self._store, lease, wait_seconds, self._beginning, self._timing, over=over)
        try:
            with held.kept():
                yield held
        finally:
            held.release()

    def _beginning(self) -> Head:
        """The head of a ledger that is yet to begin; one that had begun must not begin again."""
        with translated(self._where), connect(self._dsn) as connection:
            self._bring(connection, None)
        return beginning(shipped()[-1].name)


class BucketPublication(PostgresPublication):
    """The right to change what is published, under a lease.

    What a call has changed is in the bucket when it ends, or, of a call that need not be, when the next one ends that
    must, or the lease.
    """

    def __init__(
        self,
        connection: Connection[TupleRow],
        lease: HeldLease,
        store: ObjectStore,
        where: str,
        *,
        notes_purges: bool = False,
    ) -> None:
        super().__init__(connection, lease.generation, where, notes_purges=notes_purges)
        self._lease = lease
        self._store = store
        self._rows = 0

    @property
    def waits(self) -> bool:
        """Whether anything was changed that is not in the bucket yet."""
        return self._rows > 0

    def settle(self, leave: Lease | None = None, *, last: bool = False) -> None:
        """Put what waits. ``last``: this is the end, with which the lease is given back, or becomes another one.

        Raises LedgerError as every call does.
        """
        with self._one_at_a_time, translated(self._where):
            if self._rows:
                with self._undone_where_it_fails():
                    self._lease.require()
                    self._put(leave, last=last)
            elif leave:
                self._lease.leave(leave)

    @contextmanager
    def _fenced(self, *, later: bool = False) -> Iterator[Connection[TupleRow]]:
        """As on a server; and whoever lost the lease, or does not know where the bucket stands, does nothing more.

        A call that fails takes back what it has changed itself, not what waits from before.
        """
        with self._one_at_a_time, translated(self._where):
            if not self._rows:
                self._connection.execute("BEGIN")
            with self._undone_where_it_fails(keep=bool(self._rows)), self._connection.transaction():
                lock.require_generation(self._connection, self._generation, self._where)
                self._lease.require()
                self._require_same(self._connection)
                yield self._connection
                rows = bucket_journal.written(self._connection)
            new, self._rows = rows - self._rows, rows
            with self._undone_where_it_fails():
                if not rows:
                    self._connection.commit()
                elif new and not later:
                    self._put(None, last=False)

    def _put(self, leave: Lease | None, *, last: bool) -> None:
        change = bucket_journal.write(self._connection, self._store, self._lease.head)
        changes = (*self._lease.head.changes, change)
        if last:
            self._lease.leave(leave, changes=changes)
        else:
            self._lease.move(changes=changes)
        head = self._lease.head
        set_position(self._connection, head.ledger, head.number, head.digest)
        self._connection.commit()
        self._rows = 0

    @contextmanager
    def _undone_where_it_fails(self, *, keep: bool = False) -> Iterator[None]:
        """Nothing waits any more that could not be put; ``keep``: the failure concerns one call alone."""
        try:
            yield
        except BaseException:
            if not keep:
                self._rows = 0
                with suppress(psycopg.Error):  # a connection that is gone has undone it
                    self._connection.rollback()
            raise

    def _require_same(self, connection: Connection[TupleRow]) -> None:
        """A commit that failed after the head had moved leaves this database behind; the next holder mends that."""
        known, head = position(connection), self._lease.head
        if known is None or (known.ledger, known.number, known.digest) != (head.ledger, head.number, head.digest):
            code = codes.CONNECTION_LOST
            found = f"change {known.number if known else 'none'}"
            raise LedgerError(code, where=self._where, expected=f"change {head.number}", found=found, hint=code.fix)
