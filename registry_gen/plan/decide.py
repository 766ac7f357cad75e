"""``stale`` says which packages must be looked at closely; ``plan`` decides about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from registry_gen.model.entries import Catalog, Entry, MirrorEntry, ModuleEntry, ProviderEntry
from registry_gen.model.facts import MirrorVersion, Package, PackageHead, PackageState, ProviderVersion
from registry_gen.model.imported import NOT_IMPORTED, Imported
from registry_gen.model.plan import (
    Acknowledged,
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
    Relist,
    Sighting,
    Withdraw,
)
from registry_gen.plan.inputs import Context, inputs_digest
from registry_gen.plan.keys import dropped_keys, former_keys, given_keys, notes_on_former_keys
from registry_gen.plan.lifecycle import TakenBack, can_return, changes, notes_on_collected, taken_back
from registry_gen.plan.limits import valve
from registry_gen.plan.mirrors import decide_mirror
from registry_gen.plan.modules import decide_module
from registry_gen.plan.notes import note_on_nothing, notes_on_links, notes_on_published
from registry_gen.plan.outcome import Outcome
from registry_gen.plan.providers import decide_provider
from registry_gen.plan.quotas import within_quotas
from registry_gen.plan.unpinned import decide_unpinned, tags_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.facts import Stock, VersionFacts
    from registry_gen.model.version import Version


ASK_AGAIN: Final = timedelta(days=1)
_AS_FOLLOWS: Final = "to take them back, restore the file and withdraw them in it"


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


def due_mirrors(catalog: Catalog, heads: Mapping[Address, PackageHead], now: datetime) -> tuple[Address, ...]:
    """The mirrors whose upstream is to be asked again what it says of published versions: once in ``ASK_AGAIN``.

    Tags and sums of archives are seen in every run; for a mirror it takes requests for each version, as it does for
    releases under URLs, of which ``remembered`` decides.
    """
    return tuple(
        address
        for address, entry in catalog.entries.items()
        if isinstance(entry, MirrorEntry) and address in heads and heads[address].listed
        if (heads[address].due_at or now) <= now
    )


def returning(
    catalog: Catalog, sightings: Mapping[Address, Sighting], packages: Mapping[Address, Package], now: datetime
) -> Mapping[Address, tuple[MirrorVersion, ...]]:
    """The mirrored versions that the catalog wants to be listed again, and of which upstream was not asked yet."""
    found = {}
    for address, package in packages.items():
        entry, sighting = catalog.entries[address], sightings[address]
        if not isinstance(entry, MirrorEntry) or not isinstance(sighting, MirrorSighting):
            continue
        back = taken_back(entry, package.versions, (), now)
        asked = {answer.version for answer in sighting.answers}
        wanted = {
            change.version for change in changes(entry, package.versions, back) if isinstance(change, Relist)
        } - asked
        versions = [facts for facts in package.versions if isinstance(facts, MirrorVersion) and facts.version in wanted]
        if versions:
            found[address] = tuple(versions)
    return found


def plan(
    catalog: Catalog,
    sightings: Mapping[Address, Sighting],
    heads: Mapping[Address, PackageHead],
    packages: Mapping[Address, Package],
    context: Context,
    addresses: Sequence[Address],
    *,
    imported: Mapping[Address, Imported] | None = None,
    mass_withdrawal: bool = False,
    stock: Mapping[str, Stock] | None = None,
) -> Plan:
    """Decide what is to be done about ``addresses``: those that ``stale`` gives for the same arguments, sorted.

    ``sightings`` has one for every entry of the catalog, ``heads`` every package of the ledger, and ``packages``
    every published package among ``addresses``, ``imported`` what was imported of any of them. ``mass_withdrawal`` says
    that somebody means to take back much; ``stock`` what namespaces take up whose organizations have a quota.
    """
    total = _Total()
    for address in addresses:
        entry, sighting = catalog.entries[address], sightings[address]
        said = (imported or {}).get(address, NOT_IMPORTED)
        _add(total, entry, sighting, packages.get(address), heads.get(address), context, said)
    if not mass_withdrawal:
        total.packages, held_back = valve(total.packages, sum(head.listed for head in heads.values()))
        total.refusals += held_back
    if catalog.limited:
        total.packages, over = within_quotas(total.packages, catalog, packages, stock or {})
        total.refusals += over
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
    if head.due_at is not None and head.due_at <= context.now:
        return True
    if isinstance(sighting, MirrorSighting) and sighting.answers:
        return True
    return head.inputs != inputs_digest(entry, sighting, head.revision, context)


def _add(
    total: _Total,
    entry: Entry,
    sighting: Sighting,
    package: Package | None,
    head: PackageHead | None,
    context: Context,
    imported: Imported,
) -> None:
    published = package.versions if package else ()
    seen = not isinstance(sighting, FailedSighting)
    outcome = _known_alarms(_decide(entry, sighting, published, imported), context.acknowledged)
    back = taken_back(entry, published, (action.version for action in outcome.actions), context.now)
    outcome = _without(outcome, back.reasons.keys() | _staying_away(entry, published))
    life = _life(entry, sighting, published, back, outcome)
    listed = _listed_after(published, life)
    state = state_of(entry, context, head, listed)
    dropped = dropped_keys(entry, state, listed)
    if dropped:
        total.refusals.append(dropped)
        return
    total.refusals.extend(outcome.refusals)
    actions: list[Action] = [*outcome.actions, *life]
    if published and package and package.head.state != state:
        actions.append(_changed(entry.address, package.head.state, state, listed))
    if not seen and not actions:
        return
    offers_nothing = not (published or actions or outcome.refusals)
    revision = head.revision if head else 0
    inputs = None
    # What retention withdraws in favour of a version counts only when that one is listed: the next run looks again.
    returns = any(isinstance(change, Relist) for change in life)
    makes_room = bool((outcome.actions or returns) and entry.retention)
    # So it is with a former key: a version that gains platforms is signed anew, and may have been its last.
    former = former_keys(entry, context, state, listed)
    signs_anew = any(action.version in versions for action in outcome.actions for versions in former.values())
    unsettled = offers_nothing or makes_room or signs_anew
    if not (isinstance(sighting, FailedSighting) or outcome.refusals or unsettled):
        inputs = inputs_digest(entry, sighting, revision + 1 if actions else revision, context)
    due_at = _due_at(back, sighting, head, context.now, open_questions=bool(outcome.refusals))
    total.packages.append(PackagePlan(entry.address, revision, state, tuple(actions), inputs, due_at))
    total.notes.extend(outcome.notes)
    if seen:
        rehosted = {action.version for action in outcome.actions if action.rehost}
        total.notes.extend(notes_on_published(entry, listed, rehosted))
    total.notes.extend(notes_on_collected(entry, published, back))
    total.notes.extend(notes_on_links(entry))
    total.notes.extend(notes_on_former_keys(entry, former))
    if offers_nothing and not isinstance(sighting, FailedSighting):
        total.notes.append(note_on_nothing(entry, sighting))


def _due_at(
    back: TakenBack, sighting: Sighting, head: PackageHead | None, now: datetime, *, open_questions: bool
) -> datetime | None:
    """When time alone may change the outcome: a prerelease is old enough, or a mirror's upstream is asked again.

    An upstream that contradicted what was mirrored, or did not answer, is asked in every run: an alarm does not go away
    by itself.
    """
    ends = [back.due_at] if back.due_at else []
    if isinstance(sighting, MirrorSighting):
        again = open_questions or any(answer.error for answer in sighting.answers)
        known = head.due_at if head and head.due_at and head.due_at > now else now + ASK_AGAIN
        ends.append(now if again else known)
    return min(ends, default=None)


def _decide(entry: Entry, sighting: Sighting, versions: Sequence[VersionFacts], imported: Imported) -> Outcome:
    match entry, sighting:
        case ModuleEntry(), FailedSighting():
            unpinned = decide_unpinned(entry, imported, versions)
            refusal = Refusal(entry.address, None, sighting.error)
            return replace(unpinned, refusals=(refusal, *unpinned.refusals))
        case _, FailedSighting():
            return Outcome((), (Refusal(entry.address, None, sighting.error),))
        case ModuleEntry(), ModuleSighting():
            return decide_module(entry, sighting, versions, tags_of(entry, imported))
        case ProviderEntry(), ProviderSighting():
            return decide_provider(entry, sighting, versions, imported.zips)
        case MirrorEntry(), MirrorSighting():
            return decide_mirror(entry, sighting, versions, imported.zips)
        case _:
            raise TypeError(f"{entry.address}: a sighting of another kind")


def _known_alarms(outcome: Outcome, acknowledged: Sequence[Acknowledged]) -> Outcome:
    """An alarm that somebody acknowledged is only noted. What was published stays frozen all the same."""
    known = {refusal: item for refusal in outcome.refusals for item in acknowledged if item.covers(refusal)}
    notes = [
        Note(refusal.address, f"{refusal.version}: {refusal.error.code.title}; {item.by} knows: {item.reason}")
        for refusal, item in known.items()
    ]
    refusals = tuple(refusal for refusal in outcome.refusals if refusal not in known)
    return replace(outcome, refusals=refusals, notes=(*outcome.notes, *notes))


def _staying_away(entry: Entry, published: Sequence[VersionFacts]) -> Set[Version]:
    """Withdrawn versions that cannot be listed again: nothing is said or done about their source."""
    return {facts.version for facts in published if facts.withdrawn and not can_return(entry, facts)}


def _without(outcome: Outcome, versions: Set[Version]) -> Outcome:
    """Nothing is published, and nothing refused, of versions that are not to be listed anyway."""
    return replace(
        outcome,
        actions=tuple(action for action in outcome.actions if action.version not in versions),
        refusals=tuple(refusal for refusal in outcome.refusals if refusal.version not in versions),
    )


def _life(
    entry: Entry, sighting: Sighting, published: Sequence[VersionFacts], back: TakenBack, outcome: Outcome
) -> list[Withdraw | Relist]:
    """Withdrawals always; a version is listed again only where its source was seen and says nothing else."""
    refused = {refusal.version for refusal in outcome.refusals}
    return [
        change
        for change in changes(entry, published, back)
        if isinstance(change, Withdraw) or (change.version not in refused and _was_seen(sighting, change.version))
    ]


def _was_seen(sighting: Sighting, version: Version) -> bool:
    """Whether it is known what the source says of a version now; a mirror's upstream has to be asked for each."""
    if isinstance(sighting, MirrorSighting):
        return any(answer.version == version and answer.error is None for answer in sighting.answers)
    return not isinstance(sighting, FailedSighting)


def _listed_after(published: Sequence[VersionFacts], life: Sequence[Withdraw | Relist]) -> list[VersionFacts]:
    gone = {change.version for change in life if isinstance(change, Withdraw)}
    back = {change.version for change in life if isinstance(change, Relist)}
    return [
        facts for facts in published if facts.version in back or (facts.withdrawn is None and facts.version not in gone)
    ]


def state_of(
    entry: Entry, context: Context, head: PackageHead | None = None, listed: Sequence[VersionFacts] = ()
) -> PackageState:
    """The package's state as the catalog wants it; ``head`` and ``listed`` tell which former keys go on being given."""
    match entry:
        case ModuleEntry():
            return PackageState(deprecated=entry.deprecated, rendering=context.rendering)
        case ProviderEntry():
            return PackageState(entry.deprecated, given_keys(entry, context, head, listed), context.rendering)
        case MirrorEntry():
            return PackageState(rendering=context.rendering)


def _changed(
    address: Address, before: PackageState, after: PackageState, listed: Sequence[VersionFacts]
) -> ChangeState:
    changed = []
    if before.signing_keys != after.signing_keys:
        leaves = sum(len(facts.packages) for facts in listed if isinstance(facts, ProviderVersion))
        changed.append(f"signing keys in {leaves} document{'' if leaves == 1 else 's'}")
    if before.deprecated != after.deprecated:
        changed.append("deprecation notice")
    if before.rendering != after.rendering:
        changed.append("site URL or renderer")
    return ChangeState(
        address, " and ".join(changed), after.deprecated if before.deprecated != after.deprecated else None
    )


def _no_longer_listed(catalog: Catalog, heads: Mapping[Address, PackageHead]) -> list[Note]:
    among = heads.keys() if catalog.whole else heads.keys() & catalog.gone
    gone = sorted(among - catalog.entries.keys(), key=str)
    return [
        Note(address, f"no longer in the catalog, but {heads[address].listed} published stay listed: {_AS_FOLLOWS}")
        for address in gone
        if heads[address].listed
    ]
