"""The tables that a bucket keeps, each in parts, so that what did not change is not written again.

The migrations from ``0013_bucket`` on name the same tables and columns for their triggers. ``publication`` and the
tables of the bucket itself tell of one database alone, ``schema_migrations`` of its making.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

VALUES_A_PART: Final = 4096
TABLES: Final[Mapping[str, str]] = {
    "packages": "id",
    "modules": "package",
    "providers": "package",
    "mirrors": "package",
    "module_versions": "id",
    "provider_versions": "id",
    "provider_platforms": "version_id",
    "mirror_versions": "id",
    "mirror_platforms": "version_id",
    "signing_keys": "",
    "package_keys": "package",
    "intents": "id",
    "log_entries": "index",
    "log_head": "",
    "documents": "owner",
    "tag_violations": "id",
    "sync_runs": "id",
    "audit_log": "seq",
    "imported_tags": "",
    "imported_zips": "",
    "release_sightings": "",
    "pending_purges": "",
    "storage_copies": "",
    "copied_documents": "",
    "approval_rules": "",
}
"""Each table, and the column that says which part a row belongs to: never another one; "" for a table of one part."""

_SHAPE: Final = """
SELECT c.relname, a.attname, a.attgenerated <> '', a.attidentity <> '', coalesce(a.attnum = ANY(i.indkey), false)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.oid = to_regclass(quote_ident(c.relname)) AND c.relname = ANY(%s) ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Table:
    """What the database says of a table: the columns that can be written, its primary key, and its identity column."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    identity: str | None

    @property
    def identifier(self) -> sql.Identifier:
        """Its name."""
        return sql.Identifier(self.name)

    @property
    def column_list(self) -> sql.Composed:
        """The columns that can be written."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))

    @property
    def part(self) -> sql.Composable:
        """Which part a row belongs to."""
        column = TABLES[self.name]
        if not column:
            return sql.SQL("0")
        return sql.SQL("coalesce({} / {}, -1)").format(sql.Identifier(column), sql.Literal(VALUES_A_PART))

    def rows_of(self, part: int) -> sql.Composable:
        """The condition for the rows of a part, in a form that an index answers."""
        column = TABLES[self.name]
        if not column:
            return sql.SQL("true")
        if part < 0:
            return sql.SQL("{} IS NULL").format(sql.Identifier(column))
        first = part * VALUES_A_PART
        return sql.SQL("{0} >= {1} AND {0} < {2}").format(
            sql.Identifier(column), sql.Literal(first), sql.Literal(first + VALUES_A_PART)
        )


def read_tables(connection: Connection[TupleRow]) -> Mapping[str, Table]:
    """The tables as they are in this schema; one that is not there yet is left out."""
    rows = connection.execute(_SHAPE, (list(TABLES),)).fetchall()
    found = {}
    for name in TABLES:
        mine = [row for row in rows if row[0] == name]
        if mine:
            found[name] = Table(
                name,
                tuple(column for _, column, generated, _, _ in mine if not generated),
                tuple(column for _, column, _, _, in_key in mine if in_key),
                next((column for _, column, _, identity, _ in mine if identity), None),
            )
    return found
