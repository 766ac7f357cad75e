"""A whole run: recover, plan, stage, commit in batches."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from registry_gen.errors import LedgerError, RegistryError
from registry_gen.ledger import Publication, Violation
from registry_gen.model.facts import PackageHead
from registry_gen.model.intent import Run
from registry_gen.model.plan import Note, Plan, Refusal
from registry_gen.model.rules import NOBODY
from registry_gen.plan.saved import hold
from registry_gen.publish import codes
from registry_gen.publish.bucket import open_bucket
from registry_gen.publish.commit import Committed, commit, recover, unfinished
from registry_gen.publish.garbage import rarely_looking_for_garbage
from registry_gen.publish.log_key import settle_log_key
from registry_gen.publish.own_bucket import require_own_bucket
from registry_gen.publish.planning import make_plan
from registry_gen.publish.purge import pending_purges, purge_pending
from registry_gen.publish.rules import refused_rules, settle_rules
from registry_gen.publish.stage import stage_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.ledger import RunStatus
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.model.facts import Package
    from registry_gen.model.intent import Intent
    from registry_gen.model.plan import AskedReleases
    from registry_gen.model.rules import Approvals
    from registry_gen.model.version import Version
    from registry_gen.plan import Settled
    from registry_gen.plan.saved import Saved
    from registry_gen.publish.bucket import Bucket
    from registry_gen.publish.planning import Planned
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.purge import Told
    from registry_gen.publish.registry import Keys, Registry

LOCK_PHASE: Final = "Waiting for other publishers"
BATCH_PACKAGES: Final = 500
BATCH_VERSIONS: Final = 5_000
"""With ``BATCH_PACKAGES``, what bounds the time that a batch holds the lock: some seconds, where puts take ten
milliseconds and sixteen go side by side.
"""
BATCH_SECONDS: Final = 5.0
"""How long what is staged waits for more to be committed with it."""
KEEP_SECONDS: Final = 86_400
"""How long the staging area keeps what no open intent needs: longer than any run that may be staging now."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What became visible of a package at ``revision``; its facts, which may be large, are the ledger's to keep."""

    address: Address
    revision: int
    published: tuple[Version, ...]
    withdrawn: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: the plan, what became visible, and everything that was refused or noted on the way.

    ``altered`` are keys of documents that someone else had changed in the bucket, and that were replaced.
    ``log_key_changed`` says that the log stands under another key since this run. ``purge`` is what the CDN was told.
    ``refused_rules`` say why the catalog's change of who may approve what was left out, ``rules_changed`` that it is in
    force.
    """

    plan: Plan
    published: tuple[Changed, ...]
    recovered: tuple[Changed, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[Note, ...]
    altered: tuple[str, ...]
    puts: int
    log_key_changed: bool = False
    purge: Told | None = None
    refused_rules: tuple[RegistryError, ...] = ()
    rules_changed: bool = False


def publish(
    registry: Registry,
    keys: Keys,
    catalog: Catalog,
    now: datetime,
    progress: Progress,
    *,
    mass_withdrawal: bool = False,
    accept_log_key: str | None = None,
    approvals: Approvals = NOBODY,
    saved: Saved | None = None,
) -> Report:
    """Make the registry say what the catalog says. ``now`` becomes the time of record.

    ``mass_withdrawal`` allows it to take back a large share of what is listed. ``accept_log_key`` is the log's present
    verifier key, where it may take the place of one that is lost. ``approvals`` are those that were given: what lacks
    one that the rules ask for is refused. Of a ``saved`` plan, to which ``catalog`` is limited, exactly what it showed
    is published, and no change of the rules; raises RefusalError PLN040 where that is not what would be done now.

    Raises RegistryError only for what concerns the whole run: the ledger, the lock, the log and its key.
    """
    with rarely_looking_for_garbage(), open_bucket(registry, keys.log, now) as bucket:
        progress.begin(LOCK_PHASE, 1)
        with registry.ledger.publication(registry.lock_seconds) as publication:
            progress.step(LOCK_PHASE, "")
            require_own_bucket(publication.log_head(), registry)
            publication.settle_place(registry.place)
            who = Run(registry.actor, registry.run_url, catalog.commit, now)
            key_changed = settle_log_key(publication, keys.log, who, accept_log_key)
            recovered = recover(publication, bucket)
            waiting = unfinished(publication)
            needed = [artifact for item in publication.open_intents() for artifact in item.intent.artifacts]
            registry.staging.sweep(needed, now.timestamp() - KEEP_SECONDS)
            # Before a write that is refused to whoever lost the lock: an old catalog must not meet newer heads.
            heads = registry.ledger.heads()
            run = publication.start_run(catalog.commit, registry.actor, now)
        total = _Total(recovered, log_key_changed=key_changed)
        try:
            rest = _without(catalog, waiting)
            planned = make_plan(
                registry,
                rest,
                keys.sums.key,
                progress,
                now,
                mass_withdrawal=mass_withdrawal,
                heads=heads,
                approvals=approvals,
            )
            total.take(planned)
            if saved is not None:
                planned = replace(planned, plan=hold(saved, planned.plan, rest))
                total.plan, total.refused_rules = planned.plan, ()
            elif planned.standing.changed and planned.standing.approved:
                with registry.ledger.publication(registry.lock_seconds) as publication:
                    settle_rules(publication, planned.standing, who)
                total.rules_changed = True
            staged = stage_plan(registry, keys, rest, planned, now, progress)
            for batch in _batches(staged, planned.packages, total):
                with registry.ledger.publication(registry.lock_seconds) as publication:
                    total.add(_commit(publication, bucket, batch))
        except RegistryError:
            # What ended the run is told; the alarms that it saw must not be lost for it.
            with suppress(RegistryError), registry.ledger.publication(registry.lock_seconds) as publication:
                _close(publication, total, run, "failed")
            raise
        report = total.report()
        with registry.ledger.publication(registry.lock_seconds) as publication:
            _settle(publication, report.plan)
            _close(publication, total, run, "failed" if report.refusals or report.refused_rules else "succeeded")
            pending = pending_purges(registry, publication)
    return replace(report, purge=purge_pending(registry, pending, progress))


class _Total:
    def __init__(self, recovered: Committed, *, log_key_changed: bool) -> None:
        self.plan = Plan((), (), (), 0)
        self.releases: Mapping[Address, AskedReleases] = {}
        self.log_key_changed = log_key_changed
        self.refused_rules: tuple[RegistryError, ...] = ()
        self.rules_changed = False
        self.refusals = [*recovered.refusals]
        self.notes: list[Note] = []
        self.recovered = tuple(changed(item.intent) for item in recovered.finished)
        self.published: list[Changed] = []
        self.altered = [*recovered.altered]
        self.puts = recovered.puts

    def take(self, planned: Planned) -> None:
        self.plan = planned.plan
        self.releases = planned.releases
        self.refused_rules = refused_rules(planned.standing)
        self.refusals += planned.plan.refusals
        self.notes += planned.plan.notes

    def add(self, committed: Committed) -> None:
        self.published += [changed(item.intent) for item in committed.finished]
        self.refusals += committed.refusals
        self.altered += committed.altered
        self.puts += committed.puts

    def report(self) -> Report:
        return Report(
            plan=self.plan,
            published=tuple(self.published),
            recovered=self.recovered,
            refusals=tuple(self.refusals),
            notes=tuple(self.notes),
            altered=tuple(self.altered),
            puts=self.puts,
            log_key_changed=self.log_key_changed,
            refused_rules=self.refused_rules,
            rules_changed=self.rules_changed,
        )


def changed(intent: Intent) -> Changed:
    """What an intent that is finished made visible."""
    return Changed(
        intent.address,
        intent.base + 1,
        tuple(facts.version for facts in intent.versions if facts.withdrawn is None),
        tuple(facts.version for facts in intent.versions if facts.withdrawn),
    )


def _without(catalog: Catalog, waiting: frozenset[Address]) -> Catalog:
    """The catalog less the packages that an earlier run left and recovery could not finish: they wait for it."""
    if not waiting & catalog.entries.keys():
        return catalog
    entries = {address: entry for address, entry in catalog.entries.items() if address not in waiting}
    return replace(catalog, entries=entries, whole=False)


def _batches(
    staged: Iterator[list[Settled]], packages: Mapping[Address, Package], total: _Total
) -> Iterator[Sequence[Intent]]:
    """Intents in batches that are short enough for nobody to wait long for the lock, sorted by address.

    A package counts with all of its versions in ``packages``, for each may have documents to put. What is done is
    committed after five seconds, however long another package's download takes.
    """
    batch: list[Intent] = []
    versions = 0
    started = time.monotonic()
    for done in staged:
        for settled in done:
            total.refusals += settled.refusals
            total.notes += settled.notes
            if not settled.intent:
                continue
            known = packages.get(settled.intent.address)
            batch.append(settled.intent)
            versions += len(settled.intent.versions) + (len(known.versions) if known else 0)
            if len(batch) >= BATCH_PACKAGES or versions >= BATCH_VERSIONS:
                yield sorted(batch, key=_by_address)
                batch, versions, started = [], 0, time.monotonic()
        if batch and time.monotonic() - started > BATCH_SECONDS:
            yield sorted(batch, key=_by_address)
            batch, versions, started = [], 0, time.monotonic()
    if batch:
        yield sorted(batch, key=_by_address)


def _by_address(intent: Intent) -> str:
    return str(intent.address)


def _commit(publication: Publication, bucket: Bucket, intents: Sequence[Intent]) -> Committed:
    """Begin and commit the intents of packages that nobody changed since the plan; refuse the others."""
    current = publication.packages([intent.address for intent in intents])
    waiting = unfinished(publication)
    refusals = []
    for intent in intents:
        package = current.get(intent.address)
        revision = package.head.revision if package else 0
        if revision == intent.base and intent.address not in waiting:
            continue
        found = f"revision {revision}" + (" and an unfinished change" if intent.address in waiting else "")
        error = LedgerError(
            codes.OVERTAKEN,
            where=str(intent.address),
            expected=f"revision {intent.base}",
            found=found,
            hint=codes.OVERTAKEN.fix,
        )
        refusals.append(Refusal(intent.address, None, error))
    overtaken = {refusal.address for refusal in refusals}
    bucket.staging.sync()
    begun = publication.begin([intent for intent in intents if intent.address not in overtaken])
    committed = commit(publication, bucket, begun)
    return replace(committed, refusals=(*refusals, *committed.refusals))


def _settle(publication: Publication, plan: Plan) -> None:
    settled = [
        PackageHead(package.address, package.base, package.base, package.inputs, package.due_at, package.state)
        for package in plan.packages
        if package.inputs and not package.actions
    ]
    if settled:
        publication.settle_inputs(settled)


def _close(publication: Publication, total: _Total, run: int, status: RunStatus) -> None:
    report = total.report()
    _record_alarms(publication, report.refusals)
    if total.releases:
        publication.remember(total.releases)
    summary = {
        "versions": sum(len(package.published) + len(package.withdrawn) for package in report.published),
        "packages": len(report.published),
        "refused": len(report.refusals) + len(report.refused_rules),
        "puts": report.puts,
    }
    publication.finish_run(run, status, summary, datetime.now(UTC))


def _record_alarms(publication: Publication, refusals: Sequence[Refusal]) -> None:
    violations = [_violation(refusal) for refusal in refusals if refusal.violation]
    if violations:
        publication.violation(violations, datetime.now(UTC))


def _violation(refusal: Refusal) -> Violation:
    return Violation(
        address=refusal.address,
        version=str(refusal.version),
        kind=refusal.error.code.id,
        published=refusal.error.expected,
        seen=refusal.error.found,
    )
