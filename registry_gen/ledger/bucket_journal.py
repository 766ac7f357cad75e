"""The journal: what each transaction changed, row by row, in objects that are written once.

An object is zlib-compressed text: a line of JSON that says which change it is, then one for each row, in the order in
which the statements wrote them: table, part of the table, whether the row is gone, and the row as PostgreSQL writes it.
Applying rows needs neither the code that made them nor its sequences, clocks and plans: what comes back is what was.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Annotated, Final, Literal

import orjson
from psycopg import sql
from pydantic import Field

from registry_gen import paths
from registry_gen.errors import LedgerError
from registry_gen.ledger import codes
from registry_gen.ledger.bucket_head import FORMAT, Change, Part, parse
from registry_gen.ledger.bucket_store import answering
from registry_gen.model.digest import Sha256, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger.bucket_head import Head
    from registry_gen.ledger.bucket_store import ObjectStore
    from registry_gen.ledger.bucket_tables import Table

_LEVEL: Final = 6
_CHUNK: Final = 1 << 20
_LONGEST_LINE: Final = 256 << 20
_ROWS_A_TIME: Final = 2_000
_BYTES_A_TIME: Final = 8 << 20

_KEEP: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS bucket_changes (
    number bigint GENERATED ALWAYS AS IDENTITY, relation text, part bigint, gone boolean, line text
) ON COMMIT DELETE ROWS
"""
_CHANGED: Final = "SELECT relation, part, gone, line FROM pg_temp.bucket_changes ORDER BY number"
_MARK: Final = """
INSERT INTO bucket_unsaved (relation, part) SELECT DISTINCT relation, part FROM pg_temp.bucket_changes
ON CONFLICT DO NOTHING
"""
_MARK_THESE: Final = """
INSERT INTO bucket_unsaved (relation, part) SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT DO NOTHING
"""
_OFF: Final = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
WHERE tgname IN ('keep_inserted', 'keep_updated', 'keep_deleted') AND tgenabled = 'D'
    AND tgrelid = to_regclass(tgrelid::regclass::text)
"""
_SWITCH_ON: Final = """
ALTER TABLE {} ENABLE TRIGGER keep_inserted, ENABLE TRIGGER keep_updated, ENABLE TRIGGER keep_deleted
"""
# A row may have been written several times in one transaction: the last one counts. %b sends lines as they are; as
# text, each quote in an intent's payload would be escaped once more, at twenty times the cost.
_PUT: Final = """
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM (
    SELECT DISTINCT ON ({key_values}) r FROM (
        SELECT line::{table} AS r, n FROM unnest(%b::text[]) WITH ORDINALITY AS u (line, n) OFFSET 0
    ) lines ORDER BY {key_values}, n DESC
) rows ON CONFLICT ({key}) DO {action}
"""
_REMOVE: Final = """
DELETE FROM {table} WHERE ({key}) IN (
    SELECT {key_values} FROM (SELECT line::{table} AS r FROM unnest(%b::text[]) AS u (line) OFFSET 0) lines
)
"""


class _Title(Part):
    """The first line of a change."""

    format: Literal[1] = FORMAT
    ledger: str
    number: Annotated[int, Field(ge=0)]
    generation: Annotated[int, Field(ge=0)]
    previous: str
    migration: str


def switch_on(connection: Connection[TupleRow]) -> None:
    """Let the triggers of this schema's tables keep what is changed, in sessions that ``begin`` to."""
    for (table,) in connection.execute(_OFF).fetchall():
        connection.execute(sql.SQL(_SWITCH_ON).format(sql.Identifier(table)))


def begin(connection: Connection[TupleRow]) -> None:
    """Keep what this session changes from now on."""
    connection.execute(_KEEP)


def written(connection: Connection[TupleRow]) -> int:
    """How many rows the transaction has written so far."""
    row = connection.execute("SELECT count(*) FROM pg_temp.bucket_changes").fetchone()
    return row[0] if row else 0


def write(connection: Connection[TupleRow], store: ObjectStore, head: Head) -> Change:
    """Put what the transaction has changed as the change after ``head``; raises LedgerError LED044."""
    title = _Title(
        ledger=head.ledger,
        number=head.number,
        generation=head.generation,
        previous=head.digest,
        migration=head.migration,
    )
    packer = zlib.compressobj(_LEVEL)
    body = [packer.compress(orjson.dumps(title.model_dump()) + b"\n")]
    with connection.cursor(name="bucket_changes") as cursor:
        cursor.itersize = _ROWS_A_TIME
        body += [packer.compress(orjson.dumps(row) + b"\n") for row in cursor.execute(_CHANGED)]
    body.append(packer.flush())
    connection.execute(_MARK)
    data = b"".join(body)
    digest = sha256(data)
    key = paths.state_change(head.number, digest)
    with answering(store, key):
        store.put_new(key, data, digest)
    return Change(sha256=digest, size=len(data))


def fetch(store: ObjectStore, head: Head, number: int) -> bytes:
    """A change that the head names; raises LedgerError LED044, and LED047 where it is missing or has other bytes."""
    change = head.changes[number - head.first]
    return fetch_object(store, paths.state_change(number, Sha256(change.sha256)), change.sha256)


def fetch_object(store: ObjectStore, key: str, digest: str) -> bytes:
    """An object that must be there with these very bytes."""
    with answering(store, key):
        found = store.get(key)
    if found is None:
        raise damaged(store, key, "nothing", f"SHA-256 {digest}")
    if sha256(found[0]) != digest:
        raise damaged(store, key, f"SHA-256 {sha256(found[0])}", f"SHA-256 {digest}")
    return found[0]


def apply(
    connection: Connection[TupleRow], tables: Mapping[str, Table], body: bytes, head: Head, number: int, where: str
) -> None:
    """Make the rows of this schema those of a change, inside a transaction of the caller whose triggers are off.

    Raises LedgerError LED047 for a change that is not the one of this number.
    """
    text = lines(body, where)
    title = parse(next(text, b""), _Title, where)
    wanted = (head.ledger, number, head.digest_at(number), head.migration)
    if (title.ledger, title.number, title.previous, title.migration) != wanted:
        raise _damaged(where, f"change {title.number} of another history", f"change {number}")
    parts: set[tuple[str, int]] = set()
    for name, gone, rows in _groups(_rows(text, tables, where, parts)):
        _apply_rows(connection, tables[name], gone, rows)
    connection.execute(_MARK_THESE, ([name for name, _ in parts], [part for _, part in parts]))


def lines(body: bytes, where: str) -> Iterator[bytes]:
    """The lines of a compressed text, never all of it in memory; raises LedgerError LED047 for one that is damaged."""
    unpacker = zlib.decompressobj()
    rest, waiting = b"", body
    try:
        while waiting or not unpacker.eof:
            data = unpacker.decompress(waiting, _CHUNK)
            waiting = unpacker.unconsumed_tail
            if not data and not waiting and not unpacker.eof:
                raise _damaged(where, "a compressed text that is cut short")
            *whole, rest = (rest + data).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise _damaged(where, f"a line of more than {_LONGEST_LINE} bytes")
            yield from whole
            if unpacker.eof:
                break
    except zlib.error as error:
        raise _damaged(where, str(error)) from None
    if rest or unpacker.unused_data:
        raise _damaged(where, "something behind its end")


def damaged(store: ObjectStore, key: str, found: str, expected: str = "") -> LedgerError:
    """LED047 about an object."""
    return _damaged(f"{store.name} {key}", found, expected)


def _damaged(where: str, found: str, expected: str = "") -> LedgerError:
    code = codes.STATE_DAMAGED
    return LedgerError(code, where=where, expected=expected, found=found, hint=code.fix)


def _rows(
    text: Iterable[bytes], tables: Mapping[str, Table], where: str, parts: set[tuple[str, int]]
) -> Iterator[tuple[str, bool, str]]:
    for line in text:
        try:
            name, part, gone, row = orjson.loads(line)
        except ValueError:
            raise _damaged(where, "a line that is none") from None
        known = isinstance(name, str) and name in tables
        if not (known and type(part) is int and type(gone) is bool and isinstance(row, str)):
            raise _damaged(where, "a line that is none")
        parts.add((name, part))
        yield name, gone, row


def _groups(rows: Iterable[tuple[str, bool, str]]) -> Iterator[tuple[str, bool, list[str]]]:
    """Rows that one statement can write, in their order."""
    group: list[str] = []
    what: tuple[str, bool] | None = None
    size = 0
    for name, gone, row in rows:
        if what is not None and (what != (name, gone) or len(group) >= _ROWS_A_TIME or size >= _BYTES_A_TIME):
            yield *what, group
            group, size = [], 0
        what = (name, gone)
        group.append(row)
        size += len(row)
    if what is not None:
        yield *what, group


def _apply_rows(connection: Connection[TupleRow], table: Table, gone: bool, rows: list[str]) -> None:
    # PostgreSQL lets nobody update an identity (GENERATED ALWAYS) but to its default: such a row is made anew.
    anew = table.identity is not None and table.identity not in table.key
    others = [] if anew else [column for column in table.columns if column not in table.key]
    updates = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in others)
    parts = {
        "table": table.identifier,
        "columns": table.column_list,
        "values": _fields(table.columns),
        "key": sql.SQL(", ").join(map(sql.Identifier, table.key)),
        "key_values": _fields(table.key),
        "action": sql.SQL("UPDATE SET {}").format(updates) if others else sql.SQL("NOTHING"),
    }
    if gone or anew:
        connection.execute(sql.SQL(_REMOVE).format(**parts), (rows,))
    if not gone:
        connection.execute(sql.SQL(_PUT).format(**parts), (rows,))


def _fields(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("(r).{}").format(sql.Identifier(column)) for column in columns)
