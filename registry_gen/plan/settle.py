"""What only bytes can tell: staged versions become one intent, or are refused late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.log.entries import (
    deprecated,
    hosting_changed,
    key_changed,
    platform_added,
    published,
    relisted,
    withdrawn,
)
from registry_gen.model.facts import (
    MirrorVersion,
    ModuleVersion,
    Package,
    PackageHead,
    PackageState,
    VersionFacts,
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.model.intent import AuditRow, Entry, Intent
from registry_gen.model.plan import ChangeState, Note, PackagePlan, Refusal, Relist, Staged, Withdraw
from registry_gen.plan import codes
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.intent import Run
    from registry_gen.model.version import Version


EntryMaker = Callable[["Address", "VersionFacts", int, "str | None"], "Entry"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The second half of a plan: the intent (None where nothing is left to do), late refusals and notes."""

    address: Address
    intent: Intent | None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()


def settle(
    planned: PackagePlan,
    staged: Sequence[Staged],
    package: Package | None,
    *,
    complete: bool,
    site: Site,
    run: Run,
) -> Settled:
    """Turn the staged actions of one package, its withdrawals and what else changes of it into its intent.

    ``complete`` says that every action of the plan was staged; only then may the next run take the package as
    unchanged. Documents are rendered and linted as they would be published; one that breaks a rule of the
    protocols refuses the whole package. Raises nothing: what is wrong becomes a refusal.
    """
    before = package.versions if package else ()
    known = {facts.version: facts for facts in before}
    revision = planned.base + 1
    good: list[Staged] = []
    entries: list[Entry] = []
    refusals: list[Refusal] = []
    for item in sorted(staged, key=lambda item: item.facts.version):
        version = item.facts.version
        try:
            _require_unchanged(planned.address, known.get(version), item.facts)
            make = _entry_maker(known.get(version), item.facts)
            entries.append(make(planned.address, item.facts, revision, run.catalog_commit))
            good.append(item)
        except RefusalError as error:
            refusals.append(Refusal(planned.address, version, error, violation=error.code is codes.IMMUTABLE))
    life = [action for action in planned.actions if isinstance(action, Withdraw | Relist)]
    if not (good or life or any(isinstance(action, ChangeState) for action in planned.actions)):
        return Settled(planned.address, None, tuple(refusals))
    made = {item.facts.version: item.facts for item in good}
    # A version may gain platforms in the very run that lists it again.
    turned = [_turned(made.get(action.version) or known[action.version], action, run) for action in life]
    entries += [_life_entry(planned.address, facts, revision, run) for facts in turned]
    # The first keys of a package are in the records of its first versions.
    first = PackageState(signing_keys=planned.state.signing_keys)
    was = package.head.state if package and package.versions else first
    entries += _state_entries(planned, was, revision, run)
    changed = {**made, **{facts.version: facts for facts in turned}}
    after = {**known, **changed}
    head = PackageHead(planned.address, revision, planned.base, None, planned.due_at, planned.state)
    errors = lint(render_package(Package(head, tuple(after[version] for version in sorted(after))), site))
    if errors:
        return Settled(planned.address, None, (*refusals, *(Refusal(planned.address, None, error) for error in errors)))
    intent = Intent(
        address=planned.address,
        base=planned.base,
        versions=tuple(changed.values()),
        state=planned.state,
        artifacts=tuple(sorted({found for item in good for found in item.artifacts}, key=lambda found: found.key)),
        entries=tuple(entries),
        inputs=planned.inputs if complete and not refusals else None,
        due_at=planned.due_at,
        created_at=run.at,
        audit=_audit(planned, good, known, package.head.state if package else None, run),
    )
    notes = tuple(Note(planned.address, text) for item in good for text in item.notes)
    return Settled(planned.address, intent, tuple(refusals), notes)


def _entry_maker(before: VersionFacts | None, after: VersionFacts) -> EntryMaker:
    if before is None:
        return published
    if isinstance(after, ModuleVersion):
        return hosting_changed  # also where only the link was pinned: it leads to the commit now
    return platform_added if before.hosting is after.hosting else hosting_changed


def _turned(facts: VersionFacts, action: Withdraw | Relist, run: Run) -> VersionFacts:
    if isinstance(action, Relist):
        return replace(facts, withdrawn=None)
    return replace(facts, withdrawn=Withdrawal(action.reason, run.actor, run.at, WithdrawalStage.UNLISTED, run.at))


def _life_entry(address: Address, facts: VersionFacts, revision: int, run: Run) -> Entry:
    if facts.withdrawn:
        return withdrawn(address, facts, facts.withdrawn.reason, revision, run.catalog_commit, run.at)
    return relisted(address, facts, revision, run.catalog_commit, run.at)


def _audit(
    planned: PackagePlan,
    good: Sequence[Staged],
    known: Mapping[Version, VersionFacts],
    state: PackageState | None,
    run: Run,
) -> AuditRow:
    """What was done to the package: versions by what happened to them, keys and warnings where they changed."""
    published_now = [str(item.facts.version) for item in good if item.facts.version not in known]
    rehosted = [str(item.facts.version) for item in good if item.action.rehost]
    changed = [item for item in good if item.facts.version in known and not item.action.rehost]
    pinned = [str(item.facts.version) for item in changed if isinstance(item.facts, ModuleVersion)]
    completed = [str(item.facts.version) for item in changed if not isinstance(item.facts, ModuleVersion)]
    after: dict[str, object] = {
        "published": published_now,
        "platforms_added": completed,
        "rehosted": rehosted,
        "pinned": pinned,
        "withdrawn": {str(item.version): item.reason for item in planned.actions if isinstance(item, Withdraw)},
        "relisted": [str(item.version) for item in planned.actions if isinstance(item, Relist)],
        "changed": ", ".join(item.why for item in planned.actions if isinstance(item, ChangeState)),
    }
    return AuditRow(
        actor=run.actor,
        action="publish",
        address=str(planned.address),
        before={"revision": planned.base, **(_said(state) if state and after["changed"] else {})},
        after={
            "revision": planned.base + 1,
            **{name: value for name, value in after.items() if value},
            **({"approvals": [need.as_json() for need in planned.needs]} if planned.needs else {}),
            **(_said(planned.state) if state and after["changed"] else {}),
        },
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )


def _said(state: PackageState) -> Mapping[str, object]:
    """What clients are told of a package beside its versions."""
    return {
        "keys": [key.fingerprint for key in state.signing_keys],
        "deprecated": [dict(warning.as_json()) for warning in state.deprecated],
    }


def _require_unchanged(address: Address, before: VersionFacts | None, after: VersionFacts) -> None:
    """Raise RefusalError PLN008 where a published version would be more than completed."""
    difference = _difference(before, after) if before else None
    if difference:
        raise RefusalError(
            codes.IMMUTABLE,
            where=f"{address} {after.version}",
            expected=difference[0],
            found=difference[1],
            hint=codes.IMMUTABLE.fix,
        )


def _difference(before: VersionFacts, after: VersionFacts) -> tuple[str, str] | None:
    """What was published and what would replace it, where that is more than added platforms."""
    if isinstance(before, ModuleVersion) or isinstance(after, ModuleVersion):
        return _module_difference(before, after)
    gained = {package.platform: package for package in after.packages}
    for package in before.packages:
        now = gained.get(package.platform)
        if now is None or (now.filename, now.zh) != (package.filename, package.zh):
            return f"{package.filename} with SHA-256 {package.zh}", str(now)
    if isinstance(before, MirrorVersion) and before.sums.sums != after.sums.sums:
        return f"SHA256SUMS with SHA-256 {before.sums.sums}", after.sums.sums
    return None


def _module_difference(before: VersionFacts, after: VersionFacts) -> tuple[str, str] | None:
    """A module's version may only be hosted otherwise, or be pinned: the same tree, from the same commit or archive.

    What is not known of a link that was imported is learnt once, from the very place that it links to.
    """
    if not (isinstance(before, ModuleVersion) and isinstance(after, ModuleVersion)):
        return str(before), str(after)
    if before.tree is None and before.path != after.path:
        return f"folder {before.path!r}", f"folder {after.path!r}"
    pins = before.unpinned and after.commit is not None and (after.tag, after.source) == (before.tag, before.source)
    if before.hosting is after.hosting and not pins:
        return str(before), str(after)
    first = (before.tree or after.tree, after.commit if pins else before.commit, before.evidence)
    second = (after.tree, after.commit, after.evidence)
    return None if first == second else (f"{before.tree} at {before.commit}", f"{after.tree} at {after.commit}")


def _state_entries(planned: PackagePlan, before: PackageState, revision: int, run: Run) -> Iterator[Entry]:
    after = planned.state
    if before.signing_keys != after.signing_keys:
        fingerprints = tuple(key.fingerprint for key in after.signing_keys)
        yield key_changed(planned.address, fingerprints, revision, run.catalog_commit, run.at)
    if before.deprecated != after.deprecated:
        yield deprecated(planned.address, after.deprecated, revision, run.catalog_commit, run.at)
