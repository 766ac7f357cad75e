"""Snapshots: all rows of a ledger, each table in parts that are written once and named by a list.

A part that did not change since the last snapshot is neither read nor written again: the new list names it too. So it
is with the early parts of the log and of the audit log, which never change, and with the documents of most packages.
"""

from __future__ import annotations

import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Final, Literal

from psycopg import sql
from pydantic import Field

from registry_gen import paths
from registry_gen.ledger.bucket_head import FORMAT, Part, Sha256Text, SnapshotRef, parse
from registry_gen.ledger.bucket_journal import damaged, fetch_object, lines
from registry_gen.ledger.bucket_store import answering
from registry_gen.ledger.bucket_tables import TABLES, read_tables
from registry_gen.model.digest import Sha256, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger.bucket_head import Head
    from registry_gen.ledger.bucket_store import ObjectStore
    from registry_gen.ledger.bucket_tables import Table

_LEVEL: Final = 6
_AT_ONCE: Final = 8
_PARTS: Final = "SELECT DISTINCT {part} FROM {table} ORDER BY 1"
_OUT: Final = "COPY (SELECT {columns} FROM {table} WHERE {rows} ORDER BY {key}) TO STDOUT"
_IN: Final = "COPY {table} ({columns}) FROM STDIN"
_UNSAVED: Final = "SELECT relation, part FROM bucket_unsaved"


class SavedPart(Part):
    """Some rows of a table; ``generation`` is that of its writer, and part of its key."""

    table: Annotated[str, Field(max_length=63)]
    part: int
    sha256: Sha256Text
    generation: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=1)]

    @property
    def key(self) -> str:
        """Where it is."""
        return paths.state_part(self.generation, Sha256(self.sha256))


class PartList(Part):
    """A snapshot: whose ledger it is of, at which migration, after how many changes, and all of its parts."""

    format: Literal[1] = FORMAT
    ledger: str
    migration: str
    number: Annotated[int, Field(ge=0)]
    parts: Annotated[tuple[SavedPart, ...], Field(max_length=20_000)]


def key_of(ref: SnapshotRef) -> str:
    """Where the list of a snapshot's parts is."""
    return paths.state_snapshot(ref.generation, Sha256(ref.sha256))


def read_list(store: ObjectStore, head: Head) -> PartList | None:
    """The last snapshot's parts, None where there is none.

    Raises LedgerError LED044, LED045, and LED047 where it is not what the head says.
    """
    if head.snapshot is None:
        return None
    key = key_of(head.snapshot)
    found = parse(fetch_object(store, key, head.snapshot.sha256), PartList, f"{store.name} {key}")
    if (found.ledger, found.number) != (head.ledger, head.snapshot.number):
        raise damaged(store, key, f"a snapshot after {found.number} changes", f"after {head.snapshot.number}")
    return found


def save(connection: Connection[TupleRow], store: ObjectStore, head: Head, *, whole: bool) -> SnapshotRef:
    """Write what changed since the head's last snapshot, or the whole ledger, and the list of all parts.

    For the holder of the lease, in a transaction that reads the ledger as it is at ``head``.
    """
    before = None if whole else read_list(store, head)
    tables = read_tables(connection)
    wanted = _wanted(connection, tables, before)
    kept = [part for part in before.parts if (part.table, part.part) not in wanted] if before else []
    with ThreadPoolExecutor(_AT_ONCE, "snapshot") as pool:
        writing: list[Future[None]] = []
        for name, number in sorted(wanted):
            rows, data = _dump(connection, tables[name], number)
            if rows:
                digest = sha256(data)
                part = SavedPart(table=name, part=number, sha256=digest, generation=head.generation, rows=rows)
                kept.append(part)
                writing.append(pool.submit(_put, store, part.key, data, digest))
        for each in writing:
            each.result()
    order = list(TABLES)
    parts = tuple(sorted(kept, key=lambda part: (order.index(part.table), part.part)))
    body = PartList(ledger=head.ledger, migration=head.migration, number=head.number, parts=parts).to_bytes()
    ref = SnapshotRef(sha256=sha256(body), generation=head.generation, number=head.number)
    _put(store, key_of(ref), body, Sha256(ref.sha256))
    return ref


def load(connection: Connection[TupleRow], store: ObjectStore, parts: Sequence[SavedPart]) -> None:
    """Fill empty tables, inside a transaction of the caller whose triggers are off.

    Raises LedgerError LED044, and LED047 for a part that is missing, altered, or of a table that there is not.
    """
    tables = read_tables(connection)
    with ThreadPoolExecutor(_AT_ONCE, "snapshot") as pool:
        # A few ahead of the one that is being written: not all of a large ledger at once.
        coming = [pool.submit(fetch_object, store, part.key, part.sha256) for part in parts[:_AT_ONCE]]
        for number, part in enumerate(parts):
            body = coming.pop(0).result()
            if number + _AT_ONCE < len(parts):
                later = parts[number + _AT_ONCE]
                coming.append(pool.submit(fetch_object, store, later.key, later.sha256))
            if part.table not in tables:
                raise damaged(store, part.key, f"rows of {part.table}")
            rows = _fill(connection, tables[part.table], lines(body, f"{store.name} {part.key}"))
            if rows != part.rows:
                raise damaged(store, part.key, f"{rows} rows", f"{part.rows} rows")


def _wanted(
    connection: Connection[TupleRow], tables: Mapping[str, Table], before: PartList | None
) -> set[tuple[str, int]]:
    if before is not None:
        return {(name, part) for name, part in connection.execute(_UNSAVED) if name in tables}
    found = set()
    for table in tables.values():
        parts = connection.execute(sql.SQL(_PARTS).format(part=table.part, table=table.identifier))
        found |= {(table.name, part) for (part,) in parts}
    return found


def _dump(connection: Connection[TupleRow], table: Table, part: int) -> tuple[int, bytes]:
    """How many rows a part has, and all of them, a line for each, compressed."""
    names = {
        "columns": table.column_list,
        "table": table.identifier,
        "rows": table.rows_of(part),
        "key": sql.SQL(", ").join(map(sql.Identifier, table.key)),
    }
    packer = zlib.compressobj(_LEVEL)
    packed, rows = [], 0
    with connection.cursor().copy(sql.SQL(_OUT).format(**names)) as copy:
        for data in copy:
            rows += bytes(data).count(b"\n")  # COPY escapes those inside values
            packed.append(packer.compress(data))
    packed.append(packer.flush())
    return rows, b"".join(packed)


def _fill(connection: Connection[TupleRow], table: Table, text: Iterator[bytes]) -> int:
    names = {"table": table.identifier, "columns": table.column_list}
    cursor = connection.cursor()
    with cursor.copy(sql.SQL(_IN).format(**names)) as copy:
        for line in text:
            copy.write(line + b"\n")
    return cursor.rowcount


def _put(store: ObjectStore, key: str, data: bytes, digest: Sha256) -> None:
    with answering(store, key):
        store.put_new(key, data, digest)
