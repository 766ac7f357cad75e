"""What is known of one version, for programs: where the log proves it, whether it is listed, and why not.

The document stays when the version is withdrawn. Its ``log_index`` names the newest entry of the log about the version,
so that one version is verified without reading the whole log.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import orjson

from registry_gen import paths
from registry_gen.model.facts import ModuleVersion
from registry_gen.render.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from registry_gen.model.facts import MirrorVersion, Package, ProviderVersion, VersionFacts


def render_versions(package: Package) -> Iterator[Document]:
    """One document for each version of the package, withdrawn ones included, in their order."""
    address, warnings = package.head.address, package.head.state.deprecated
    for facts in package.versions:
        withdrawn = facts.withdrawn
        document = {
            "kind": address.kind,
            "address": str(address),
            **version_fields(facts),
            "status": "withdrawn" if withdrawn else "published",
            "recorded_at": rfc3339(facts.recorded_at),
            "log_index": facts.log_index,
            "provenance": facts.provenance if isinstance(facts, ModuleVersion) else None,
            "deprecated": [warning.as_json() for warning in warnings if warning.concerns(facts.version)] or None,
            "withdrawn": {"reason": withdrawn.reason, "at": rfc3339(withdrawn.at)} if withdrawn else None,
        }
        yield Document(paths.version_document(address, facts.version), orjson.dumps(without_none(document)))


def version_fields(facts: VersionFacts) -> Mapping[str, object]:
    """What pins a version, as its document and its entries in the log say it."""
    fields: dict[str, object] = {
        "version": str(facts.version),
        "hosting": facts.hosting.value,
        "record": facts.record,
    }
    if isinstance(facts, ModuleVersion):
        digests = without_none({"archive": facts.archive, "h1": facts.tree, "source": facts.evidence})
        mark = {"unpinned": True} if facts.unpinned else {}
        return {**fields, "digests": digests, "tag": facts.tag, "commit": facts.commit, **mark}
    return {**fields, "digests": _platforms(facts), "sums": _sums(facts)}


def rfc3339(at: datetime) -> str:
    """A point in time as text, in UTC (RFC 3339)."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def without_none(fields: Mapping[str, object]) -> dict[str, object]:
    """The members that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def _platforms(facts: ProviderVersion | MirrorVersion) -> Mapping[str, Mapping[str, object]]:
    return {
        str(package.platform): without_none({"zh": package.zh, "h1": package.h1, "size": package.size})
        for package in sorted(facts.packages, key=lambda package: package.platform)
    }


def _sums(facts: ProviderVersion | MirrorVersion) -> Mapping[str, str]:
    return {"sha256": facts.sums.sums, "signature": facts.sums.signature, "signer": facts.sums.signer}
