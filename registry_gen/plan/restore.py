"""A package as a lost ledger held it: made again from the log, the records, and what the bucket holds.

The log says what was published and what it is pinned by, the records say the rest of it. Documents add what neither
knows: the armor of keys that the log names by fingerprint, and how far a withdrawal came. Nothing else is believed of
them: they are compared with what is rendered.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.recorded import Recorded, recorded, unrecorded
from registry_gen.model.address import ProviderAddress
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.facts import (
    Package,
    PackageHead,
    PackageState,
    PublishedDocument,
    SigningKey,
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.plan import codes
from registry_gen.plan.inputs import Context
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.document import revision_of, stamp
from registry_gen.render.package import render_package
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from datetime import datetime

    from registry_gen.log.history import LoggedVersion, PackageHistory
    from registry_gen.model.config import Site
    from registry_gen.model.facts import VersionFacts
    from registry_gen.render.document import Document

NOBODY: Final = "unknown"
"""Who took a version back: the log does not say, only the audit log does."""

_MOST_REVISIONS: Final = 1_000_000_000
"""No package was ever changed so often: a document that says so was stamped by somebody else."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Held:
    """What the bucket holds of a package.

    ``documents`` are bytes and etag by key, ``artifacts`` the keys of immutable objects, ``records`` those that the log
    names and that are there, by their digest.
    """

    documents: Mapping[str, tuple[bytes, str]]
    artifacts: Set[str]
    records: Mapping[Sha256, bytes]


@dataclass(frozen=True, slots=True)
class Restored:
    """A package, its documents as the bucket holds them, and how these differ from what is rendered, a line each."""

    package: Package
    documents: tuple[PublishedDocument, ...]
    differences: tuple[str, ...]


def restored(
    history: PackageHistory, held: Held, site: Site, now: datetime, withdrawn_by: Mapping[tuple[str, datetime], str]
) -> Restored:
    """The package as the log has it. ``now`` is when the wait for caches begins anew, since nobody knows when it did.

    ``withdrawn_by`` tells who took versions back (version and time of the withdrawal), where that is known. A package
    with differences keeps no rendering, so that the next run brings its documents to what they should be.
    Raises RefusalError PLN020 where a record is missing that is needed, LOG012 where one contradicts the log.
    """
    source = _Source(history, held, site, now, withdrawn_by)
    found = [source.version(history.versions[version]) for version in sorted(history.versions)]
    keys = source.keys(found) if isinstance(history.address, ProviderAddress) else ()
    state = PackageState(history.warnings, keys, Context(site.url, None, now).rendering)
    head = PackageHead(history.address, history.revision, history.revision, None, None, state, len(history.listed))
    package = Package(head, tuple(each.facts for each in found))
    documents, differences = compare(held.documents, render_package(package, site))
    revision = max([head.revision, *(document.revision for document in documents)])
    head = replace(head, revision=revision, visible=revision)
    if differences:
        head = replace(head, visible=revision - 1, state=replace(state, rendering=""))
    return Restored(replace(package, head=head), documents, differences)


def compare(
    held: Mapping[str, tuple[bytes, str]], rendered: Iterable[Document]
) -> tuple[tuple[PublishedDocument, ...], tuple[str, ...]]:
    """What the bucket holds, for the ledger, and what of it is missing, other or too much, a line each."""
    expected = {document.key: document for document in rendered}
    differences = [f"{key}: missing" for key in expected if key not in held]
    documents = []
    for key, (body, etag) in sorted(held.items()):
        document, revision = expected.get(key), revision_of(key, body)
        if document and revision is not None and _is(document, body, revision):
            documents.append(PublishedDocument(key, document.digest, revision, etag))
        else:
            differences.append(f"{key}: {'other content' if document else 'nothing in the log leads to it'}")
            documents.append(PublishedDocument(key, sha256(body), 0, etag))
    return tuple(documents), tuple(sorted(differences))


def named_entry(key: str, body: bytes) -> int | None:
    """The entry of the log that a version's document names; None for every other document."""
    number = _json(body).get("log_index") if key.endswith("/index.json") else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _is(document: Document, body: bytes, revision: int) -> bool:
    return revision <= _MOST_REVISIONS and stamp(document.key, document.content, revision) == body


@dataclass(frozen=True, slots=True)
class _Source:
    """All that a package is made from."""

    history: PackageHistory
    held: Held
    site: Site
    now: datetime
    withdrawn_by: Mapping[tuple[str, datetime], str]

    def version(self, logged: LoggedVersion) -> Recorded:
        """A version with its life so far."""
        address, record = self.history.address, self.held.records.get(logged.pinned.record)
        if record is not None:
            found = recorded(address, logged, record)
            return replace(found, facts=self._withdrawn(logged, found.facts, self._stage(found.facts)))
        facts = unrecorded(address, logged, self._provenance(logged))
        if logged.listed or self._leaves(facts) & self.held.documents.keys() or self._artifacts(facts):
            raise RefusalError(
                codes.RECORD_LOST,
                where=f"{address} {logged.version}",
                expected=paths.record(logged.pinned.record),
                found="nothing",
                hint=codes.RECORD_LOST.fix,
            )
        return Recorded(self._withdrawn(logged, facts, WithdrawalStage.COLLECTED), ())

    def keys(self, versions: Sequence[Recorded]) -> tuple[SigningKey, ...]:
        """The keys that the log names last, or else those on record with the newest version: their newest armor."""
        by_age = sorted((each for each in versions if each.keys), key=lambda each: each.facts.log_index or 0)
        on_record = [key for each in reversed(by_age) for key in each.keys]
        vouched = self.history.keys
        if vouched is None:
            vouched = tuple(key.fingerprint for key in by_age[-1].keys) if by_age else ()
        armors: dict[str, SigningKey] = {}
        for key in (*self._served_keys(), *on_record):
            armors.setdefault(key.fingerprint, key)
        return tuple(sorted(armors[fingerprint] for fingerprint in set(vouched) if fingerprint in armors))

    def _withdrawn(self, logged: LoggedVersion, facts: VersionFacts, stage: WithdrawalStage) -> VersionFacts:
        if logged.withdrawn is None or logged.withdrawn_at is None:
            return facts
        by = self.withdrawn_by.get((str(logged.version), logged.withdrawn_at), NOBODY)
        return replace(facts, withdrawn=Withdrawal(logged.withdrawn, by, logged.withdrawn_at, stage, self.now))

    def _stage(self, facts: VersionFacts) -> WithdrawalStage:
        """How far a withdrawal came: a version that lacks anything which it stored can never be listed again."""
        if self._leaves(facts) <= self.held.documents.keys():
            return WithdrawalStage.UNLISTED
        stored = version_artifacts(self.history.address, facts).keys()
        return WithdrawalStage.UNLINKED if stored <= self.held.artifacts else WithdrawalStage.COLLECTED

    def _leaves(self, facts: VersionFacts) -> Set[str]:
        """The documents that go when a withdrawn version is unlinked."""
        listed, linked = (
            self._rendered(facts, WithdrawalStage.UNLISTED),
            self._rendered(facts, WithdrawalStage.UNLINKED),
        )
        return listed - linked

    def _rendered(self, facts: VersionFacts, stage: WithdrawalStage) -> Set[str]:
        head = PackageHead(self.history.address, 1, 1, None, None, PackageState())
        gone = replace(facts, withdrawn=Withdrawal("", NOBODY, self.now, stage, self.now))
        return {document.key for document in render_package(Package(head, (gone,)), self.site)}

    def _artifacts(self, facts: VersionFacts) -> Set[str]:
        return version_artifacts(self.history.address, facts).keys() & self.held.artifacts

    def _provenance(self, logged: LoggedVersion) -> Sha256 | None:
        """Only the version's document knows it where the record is gone, as the statement itself is."""
        found = self.held.documents.get(paths.version_document(self.history.address, logged.version))
        digest = _json(found[0]).get("provenance") if found else None
        return Sha256(digest) if isinstance(digest, str) and _DIGEST.fullmatch(digest) else None

    def _served_keys(self) -> Iterator[SigningKey]:
        """The keys in documents, the newest document first; what cannot be read is none."""
        seen: set[str] = set()
        bodies = [(revision_of(key, body) or 0, key, body) for key, (body, _) in self.held.documents.items()]
        for _, key, body in sorted(bodies, reverse=True):
            for armor in _armors(_json(body)):
                if armor not in seen:
                    seen.add(armor)
                    with suppress(RefusalError):
                        yield parse_key(armor, key)


def _armors(leaf: Mapping[str, Any]) -> Iterator[str]:
    keys = leaf.get("signing_keys")
    listed = keys.get("gpg_public_keys") if isinstance(keys, dict) else None
    for key in listed if isinstance(listed, list) else ():
        armor = key.get("ascii_armor") if isinstance(key, dict) else None
        if isinstance(armor, str):
            yield armor


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
