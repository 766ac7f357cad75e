"""Backup and restore of one ledger, by PostgreSQL's own programs.

A backup holds one schema, and so one site, in pg_dump's custom format. It is restored in one transaction and checked
afterwards, into a schema of the same name that holds no ledger, or one where nothing was ever published.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from psycopg import sql

from registry_gen.errors import LedgerError
from registry_gen.ledger import audit_check, codes, lock
from registry_gen.ledger.connection import connect, describe, translated
from registry_gen.ledger.fresh import outrun, require_unused
from registry_gen.ledger.migrate import migrate, missing, shipped
from registry_gen.ledger.programs import Program, fitting
from registry_gen.ledger.whole_file import new_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

_LOCK_WAIT_MILLISECONDS: Final = 60_000
"""How long pg_dump waits for a migration to end."""

_COUNTS: Final = """
SELECT (SELECT count(*) FROM packages WHERE revision > 0),
    (SELECT count(*) FROM module_versions) + (SELECT count(*) FROM provider_versions)
        + (SELECT count(*) FROM mirror_versions),
    (SELECT count(*) FROM log_entries)
"""
_MADE: Final = re.compile(r"^CREATE (TABLE|FUNCTION|DOMAIN) (\w+)", re.MULTILINE)
_KINDS: Final = {"TABLE": sql.SQL("TABLE"), "FUNCTION": sql.SQL("FUNCTION"), "DOMAIN": sql.SQL("DOMAIN")}
_MIGRATIONS_TABLE: Final = "schema_migrations"
_MIGRATIONS_COPIED: Final = re.compile(
    rf"^COPY \S.*\.{_MIGRATIONS_TABLE} \(name, sha256, applied_at\) FROM stdin;\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a ledger, or a backup of one, holds: published packages, all their versions, entries of the log."""

    packages: int
    versions: int
    log_entries: int


def back_up(dsn: str, file: Path, *, overwrite: bool) -> Counts:
    """Write a backup to ``file``, mode 600, and return what it holds.

    Raises LedgerError LED024 to LED026 where pg_dump cannot be had or fails, LED027 and LED028 for the file.
    """
    where = describe(dsn)
    with connect(dsn) as connection, translated(where), connection.transaction():
        # Kept open while pg_dump works, so that what is counted is what it writes.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        counts = _counts(connection)
        snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot is not None  # noqa: S101 - narrows for the type checker
        program = fitting("pg_dump", connection.info.server_version, where)
        arguments = [
            "--format=custom",
            f"--schema={_pattern(_schema(connection, where))}",
            "--strict-names",
            f"--snapshot={snapshot[0]}",
            f"--lock-wait-timeout={_LOCK_WAIT_MILLISECONDS}",
            "--no-password",
        ]
        with new_file(file, overwrite=overwrite) as out:
            # Not to stdout, where pg_dump ends with a second table of contents: that could be cut off unnoticed.
            program.run([*arguments, f"--file={out.name}"], codes.PROGRAM_FAILED, where, dsn=dsn)
    return counts


def restore(dsn: str, file: Path) -> Counts:
    """Restore a backup, bring it up to date, verify it, and return what it holds.

    Raises LedgerError LED029 for a file that is no whole backup of this schema, LED012 or LED013 for one of another
    registry-gen, LED030 for a ledger in use, LED003 beside a publisher, LED024 to LED026 where pg_restore cannot be had
    or fails, LED018 or LED031 where what it holds does not verify. Then the ledger holds nothing.
    """
    where = describe(dsn)
    with _opened(file) as backup, _locked(dsn, where) as connection:
        schema = _schema(connection, where)
        require_unused(connection, where)
        program = fitting("pg_restore", connection.info.server_version, where)
        _require_backup(program, backup, schema, str(file))
        _clear(connection, schema)
        arguments = [
            f"--schema={schema}",
            "--single-transaction",
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
            "--no-password",
        ]
        backup.seek(0)
        program.run(arguments, codes.PROGRAM_FAILED, where, dsn=dsn, stdin=backup)
        try:
            migrate(connection, shipped(), where)
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                audit_check.verify(connection, where)
                outrun(connection)
                return _counts(connection)
        except BaseException:
            _clear(connection, schema)
            raise


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        with file.open("rb") as backup:
            yield backup
    except OSError as error:
        raise _no_backup(str(file), error.strerror or type(error).__name__) from None


@contextmanager
def _locked(dsn: str, where: str) -> Iterator[Connection[TupleRow]]:
    """A connection that holds the publication lock, so that nobody publishes to what is replaced."""
    connection = connect(dsn)
    try:
        with translated(where):
            migrate(connection, shipped(), where)
            lock.acquire(connection, 0, where)
            yield connection
    finally:
        lock.release(connection)


def _schema(connection: Connection[TupleRow], where: str) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise LedgerError(codes.SCHEMA_MISSING, where=where, hint=codes.SCHEMA_MISSING.fix)
    schema: str = row[0]
    return schema


def _pattern(schema: str) -> str:
    """A pattern of pg_dump that means this name alone."""
    return '"' + schema.replace('"', '""') + '"'


def _counts(connection: Connection[TupleRow]) -> Counts:
    row = connection.execute(_COUNTS).fetchone()
    assert row is not None  # noqa: S101 - narrows for the type checker
    return Counts(*row)


def _require_backup(program: Program, backup: IO[bytes], schema: str, file: str) -> None:
    """Read all of a backup without a database: it must be whole, of this schema, and of migrations that we know."""
    backup.seek(0)
    program.run([f"--schema={schema}", "--file=/dev/null"], codes.NO_BACKUP, file, stdin=backup)
    backup.seek(0)
    arguments = [f"--schema={schema}", f"--table={_MIGRATIONS_TABLE}", "--data-only", "--file=-"]
    text = program.run(arguments, codes.NO_BACKUP, file, stdin=backup).decode(errors="replace")
    copied = _MIGRATIONS_COPIED.search(text)
    if copied is None:
        raise _no_backup(file, "no ledger of this schema", expected=f"a ledger in schema {schema}")
    rows = [line.split("\t") for line in copied[1].splitlines()]
    missing({row[0]: row[1] for row in rows}, shipped(), file)


def _clear(connection: Connection[TupleRow], schema: str) -> None:
    """Remove what the migrations made; whatever else is in the schema stays."""
    made = [("TABLE", _MIGRATIONS_TABLE)]
    made += [found for migration in shipped() for found in _MADE.findall(migration.sql.decode())]
    with connection.transaction():
        for kind, name in reversed(made):
            connection.execute(
                sql.SQL("DROP {} IF EXISTS {} CASCADE").format(_KINDS[kind], sql.Identifier(schema, name))
            )


def _no_backup(file: str, found: str, expected: str = "") -> LedgerError:
    return LedgerError(codes.NO_BACKUP, where=file, expected=expected, found=found, hint=codes.NO_BACKUP.fix)
