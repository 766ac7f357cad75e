"""What sources said last of releases, so that they need not be asked in every run. Whoever loses it, asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from registry_gen.ledger.rows import utc
from registry_gen.model.plan import ReleaseSeen, RememberedRelease
from registry_gen.model.version import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from registry_gen.model.address import Address
    from registry_gen.model.plan import AskedReleases

_SOME: Final = """
SELECT address, version, location, declared, answer::text, seen_at FROM release_sightings WHERE address = ANY(%s)
"""
_FORGET: Final = """
DELETE FROM release_sightings r USING unnest(%s::text[], %s::text[]) AS lost (address, version)
WHERE r.address = lost.address AND r.version = lost.version
"""
_NEW: Final = "CREATE TEMPORARY TABLE new_sightings (LIKE release_sightings) ON COMMIT DROP"
_COPY: Final = "COPY new_sightings (address, version, location, declared, answer, seen_at) FROM STDIN"
_INSERT: Final = """
INSERT INTO release_sightings AS known SELECT * FROM new_sightings ON CONFLICT (address, version) DO UPDATE
SET location = excluded.location, declared = excluded.declared, answer = excluded.answer, seen_at = excluded.seen_at
WHERE known.seen_at <= excluded.seen_at
"""


def store(connection: Connection[TupleRow], asked: Mapping[Address, AskedReleases]) -> None:
    """Keep the answers and forget what is lost; runs inside a transaction of the caller."""
    lost = [(str(address), str(version)) for address, learnt in asked.items() for version in learnt.lost]
    if lost:
        connection.execute(_FORGET, tuple(map(list, zip(*lost, strict=True))))
    connection.execute(_NEW)
    with connection.cursor().copy(_COPY) as copy:
        for address, learnt in asked.items():
            for item in learnt.answers:
                release = item.release
                row = (str(address), str(release.version), release.location, item.declared, _answer(release))
                copy.write_row((*row, item.seen_at))
    connection.execute(_INSERT)
    connection.execute("DROP TABLE new_sightings")


def read(
    connection: Connection[TupleRow], addresses: Sequence[Address]
) -> Mapping[Address, tuple[RememberedRelease, ...]]:
    """What is known of these packages; those of which nothing is are left out."""
    by_text = {str(address): address for address in addresses}
    found: dict[Address, list[RememberedRelease]] = {}
    for address, *row in connection.execute(_SOME, (list(by_text),)):
        found.setdefault(by_text[address], []).append(_remembered(*row))
    return {address: tuple(items) for address, items in found.items()}


def _answer(release: ReleaseSeen) -> str:
    """As JSON, without sizes, which take a request for each file of a URL and are not asked for."""
    said = {
        "sums": release.sums,
        "signature": release.signature,
        "files": dict(release.files),
        "protocols": release.protocols,
    }
    return orjson.dumps(said).decode()


def _remembered(version: str, location: str, declared: bool, answer: str, seen_at: datetime) -> RememberedRelease:
    said = orjson.loads(answer)
    release = ReleaseSeen(
        parse_version(version), location, said["sums"], said["signature"], said["files"], tuple(said["protocols"])
    )
    return RememberedRelease(release, declared, utc(seen_at))
