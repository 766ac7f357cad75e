"""The first half of a run: look at every source, and decide. Changes nothing, and needs no private key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from registry_gen.model.plan import Acknowledged
from registry_gen.model.rules import NOBODY
from registry_gen.plan import (
    Context,
    Judge,
    due_mirrors,
    may_be_remembered,
    not_due,
    plan,
    returning,
    stale,
    to_remember,
    unasked,
)
from registry_gen.policy.change import standing
from registry_gen.policy.roles import rules_of
from registry_gen.publish.look import Again, ask_of, ask_releases, look
from registry_gen.publish.own_bucket import require_own_bucket
from registry_gen.publish.registry import pool
from registry_gen.publish.rules import former_rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry_gen.ledger import Ledger
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.model.facts import Package, PackageHead, SigningKey, Stock
    from registry_gen.model.plan import AskedReleases, Plan
    from registry_gen.model.rules import Approvals
    from registry_gen.policy.change import Standing
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, the published packages that it was made against, and what was learnt of releases on the way.

    ``standing`` are the rules that it was judged by, and ``judge`` goes on judging. ``stock`` is what namespaces take
    up whose organizations have a quota.
    """

    plan: Plan
    packages: Mapping[Address, Package]
    releases: Mapping[Address, AskedReleases]
    standing: Standing
    judge: Judge
    stock: Mapping[str, Stock] = field(default_factory=dict)

    def owners(self, catalog: Catalog) -> Catalog:
        """The catalog with the organizations that are in force."""
        rules = self.standing.incoming if self.judge.approvals is None else self.standing.in_force
        return replace(catalog, organizations=rules.organizations)


def make_plan(
    registry: Registry,
    catalog: Catalog,
    registry_key: SigningKey | None,
    progress: Progress,
    now: datetime,
    *,
    mass_withdrawal: bool = False,
    heads: Mapping[Address, PackageHead] | None = None,
    approvals: Approvals | None = None,
) -> Planned:
    """Look at every source and decide; ``registry_key`` is the one that signs sums, None where it is not at hand.
    ``mass_withdrawal`` says that somebody means to take back much. ``heads`` are those of all packages as of the
    moment that the plan counts from, None for now: what is changed later than that is not the plan's to change.
    ``approvals`` are those that were given; None only shows what needs any.

    Raises LedgerError where the ledger cannot be read, ConflictError PUB003, PUB011 or PUB015, or StorageError PUB010,
    where the bucket is not this registry's; what is wrong with a source becomes a refusal.
    """
    require_own_bucket(registry.ledger.log_head(), registry)
    context = Context(registry.config.site.url, registry_key, now, _acknowledged(registry.ledger))
    if heads is None:
        heads = registry.ledger.heads()
    seen = approvals if approvals and catalog.rules_reviewed else NOBODY
    stands = standing(former_rules(registry.ledger), rules_of(catalog), seen)
    rules = stands.incoming if approvals is None else stands.in_force
    catalog = replace(catalog, organizations=rules.organizations)
    judge = Judge(stands.judging, approvals, catalog.reviewed)
    due = due_mirrors(catalog, heads, now)
    under_urls = may_be_remembered(catalog)
    remembered = registry.ledger.remembered(under_urls) if under_urls else {}
    workers = registry.config.limits.workers
    with pool(workers, "look") as executor, pool(workers, "again") as asking:
        mirrored = registry.ledger.packages(due) if due else {}
        again = Again(mirrored, not_due(catalog, remembered, now), asking)
        sightings = look(catalog, registry.sources, executor, progress, again)
        addresses = stale(catalog, sightings, heads, context)
        packages = registry.ledger.packages(addresses) if addresses else {}
        wanted = returning(catalog, sightings, packages, now)
        sightings = ask_of(catalog, registry.sources, sightings, wanted, asking)
        imported = registry.ledger.imported(addresses) if addresses else {}

        stock = registry.ledger.stock(catalog.limited) if catalog.limited and addresses else {}

        def decide() -> Plan:
            return plan(
                catalog,
                sightings,
                heads,
                packages,
                context,
                addresses,
                imported=imported,
                mass_withdrawal=mass_withdrawal,
                stock=stock,
            )

        made = decide()
        # Another answer may lead to another plan, and that to other versions; each is asked once at most.
        while versions := unasked(made, sightings):
            sightings = ask_releases(catalog, registry.sources, sightings, versions, executor)
            made = decide()
    made = replace(judge.judge(made, catalog, packages), needs=stands.needs)
    return Planned(made, packages, to_remember(catalog, sightings, remembered, now), stands, judge, stock)


def _acknowledged(ledger: Ledger) -> tuple[Acknowledged, ...]:
    return tuple(
        Acknowledged(alarm.address, alarm.version, alarm.kind, alarm.published, alarm.seen, known.by, known.reason)
        for alarm in ledger.violations(acknowledged=True)
        for known in [alarm.acknowledged]
        if known
    )
