"""Collecting withdrawn versions: each step is an intent that is committed as any other, and recovered as any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.log.promised import NOTHING, promised
from registry_gen.model.facts import WithdrawalStage
from registry_gen.plan.collect import Collection, collect, gone_documents, is_collected, next_steps
from registry_gen.publish.bucket import open_bucket
from registry_gen.publish.commit import commit, recover, unfinished
from registry_gen.publish.log_key import settle_log_key
from registry_gen.publish.own_bucket import require_own_bucket
from registry_gen.publish.purge import purge_waiting
from registry_gen.render.artifacts import known_sizes, version_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

    from registry_gen.ledger import Inspection
    from registry_gen.log.promised import Promised
    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package
    from registry_gen.model.intent import Intent, Run
    from registry_gen.model.plan import Refusal
    from registry_gen.model.version import Version
    from registry_gen.plan.collect import Extent, Step
    from registry_gen.publish.log_key import CheckpointSigner
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.purge import Told
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage

PHASE: Final = "Collecting"
BATCH_PACKAGES: Final = 500
"""How many packages are collected before somebody else gets the lock."""


@dataclass(frozen=True, slots=True)
class Goes:
    """What one package loses: the steps of its versions, the keys of documents and objects, the objects' bytes."""

    intent: Intent
    steps: tuple[Step, ...]
    documents: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is due now, and what waits for caches; ``versions`` are all withdrawn ones that were looked at."""

    goes: tuple[Goes, ...]
    waiting: tuple[Step, ...]
    versions: frozenset[tuple[Address, Version]]


@dataclass(slots=True)
class Collected:
    """How a collection ended: what went, and what could not. ``recovered`` are changes that an earlier run left.

    ``purge`` is what the CDN was told.
    """

    gone: list[Goes] = field(default_factory=list)
    recovered: list[Intent] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    purge: Told | None = None


def outlook(registry: Registry, extent: Extent, run: Run) -> Outlook:
    """What a collection at ``run.at`` would do; nothing is changed, and no lock is taken."""
    goes: list[Goes] = []
    waiting: list[Step] = []
    versions: set[tuple[Address, Version]] = set()
    with registry.ledger.inspection() as books:
        busy = frozenset(item.intent.address for item in books.unfinished())
        for addresses in _batches(_concerned(books, extent), busy):
            found = _due(registry, books, addresses, extent, run)
            goes += found.goes
            waiting += found.waiting
            versions |= found.versions
    return Outlook(tuple(goes), tuple(waiting), frozenset(versions))


def gc(registry: Registry, signer: CheckpointSigner, extent: Extent, run: Run, progress: Progress) -> Collected:
    """Finish what an earlier run left, then move every version on that is due.

    Raises RegistryError only for what concerns the whole run: the ledger, the lock, a bucket that is not this one's.
    """
    total = Collected()
    with open_bucket(registry, signer, run.at) as bucket:
        with registry.ledger.publication(registry.lock_seconds) as publication:
            require_own_bucket(publication.log_head(), registry)
            publication.settle_place(registry.place)
            settle_log_key(publication, signer, run, None)
            recovered = recover(publication, bucket)
            busy = unfinished(publication)
        total.recovered += [item.intent for item in recovered.finished]
        total.refusals += recovered.refusals
        with registry.ledger.inspection() as books:
            concerned = _concerned(books, extent)
        progress.begin(PHASE, len(concerned))
        for addresses in _batches(concerned, busy):
            with registry.ledger.publication(registry.lock_seconds) as publication:
                with registry.ledger.inspection() as books:
                    goes = _due(registry, books, addresses, extent, run).goes
                committed = commit(publication, bucket, publication.begin([each.intent for each in goes]))
            finished = {item.intent.address for item in committed.finished}
            total.gone += [each for each in goes if each.intent.address in finished]
            total.refusals += committed.refusals
            for address in addresses:
                progress.step(PHASE, str(address))
    if registry.open_edge:
        total.purge = purge_waiting(registry, progress)
    return total


def _concerned(books: Inspection, extent: Extent) -> Sequence[Address]:
    addresses = books.withdrawn(collected=extent.records)
    if extent.among is None:
        return addresses
    among = {address for address, _ in extent.among}
    return [address for address in addresses if address in among]


def _batches(addresses: Iterable[Address], busy: Set[Address]) -> Iterator[Sequence[Address]]:
    """Portions of those that no other change is on its way for."""
    free = [address for address in addresses if address not in busy]
    return (free[start : start + BATCH_PACKAGES] for start in range(0, len(free), BATCH_PACKAGES))


def _due(registry: Registry, books: Inspection, addresses: Sequence[Address], extent: Extent, run: Run) -> Outlook:
    packages = books.packages(addresses)
    named = promised(books.log_entries_of([*_ending(packages.values(), extent, run)]))
    stored = _stored_records(registry.public, packages.values(), named) if extent.records else frozenset[str]()
    found = collect(packages.values(), extent, run, named, stored)
    versions = {
        (address, facts.version)
        for address, package in packages.items()
        for facts in package.versions
        if facts.withdrawn and extent.covers(address, facts.version)
    }
    return Outlook(tuple(_goes(registry, packages, found)), found.waiting, frozenset(versions))


def _goes(registry: Registry, packages: Mapping[Address, Package], found: Collection) -> Iterator[Goes]:
    for intent in found.intents:
        package = packages[intent.address]
        yield Goes(
            intent=intent,
            steps=tuple(step for step in found.steps if step.address == intent.address),
            documents=gone_documents(package, intent, registry.config.site),
            size=_size(registry.public, package, intent.removes),
        )


def _ending(packages: Iterable[Package], extent: Extent, run: Run) -> Iterator[Address]:
    """The packages of which objects may be deleted: what the log has named of them matters."""
    for package in packages:
        steps = next_steps(package, extent, run.at)
        if extent.records or any(step.stage is WithdrawalStage.COLLECTED and step.due <= run.at for step in steps):
            yield package.head.address


def _stored_records(
    storage: Storage, packages: Iterable[Package], named: Mapping[tuple[Address, Version], Promised]
) -> frozenset[str]:
    """The records that are still there of versions that were collected before."""
    keys = {
        key
        for package in packages
        for facts in package.versions
        if is_collected(facts)
        for key in (
            paths.record(facts.record),
            *named.get((package.head.address, facts.version), NOTHING).records,
        )
    }
    return frozenset(key for key in sorted(keys) if storage.head(key))


def _size(storage: Storage, package: Package, keys: Iterable[str]) -> int:
    """The bytes of these objects; the large ones are known, the others are asked for."""
    known: dict[str, int] = {}
    for facts in package.versions:
        sizes = known_sizes(facts)
        artifacts = version_artifacts(package.head.address, facts)
        known |= {key: sizes[digest] for key, digest in artifacts.items() if digest in sizes}
    total = 0
    for key in keys:
        found = None if key in known else storage.head(key)
        total += found.size if found else known.get(key, 0)
    return total
