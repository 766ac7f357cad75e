"""What the log says: one entry for each change of a package that matters to those who install it.

An entry is a JSON object in canonical form. All have ``type``, ``kind`` and ``address`` of the package, its
``revision`` after the change, ``time`` (RFC 3339, UTC), and ``catalog_commit`` where the catalog is in git as read.
What does not apply is left out; nothing is null. The index is not part of it: the tree gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.log.tiles import check_entry
from registry_gen.model.intent import Entry
from registry_gen.render.records import canonical
from registry_gen.render.version_documents import rfc3339, version_fields, without_none

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Deprecation, VersionFacts
    from registry_gen.model.intent import EntryType
    from registry_gen.model.version import Version


def published(address: Address, facts: VersionFacts, revision: int, catalog_commit: str | None) -> Entry:
    """A version is published for the first time. Raises RefusalError LOG001 where an entry would become too long."""
    return _entry(
        "published", address, revision, catalog_commit, facts.recorded_at, version_fields(facts), facts.version
    )


def platform_added(address: Address, facts: VersionFacts, revision: int, catalog_commit: str | None) -> Entry:
    """A published version gains platforms; ``facts``, and the digests in the entry, are those of all its platforms."""
    return _entry(
        "platform-added", address, revision, catalog_commit, facts.recorded_at, version_fields(facts), facts.version
    )


def hosting_changed(address: Address, facts: VersionFacts, revision: int, catalog_commit: str | None) -> Entry:
    """A version is stored here now, or documents point at its upstream now; its contents are what they were."""
    fields = version_fields(facts)
    return _entry("hosting-changed", address, revision, catalog_commit, facts.recorded_at, fields, facts.version)


def withdrawn(
    address: Address, facts: VersionFacts, reason: str, revision: int, catalog_commit: str | None, now: datetime
) -> Entry:
    """A version is no longer listed; its record, and so its place in history, stays."""
    more = {"version": str(facts.version), "record": facts.record, "reason": reason}
    return _entry("withdrawn", address, revision, catalog_commit, now, more, facts.version)


def relisted(address: Address, facts: VersionFacts, revision: int, catalog_commit: str | None, now: datetime) -> Entry:
    """A withdrawn version is listed again, with the digests that it always had."""
    return _entry("relisted", address, revision, catalog_commit, now, version_fields(facts), facts.version)


def audit_head(seq: int, digest: Sha256, at: datetime) -> Entry:
    """The audit log ended with row ``seq`` and its hash ``digest`` when this was logged: nobody can rewrite it now."""
    fields = {"type": "audit-head", "kind": "registry", "address": "", "revision": 0, "time": rfc3339(at)}
    return Entry("audit-head", check_entry(canonical({**fields, "seq": seq, "hash": digest})))


def log_key_changed(origin: str, keys: Sequence[str], catalog_commit: str | None, now: datetime) -> Entry:
    """The log ``origin`` is signed with other keys from now on: the present verifier key, then former ones."""
    fields = {
        "type": "key-changed",
        "kind": "log",
        "address": origin,
        "revision": 0,
        "catalog_commit": catalog_commit,
        "time": rfc3339(now),
        "keys": list(keys),
    }
    return Entry("key-changed", check_entry(canonical(without_none(fields))))


def key_changed(
    address: Address, fingerprints: Sequence[str], revision: int, catalog_commit: str | None, now: datetime
) -> Entry:
    """Clients get other signing keys from now on: those with these fingerprints."""
    return _entry("key-changed", address, revision, catalog_commit, now, {"keys": sorted(fingerprints)})


def deprecated(
    address: Address,
    warnings: Sequence[Deprecation],
    revision: int,
    catalog_commit: str | None,
    now: datetime,
) -> Entry:
    """Users of the package get these warnings from now on; none takes all of them back ("undeprecated")."""
    if not warnings:
        return _entry("undeprecated", address, revision, catalog_commit, now, {})
    return _entry(
        "deprecated",
        address,
        revision,
        catalog_commit,
        now,
        {"deprecations": [dict(warning.as_json()) for warning in warnings]},
    )


def _entry(
    type_: EntryType,
    address: Address,
    revision: int,
    catalog_commit: str | None,
    at: datetime,
    more: Mapping[str, object],
    version: Version | None = None,
) -> Entry:
    fields = {
        "type": type_,
        "kind": address.kind,
        "address": str(address),
        "revision": revision,
        "catalog_commit": catalog_commit,
        "time": rfc3339(at),
        **more,
    }
    return Entry(type_, check_entry(canonical(without_none(fields))), version)
