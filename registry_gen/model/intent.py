"""An intent: everything one package's change needs to be finished by whoever holds the lock next.

It is committed to the ledger before the first byte reaches the bucket. From its logging on, the ledger alone
(facts, state, keys) makes the documents; until then the intent lists what must be in the bucket first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import PackageState, VersionFacts
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class Artifact:
    """An immutable object that must be in the public bucket before the intent is logged.

    Its bytes wait in the staging area; ``size`` in bytes.
    """

    key: str
    sha256: Sha256
    size: int


EntryType = Literal[
    "published",
    "platform-added",
    "deprecated",
    "undeprecated",
    "withdrawn",
    "relisted",
    "hosting-changed",
    "key-changed",
    "audit-head",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry for the transparency log: ``payload`` is canonical JSON without index, fixed with the intent.

    ``version`` is the one that it names, None where it is about the whole package.
    """

    type: EntryType
    payload: bytes
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is known by: who acts, where (the URL of the pipeline's run), on which catalog, and when."""

    actor: str
    run_url: str | None
    catalog_commit: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what; ``before`` and ``after`` are small JSON objects, ``run_url`` the pipeline that did it."""

    actor: str
    action: str
    address: str
    before: Mapping[str, object]
    after: Mapping[str, object]
    catalog_commit: str | None
    run_url: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """One package's change from revision ``base`` to ``base + 1``.

    ``versions`` are the versions that are new, or whose facts are replaced (a platform was added, it was withdrawn);
    ``removes`` are keys of artifacts to delete once this is logged; ``audit`` is what the audit log will say of it.
    ``state`` is the package's state afterwards; ``inputs`` and ``due_at`` become the head's where everything
    that the plan asked for succeeded, else ``inputs`` is None so that the next run plans the package again.
    """

    address: Address
    base: int
    versions: tuple[VersionFacts, ...]
    state: PackageState
    artifacts: tuple[Artifact, ...]
    entries: tuple[Entry, ...]
    inputs: Sha256 | None
    due_at: datetime | None
    created_at: datetime
    audit: AuditRow
    removes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent as the ledger keeps it: ``id`` is the ledger's, ``logged`` says that it is frozen."""

    id: int
    intent: Intent
    logged: bool
