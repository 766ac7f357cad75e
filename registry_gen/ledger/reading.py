"""What the ledger remembers, read back: a constant number of queries for any number of packages.

Rows are fetched all at once: the server has sent them all anyway, and one by one they cost twice as much.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from psycopg.rows import dict_row

from registry_gen.ledger import LogHead
from registry_gen.ledger.rows import (
    address_from,
    deprecations,
    intent_from_json,
    mirror_version,
    module_version,
    provider_version,
    utc,
)
from registry_gen.log.tree import Tail
from registry_gen.model.address import Platform
from registry_gen.model.facts import (
    Package,
    PackageHead,
    PackageState,
    ProviderPackage,
    PublishedDocument,
    SigningKey,
)
from registry_gen.model.intent import OpenIntent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.address import Address
    from registry_gen.model.facts import MirrorVersion, ProviderVersion, VersionFacts

    MakeVersion = Callable[[Mapping[str, Any], tuple[ProviderPackage, ...]], ProviderVersion | MirrorVersion]

_ROWS_A_TRIP: Final = 5_000

_HEAD_COLUMNS: Final = sql.SQL("""
SELECT id, kind, address, revision, visible, inputs, due_at, deprecations, rendering, listed,
    ARRAY(SELECT key::text FROM package_keys WHERE package = packages.id) AS keys
FROM packages
""")
_ALL_HEADS: Final = _HEAD_COLUMNS + sql.SQL("ORDER BY address")
# Revision 0 is a package that was planned but never published.
_SOME_HEADS: Final = _HEAD_COLUMNS + sql.SQL("WHERE address = ANY(%s) AND revision > 0 ORDER BY address")
_ALL_KEYS: Final = "SELECT digest, fingerprint, armor FROM signing_keys"
_SOME_KEYS: Final = """
SELECT digest, fingerprint, armor FROM signing_keys
WHERE digest IN (SELECT key FROM package_keys WHERE package = ANY(%s))
"""
_MODULE_VERSIONS: Final = """
SELECT package, version, source, path, tag, commit, tree, hosting, archive, archive_size, location,
    evidence, provenance, record, recorded_at, withdrawn, log_index
FROM module_versions WHERE package = ANY(%s)
"""
_PROVIDER_VERSIONS: Final = "SELECT * FROM {versions} WHERE package = ANY(%s)"
_PROVIDER_PLATFORMS: Final = """
SELECT f.version_id, f.os, f.arch, f.filename, f.zh, f.h1, f.size, f.url
FROM {platforms} f JOIN {versions} v ON v.id = f.version_id WHERE v.package = ANY(%s)
"""
_TABLES: Final[Mapping[str, tuple[sql.Identifier, sql.Identifier, MakeVersion]]] = {
    "provider": (sql.Identifier("provider_versions"), sql.Identifier("provider_platforms"), provider_version),
    "mirror": (sql.Identifier("mirror_versions"), sql.Identifier("mirror_platforms"), mirror_version),
}


def heads(connection: Connection[TupleRow]) -> dict[Address, PackageHead]:
    """The head of every package. Rows arrive in portions, and packages share the keys that they have in common."""
    keys = _keys(connection.execute(_ALL_KEYS))
    with connection.cursor(name="heads") as cursor:
        cursor.itersize = _ROWS_A_TRIP
        cursor.execute(_ALL_HEADS)
        return {head.address: head for _, head in (_head(row, keys) for row in cursor)}


def packages(connection: Connection[TupleRow], addresses: Sequence[Address]) -> dict[Address, Package]:
    """Packages that were ever published, with their versions in SemVer order; at most seven queries."""
    texts = [str(address) for address in addresses]
    found = connection.execute(_SOME_HEADS, (texts,)).fetchall()
    ids = {kind: [row[0] for row in found if row[1] == kind] for kind in ("module", "provider", "mirror")}
    keys = _keys(connection.execute(_SOME_KEYS, ([row[0] for row in found],)))
    versions: dict[int, list[VersionFacts]] = defaultdict(list)
    if ids["module"]:
        for module in connection.cursor(row_factory=dict_row).execute(_MODULE_VERSIONS, (ids["module"],)).fetchall():
            versions[module["package"]].append(module_version(module))
    for kind in _TABLES:
        if ids[kind]:
            _add_provider_versions(connection, kind, ids[kind], versions)
    result = {}
    for row in found:
        id_, head = _head(row, keys)
        result[head.address] = Package(head, tuple(sorted(versions[id_], key=lambda facts: facts.version)))
    return result


def documents_of(
    connection: Connection[TupleRow], owners: Sequence[Address], folder: str = ""
) -> dict[Address, dict[str, PublishedDocument]]:
    """The mutable documents of packages in a folder, by owner and key; owners without any are left out."""
    by_text = {str(owner): owner for owner in owners}
    result: dict[Address, dict[str, PublishedDocument]] = defaultdict(dict)
    rows = connection.execute(
        """
        SELECT p.address, d.key, d.content, d.revision, d.etag FROM documents d JOIN packages p ON p.id = d.owner
        WHERE p.address = ANY(%s) AND starts_with(d.key, %s) ORDER BY d.key
        """,
        (list(by_text), folder),
    )
    for address, key, content, revision, etag in rows.fetchall():
        result[by_text[address]][key] = PublishedDocument(key, content, revision, etag)
    return dict(result)


def documents_of_site(connection: Connection[TupleRow]) -> dict[str, PublishedDocument]:
    """The mutable documents that belong to no package, by key."""
    rows = connection.execute("SELECT key, content, revision, etag FROM documents WHERE owner IS NULL ORDER BY key")
    return {row[0]: PublishedDocument(*row) for row in rows}


def open_intents(connection: Connection[TupleRow]) -> tuple[OpenIntent, ...]:
    """Intents that are neither finished nor abandoned, oldest first."""
    return _intents(connection, ["open", "logged"])


def abandoned_intents(connection: Connection[TupleRow]) -> tuple[OpenIntent, ...]:
    """Intents that were given up and whose artifacts are not collected, oldest first."""
    return _intents(connection, ["abandoned"])


def _intents(connection: Connection[TupleRow], statuses: list[str]) -> tuple[OpenIntent, ...]:
    rows = connection.execute("SELECT id, payload, status FROM intents WHERE status = ANY(%s) ORDER BY id", (statuses,))
    return tuple(OpenIntent(id_, intent_from_json(payload), status == "logged") for id_, payload, status in rows)


def log_head(connection: Connection[TupleRow]) -> LogHead:
    """Where the log stands."""
    row = connection.execute("SELECT tail, checkpoint, etag, stored_size, key, place FROM log_head").fetchone()
    assert row is not None, "the migration inserts this row and a trigger keeps it"  # noqa: S101
    return LogHead(Tail.from_bytes(row[0]), *row[1:])


def log_entries(connection: Connection[TupleRow], start: int, stop: int) -> tuple[bytes, ...]:
    """The payloads of entries ``start`` to ``stop - 1``."""
    rows = connection.execute(
        "SELECT payload FROM log_entries WHERE index >= %s AND index < %s ORDER BY index", (start, stop), binary=True
    )
    return tuple(payload for (payload,) in rows.fetchall())


def _add_provider_versions(
    connection: Connection[TupleRow], kind: str, ids: list[int], versions: dict[int, list[VersionFacts]]
) -> None:
    versions_table, platforms_table, make = _TABLES[kind]
    platforms: dict[int, list[ProviderPackage]] = defaultdict(list)
    found = connection.execute(
        sql.SQL(_PROVIDER_PLATFORMS).format(versions=versions_table, platforms=platforms_table), (ids,)
    )
    for version_id, os, arch, *rest in found.fetchall():
        platforms[version_id].append(ProviderPackage(Platform(os, arch), *rest))
    cursor = connection.cursor(row_factory=dict_row)
    for row in cursor.execute(sql.SQL(_PROVIDER_VERSIONS).format(versions=versions_table), (ids,)).fetchall():
        zips = tuple(sorted(platforms[row["id"]], key=lambda package: package.platform))
        versions[row["package"]].append(make(row, zips))


def _keys(rows: Iterable[TupleRow]) -> dict[str, SigningKey]:
    return {digest: SigningKey(fingerprint, armor) for digest, fingerprint, armor in rows}


def _head(row: TupleRow, keys: Mapping[str, SigningKey]) -> tuple[int, PackageHead]:
    id_, kind, address, revision, visible, inputs, due_at, deprecated, rendering, listed, digests = row
    return id_, PackageHead(
        address=address_from(kind, address),
        revision=revision,
        visible=visible,
        inputs=inputs,
        due_at=None if due_at is None else utc(due_at),
        state=PackageState(deprecations(deprecated), tuple(sorted(keys[digest] for digest in digests)), rendering),
        listed=listed,
    )
