"""Brings the tables up to date: numbered SQL files of this package, each applied once, in one transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

_CREATE_JOURNAL = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
# Two-part advisory locks: ours, and the schema, so that sites in schemas of their own do not wait for each other.
_LOCK = "SELECT pg_advisory_lock(%s, hashtext(current_schema()))"
_UNLOCK = "SELECT pg_advisory_unlock(%s, hashtext(current_schema()))"
_LOCK_KEY = 0x7265_6701


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of SQL: its ``name`` without suffix, such as ``0001_packages``, and its text."""

    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """What an applied migration is recognised by, in lower-case hex."""
        return hashlib.sha256(self.sql).hexdigest()


def shipped() -> tuple[Migration, ...]:
    """The migrations that this version carries, in order."""
    folder = resources.files("registry_gen.ledger") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(file.name.removesuffix(".sql"), file.read_bytes()) for file in files)


def migrate(connection: Connection[TupleRow], migrations: Sequence[Migration], where: str) -> tuple[str, ...]:
    """Apply what is missing and return the names that ran; processes at once wait for each other.

    Raises LedgerError LED012 where an applied migration has other SQL than ours, LED013 where one is unknown to us.
    """
    connection.execute(_LOCK, (_LOCK_KEY,))
    try:
        # Nothing is written where nothing is missing: a user without the right to create tables may then publish.
        known = applied(connection)
        pending = missing(known, migrations, where)
        if pending and not known:
            connection.execute(_CREATE_JOURNAL)
        for migration in pending:
            with connection.transaction():
                connection.execute(migration.sql)
                connection.execute(
                    "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)", (migration.name, migration.sha256)
                )
        return tuple(migration.name for migration in pending)
    finally:
        if not connection.closed:
            connection.execute(_UNLOCK, (_LOCK_KEY,))


def pending(connection: Connection[TupleRow], migrations: Sequence[Migration], where: str) -> tuple[str, ...]:
    """The names of those that ``migrate`` would apply; raises LedgerError LED012 and LED013 as it does."""
    return tuple(migration.name for migration in missing(applied(connection), migrations, where))


def applied(connection: Connection[TupleRow]) -> Mapping[str, str]:
    """The migrations that this schema has seen, SHA-256 by name."""
    found = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return {}
    return dict(connection.execute("SELECT name, sha256 FROM schema_migrations ORDER BY name").fetchall())


def missing(there: Mapping[str, str], migrations: Sequence[Migration], where: str) -> tuple[Migration, ...]:
    """The migrations that are not ``there``, which are SHA-256 by name.

    Raises LedgerError LED012 where an applied one has other SQL than ours, LED013 where one is unknown to us.
    """
    known = {migration.name: migration for migration in migrations}
    for name, digest in there.items():
        if name not in known:
            raise LedgerError(codes.SCHEMA_NEWER, where=where, found=f"migration {name}", hint=codes.SCHEMA_NEWER.fix)
        if known[name].sha256 != digest:
            raise LedgerError(
                codes.MIGRATION_ALTERED,
                where=f"{where} {name}",
                expected=f"SHA-256 {digest}",
                found=known[name].sha256,
                hint=codes.MIGRATION_ALTERED.fix,
            )
    return tuple(migration for migration in migrations if migration.name not in there)
