"""An empty ledger filled with what the log, the records and the bucket tell, in one transaction.

Facts take the way that they always take: through the payload of an intent for each package, logged and finished at
once, so that the same statements write them. What is read back must be what was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from registry_gen.errors import LedgerError
from registry_gen.ledger import audit, audit_check, codes, reading
from registry_gen.ledger.fresh import outrun, require_unused
from registry_gen.ledger.intents import make_packages, write_facts
from registry_gen.ledger.rows import canonical, instant, intent_to_json, token
from registry_gen.log.tree import root
from registry_gen.model.intent import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger import Contents, LogHead, RebuiltEntry
    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package, PublishedDocument
    from registry_gen.model.intent import AuditRow

_PACKAGES_A_TIME: Final = 500
_INTENTS: Final = """
INSERT INTO intents (address, base, token, payload, generation, created_at)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %b::jsonb[], %s::bigint[], %s::timestamptz[])
RETURNING id
"""
_LOG_INDICES: Final = """
UPDATE {versions} o SET log_index = e.index FROM (
    SELECT package, version, max(index) AS index FROM log_entries WHERE version IS NOT NULL GROUP BY package, version
) e WHERE o.package = e.package AND o.version = e.version
"""

_COPY_ENTRIES: Final = "COPY log_entries (index, type, payload, package, version) FROM STDIN"


def rebuild(connection: Connection[TupleRow], contents: Contents, generation: int, where: str) -> None:
    """Fill the ledger; runs inside a transaction of the caller that holds the generation.

    Raises LedgerError LED030 where it is in use, LED018 or LED031 where log and audit log do not fit together, LED041
    where it does not give back what was written.
    """
    require_unused(connection, where)
    for packages in _portions(contents.packages):
        make_packages(connection, [(each.head.address, each.head.revision, each.head.visible) for each in packages])
        _write(connection, [_intent(each, contents.row) for each in packages], generation, where)
    ids: dict[str, int] = dict(connection.execute("SELECT address, id FROM packages").fetchall())
    _write_log(connection, contents.entries, contents.head, ids)
    _write_documents(connection, contents.documents, ids)
    audit.restore_rows(connection, contents.audit)
    audit.append_rows(connection, [contents.row], contents.anchored)
    for packages in _portions(contents.packages):
        _require_same(connection, packages, where)
    audit_check.verify(connection, where)
    outrun(connection)


def _portions(packages: Sequence[Package]) -> Iterator[Sequence[Package]]:
    for start in range(0, len(packages), _PACKAGES_A_TIME):
        yield packages[start : start + _PACKAGES_A_TIME]


def _intent(package: Package, row: AuditRow) -> Intent:
    """The change that would have led to the package as it is; its entries are in the log already."""
    head = package.head
    return Intent(head.address, head.revision - 1, package.versions, head.state, (), (), None, None, row.at, row)


def _write(connection: Connection[TupleRow], intents: Sequence[Intent], generation: int, where: str) -> None:
    payloads = [intent_to_json(intent) for intent in intents]
    rows = connection.execute(
        _INTENTS,
        (
            [str(intent.address) for intent in intents],
            [intent.base for intent in intents],
            [token(payload) for payload in payloads],
            [Jsonb(payload, canonical) for payload in payloads],
            [generation] * len(intents),
            [instant(intent.created_at) for intent in intents],
        ),
    )
    ids = [row[0] for row in rows]
    write_facts(connection, ids, where)
    connection.execute("UPDATE intents SET status = 'logged' WHERE id = ANY(%s)", (ids,))
    connection.execute("UPDATE intents SET status = 'finished', payload = NULL WHERE id = ANY(%s)", (ids,))


def _write_log(
    connection: Connection[TupleRow], entries: Sequence[RebuiltEntry], head: LogHead, ids: Mapping[str, int]
) -> None:
    with connection.cursor().copy(_COPY_ENTRIES) as copy:
        for index, entry in enumerate(entries):
            package = ids[str(entry.address)] if entry.address else None
            copy.write_row((index, entry.type, entry.payload, package, entry.version and str(entry.version)))
    for table in ("module_versions", "provider_versions", "mirror_versions"):
        connection.execute(sql.SQL(_LOG_INDICES).format(versions=sql.Identifier(table)))
    connection.execute(
        "UPDATE log_head SET size = %s, tail = %s, root = %s, checkpoint = %s, etag = %s, stored_size = %s, place = %s",
        (
            head.tail.size,
            head.tail.to_bytes(),
            root(head.tail),
            head.checkpoint,
            head.etag,
            head.stored_size,
            head.place,
        ),
    )


def _write_documents(
    connection: Connection[TupleRow],
    documents: Mapping[Address | None, Sequence[PublishedDocument]],
    ids: Mapping[str, int],
) -> None:
    connection.execute("DELETE FROM documents WHERE owner IS NULL")  # a run that had nothing to publish put the site's
    with connection.cursor().copy("COPY documents (key, owner, content, revision, etag) FROM STDIN") as copy:
        for owner, stored in documents.items():
            for each in stored:
                copy.write_row((each.key, ids[str(owner)] if owner else None, each.content, each.revision, each.etag))


def _require_same(connection: Connection[TupleRow], packages: Sequence[Package], where: str) -> None:
    found = reading.packages(connection, [package.head.address for package in packages])
    for package in packages:
        if found.get(package.head.address) != package:
            place = f"{where} {package.head.address}"
            raise LedgerError(codes.NOT_AS_WRITTEN, where=place, hint=codes.NOT_AS_WRITTEN.fix)
