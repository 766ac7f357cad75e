"""What other registries said of versions: written in bulk, never changed, read back by package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from registry_gen.ledger import Contradiction, ImportCounts
from registry_gen.model.address import Platform
from registry_gen.model.imported import Imported, ImportedMirror, ImportedModule, ImportedProvider
from registry_gen.model.version import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.imported import ImportedPackage
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class _Table:
    """A table: the columns of its key, and of what is said of each, the last of which is held against the first."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]


_TAGS: Final = _Table("imported_tags", ("address", "version"), ("git", "tag"))
_ZIPS: Final = _Table("imported_zips", ("address", "version", "os", "arch"), ("zh",))
_MOST_TOLD: Final = 1_000

_NEW: Final = "CREATE TEMPORARY TABLE new_rows (LIKE {table}) ON COMMIT DROP"
_COPY: Final = "COPY new_rows ({columns}) FROM STDIN"
_OTHER: Final = """
SELECT concat_ws(' ', {key}), o.{value}, n.{value} FROM new_rows n JOIN {table} o USING ({key})
WHERE n.{value} <> o.{value} ORDER BY 1 LIMIT {most}
"""
_INSERT: Final = "INSERT INTO {table} ({columns}) SELECT {columns} FROM new_rows ON CONFLICT ({key}) DO NOTHING"
_SOME_TAGS: Final = "SELECT address, version, git, tag FROM imported_tags WHERE address = ANY(%s)"
_SOME_ZIPS: Final = "SELECT address, version, os, arch, zh FROM imported_zips WHERE address = ANY(%s)"


def store(connection: Connection[TupleRow], packages: Iterable[ImportedPackage]) -> ImportCounts:
    """Add what is not known yet; runs inside a transaction of the caller. Of contradictions the first are told."""
    packages = list(packages)
    tags, others = _store(connection, _TAGS, _tag_rows(packages))
    zips, more = _store(connection, _ZIPS, _zip_rows(packages))
    return ImportCounts(tags, zips, (*others, *more))


def read(connection: Connection[TupleRow], addresses: Sequence[Address]) -> Mapping[Address, Imported]:
    """What is known of these packages; those that were never imported are left out."""
    by_text = {str(address): address for address in addresses}
    tags: dict[Address, dict[Version, str]] = {}
    repositories: dict[Address, str] = {}
    for address, version, git, tag in connection.execute(_SOME_TAGS, (list(by_text),)):
        repositories[by_text[address]] = git
        tags.setdefault(by_text[address], {})[parse_version(version)] = tag
    zips: dict[Address, dict[Version, dict[Platform, Sha256]]] = {}
    for address, version, os, arch, zh in connection.execute(_SOME_ZIPS, (list(by_text),)):
        zips.setdefault(by_text[address], {}).setdefault(parse_version(version), {})[Platform(os, arch)] = zh
    return {
        address: Imported(repositories.get(address, ""), tags.get(address, {}), zips.get(address, {}))
        for address in tags.keys() | zips.keys()
    }


def _store(
    connection: Connection[TupleRow], table: _Table, rows: Iterator[tuple[Any, ...]]
) -> tuple[int, tuple[Contradiction, ...]]:
    parts = {
        "table": sql.Identifier(table.name),
        "columns": sql.SQL(", ").join(map(sql.Identifier, (*table.key, *table.values))),
        "key": sql.SQL(", ").join(map(sql.Identifier, table.key)),
        "value": sql.Identifier(table.values[-1]),
        "most": sql.Literal(_MOST_TOLD),
    }
    connection.execute(sql.SQL(_NEW).format(**parts))
    with connection.cursor().copy(sql.SQL(_COPY).format(**parts)) as copy:
        for row in rows:
            copy.write_row(row)
    others = connection.execute(sql.SQL(_OTHER).format(**parts)).fetchall()
    added = connection.execute(sql.SQL(_INSERT).format(**parts)).rowcount
    connection.execute("DROP TABLE new_rows")
    return added, tuple(Contradiction(*other) for other in others)


def _tag_rows(packages: Iterable[ImportedPackage]) -> Iterator[tuple[str, str, str, str]]:
    for package in packages:
        if isinstance(package, ImportedModule):
            address = str(package.address)
            for version, tag in package.tags.items():
                yield address, str(version), package.git, tag


def _zip_rows(packages: Iterable[ImportedPackage]) -> Iterator[tuple[str, str, str, str, str]]:
    for package in packages:
        if isinstance(package, ImportedProvider | ImportedMirror):
            address = str(package.address)
            for version, zips in package.zips.items():
                number = str(version)
                for platform, zh in zips.items():
                    yield address, number, platform.os, platform.arch, zh
