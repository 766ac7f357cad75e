"""The registry as of an earlier point: which rules of the catalog bring it back, and what no rule can.

Nothing is undone by itself. A rollback is a change of the catalog, planned and reviewed as any other: versions
published since are withdrawn, those withdrawn since are listed again, and warnings are those of then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.entries import MirrorEntry, WithdrawalRule
from registry_gen.model.facts import ModuleVersion
from registry_gen.model.plan import Relist, Withdraw
from registry_gen.model.version import MAX_CLAUSES, parse_constraints
from registry_gen.plan.collect import is_collected
from registry_gen.plan.lifecycle import changes, taken_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set
    from datetime import datetime

    from registry_gen.log.history import History, PackageHistory
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import Deprecation, Package, VersionFacts
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class FileChange:
    """Rules that a package's file loses and gains, and what the next plan makes of it once it has."""

    address: Address
    undo: tuple[Deprecation | WithdrawalRule, ...]
    add: tuple[Deprecation | WithdrawalRule, ...]
    life: tuple[Withdraw | Relist, ...]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that no rule of the catalog brings back; ``version`` is None where it is the whole package's."""

    address: Address
    version: Version | None
    text: str


@dataclass(frozen=True, slots=True)
class Rollback:
    """The changes by address, and what stays as it is now."""

    changes: tuple[FileChange, ...]
    obstacles: tuple[Obstacle, ...]


def changed_since(then: History, latest: History) -> tuple[Address, ...]:
    """The packages that the log speaks of since then, sorted."""
    return tuple(
        sorted((address for address, now in latest.packages.items() if then.packages.get(address) != now), key=str)
    )


def roll_back(
    then: History, latest: History, packages: Mapping[Address, Package], catalog: Catalog, now: datetime
) -> Rollback:
    """How the catalog must change for ``packages``, which are those that changed since ``then``."""
    made: list[FileChange] = []
    obstacles: list[Obstacle] = []
    for address in sorted(packages, key=str):
        past, entry = then.packages.get(address), catalog.entries.get(address)
        obstacles += _obstacles(packages[address], past, latest.packages[address])
        if entry is None:
            obstacles += _without_file(packages[address], past)
            continue
        change, kept_back = _change(entry, packages[address], past, f"rollback to log position {then.size}", now)
        obstacles += kept_back
        if change.undo or change.add:
            made.append(change)
    return Rollback(tuple(made), tuple(obstacles))


def _change(
    entry: Entry, package: Package, past: PackageHistory | None, reason: str, now: datetime
) -> tuple[FileChange, list[Obstacle]]:
    wanted = {logged.version for logged in past.listed} if past else set()
    freed = [facts.version for facts in _of(package, wanted) if _can_be_listed(entry, facts)]
    undo = [rule for rule in entry.withdrawn if any(map(rule.concerns, freed))]
    after = replace(entry, withdrawn=tuple(rule for rule in entry.withdrawn if rule not in undo))
    add = [narrowed for rule in undo for narrowed in _narrowed(rule, freed)]
    outcome = _outcome(replace(after, withdrawn=(*after.withdrawn, *add)), package, now)
    # Without a newer version a retention policy may have room for one that was not listed then either.
    while more := [facts for facts in _of(package, outcome.listed) if facts.version not in wanted]:
        add += [
            WithdrawalRule(parse_constraints(str(facts.version)), _reason(facts, past, undo, reason)) for facts in more
        ]
        outcome = _outcome(replace(after, withdrawn=(*after.withdrawn, *add)), package, now)
    missing = [facts for facts in _of(package, wanted) if facts.version not in outcome.listed]
    obstacles = [Obstacle(entry.address, facts.version, _why_not(after, facts, outcome.reasons)) for facts in missing]
    gone, back = _warnings(entry, past)
    return FileChange(entry.address, (*undo, *gone), (*add, *back), outcome.life), obstacles


def _narrowed(rule: WithdrawalRule, freed: Sequence[Version]) -> Iterator[WithdrawalRule]:
    """The rule without the versions that come back: it also keeps off what was never published.

    None of it is left where it named one version alone. One that would need more comparisons than a constraint may
    have stays out; the versions that are published and unwanted are then named one by one.
    """
    clauses = rule.versions.clauses if rule.versions else ()
    if len(clauses) == 1 and clauses[0].operator == "=":
        return
    kept_out = [f"!= {version}" for version in freed if rule.concerns(version)]
    if len(clauses) + len(kept_out) <= MAX_CLAUSES:
        yield WithdrawalRule(parse_constraints(", ".join([*map(str, clauses), *kept_out])), rule.reason)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the next plan makes of a package: its actions, what is listed then, and why the rest is not."""

    life: tuple[Withdraw | Relist, ...]
    listed: Set[Version]
    reasons: Mapping[Version, str]


def _outcome(entry: Entry, package: Package, now: datetime) -> _Outcome:
    back = taken_back(entry, package.versions, (), now)
    life = tuple(changes(entry, package.versions, back))
    gone = {each.version for each in life if isinstance(each, Withdraw)}
    listed = {facts.version for facts in package.listed} - gone
    return _Outcome(life, listed.union(each.version for each in life if isinstance(each, Relist)), back.reasons)


def _of(package: Package, versions: Set[Version]) -> list[VersionFacts]:
    return [facts for facts in package.versions if facts.version in versions]


def _can_be_listed(entry: Entry, facts: VersionFacts) -> bool:
    """Whether it is listed, or would be if no rule withdrew it."""
    return facts.withdrawn is None or (not is_collected(facts) and entry.wants(facts.version))


def _reason(facts: VersionFacts, past: PackageHistory | None, undone: list[WithdrawalRule], reason: str) -> str:
    """Why a version is withdrawn: as the rule said that goes, else as the log said then, else because of this."""
    for rule in undone:
        if rule.concerns(facts.version):
            return rule.reason
    logged = past.versions.get(facts.version) if past else None
    return (logged and logged.withdrawn) or reason


def _warnings(entry: Entry, past: PackageHistory | None) -> tuple[list[Deprecation], list[Deprecation]]:
    """Warnings that go, and those that come back. Mirrors have none, and of what did not exist nobody was warned."""
    if isinstance(entry, MirrorEntry) or past is None:
        return [], []
    gone = [warning for warning in entry.deprecated if warning not in past.warnings]
    return gone, [warning for warning in past.warnings if warning not in entry.deprecated]


def _why_not(entry: Entry, facts: VersionFacts, reasons: Mapping[Version, str]) -> str:
    if is_collected(facts):
        return "was listed then; it stays withdrawn, because its artifacts were deleted"
    if not entry.wants(facts.version):
        return f"was listed then; it stays withdrawn, because versions: {entry.versions} leaves it out"
    return f"was listed then; it stays withdrawn: {reasons.get(facts.version, 'nobody knows why')}"


def _without_file(package: Package, past: PackageHistory | None) -> Iterator[Obstacle]:
    """Rules are written into a package's file: without it nothing can be said of its versions."""
    wanted = {logged.version for logged in past.listed} if past else set()
    listed = {facts.version for facts in package.listed}
    if wanted != listed or (past and past.warnings != package.head.state.deprecated):
        text = "its file is gone from the catalog: bring it back with git, and run this again"
        yield Obstacle(package.head.address, None, text)


def _obstacles(package: Package, past: PackageHistory | None, latest: PackageHistory) -> Iterator[Obstacle]:
    """What changed since then and is not a matter of rules."""
    if past is None:
        return
    address = package.head.address
    if latest.keys is not None and latest.keys != past.keys:
        yield Obstacle(address, None, "its signing keys changed since then: git revert brings them back")
    for facts in package.versions:
        logged = past.versions.get(facts.version)
        if logged and logged.listed:
            yield from (Obstacle(address, facts.version, text) for text in _differences(facts, logged.pinned))


def _differences(facts: VersionFacts, then: Pinned) -> Iterator[str]:
    if facts.hosting is not then.hosting:
        yield f"is in hosting: {facts.hosting} since then, not {then.hosting}: git revert changes it back"
    if not (isinstance(facts, ModuleVersion) or isinstance(then.digests, ModuleDigests)):
        gained = [str(zip_.platform) for zip_ in facts.packages if zip_.platform not in then.digests]
        if gained:
            yield f"keeps the platforms that it gained since then: {', '.join(gained)}"
