"""What the ledger knows, for those who compare it with the bucket: several reads of one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from registry_gen.ledger import KnownRecord, Misplaced, reading
from registry_gen.ledger.rows import address_from
from registry_gen.model.version import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import LogHead
    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package, PackageHead, PublishedDocument
    from registry_gen.model.intent import OpenIntent

_ROWS_A_TRIP: Final = 5_000
_ALL_VERSIONS: Final = sql.SQL(" UNION ALL ").join(
    sql.SQL("SELECT package, version, record, withdrawn, log_index FROM {}").format(sql.Identifier(table))
    for table in ("module_versions", "provider_versions", "mirror_versions")
)
_WITHDRAWN: Final = sql.SQL("""
SELECT DISTINCT p.kind, p.address FROM ({versions}) v JOIN packages p ON p.id = v.package
WHERE v.withdrawn IS NOT NULL AND (v.withdrawn->>'stage' <> 'collected' OR %s) ORDER BY p.address
""").format(versions=_ALL_VERSIONS)
_ENTRIES_OF: Final = """
SELECT e.index, e.payload FROM log_entries e JOIN packages p ON p.id = e.package
WHERE p.address = ANY(%s) ORDER BY e.index
"""
# Entries are canonical: members are sorted, "address" is the first of all, and no text holds a bare quote. What is none
# of that is named by whoever reads it.
_MISFILED: Final = """
SELECT DISTINCT unnest(ARRAY[said, kept]) FROM (
    SELECT CASE WHEN text LIKE '%"kind":"log"%' OR text LIKE '%"kind":"registry"%' THEN NULL
        ELSE substring(text FROM '^{"address":"([^"]*)"') END AS said, kept
    FROM (
        SELECT encode(e.payload, 'escape') AS text, p.address AS kept
        FROM log_entries e LEFT JOIN packages p ON p.id = e.package
    ) entries
) compared WHERE said IS DISTINCT FROM kept ORDER BY 1
"""
_RECORDS: Final = sql.SQL("""
SELECT v.record::text, p.kind, p.address, v.version::text, coalesce(v.withdrawn->>'stage' <> 'collected', true)
FROM ({versions}) v JOIN packages p ON p.id = v.package ORDER BY v.record::text COLLATE "C"
""").format(versions=_ALL_VERSIONS)
_MISPLACED: Final = sql.SQL("""
SELECT p.kind, p.address, v.version::text, v.log_index, e.index
FROM ({versions}) v JOIN packages p ON p.id = v.package
LEFT JOIN (
    SELECT package, version, max(index) AS index FROM log_entries WHERE version IS NOT NULL GROUP BY package, version
) e ON e.package = v.package AND e.version = v.version
WHERE v.log_index IS DISTINCT FROM e.index AND (%s::text[] IS NULL OR p.address = ANY(%s::text[]))
ORDER BY p.address, v.version::text
""").format(versions=_ALL_VERSIONS)


class PostgresInspection:
    """``ledger.Inspection`` on a connection whose transaction sees one moment."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection

    def heads(self) -> Mapping[Address, PackageHead]:
        """The head of every package, without versions."""
        return reading.heads(self._connection)

    def packages(self, addresses: Sequence[Address]) -> Mapping[Address, Package]:
        """Packages with their versions; addresses that were never published are left out."""
        return reading.packages(self._connection, addresses)

    def documents_of(
        self, owners: Sequence[Address], folder: str = ""
    ) -> Mapping[Address, Mapping[str, PublishedDocument]]:
        """The mutable documents of packages in a folder, by owner and key; owners without any are left out."""
        return reading.documents_of(self._connection, owners, folder)

    def documents_of_site(self) -> Mapping[str, PublishedDocument]:
        """The mutable documents that belong to no package, by key."""
        return reading.documents_of_site(self._connection)

    def unfinished(self) -> tuple[OpenIntent, ...]:
        """Intents that are neither finished nor collected, the abandoned ones last."""
        return (*reading.open_intents(self._connection), *reading.abandoned_intents(self._connection))

    def withdrawn(self, *, collected: bool) -> tuple[Address, ...]:
        """The packages with a withdrawn version, those with collected ones alone only where that is asked for."""
        rows = self._connection.execute(_WITHDRAWN, (collected,)).fetchall()
        return tuple(address_from(kind, address) for kind, address in rows)

    def log_head(self) -> LogHead:
        """Where the log stands."""
        return reading.log_head(self._connection)

    def log_entries(self, start: int, stop: int) -> tuple[bytes, ...]:
        """The payloads of entries ``start`` to ``stop - 1``; fewer where the log is shorter."""
        return reading.log_entries(self._connection, start, stop)

    def log_entries_of(self, addresses: Sequence[Address]) -> tuple[tuple[int, bytes], ...]:
        """Index and payload of all entries about these packages, oldest first."""
        texts = [str(address) for address in addresses]
        return tuple(self._connection.execute(_ENTRIES_OF, (texts,), binary=True).fetchall())

    def misfiled(self) -> tuple[str, ...]:
        """The addresses of which entries are kept as if they were about another package, or about none."""
        return tuple(address for (address,) in self._connection.execute(_MISFILED) if address is not None)

    def records(self) -> Iterator[KnownRecord]:
        """The record of every version, in order of digests, a few thousand rows at a time."""
        with self._connection.cursor(name="records") as cursor:
            cursor.itersize = _ROWS_A_TRIP
            for digest, kind, address, version, needed in cursor.execute(_RECORDS):
                yield KnownRecord(digest, address_from(kind, address), parse_version(version), needed)

    def misplaced(self, addresses: Sequence[Address] | None) -> tuple[Misplaced, ...]:
        """The versions, of these packages or of all, whose place in the log is not that of the newest entry on them."""
        texts = None if addresses is None else [str(address) for address in addresses]
        rows = self._connection.execute(_MISPLACED, (texts, texts)).fetchall()
        return tuple(
            Misplaced(address_from(kind, address), parse_version(version), known, newest)
            for kind, address, version, known, newest in rows
        )
