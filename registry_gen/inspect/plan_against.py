"""A plan against what is public: no ledger, no storage, no secret. Only the packages that it is about are read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen.inspect.published import read_heads, read_packages
from registry_gen.model.entries import GitSource, ModuleEntry
from registry_gen.model.intent import Run
from registry_gen.model.plan import (
    FailedSighting,
    MirrorProvider,
    ModuleSighting,
    ProviderSighting,
    PublishModule,
    PublishProvider,
)
from registry_gen.plan import Context, Judge, plan, returning, settle
from registry_gen.plan.differences import differences
from registry_gen.plan.modules import match_tags
from registry_gen.policy.roles import rules_of
from registry_gen.publish.look import Again, ask_of, look

if TYPE_CHECKING:
    from collections.abc import Mapping, Set
    from datetime import datetime

    from registry_gen.inspect.published import Outside
    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import PackagePlan, Plan, Sighting
    from registry_gen.model.version import Version
    from registry_gen.plan.differences import Difference
    from registry_gen.publish.look import Sources
    from registry_gen.publish.progress import Progress

PHASE: Final = "Reading what is published"


@dataclass(frozen=True, slots=True)
class PlannedOutside:
    """A plan, and the published packages that it was made against."""

    plan: Plan
    packages: Mapping[Address, Package]


def plan_against(
    outside: Outside, catalog: Catalog, sources: Sources, config: Config, progress: Progress, now: datetime
) -> PlannedOutside:
    """Look at the sources of ``catalog``, read what is published of its packages, and decide as a publish would.

    What only the ledger knows is taken for none: imports, acknowledged alarms, quotas, and whether so many withdrawals
    are more than is likely to be meant. Raises what ``read_packages`` does.
    """
    context = Context(config.site.url, None, now)
    limitless = replace(catalog, organizations=())
    with ThreadPoolExecutor(config.limits.workers, "look") as executor:
        sightings = look(limitless, sources, executor, progress, Again({}, {}, executor))
        offered = {address: _offered(catalog.entries[address], seen) for address, seen in sightings.items()}
        packages = read_packages(outside, catalog.entries, offered)
        asked = ask_of(limitless, sources, sightings, returning(limitless, sightings, packages, now), executor)
    heads = {address: package.head for address, package in packages.items()}
    heads |= read_heads(outside, catalog.gone)
    made = plan(
        limitless, asked, heads, packages, context, tuple(sorted(catalog.entries, key=str)), mass_withdrawal=True
    )
    # Rules that were published are the ledger's to know: these are the catalog's own.
    judge = Judge(rules_of(catalog), None)
    return PlannedOutside(judge.judge(made, catalog, packages), packages)


def known_differences(
    planned: PlannedOutside, catalog: Catalog, config: Config, now: datetime
) -> tuple[tuple[Difference, ...], tuple[Address, ...]]:
    """The documents that change for packages of which nothing is to be fetched, and the addresses of the others."""
    found: list[Difference] = []
    unknown: list[Address] = []
    run = Run("", None, catalog.commit, now)
    for package in planned.plan.packages:
        if not package.actions:
            continue
        if _fetches(package):
            unknown.append(package.address)
            continue
        known = planned.packages.get(package.address)
        intent = settle(package, (), known, complete=True, site=config.site, run=run).intent
        found += differences(intent, known, config.site) if intent else ()
    return tuple(found), tuple(unknown)


def _fetches(package: PackagePlan) -> bool:
    return any(isinstance(action, PublishModule | PublishProvider | MirrorProvider) for action in package.actions)


def _offered(entry: Entry, seen: Sighting) -> Set[Version]:
    """The versions that the source has and the entry wants: each may be published already, and withdrawn."""
    if isinstance(seen, FailedSighting):
        return frozenset()
    if isinstance(seen, ModuleSighting):
        return _of_module(entry, seen)
    found = seen.releases if isinstance(seen, ProviderSighting) else seen.versions
    return {each.version for each in found if entry.wants(each.version)}


def _of_module(entry: Entry, seen: ModuleSighting) -> Set[Version]:
    if not isinstance(entry, ModuleEntry) or not isinstance(entry.source, GitSource):
        return {each.version for each in seen.archives if entry.wants(each.version)}
    matched, _ = match_tags(entry.address, entry.source.tag_patterns, seen.tags)
    return {version for version in (*matched, *entry.source.pins) if entry.wants(version)}
