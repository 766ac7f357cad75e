"""Intents of small packages, for rooms that carry them out or keep them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry_gen.model.facts import Deprecation, PackageState
from registry_gen.model.intent import Artifact, AuditRow, Entry, Intent
from tests.support.published_facts import digest_of

if TYPE_CHECKING:
    from registry_gen.model.address import Address
    from registry_gen.model.facts import SigningKey, VersionFacts
    from registry_gen.model.intent import OpenIntent

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


def intent_of(
    address: Address,
    *versions: VersionFacts,
    base: int = 0,
    deprecated: str = "",
    keys: tuple[SigningKey, ...] = (),
    due_at: datetime | None = None,
) -> Intent:
    """A change to these versions, with one artifact and one log entry for each."""
    names = [f"{address} {facts.version} at {base}" for facts in versions]
    return Intent(
        address=address,
        base=base,
        versions=versions,
        state=PackageState((Deprecation(deprecated),) if deprecated else (), keys, "renderer 1"),
        artifacts=tuple(Artifact(f"v1/{name}", digest_of(name), len(name)) for name in names),
        entries=tuple(
            Entry("published", name.encode() + b"\x00\xff", facts.version)
            for name, facts in zip(names, versions, strict=True)
        ),
        inputs=digest_of(f"inputs of {address} at {base}"),
        due_at=due_at,
        created_at=NOW,
        audit=AuditRow("ada", "publish", str(address), {"revision": base}, {"revision": base + 1}, None, None, NOW),
    )


def logged(opened: OpenIntent) -> OpenIntent:
    """The same intent after its log entries were fixed."""
    return dataclasses.replace(opened, logged=True)
