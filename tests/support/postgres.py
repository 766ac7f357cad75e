"""A PostgreSQL for tests: one server for each worker, a fresh database for each test.

A database is copied from a template that was migrated once. Give ``postgres`` to a test for the server, ``database``
for the DSN of a database of its own.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from registry_gen.ledger.embedded import DATABASE, EmbeddedServer
from registry_gen.ledger.postgres import PostgresLedger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

# Nothing in a test's database must survive a crash of the machine.
FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}

_TEMPLATE: Final = "migrated"
# Copying files is several times as fast as copying page by page through the log, where nothing is synced.
_COPY: Final = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
_numbers = itertools.count()


class Postgres:
    """A running server, and databases on it."""

    def __init__(self, folder: Path, server: EmbeddedServer) -> None:
        self.folder = folder
        self.server = server
        template = PostgresLedger(server.dsn())
        template.migrate()
        template.close()
        self._admin("ALTER DATABASE {} RENAME TO {}", DATABASE, _TEMPLATE)

    def create(self, name: str) -> str:
        """A new, migrated database; returns its DSN as a URL."""
        self._admin(_COPY, name, _TEMPLATE)
        return self.dsn_of(name)

    def copy(self, dsn: str, name: str) -> str:
        """A database that holds what another one held at this moment, as a restored backup does; returns its DSN."""
        self._admin(_COPY, name, urlsplit(dsn).path.removeprefix("/"))
        return self.dsn_of(name)

    def drop(self, name: str) -> None:
        """Remove a database, ending whatever is connected to it."""
        self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def dsn_of(self, name: str) -> str:
        """The DSN of a database, as a URL."""
        parts = conninfo_to_dict(self.server.dsn(name))
        return f"postgresql://{parts['user']}@/{name}?host={quote(str(parts['host']))}&port={parts['port']}"

    def _admin(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(self.server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this worker. Not in pytest's folder, which other runs close to other users, the server's too."""
    root = Path(tempfile.mkdtemp(prefix="registry-gen tests-"))
    try:
        with EmbeddedServer.start(root / "postgres", FAST) as server:
            yield Postgres(root / "postgres", server)
    finally:
        shutil.rmtree(root)


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The DSN of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name)
    postgres.drop(name)
