"""The ledger on a PostgreSQL server: reading through a pool, writing on a connection that holds the lock."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from psycopg_pool import ConnectionPool, PoolTimeout

from registry_gen.errors import LedgerError
from registry_gen.ledger import (
    audit_check,
    backup,
    codes,
    imported,
    lock,
    reading,
    remembered,
    rules,
    stock,
    violations,
)
from registry_gen.ledger.connection import complete, connect, describe, translated
from registry_gen.ledger.embedded import EmbeddedServer
from registry_gen.ledger.inspection import PostgresInspection
from registry_gen.ledger.migrate import migrate, pending, shipped
from registry_gen.ledger.publication import PostgresPublication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import Alarm, Inspection, LogHead, Publication
    from registry_gen.ledger.audit import Anchor, StoredAuditRow, VerifiedAudit
    from registry_gen.ledger.backup import Counts
    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package, PackageHead, Stock
    from registry_gen.model.imported import Imported
    from registry_gen.model.plan import RememberedRelease
    from registry_gen.model.rules import PublishedRules

_READERS: Final = 4
_POOL_SECONDS: Final = 10.0


def open_server(dsn: str, *, notes_purges: bool = False) -> PostgresLedger:
    """The ledger of a server; nothing is connected before the first call.

    ``notes_purges``: a CDN is to be told of what changes.
    """
    return PostgresLedger(dsn, notes_purges=notes_purges)


def open_embedded(folder: Path, *, notes_purges: bool = False) -> PostgresLedger:
    """The ledger of this machine, its server started or joined; ``folder`` such as STATE/postgres.

    ``notes_purges``: a CDN is to be told of what changes.
    Raises LedgerError LED020 to LED022 where the server cannot be had.
    """
    server = EmbeddedServer.start(folder)
    return PostgresLedger(server.dsn(), server.close, notes_purges=notes_purges)


class PostgresLedger:
    """``ledger.Ledger`` for one schema of one database. Safe to call from threads."""

    def __init__(self, dsn: str, on_close: Callable[[], None] | None = None, *, notes_purges: bool = False) -> None:
        self._dsn = dsn
        self._notes_purges = notes_purges
        self._where = describe(dsn)
        self._on_close = on_close
        self._pool: ConnectionPool[Connection[TupleRow]] | None = None
        self._opening = Lock()

    def migrate(self) -> tuple[str, ...]:
        """Bring the schema up to date, under a lock; returns the names of the migrations that ran.

        Raises LedgerError LED012 or LED013 where the schema is not one of ours.
        """
        connection = connect(self._dsn)
        with translated(self._where), connection:
            return migrate(connection, shipped(), self._where)

    def pending(self) -> tuple[str, ...]:
        """The migrations that ``migrate`` would run; raises LedgerError as it does."""
        connection = connect(self._dsn)
        with translated(self._where), connection:
            return pending(connection, shipped(), self._where)

    def heads(self) -> Mapping[Address, PackageHead]:
        """The head of every package, without versions."""
        with self._snapshot() as connection:
            return reading.heads(connection)

    def packages(self, addresses: Sequence[Address]) -> Mapping[Address, Package]:
        """Packages with their versions; addresses that were never published are left out."""
        with self._snapshot() as connection:
            return reading.packages(connection, addresses)

    def stock(self, namespaces: Sequence[str]) -> Mapping[str, Stock]:
        """What the versions of modules and providers take up in these namespaces; those without any are left out."""
        with self._snapshot() as connection:
            return stock.read(connection, namespaces)

    def log_head(self) -> LogHead:
        """Where the log stands."""
        with self._snapshot() as connection:
            return reading.log_head(connection)

    def log_entries(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The payloads of entries ``start`` to ``stop - 1``; fewer where the log is shorter."""
        with self._snapshot() as connection:
            return reading.log_entries(connection, start, stop)

    @contextmanager
    def inspection(self) -> Iterator[Inspection]:
        """Reads that all see the same moment, for as long as the block runs."""
        with self._snapshot() as connection:
            yield PostgresInspection(connection)

    def imported(self, addresses: Sequence[Address]) -> Mapping[Address, Imported]:
        """What was imported of these packages; those of which nothing was are left out."""
        with self._snapshot() as connection:
            return imported.read(connection, addresses)

    def remembered(self, addresses: Sequence[Address]) -> Mapping[Address, tuple[RememberedRelease, ...]]:
        """What sources said last of these packages' releases; of those that are left out nothing is known."""
        with self._snapshot() as connection:
            return remembered.read(connection, addresses)

    def rules(self) -> PublishedRules | None:
        """The rules of who may approve what that were published last, None where none ever were."""
        with self._snapshot() as connection:
            return rules.read(connection)

    def violations(self, *, acknowledged: bool = False) -> tuple[Alarm, ...]:
        """Every alarm that nobody has acknowledged, on request the others too; oldest first."""
        with self._snapshot() as connection:
            return violations.read(connection, acknowledged=acknowledged)

    def audit_rows(self, address: str | None, limit: int) -> tuple[StoredAuditRow, ...]:
        """The newest rows of the audit log, newest first; those of one address where it is given."""
        with self._snapshot() as connection:
            return audit_check.newest_rows(connection, address, limit)

    def audit_log(self) -> Iterator[StoredAuditRow]:
        """All rows of the audit log, oldest first, of one moment."""
        with self._snapshot() as connection:
            yield from audit_check.rows(connection)

    def audit_anchors(self) -> tuple[Anchor, ...]:
        """What the transparency log says of the audit log; raises LedgerError LED031 where that log is not whole."""
        with self._snapshot() as connection:
            return audit_check.read_anchors(connection, self._where)

    def verify_audit(self) -> VerifiedAudit:
        """Recompute log and audit log; raises LedgerError LED031, or LED018 naming the first row that does not fit."""
        with self._snapshot() as connection:
            return audit_check.verify(connection, self._where)

    def backup(self, file: Path, *, overwrite: bool) -> Counts:
        """Write all that this ledger holds to a file; raises LedgerError LED024 to LED028."""
        return backup.back_up(self._dsn, file, overwrite=overwrite)

    def restore(self, file: Path) -> Counts:
        """Fill this ledger, where nothing was ever published, from a backup; raises what ``backup.restore`` does."""
        return backup.restore(self._dsn, file)

    @contextmanager
    def publication(self, wait_seconds: float) -> Iterator[Publication]:
        """Hold the publication lock, waiting at most so long; raises LedgerError LED003 where another holds on."""
        connection = connect(self._dsn)
        try:
            with translated(self._where):
                generation = lock.acquire(connection, wait_seconds, self._where)
            yield PostgresPublication(connection, generation, self._where, notes_purges=self._notes_purges)
        finally:
            lock.release(connection)

    def close(self) -> None:
        """Give back connections, and leave the embedded server, which stops with its last user."""
        self._forget_connections()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def _forget_connections(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    @contextmanager
    def _snapshot(self) -> Iterator[Connection[TupleRow]]:
        """A read-only transaction in which all queries see the same moment."""
        with translated(self._where), self._reader() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def _reader(self) -> Iterator[Connection[TupleRow]]:
        pool = self._opened()
        try:
            connection = pool.getconn()
        except PoolTimeout:
            connect(self._dsn).close()  # says why, unless the server is back
            raise LedgerError(
                codes.UNREACHABLE, where=self._where, found=f"no free connection within {_POOL_SECONDS:g} s"
            ) from None
        try:
            yield connection
        finally:
            pool.putconn(connection)

    def _opened(self) -> ConnectionPool[Connection[TupleRow]]:
        with self._opening:
            if self._pool is None:
                # A pool tells only that it timed out; one connection by hand tells why, and checks the server.
                connect(self._dsn).close()
                self._pool = ConnectionPool(
                    complete(self._dsn),
                    min_size=0,
                    max_size=_READERS,
                    timeout=_POOL_SECONDS,
                    kwargs={"autocommit": True},
                    check=ConnectionPool.check_connection,
                    open=True,
                )
            return self._pool
