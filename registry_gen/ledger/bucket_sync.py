"""The ledger of this machine, brought to where the bucket's head stands: by the changes that it lacks, or made anew.

Either is one transaction: a process that is killed in it leaves what was there before.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

from registry_gen import paths
from registry_gen.errors import LedgerError
from registry_gen.ledger import bucket_journal, bucket_snapshot, codes
from registry_gen.ledger.bucket_tables import read_tables
from registry_gen.ledger.migrate import applied, migrate, shipped

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger.bucket_head import Head
    from registry_gen.ledger.bucket_store import ObjectStore

_AT_ONCE: Final = 8
_THERE: Final = "SELECT to_regclass('bucket_position') IS NOT NULL"
_POSITION: Final = "SELECT ledger, number, digest FROM bucket_position"
_SET_POSITION: Final = """
INSERT INTO bucket_position (ledger, number, digest) VALUES (%s, %s, %s)
ON CONFLICT (singleton) DO UPDATE SET ledger = excluded.ledger, number = excluded.number, digest = excluded.digest
"""
_TRIGGERS_OFF: Final = "SET LOCAL session_replication_role = replica"
# Numbers of rows that stay go on after the last of them. Where rows go, a number must not come again either: the count
# of changes leaves behind whatever another machine may have given meanwhile.
_NEXT_ID: Final = """
SELECT setval(pg_get_serial_sequence({name}, {column}),
    greatest(coalesce((SELECT max({identity}) FROM {table}), 0) + 1, {least}), false)
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Whose ledger this machine has, after how many changes, and the digest of the last one."""

    ledger: str
    number: int
    digest: str


def position(connection: Connection[TupleRow]) -> Position | None:
    """Where this machine's ledger stands, None where it never held what a bucket does."""
    there = connection.execute(_THERE).fetchone()
    row = connection.execute(_POSITION).fetchone() if there and there[0] else None
    return Position(*row) if row else None


def set_position(connection: Connection[TupleRow], ledger: str, number: int, digest: str) -> None:
    """Remember it, in the transaction that brings the ledger there."""
    connection.execute(_SET_POSITION, (ledger, number, digest))


def migration(connection: Connection[TupleRow]) -> str:
    """The last migration of this machine's ledger, "" for none."""
    return max(applied(connection), default="")


def bring(connection: Connection[TupleRow], store: ObjectStore, head: Head | None, where: str) -> bool:
    """Bring this machine's ledger to the head; gives whether it had to be made anew.

    Nobody else may write to it meanwhile. A ledger may be left at a later migration than the head's, never at an
    earlier one. Raises LedgerError LED013 for a head of a newer registry-gen, LED046 where the head is older than this
    machine, or gone, LED044, LED045 and LED047 where the bucket does not give what the head names.
    """
    known = position(connection)
    if head is None:
        if known is not None and known.number:
            raise _went_back(store, known, "nothing")
        return False
    _require_known(store, head)
    if known is not None and known.ledger == head.ledger:
        at = head.digest_at(known.number)
        if known.number > head.number or (at is not None and at != known.digest):
            raise _went_back(store, known, f"change {head.number} ({head.digest[:12]})")
        ours = migration(connection)
        newer = ours in {each.name for each in shipped()} and ours > head.migration
        if known.number == head.number and (newer or ours == head.migration):
            return False
        if at is not None and ours == head.migration:
            with connection.transaction():
                connection.execute(_TRIGGERS_OFF)
                _replay(connection, store, head, known.number)
            return False
    _make_anew(connection, store, head, where)
    return True


def _make_anew(connection: Connection[TupleRow], store: ObjectStore, head: Head, where: str) -> None:
    snapshot = bucket_snapshot.read_list(store, head)
    made = snapshot.migration if snapshot else head.migration
    if made != head.migration:
        raise bucket_journal.damaged(store, paths.STATE_HEAD, f"a snapshot at migration {made}", head.migration)
    with connection.transaction():
        if not _untouched(connection, head):
            _empty_schema(connection, where)
            migrate(connection, [each for each in shipped() if each.name <= head.migration], where)
        connection.execute(_TRIGGERS_OFF)
        if snapshot:
            for table in read_tables(connection).values():
                connection.execute(sql.SQL("DELETE FROM {}").format(table.identifier))
            bucket_snapshot.load(connection, store, snapshot.parts)
        _replay(connection, store, head, snapshot.number if snapshot else 0)


def _untouched(connection: Connection[TupleRow], head: Head) -> bool:
    """Whether the schema is as the migrations have just made it."""
    if migration(connection) != head.migration:
        return False
    tables = [table.identifier for table in read_tables(connection).values() if table.name != "log_head"]
    rows = sql.SQL(" UNION ALL ").join(sql.SQL("(SELECT FROM {} LIMIT 1)").format(table) for table in tables)
    found = connection.execute(
        sql.SQL("SELECT EXISTS ({}) OR EXISTS (SELECT FROM bucket_position) OR (SELECT size FROM log_head) > 0").format(
            rows
        )
    ).fetchone()
    return found == (False,)


def _empty_schema(connection: Connection[TupleRow], where: str) -> None:
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise LedgerError(codes.SCHEMA_MISSING, where=where, hint=codes.SCHEMA_MISSING.fix)
    schema = sql.Identifier(row[0])
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))


def _replay(connection: Connection[TupleRow], store: ObjectStore, head: Head, start: int) -> None:
    tables = read_tables(connection)
    numbers = range(start, head.number)
    with ThreadPoolExecutor(_AT_ONCE, "journal") as pool:
        coming = [pool.submit(bucket_journal.fetch, store, head, number) for number in numbers[:_AT_ONCE]]
        for number in numbers:
            body = coming.pop(0).result()
            if number + _AT_ONCE < head.number:
                coming.append(pool.submit(bucket_journal.fetch, store, head, number + _AT_ONCE))
            where = f"{store.name} change {number} of the journal"
            bucket_journal.apply(connection, tables, body, head, number, where)
    for table in tables.values():
        if table.identity:
            connection.execute(
                sql.SQL(_NEXT_ID).format(
                    name=sql.Literal(table.name),
                    column=sql.Literal(table.identity),
                    identity=sql.Identifier(table.identity),
                    table=table.identifier,
                    least=sql.Literal(1 if table.identity in table.key else head.number << 32),
                )
            )
    set_position(connection, head.ledger, head.number, head.digest)


def _require_known(store: ObjectStore, head: Head) -> None:
    if head.migration not in {each.name for each in shipped()}:
        code = codes.SCHEMA_NEWER
        where = f"{store.name} {paths.STATE_HEAD}"
        raise LedgerError(code, where=where, found=f"migration {head.migration}", hint=code.fix)


def _went_back(store: ObjectStore, known: Position, found: str) -> LedgerError:
    code = codes.HEAD_CHANGED
    return LedgerError(
        code,
        "the private bucket's head is not one that this machine's ledger leads to",
        where=f"{store.name} {paths.STATE_HEAD}",
        expected=f"change {known.number} ({known.digest[:12] or 'the beginning'}) or a later one",
        found=found,
        hint=code.fix,
    )
