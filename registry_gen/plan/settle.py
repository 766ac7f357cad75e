"""What only bytes can tell: staged versions become one intent, or are refused late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.log.entries import deprecated, key_changed, platform_added, published
from registry_gen.model.facts import MirrorVersion, ModuleVersion, Package, PackageHead, PackageState, VersionFacts
from registry_gen.model.intent import Entry, Intent
from registry_gen.model.plan import ChangeState, Note, PackagePlan, Refusal, Staged
from registry_gen.plan import codes
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site


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
    catalog_commit: str | None,
    site: Site,
    now: datetime,
) -> Settled:
    """Turn the staged actions of one package into its intent.

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
            make = platform_added if version in known else published
            entries.append(make(planned.address, item.facts, revision, catalog_commit))
            good.append(item)
        except RefusalError as error:
            refusals.append(Refusal(planned.address, version, error, violation=error.code is codes.IMMUTABLE))
    if not good and not any(isinstance(action, ChangeState) for action in planned.actions):
        return Settled(planned.address, None, tuple(refusals))
    if package and package.versions:
        entries += _state_entries(planned, package.head.state, revision, catalog_commit, now)
    after = {**known, **{item.facts.version: item.facts for item in good}}
    head = PackageHead(planned.address, revision, planned.base, None, planned.due_at, planned.state)
    errors = lint(render_package(Package(head, tuple(after[version] for version in sorted(after))), site))
    if errors:
        return Settled(planned.address, None, (*refusals, *(Refusal(planned.address, None, error) for error in errors)))
    intent = Intent(
        address=planned.address,
        base=planned.base,
        versions=tuple(item.facts for item in good),
        state=planned.state,
        artifacts=tuple(sorted({found for item in good for found in item.artifacts}, key=lambda found: found.key)),
        entries=tuple(entries),
        inputs=planned.inputs if complete and not refusals else None,
        due_at=planned.due_at,
        created_at=now,
    )
    notes = tuple(Note(planned.address, text) for item in good for text in item.notes)
    return Settled(planned.address, intent, tuple(refusals), notes)


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
        return str(before), str(after)
    gained = {package.platform: package for package in after.packages}
    for package in before.packages:
        if gained.get(package.platform) != package:
            return f"{package.filename} with SHA-256 {package.zh}", str(gained.get(package.platform))
    if isinstance(before, MirrorVersion) and before.sums.sums != after.sums.sums:
        return f"SHA256SUMS with SHA-256 {before.sums.sums}", after.sums.sums
    return None


def _state_entries(
    planned: PackagePlan, before: PackageState, revision: int, catalog_commit: str | None, now: datetime
) -> Iterator[Entry]:
    after = planned.state
    if before.signing_keys != after.signing_keys:
        fingerprints = tuple(key.fingerprint for key in after.signing_keys)
        yield key_changed(planned.address, fingerprints, revision, catalog_commit, now)
    if before.deprecated != after.deprecated:
        yield deprecated(planned.address, after.deprecated, revision, catalog_commit, now)
