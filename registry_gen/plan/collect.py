"""Which withdrawn versions move on to their next stage: what no cache can lead to any more is deleted.

A listing that was shortened is served from caches for as long as its cache rule lets them; only then do the leaf
documents of the version go (unlinked). What they led to goes once no cache serves them any more (collected).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.log.promised import NOTHING
from registry_gen.model.facts import Package, VersionFacts, Withdrawal, WithdrawalStage
from registry_gen.model.intent import AuditRow, Intent
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.package import render_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set
    from datetime import datetime, timedelta

    from registry_gen.log.promised import Promised
    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.intent import Run
    from registry_gen.model.version import Version

_NEXT: Final[Mapping[WithdrawalStage, tuple[WithdrawalStage, timedelta]]] = {
    WithdrawalStage.UNLISTED: (WithdrawalStage.UNLINKED, paths.LISTING_WINDOW),
    WithdrawalStage.UNLINKED: (WithdrawalStage.COLLECTED, paths.LEAF_WINDOW),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What a collection is about.

    ``at_once`` waits for no cache, and goes to the end. ``records`` also deletes what is known of a collected version
    beyond its facts. ``among`` are the versions that it may touch, None for all.
    """

    at_once: bool = False
    records: bool = False
    among: Set[tuple[Address, Version]] | None = None

    def covers(self, address: Address, version: Version) -> bool:
        """Whether it may touch this version."""
        return self.among is None or (address, version) in self.among


@dataclass(frozen=True, slots=True)
class Step:
    """A withdrawn version, its next stage, and when the caches have forgotten what leads to it."""

    address: Address
    version: Version
    stage: WithdrawalStage
    due: datetime


@dataclass(frozen=True, slots=True)
class Collection:
    """What is due as intents, sorted by address, the steps that they take, and those that wait."""

    intents: tuple[Intent, ...] = ()
    steps: tuple[Step, ...] = ()
    waiting: tuple[Step, ...] = ()


def collect(
    packages: Iterable[Package],
    extent: Extent,
    run: Run,
    named: Mapping[tuple[Address, Version], Promised],
    stored_records: Set[str] = frozenset(),
) -> Collection:
    """Decide about packages whose last revision is visible; the others are passed over.

    ``named`` is what the log has named of their versions, ``stored_records`` are the keys of records of versions
    that were collected before: with ``extent.records`` they go too.
    """
    intents: list[Intent] = []
    steps: list[Step] = []
    waiting: list[Step] = []
    for package in sorted(packages, key=lambda package: str(package.head.address)):
        if package.head.visible != package.head.revision:
            continue
        taken: list[Step] = []
        for step in next_steps(package, extent, run.at):
            (taken if step.due <= run.at else waiting).append(step)
        intent = _intent(package, taken, extent, run, named, stored_records)
        if intent:
            intents.append(intent)
            steps += taken
    return Collection(tuple(intents), tuple(steps), tuple(waiting))


def next_steps(package: Package, extent: Extent, now: datetime) -> tuple[Step, ...]:
    """The next step of each version of a package that has one."""
    address = package.head.address
    return tuple(
        _step(address, facts.version, facts.withdrawn, now if extent.at_once else None)
        for facts in package.versions
        if facts.withdrawn and facts.withdrawn.stage in _NEXT and extent.covers(address, facts.version)
    )


def gone_documents(package: Package, intent: Intent, site: Site) -> tuple[str, ...]:
    """The keys of the documents that are rendered no more once the intent is logged, sorted."""
    after = {facts.version: facts for facts in (*package.versions, *intent.versions)}
    later = replace(package, versions=tuple(after[version] for version in sorted(after)))
    kept = {document.key for document in render_package(later, site)}
    return tuple(document.key for document in render_package(package, site) if document.key not in kept)


def _step(address: Address, version: Version, withdrawn: Withdrawal, at_once: datetime | None) -> Step:
    if at_once:
        return Step(address, version, WithdrawalStage.COLLECTED, at_once)
    stage, window = _NEXT[withdrawn.stage]
    return Step(address, version, stage, withdrawn.since + window)


def _intent(
    package: Package,
    taken: Sequence[Step],
    extent: Extent,
    run: Run,
    named: Mapping[tuple[Address, Version], Promised],
    stored_records: Set[str],
) -> Intent | None:
    head = package.head
    stages = {step.version: step.stage for step in taken}
    versions = tuple(_moved(facts, stages[facts.version], run) for facts in package.versions if facts.version in stages)
    after = {facts.version: facts for facts in (*package.versions, *versions)}
    records = _records(head.address, after.values(), stages, extent, named, stored_records)
    removes = tuple(sorted({*_artifacts(head.address, after.values(), stages, named), *records}))
    if not (versions or removes):
        return None
    by_stage = {
        stage.value: [str(version) for version in sorted(stages) if stages[version] is stage]
        for stage in (WithdrawalStage.UNLINKED, WithdrawalStage.COLLECTED)
    }
    counts = {"objects": len(removes) - len(records), "records": len(records)}
    return Intent(
        address=head.address,
        base=head.revision,
        versions=versions,
        state=head.state,
        artifacts=(),
        entries=(),
        inputs=None,
        due_at=head.due_at,
        created_at=run.at,
        audit=AuditRow(
            actor=run.actor,
            action="collect",
            address=str(head.address),
            before={"revision": head.revision},
            after={
                "revision": head.revision + 1,
                **{name: value for name, value in {**by_stage, **counts}.items() if value},
            },
            catalog_commit=run.catalog_commit,
            run_url=run.run_url,
            at=run.at,
        ),
        removes=removes,
    )


def _moved(facts: VersionFacts, stage: WithdrawalStage, run: Run) -> VersionFacts:
    assert facts.withdrawn is not None  # noqa: S101 - only such versions have a next stage
    return replace(facts, withdrawn=replace(facts.withdrawn, stage=stage, since=run.at))


def _artifacts(
    address: Address,
    after: Iterable[VersionFacts],
    stages: Mapping[Version, WithdrawalStage],
    named: Mapping[tuple[Address, Version], Promised],
) -> Set[str]:
    """What the versions that are collected now ever stored, less what a version that is not collected refers to."""
    gone: set[str] = set()
    kept: set[str] = set()
    for facts in after:
        if not is_collected(facts):
            kept |= version_artifacts(address, facts).keys()
        elif facts.version in stages:
            gone |= version_artifacts(address, facts).keys()
            gone |= named.get((address, facts.version), NOTHING).artifacts
    return gone - kept


def _records(
    address: Address,
    after: Iterable[VersionFacts],
    stages: Mapping[Version, WithdrawalStage],
    extent: Extent,
    named: Mapping[tuple[Address, Version], Promised],
    stored_records: Set[str],
) -> Set[str]:
    if not extent.records:
        return set()
    gone: set[str] = set()
    kept: set[str] = set()
    for facts in after:
        keys = {paths.record(facts.record), *named.get((address, facts.version), NOTHING).records}
        if not is_collected(facts) or not extent.covers(address, facts.version):
            kept |= keys
        else:
            gone |= keys if facts.version in stages else keys & stored_records
    return gone - kept


def is_collected(facts: VersionFacts) -> bool:
    """Whether the version's artifacts are deleted, or are to be."""
    return facts.withdrawn is not None and facts.withdrawn.stage is WithdrawalStage.COLLECTED
