"""``stale`` says which packages must be looked at closely; ``plan`` decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.model.entries import Catalog, Entry, MirrorEntry, ModuleEntry, ProviderEntry
from registry_gen.model.facts import Package, PackageHead, PackageState, ProviderVersion
from registry_gen.model.plan import (
    Action,
    ChangeState,
    FailedSighting,
    MirrorSighting,
    ModuleSighting,
    Note,
    PackagePlan,
    Plan,
    ProviderSighting,
    Refusal,
    Sighting,
)
from registry_gen.plan import codes
from registry_gen.plan.inputs import Context, GoodSighting, inputs_digest
from registry_gen.plan.mirrors import decide_mirror
from registry_gen.plan.modules import decide_module
from registry_gen.plan.notes import note_on_nothing, notes_on_links, notes_on_published
from registry_gen.plan.providers import decide_provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.facts import SigningKey
    from registry_gen.plan.outcome import Outcome


def stale(
    catalog: Catalog,
    sightings: Mapping[Address, Sighting],
    heads: Mapping[Address, PackageHead],
    context: Context,
) -> tuple[Address, ...]:
    """The addresses, sorted, whose inputs differ from those of their last complete run."""
    return tuple(
        address
        for address in sorted(catalog.entries, key=str)
        if _differs(catalog.entries[address], sightings[address], heads.get(address), context)
    )


def plan(
    catalog: Catalog,
    sightings: Mapping[Address, Sighting],
    heads: Mapping[Address, PackageHead],
    packages: Mapping[Address, Package],
    context: Context,
    addresses: Sequence[Address],
) -> Plan:
    """Decide what is to be done about ``addresses``: those that ``stale`` gives for the same arguments, sorted.

    ``sightings`` has one for every entry of the catalog, ``heads`` every package of the ledger, and ``packages``
    every published package among ``addresses``.
    """
    total = _Total()
    for address in addresses:
        entry, sighting = catalog.entries[address], sightings[address]
        if isinstance(sighting, FailedSighting):
            total.refusals.append(Refusal(address, None, sighting.error))
            continue
        _add(total, entry, sighting, packages.get(address), heads.get(address), context)
    changed = {package.address for package in total.packages if package.actions}
    refused = {refusal.address for refusal in total.refusals}
    return Plan(
        packages=tuple(total.packages),
        refusals=tuple(total.refusals),
        notes=(*total.notes, *_no_longer_listed(catalog, heads)),
        unchanged=len(catalog.entries.keys() - changed - refused),
    )


class _Total:
    def __init__(self) -> None:
        self.packages: list[PackagePlan] = []
        self.refusals: list[Refusal] = []
        self.notes: list[Note] = []


def _differs(entry: Entry, sighting: Sighting, head: PackageHead | None, context: Context) -> bool:
    if isinstance(sighting, FailedSighting) or head is None or head.inputs is None:
        return True
    return head.inputs != inputs_digest(entry, sighting, head.revision, context)


def _add(
    total: _Total,
    entry: Entry,
    sighting: GoodSighting,
    package: Package | None,
    head: PackageHead | None,
    context: Context,
) -> None:
    state = state_of(entry, context, head)
    dropped = _dropped_keys(entry, state, package)
    if dropped:
        total.refusals.append(dropped)
        return
    outcome = _decide(entry, sighting, package)
    revision = head.revision if head else 0
    actions: list[Action] = list(outcome.actions)
    if package and package.versions and package.head.state != state:
        actions.append(ChangeState(entry.address, _why(package.head.state, state)))
    published = package.versions if package else ()
    offers_nothing = not (published or actions or outcome.refusals)
    complete = not (outcome.refusals or offers_nothing)
    after = revision + 1 if actions else revision
    total.packages.append(
        PackagePlan(
            address=entry.address,
            base=revision,
            state=state,
            actions=tuple(actions),
            inputs=inputs_digest(entry, sighting, after, context) if complete else None,
            due_at=None,
        )
    )
    total.refusals.extend(outcome.refusals)
    total.notes.extend(outcome.notes)
    total.notes.extend(notes_on_published(entry, published))
    total.notes.extend(notes_on_links(entry))
    if offers_nothing:
        total.notes.append(note_on_nothing(entry, sighting))


def _decide(entry: Entry, sighting: GoodSighting, package: Package | None) -> Outcome:
    versions = package.versions if package else ()
    match entry, sighting:
        case ModuleEntry(), ModuleSighting():
            return decide_module(entry, sighting, versions)
        case ProviderEntry(), ProviderSighting():
            return decide_provider(entry, sighting, versions)
        case MirrorEntry(), MirrorSighting():
            return decide_mirror(entry, sighting, versions)
        case _:
            raise TypeError(f"{entry.address}: a sighting of another kind")


def state_of(entry: Entry, context: Context, head: PackageHead | None = None) -> PackageState:
    """The package's state as the catalog wants it; ``head`` tells the registry's key where the context does not."""
    match entry:
        case ModuleEntry():
            return PackageState(deprecated=entry.deprecated, rendering=context.rendering)
        case ProviderEntry():
            return PackageState(entry.deprecated, _keys(entry, context, head), context.rendering)
        case MirrorEntry():
            return PackageState(rendering=context.rendering)


def _keys(entry: ProviderEntry, context: Context, head: PackageHead | None) -> tuple[SigningKey, ...]:
    if entry.signature == "publisher":
        return tuple(sorted(entry.signing_keys))
    if context.registry_key:
        return tuple(sorted({context.registry_key, *entry.signing_keys}))
    return head.state.signing_keys if head else ()


def _dropped_keys(entry: Entry, state: PackageState, package: Package | None) -> Refusal | None:
    """A listed version must stay installable: its signer has to be among the keys that clients get."""
    given = {key.fingerprint for key in state.signing_keys}
    orphans = [
        facts
        for facts in (package.versions if package else ())
        if isinstance(facts, ProviderVersion) and facts.sums.signer not in given
    ]
    if not orphans:
        return None
    error = RefusalError(
        codes.KEY_DROPPED,
        where=str(entry.address),
        expected=f"the key {orphans[0].sums.signer}, which signed {orphans[0].version}",
        found=", ".join(sorted(given)) or "no key",
        hint=codes.KEY_DROPPED.fix,
    )
    return Refusal(entry.address, None, error)


def _why(before: PackageState, after: PackageState) -> str:
    changed = []
    if before.signing_keys != after.signing_keys:
        changed.append("signing keys")
    if before.deprecated != after.deprecated:
        changed.append("deprecation notice")
    if before.rendering != after.rendering:
        changed.append("site URL or renderer")
    return " and ".join(changed)


def _no_longer_listed(catalog: Catalog, heads: Mapping[Address, PackageHead]) -> list[Note]:
    gone = sorted((address for address in heads if catalog.whole and address not in catalog.entries), key=str)
    return [
        Note(address, "published, but no longer in the catalog; what is published stays listed")
        for address in gone
        if heads[address].revision > 0
    ]
