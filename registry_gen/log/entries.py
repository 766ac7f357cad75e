"""What the log says: one entry for each change of a package that matters to those who install it.

An entry is a JSON object in canonical form. All have ``type``, ``kind`` and ``address`` of the package, its
``revision`` after the change, ``time`` (RFC 3339, UTC), and ``catalog_commit`` where the catalog is in git.
What does not apply is left out; nothing is null. The index is not part of it: the tree gives it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry_gen.log.tiles import check_entry
from registry_gen.model.facts import ModuleVersion
from registry_gen.model.intent import Entry
from registry_gen.render.records import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.facts import MirrorVersion, ProviderVersion, VersionFacts
    from registry_gen.model.intent import EntryType


def published(address: Address, facts: VersionFacts, revision: int, catalog_commit: str | None) -> Entry:
    """A version is published for the first time. Raises RefusalError LOG001 where an entry would become too long."""
    return _entry("published", address, revision, catalog_commit, facts.recorded_at, _version(facts))


def platform_added(address: Address, facts: VersionFacts, revision: int, catalog_commit: str | None) -> Entry:
    """A published version gains platforms; ``facts``, and the digests in the entry, are those of all its platforms."""
    return _entry("platform-added", address, revision, catalog_commit, facts.recorded_at, _version(facts))


def key_changed(
    address: Address, fingerprints: Sequence[str], revision: int, catalog_commit: str | None, now: datetime
) -> Entry:
    """Clients get other signing keys from now on: those with these fingerprints."""
    return _entry("key-changed", address, revision, catalog_commit, now, {"keys": sorted(fingerprints)})


def deprecated(address: Address, message: str, revision: int, catalog_commit: str | None, now: datetime) -> Entry:
    """Users of the package are warned from now on; an empty ``message`` takes the warning back ("undeprecated")."""
    if not message:
        return _entry("undeprecated", address, revision, catalog_commit, now, {})
    return _entry("deprecated", address, revision, catalog_commit, now, {"message": message})


def _entry(
    type_: EntryType,
    address: Address,
    revision: int,
    catalog_commit: str | None,
    at: datetime,
    more: Mapping[str, object],
) -> Entry:
    fields = {
        "type": type_,
        "kind": address.kind,
        "address": str(address),
        "revision": revision,
        "catalog_commit": catalog_commit,
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        **more,
    }
    return Entry(type_, check_entry(canonical(_without_none(fields))))


def _version(facts: VersionFacts) -> Mapping[str, object]:
    fields: dict[str, object] = {
        "version": str(facts.version),
        "hosting": facts.hosting.value,
        "record": facts.record,
    }
    if isinstance(facts, ModuleVersion):
        digests = _without_none({"archive": facts.archive, "h1": facts.tree, "source": facts.evidence})
        return {**fields, "digests": digests, "tag": facts.tag, "commit": facts.commit}
    return {**fields, "digests": _platforms(facts), "sums": _sums(facts)}


def _platforms(facts: ProviderVersion | MirrorVersion) -> Mapping[str, Mapping[str, object]]:
    return {
        str(package.platform): _without_none({"zh": package.zh, "h1": package.h1, "size": package.size})
        for package in facts.packages
    }


def _sums(facts: ProviderVersion | MirrorVersion) -> Mapping[str, str]:
    return {"sha256": facts.sums.sums, "signature": facts.sums.signature, "signer": facts.sums.signer}


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
