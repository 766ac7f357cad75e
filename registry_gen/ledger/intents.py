"""Intents through their life: begun, logged (then frozen), finished; or abandoned before they were logged.

Every function runs inside a transaction of its caller that holds the generation, and may be repeated after a
commit whose outcome is unknown. Facts travel from an intent's payload to the tables inside the database, so that
exactly what was committed before the first upload becomes the package's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from registry_gen.errors import LedgerError
from registry_gen.ledger import LogHead, audit, codes, reading
from registry_gen.ledger.rows import (
    audit_from_json,
    canonical,
    entries_from_json,
    instant,
    intent_to_json,
    token,
    utc,
)
from registry_gen.log.entries import audit_head
from registry_gen.log.tree import append, root
from registry_gen.model.intent import OpenIntent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.ledger.rows import Json
    from registry_gen.model.address import Address
    from registry_gen.model.intent import Entry, Intent

_ENSURE_PACKAGES: Final = """
WITH made AS (
    INSERT INTO packages (kind, address, revision, visible)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
    ON CONFLICT (address) DO NOTHING RETURNING id, kind, address
), made_modules AS (
    INSERT INTO modules (package, namespace, name, system)
    SELECT id, split_part(address, '/', 1), split_part(address, '/', 2), split_part(address, '/', 3)
    FROM made WHERE kind = 'module'
), made_providers AS (
    INSERT INTO providers (package, namespace, type)
    SELECT id, split_part(address, '/', 1), split_part(address, '/', 2) FROM made WHERE kind = 'provider'
)
INSERT INTO mirrors (package, hostname, namespace, type)
SELECT id, split_part(address, '/', 1), split_part(address, '/', 2), split_part(address, '/', 3)
FROM made WHERE kind = 'mirror'
"""
# %b sends large values as they are; as text, Python would escape every quote of an array, at four times the cost.
_BEGIN: Final = """
INSERT INTO intents (address, base, token, payload, generation, created_at)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %b::jsonb[], %s::bigint[], %s::timestamptz[])
ON CONFLICT (address) WHERE status IN ('open', 'logged') DO NOTHING
"""
_MODULE_VERSIONS: Final = """
INSERT INTO module_versions (package, version, source, path, tag, commit, tree, hosting, archive, archive_size,
    location, evidence, provenance, record, recorded_at, withdrawn)
SELECT p.id, v.* FROM intents i JOIN packages p ON p.address = i.address AND p.kind = 'module'
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'versions') AS v (version text, source text, path text, tag text,
    commit text, tree text, hosting text, archive text, archive_size bigint, location text, evidence text,
    provenance text, record text, recorded_at timestamptz, withdrawn jsonb)
WHERE i.id = ANY(%s)
ON CONFLICT (package, version) DO UPDATE SET source = excluded.source, path = excluded.path, tag = excluded.tag,
    commit = excluded.commit, tree = excluded.tree, hosting = excluded.hosting, archive = excluded.archive,
    archive_size = excluded.archive_size, location = excluded.location, evidence = excluded.evidence,
    provenance = excluded.provenance, record = excluded.record, recorded_at = excluded.recorded_at,
    withdrawn = excluded.withdrawn
"""
_PROVIDER_VERSIONS: Final = """
INSERT INTO provider_versions (package, version, origin, evidence, protocols, sums, signature, signer, sums_url,
    signature_url, hosting, record, recorded_at, withdrawn)
SELECT p.id, v.* FROM intents i JOIN packages p ON p.address = i.address AND p.kind = 'provider'
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'versions') AS v (version text, origin text, evidence text,
    protocols text[], sums text, signature text, signer text, sums_url text, signature_url text, hosting text,
    record text, recorded_at timestamptz, withdrawn jsonb)
WHERE i.id = ANY(%s)
ON CONFLICT (package, version) DO UPDATE SET origin = excluded.origin, evidence = excluded.evidence,
    protocols = excluded.protocols, sums = excluded.sums, signature = excluded.signature, signer = excluded.signer,
    sums_url = excluded.sums_url, signature_url = excluded.signature_url, hosting = excluded.hosting,
    record = excluded.record, recorded_at = excluded.recorded_at, withdrawn = excluded.withdrawn
"""
_MIRROR_VERSIONS: Final = """
INSERT INTO mirror_versions (package, version, origin, protocols, sums, signature, signer, sums_url,
    signature_url, hosting, record, recorded_at, withdrawn)
SELECT p.id, v.* FROM intents i JOIN packages p ON p.address = i.address AND p.kind = 'mirror'
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'versions') AS v (version text, origin text, protocols text[],
    sums text, signature text, signer text, sums_url text, signature_url text, hosting text, record text,
    recorded_at timestamptz, withdrawn jsonb)
WHERE i.id = ANY(%s)
ON CONFLICT (package, version) DO UPDATE SET origin = excluded.origin, protocols = excluded.protocols,
    sums = excluded.sums, signature = excluded.signature, signer = excluded.signer, sums_url = excluded.sums_url,
    signature_url = excluded.signature_url, hosting = excluded.hosting, record = excluded.record,
    recorded_at = excluded.recorded_at, withdrawn = excluded.withdrawn
"""
_PLATFORMS: Final = """
INSERT INTO {platforms} (version_id, os, arch, filename, zh, h1, size, url)
SELECT o.id, f.* FROM intents i JOIN packages p ON p.address = i.address AND p.kind = {kind}
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'versions') AS v (version text, packages jsonb)
JOIN {versions} o ON o.package = p.id AND o.version = v.version
CROSS JOIN LATERAL jsonb_to_recordset(v.packages) AS f (os text, arch text, filename text, zh text, h1 text,
    size bigint, url text)
WHERE i.id = ANY(%s)
ON CONFLICT (version_id, os, arch) DO UPDATE SET filename = excluded.filename, zh = excluded.zh, h1 = excluded.h1,
    size = excluded.size, url = excluded.url
"""
_LOST_PLATFORM: Final = """
WITH named AS MATERIALIZED (
    SELECT p.address, o.version, o.id, v.packages
    FROM intents i JOIN packages p ON p.address = i.address AND p.kind = {kind}
    CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'versions') AS v (version text, packages jsonb)
    JOIN {versions} o ON o.package = p.id AND o.version = v.version
    WHERE i.id = ANY(%s)
), kept AS MATERIALIZED (
    SELECT n.id, f.os, f.arch FROM named n
    CROSS JOIN LATERAL jsonb_to_recordset(n.packages) AS f (os text, arch text)
)
SELECT n.address, n.version, f.os || '_' || f.arch FROM named n JOIN {platforms} f ON f.version_id = n.id
WHERE (f.version_id, f.os, f.arch) NOT IN (SELECT id, os, arch FROM kept) LIMIT 1
"""
_PLATFORM_TABLES: Final = (
    {
        "kind": sql.Literal("provider"),
        "versions": sql.Identifier("provider_versions"),
        "platforms": sql.Identifier("provider_platforms"),
    },
    {
        "kind": sql.Literal("mirror"),
        "versions": sql.Identifier("mirror_versions"),
        "platforms": sql.Identifier("mirror_platforms"),
    },
)
_KEYS: Final = """
INSERT INTO signing_keys (digest, fingerprint, armor)
SELECT DISTINCT encode(sha256(convert_to(k.armor, 'UTF8')), 'hex'), k.fingerprint, k.armor FROM intents i
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'state'->'signing_keys') AS k (fingerprint text, armor text)
WHERE i.id = ANY(%s) ON CONFLICT (digest) DO NOTHING
"""
_DROP_PACKAGE_KEYS: Final = """
DELETE FROM package_keys k USING packages p, intents i
WHERE k.package = p.id AND p.address = i.address AND i.id = ANY(%s)
"""
_PACKAGE_KEYS: Final = """
INSERT INTO package_keys (package, key)
SELECT DISTINCT p.id, encode(sha256(convert_to(k.armor, 'UTF8')), 'hex')
FROM intents i JOIN packages p ON p.address = i.address
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'state'->'signing_keys') AS k (fingerprint text, armor text)
WHERE i.id = ANY(%s)
"""
_RAISE_REVISIONS: Final = """
UPDATE packages p SET revision = i.base + 1, deprecations = i.payload->'state'->'deprecated',
    rendering = i.payload->'state'->>'rendering',
    listed = (SELECT count(*) FROM module_versions v WHERE v.package = p.id AND v.withdrawn IS NULL)
        + (SELECT count(*) FROM provider_versions v WHERE v.package = p.id AND v.withdrawn IS NULL)
        + (SELECT count(*) FROM mirror_versions v WHERE v.package = p.id AND v.withdrawn IS NULL)
FROM intents i WHERE i.address = p.address AND i.id = ANY(%s)
"""
_ENTRIES: Final = """
INSERT INTO log_entries (index, type, payload, version, intent, package)
SELECT e.index, e.type, e.payload, e.version, e.intent, p.id
FROM unnest(%s::bigint[], %s::text[], %b::bytea[], %s::text[], %s::bigint[])
    AS e (index, type, payload, version, intent)
LEFT JOIN intents i ON i.id = e.intent LEFT JOIN packages p ON p.address = i.address
"""
_LOG_INDICES: Final = """
UPDATE {versions} o SET log_index = e.index FROM (
    SELECT package, version, max(index) AS index FROM log_entries
    WHERE index >= %s AND intent = ANY(%s) AND version IS NOT NULL GROUP BY package, version
) e WHERE o.package = e.package AND o.version = e.version
"""
_VERSION_TABLES: Final = tuple(map(sql.Identifier, ("module_versions", "provider_versions", "mirror_versions")))
# The time of a run is that of its start; a listing that was shortened an hour later is in caches an hour longer.
_BEGIN_STAGES: Final = """
UPDATE {versions} o SET withdrawn = jsonb_set(o.withdrawn, ARRAY['since'], to_jsonb(%s::text))
FROM intents i JOIN packages p ON p.address = i.address
CROSS JOIN LATERAL jsonb_to_recordset(i.payload->'versions') AS v (version text)
WHERE i.id = ANY(%s) AND i.status = 'logged' AND o.package = p.id AND o.version = v.version
    AND (o.withdrawn->>'since')::timestamptz < %s
"""
_FINISH_PACKAGES: Final = """
UPDATE packages p SET visible = i.base + 1, inputs = i.payload->>'inputs',
    due_at = (i.payload->>'due_at')::timestamptz
FROM intents i WHERE i.address = p.address AND i.id = ANY(%s) AND i.status = 'logged'
"""


def ensure_packages(connection: Connection[TupleRow], addresses: Sequence[Address]) -> None:
    """Make heads at revision 0 for packages that have none yet."""
    make_packages(connection, [(address, 0, 0) for address in addresses])


def make_packages(connection: Connection[TupleRow], heads: Sequence[tuple[Address, int, int]]) -> None:
    """The same at other revisions: address, revision and the one that is visible."""
    kinds, texts = [address.kind for address, _, _ in heads], [str(address) for address, _, _ in heads]
    revisions, visible = [revision for _, revision, _ in heads], [visible for _, _, visible in heads]
    connection.execute(_ENSURE_PACKAGES, (kinds, texts, revisions, visible))


def begin(
    connection: Connection[TupleRow], intents: Sequence[Intent], generation: int, where: str
) -> tuple[OpenIntent, ...]:
    """Commit intents; one that is there already, whole and unfinished, is returned as it stands.

    Raises LedgerError LED005 where the package's revision is not the base, or another change of it is unfinished.
    """
    payloads = [intent_to_json(intent) for intent in intents]
    tokens = [token(payload) for payload in payloads]
    addresses = [str(intent.address) for intent in intents]
    connection.execute(
        _BEGIN,
        (
            addresses,
            [intent.base for intent in intents],
            tokens,
            [Jsonb(payload, canonical) for payload in payloads],
            [generation] * len(intents),
            [instant(intent.created_at) for intent in intents],
        ),
    )
    rows = connection.execute(
        """
        SELECT i.address, i.token, i.id, i.status = 'logged', coalesce(p.revision, 0)
        FROM intents i LEFT JOIN packages p ON p.address = i.address
        WHERE i.address = ANY(%s) AND i.status IN ('open', 'logged')
        """,
        (addresses,),
    ).fetchall()
    found = {address: rest for address, *rest in rows}
    result = []
    for intent, digest in zip(intents, tokens, strict=True):
        stored, id_, logged, revision = found[str(intent.address)]
        if stored != digest:
            raise _moved(where, intent.address, f"intent {id_} of the same package, which is not finished")
        if not logged and revision != intent.base:
            raise _moved(where, intent.address, f"revision {revision}", f"revision {intent.base}")
        result.append(OpenIntent(id_, intent, logged))
    return tuple(result)


def abandon(connection: Connection[TupleRow], ids: Sequence[int], where: str) -> None:
    """Give up open intents; raises LedgerError LED006 for one that was logged."""
    frozen = connection.execute(
        "SELECT id, address FROM intents WHERE id = ANY(%s) AND status IN ('logged', 'finished') ORDER BY id LIMIT 1",
        (list(ids),),
    ).fetchone()
    if frozen is not None:
        raise _frozen(where, f"intent {frozen[0]} of {frozen[1]} is logged and cannot be abandoned")
    connection.execute("UPDATE intents SET status = 'abandoned' WHERE id = ANY(%s) AND status = 'open'", (list(ids),))


def collected(connection: Connection[TupleRow], ids: Sequence[int]) -> None:
    """Close abandoned intents whose artifacts are gone."""
    connection.execute(
        "UPDATE intents SET status = 'collected', payload = NULL WHERE id = ANY(%s) AND status = 'abandoned'",
        (list(ids),),
    )


def log(connection: Connection[TupleRow], intents: Sequence[OpenIntent], where: str) -> LogHead:
    """Fix entries, indices and tail of all intents that are not logged yet, and make their facts the packages' own.

    What the audit log says of them is appended in the same transaction, and the log's last entry names its head.
    Raises LedgerError LED005 where a package has moved on, LED006 for an abandoned intent or a change of frozen facts.
    """
    head_before = reading.log_head(connection)
    pending = _pending(connection, intents, where)
    if not pending:
        return head_before
    ids = [id_ for id_, _ in pending]
    _require_bases(connection, intents, ids, where)
    write_facts(connection, ids, where)
    connection.execute("UPDATE intents SET status = 'logged' WHERE id = ANY(%s)", (ids,))
    done = audit.append_rows(connection, [audit_from_json(payload) for _, payload in pending])
    entries: list[tuple[int | None, Entry]] = [
        (id_, entry) for id_, payload in pending for entry in entries_from_json(payload)
    ]
    if not entries:
        return head_before
    at = utc(pending[-1][1]["created_at"])
    head = append_entries(connection, head_before, [*entries, (None, audit_head(done.seq, done.hash, at))])
    for table in _VERSION_TABLES:
        connection.execute(sql.SQL(_LOG_INDICES).format(versions=table), (head_before.tail.size, ids))
    return head


def append_entries(
    connection: Connection[TupleRow], head: LogHead, entries: Sequence[tuple[int | None, Entry]]
) -> LogHead:
    """Append entries, each with the id of its intent or None where it is the registry's own; returns the new head."""
    size = head.tail.size
    connection.execute(
        _ENTRIES,
        (
            list(range(size, size + len(entries))),
            [entry.type for _, entry in entries],
            [entry.payload for _, entry in entries],
            [str(entry.version) if entry.version else None for _, entry in entries],
            [id_ for id_, _ in entries],
        ),
    )
    tail = append(head.tail, [entry.payload for _, entry in entries])
    connection.execute(
        "UPDATE log_head SET size = %s, tail = %s, root = %s, checkpoint = NULL",
        (tail.size, tail.to_bytes(), root(tail)),
    )
    return replace(head, tail=tail, checkpoint=None)


def finish(connection: Connection[TupleRow], intents: Sequence[OpenIntent], at: datetime, where: str) -> None:
    """Close logged intents: what they changed is listed, as of ``at``.

    Raises LedgerError LED006 for one that is not logged.
    """
    ids = [intent.id for intent in intents]
    unlogged = connection.execute(
        """
        SELECT id, address FROM intents WHERE id = ANY(%s) AND status IN ('open', 'abandoned', 'collected')
        ORDER BY id LIMIT 1
        """,
        (ids,),
    ).fetchone()
    if unlogged is not None:
        raise LedgerError(
            codes.FROZEN, f"intent {unlogged[0]} of {unlogged[1]} is not logged, so it cannot be finished", where=where
        )
    connection.execute(_FINISH_PACKAGES, (ids,))
    if any(facts.withdrawn for intent in intents for facts in intent.intent.versions):
        for table in _VERSION_TABLES:
            connection.execute(sql.SQL(_BEGIN_STAGES).format(versions=table), (instant(at), ids, at))
    connection.execute(
        "UPDATE intents SET status = 'finished', payload = NULL WHERE id = ANY(%s) AND status = 'logged'", (ids,)
    )


def _pending(connection: Connection[TupleRow], intents: Sequence[OpenIntent], where: str) -> list[tuple[int, Json]]:
    """Id and payload of the open ones, in the order given: the ledger's word counts, not ``OpenIntent.logged``."""
    rows = connection.execute(
        "SELECT id, status, payload FROM intents WHERE id = ANY(%s)", ([intent.id for intent in intents],)
    ).fetchall()
    found = {id_: (status, payload) for id_, status, payload in rows}
    pending = []
    for intent in intents:
        status, payload = found.get(intent.id, ("unknown", None))
        if status in ("abandoned", "collected", "unknown"):
            raise _frozen(where, f"intent {intent.id} of {intent.intent.address} is {status} and cannot be logged")
        if status == "open":
            pending.append((intent.id, payload))
    return pending


def _require_bases(connection: Connection[TupleRow], intents: Sequence[OpenIntent], ids: list[int], where: str) -> None:
    ensure_packages(connection, [intent.intent.address for intent in intents])
    moved = connection.execute(
        """
        SELECT i.address, i.base, p.revision FROM intents i JOIN packages p ON p.address = i.address
        WHERE i.id = ANY(%s) AND p.revision <> i.base ORDER BY i.id LIMIT 1
        """,
        (ids,),
    ).fetchone()
    if moved is not None:
        raise _moved(where, moved[0], f"revision {moved[2]}", f"revision {moved[1]}")


def write_facts(connection: Connection[TupleRow], ids: list[int], where: str) -> None:
    """Make the facts and states of open intents the packages' own; raises LedgerError LED006 for a lost platform."""
    connection.execute(_MODULE_VERSIONS, (ids,))
    connection.execute(_PROVIDER_VERSIONS, (ids,))
    connection.execute(_MIRROR_VERSIONS, (ids,))
    for tables in _PLATFORM_TABLES:
        connection.execute(sql.SQL(_PLATFORMS).format(**tables), (ids,))
        lost = connection.execute(sql.SQL(_LOST_PLATFORM).format(**tables), (ids,)).fetchone()
        if lost is not None:
            raise _frozen(where, f"{lost[0]} {lost[1]} would lose its platform {lost[2]}")
    connection.execute(_KEYS, (ids,))
    connection.execute(_DROP_PACKAGE_KEYS, (ids,))
    connection.execute(_PACKAGE_KEYS, (ids,))
    connection.execute(_RAISE_REVISIONS, (ids,))


def _moved(where: str, address: Address | str, found: str, expected: str = "") -> LedgerError:
    return LedgerError(
        codes.PACKAGE_MOVED, where=f"{where} {address}", expected=expected, found=found, hint=codes.PACKAGE_MOVED.fix
    )


def _frozen(where: str, detail: str) -> LedgerError:
    return LedgerError(codes.FROZEN, detail, where=where, hint=codes.FROZEN.fix)
