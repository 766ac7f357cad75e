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
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.config import Site
    from registry_gen.model.version import Version
    from registry_gen.render.document import Document


@dataclass(frozen=True, slots=True)
class Settled:
    """The second half of a plan: the intent (None where nothing is left to do), its documents, refusals and notes."""

    intent: Intent | None
    documents: tuple[Document, ...]
    refusals: tuple[Refusal, ...]
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
    unchanged. Documents are rendered and linted as they would be published; a document that breaks a rule of
    the protocols refuses the whole package.
    """
    before = package.versions if package else ()
    known = {facts.version: facts for facts in before}
    refusals = tuple(_late_refusals(planned.address, staged, known))
    refused = {refusal.version for refusal in refusals}
    good = [item for item in staged if item.facts.version not in refused]
    revision = planned.base + 1
    if not good and not any(isinstance(action, ChangeState) for action in planned.actions):
        return Settled(None, (), refusals)
    after = {**known, **{item.facts.version: item.facts for item in good}}
    head = PackageHead(planned.address, revision, planned.base, None, planned.due_at, planned.state)
    documents = render_package(Package(head, tuple(after[version] for version in sorted(after))), site)
    errors = lint(documents)
    if errors:
        return Settled(None, (), (*refusals, *(Refusal(planned.address, None, error) for error in errors)))
    intent = Intent(
        address=planned.address,
        base=planned.base,
        versions=tuple(item.facts for item in sorted(good, key=lambda item: item.facts.version)),
        state=planned.state,
        artifacts=tuple(
            sorted({artifact for item in good for artifact in item.artifacts}, key=lambda found: found.key)
        ),
        entries=tuple(_entries(planned, good, package, revision, catalog_commit, now)),
        inputs=planned.inputs if complete and not refusals else None,
        due_at=planned.due_at,
        created_at=now,
    )
    notes = tuple(Note(planned.address, text) for item in good for text in item.notes)
    return Settled(intent, documents, refusals, notes)


def _late_refusals(
    address: Address, staged: Sequence[Staged], known: Mapping[Version, VersionFacts]
) -> Iterator[Refusal]:
    for item in staged:
        before = known.get(item.facts.version)
        if before is None:
            continue
        difference = _difference(before, item.facts)
        if difference:
            error = RefusalError(
                codes.IMMUTABLE,
                where=f"{address} {item.facts.version}",
                expected=difference[0],
                found=difference[1],
                hint=codes.IMMUTABLE.fix,
            )
            yield Refusal(address, item.facts.version, error, violation=True)


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


def _entries(
    planned: PackagePlan,
    good: Sequence[Staged],
    package: Package | None,
    revision: int,
    catalog_commit: str | None,
    now: datetime,
) -> Iterator[Entry]:
    known = {facts.version for facts in package.versions} if package else set()
    for item in sorted(good, key=lambda item: item.facts.version):
        make = platform_added if item.facts.version in known else published
        yield make(planned.address, item.facts, revision, catalog_commit)
    if package and package.versions:
        yield from _state_entries(planned, package.head.state, revision, catalog_commit, now)


def _state_entries(
    planned: PackagePlan, before: PackageState, revision: int, catalog_commit: str | None, now: datetime
) -> Iterator[Entry]:
    after = planned.state
    if before.signing_keys != after.signing_keys:
        fingerprints = tuple(key.fingerprint for key in after.signing_keys)
        yield key_changed(planned.address, fingerprints, revision, catalog_commit, now)
    if before.deprecated != after.deprecated:
        yield deprecated(planned.address, after.deprecated, revision, catalog_commit, now)
