"""A plan as it is made: with the ledger, or against what is public at an address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry_gen import wiring
from registry_gen.plan.differences import differences
from registry_gen.plan.inputs import rendering_of
from registry_gen.plan.review import Basis
from registry_gen.policy.roles import rules_of
from registry_gen.publish.planning import make_plan
from registry_gen.publish.stage import stage_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import Plan, Refusal
    from registry_gen.plan import Settled
    from registry_gen.plan.differences import Difference
    from registry_gen.publish.planning import Planned
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.wiring import Workspace


@dataclass(frozen=True, slots=True)
class Made:
    """A plan, what it was made against, and what staging added where that was asked for.

    ``differences`` are those of protocol documents; ``unknown`` the packages of which they show only once fetched.
    """

    plan: Plan
    packages: Mapping[Address, Package]
    basis: Basis
    late: tuple[Refusal, ...] = ()
    differences: tuple[Difference, ...] = ()
    unknown: tuple[Address, ...] = ()


def from_ledger(
    workspace: Workspace,
    catalog: Catalog,
    progress: Progress,
    now: datetime,
    *,
    fetch: bool,
    diff: bool,
    mass_withdrawal: bool,
) -> Made:
    """As a publish would plan it; with ``fetch`` or ``diff`` everything is staged, and nothing of it kept."""
    with wiring.open_registry(workspace) as registry:
        planned = make_plan(
            registry, catalog, wiring.registry_key(registry), progress, now, mass_withdrawal=mass_withdrawal
        )
        staged = list(_staged(registry, planned, catalog, progress, now)) if fetch or diff else []
    # Sorted by address, whatever was done first.
    staged.sort(key=lambda settled: str(settled.address))
    site = workspace.config.site
    changed = [
        difference
        for settled in staged
        if diff and settled.intent
        for difference in differences(settled.intent, planned.packages.get(settled.address), site)
    ]
    return Made(
        plan=replace(planned.plan, notes=(*planned.plan.notes, *(note for each in staged for note in each.notes))),
        packages=planned.packages,
        basis=Basis(site.url, catalog.commit),
        late=tuple(refusal for settled in staged for refusal in settled.refusals),
        differences=tuple(changed),
    )


def from_public(
    workspace: Workspace,
    catalog: Catalog,
    url: str,
    keys: Sequence[str],
    progress: Progress,
    now: datetime,
    *,
    diff: bool,
) -> Made:
    """Against the registry at a URL, or in a folder; raises InputError INS005 and what ``plan_against`` does."""
    from registry_gen.inspect.budget import Budget
    from registry_gen.inspect.plan_against import known_differences, plan_against
    from registry_gen.inspect.published import open_outside
    from registry_gen.inspect.reader import open_reader

    config = workspace.config
    reader = Budget(open_reader(url, ca_file=config.network.ca_file))
    # What a change risks depends on where versions came from, which their records say.
    whole = diff or rules_of(catalog).ask
    outside = open_outside(reader, keys, config.site.log_origin, rendering_of(config.site.url), whole=whole)
    wiring.prepare_state(config.state)
    with wiring.open_sources(config) as sources:
        planned = plan_against(outside, catalog, sources, config, progress, now)
    found, unknown = known_differences(planned, catalog, config, now) if diff else ((), ())
    basis = Basis(config.site.url, catalog.commit, reader.name, outside.checkpoint.size, verified=bool(keys))
    return Made(planned.plan, planned.packages, basis, differences=found, unknown=unknown)


def _staged(
    registry: Registry, planned: Planned, catalog: Catalog, progress: Progress, now: datetime
) -> Iterator[Settled]:
    for done in stage_plan(registry, wiring.open_keys(registry), catalog, planned, now, progress):
        for settled in done:
            if settled.intent:
                registry.staging.discard(settled.intent.artifacts)
            yield settled
