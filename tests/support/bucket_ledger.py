"""Ledgers whose state is in a bucket, and a comparison of everything that two of them hold.

ledger = bucket_ledger(dsn, tmp_path / "private")
same(dsn, another_dsn)      # every row of every table that a bucket keeps
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from registry_gen.ledger.bucket import BucketLedger, Sizes
from registry_gen.ledger.bucket_lease import Timing
from registry_gen.ledger.bucket_tables import TABLES
from registry_gen.storage.file import FileStorage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.ledger.bucket_store import ObjectStore
    from tests.support.postgres import Postgres

STILL: Final = Timing(renews=False)
"""Real time, and no thread that renews."""


def bucket_ledger(
    dsn: str,
    private: Path | ObjectStore,
    owner: str = "tester",
    *,
    timing: Timing = STILL,
    sizes: Sizes | None = None,
    notes_purges: bool = False,
) -> BucketLedger:
    """A ledger in this database and that folder or storage, without a server of its own."""
    store = FileStorage(private, durable=False) if isinstance(private, Path) else private
    return BucketLedger(dsn, store, owner, timing=timing, sizes=sizes, notes_purges=notes_purges)


class Machines:
    """Ledgers on machines of their own, all in one bucket."""

    def __init__(self, postgres: Postgres, private: Path, timing: Timing) -> None:
        self.private = private
        self.timing = timing
        self._postgres = postgres
        self._made: dict[str, BucketLedger] = {}

    def dsn(self, name: str) -> str:
        return self._postgres.dsn_of(f"machine_{name}")

    def __call__(self, name: str, *, sizes: Sizes | None = None, store: Any = None) -> BucketLedger:
        if name not in self._made:
            dsn = self._postgres.create(f"machine_{name}")
            self._made[name] = bucket_ledger(dsn, store or self.private, name, timing=self.timing, sizes=sizes)
        return self._made[name]

    def same(self, first: str, second: str) -> None:
        for name in (first, second):
            self(name).bring()
        same(self.dsn(first), self.dsn(second))

    def close(self) -> None:
        for name, ledger in self._made.items():
            ledger.close()
            self._postgres.drop(f"machine_{name}")


def contents(dsn: str) -> Mapping[str, list[Any]]:
    """All rows of all tables that a bucket keeps, as PostgreSQL writes them."""
    found = {}
    with psycopg.connect(dsn) as connection:
        for table in TABLES:
            query = sql.SQL("SELECT r::text FROM {} r ORDER BY 1").format(sql.Identifier(table))
            found[table] = [row[0] for row in connection.execute(query)]
    return found


def same(first: str, second: str) -> None:
    """Raises AssertionError, naming the table, where two databases do not hold the same."""
    one, other = contents(first), contents(second)
    for table in TABLES:
        assert other[table] == one[table], table
