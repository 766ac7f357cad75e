"""A whole run: recover, look, plan, stage, commit in batches."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from registry_gen.errors import LedgerError
from registry_gen.ledger import Ledger, Publication, Violation
from registry_gen.model.facts import Package, PackageHead
from registry_gen.model.plan import ChangeState, Note, PackagePlan, Plan, Refusal, Sighting
from registry_gen.plan import Context, Settled, plan, settle, stale
from registry_gen.publish import codes
from registry_gen.publish.commit import Bucket, Committed, commit, recover
from registry_gen.publish.look import Sources, look
from registry_gen.publish.stage import PHASE, Stage, stage_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.config import Config
    from registry_gen.model.entries import Catalog
    from registry_gen.model.intent import Artifact, Intent, OpenIntent
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.staging import Staging
    from registry_gen.signing.log import LogSigner
    from registry_gen.signing.openpgp import SumsSigner
    from registry_gen.storage import Storage

LOCK_PHASE: Final = "Waiting for other publishers"
BATCH_PACKAGES: Final = 500
BATCH_SECONDS: Final = 5.0
UPLOADS: Final = 16


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything a run works with, as wiring made it from registry.yaml. ``actor`` is who runs it."""

    config: Config
    ledger: Ledger
    public: Storage
    sources: Sources
    staging: Staging
    sums_signer: SumsSigner
    log_signer: LogSigner
    actor: str
    lock_seconds: float = 600.0

    @property
    def context(self) -> Context:
        """What every package depends on."""
        return Context(self.config.site.url, self.sums_signer.key)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and the published packages that it was made against."""

    plan: Plan
    packages: Mapping[Address, Package]


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: the plan, what became visible, and everything that was refused or noted on the way."""

    plan: Plan
    published: tuple[Intent, ...]
    recovered: tuple[Intent, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[Note, ...]
    puts: int


def make_plan(registry: Registry, catalog: Catalog, progress: Progress) -> Planned:
    """Look at every source and decide; changes nothing."""
    with _pool(registry.config.limits.workers, "look") as executor:
        sightings = look(catalog, registry.sources, executor, progress)
    heads = registry.ledger.heads()
    return _plan(registry, catalog, sightings, heads)


def stage_plan(
    registry: Registry, catalog: Catalog, planned: Planned, now: datetime, progress: Progress
) -> Iterator[tuple[PackagePlan, Settled]]:
    """Stage and settle every package of the plan, several at a time, in the order in which they are done.

    Settled refusals hold both those of staging and the late ones.
    """
    work = [package for package in planned.plan.packages if package.actions]
    progress.begin(PHASE, sum(not isinstance(action, ChangeState) for package in work for action in package.actions))
    workers = registry.config.limits.workers
    with _pool(workers, "stage") as executor, _pool(workers, "download") as downloads:
        stage = Stage(
            registry.sources,
            registry.staging,
            registry.config.limits,
            registry.sums_signer,
            downloads,
            now,
            catalog.commit,
        )

        def settled(package: PackagePlan) -> tuple[PackagePlan, Settled]:
            known = planned.packages.get(package.address)
            staged, refused = stage_package(stage, catalog, package, known, progress)
            site = registry.config.site
            result = settle(
                package,
                staged,
                known,
                complete=not refused,
                catalog_commit=catalog.commit,
                site=site,
                now=now,
            )
            return package, replace(result, refusals=(*refused, *result.refusals))

        pending: list[Future[tuple[PackagePlan, Settled]]] = [executor.submit(settled, package) for package in work]
        for future in as_completed(pending):
            yield future.result()


def publish(registry: Registry, catalog: Catalog, now: datetime, progress: Progress) -> Report:
    """Make the registry say what the catalog says. ``now`` becomes the time of record.

    Raises RegistryError only for what concerns the whole run: the ledger, the lock, the registry's own keys.
    """
    with _pool(UPLOADS, "upload") as executor:
        bucket = Bucket(
            registry.public,
            executor,
            registry.staging,
            registry.log_signer,
            registry.config.site,
            registry.actor,
            catalog.commit,
        )
        progress.begin(LOCK_PHASE, 1)
        with registry.ledger.publication(registry.lock_seconds) as publication:
            progress.step(LOCK_PHASE, "")
            recovered = recover(publication, bucket)
            registry.staging.sweep(_needed(publication), now.timestamp() - 86_400)
            run = publication.start_run(catalog.commit, registry.actor, now)
        planned = make_plan(registry, catalog, progress)
        total = _Total(planned.plan, recovered)
        for batch in _batches(stage_plan(registry, catalog, planned, now, progress), total):
            with registry.ledger.publication(registry.lock_seconds) as publication:
                total.add(_commit(publication, bucket, batch))
        report = total.report()
        with registry.ledger.publication(registry.lock_seconds) as publication:
            _close(publication, report, run)
    return report


class _Total:
    def __init__(self, plan: Plan, recovered: Committed) -> None:
        self.plan = plan
        self.refusals = [*recovered.refusals, *plan.refusals]
        self.notes = [*plan.notes]
        self.recovered = recovered.finished
        self.published: list[Intent] = []
        self.puts = recovered.puts

    def add(self, committed: Committed) -> None:
        self.published += [item.intent for item in committed.finished]
        self.refusals += committed.refusals
        self.puts += committed.puts

    def report(self) -> Report:
        return Report(
            plan=self.plan,
            published=tuple(self.published),
            recovered=tuple(item.intent for item in self.recovered),
            refusals=tuple(self.refusals),
            notes=tuple(self.notes),
            puts=self.puts,
        )


def _plan(
    registry: Registry,
    catalog: Catalog,
    sightings: Mapping[Address, Sighting],
    heads: Mapping[Address, PackageHead],
) -> Planned:
    addresses = stale(catalog, sightings, heads, registry.context)
    packages = registry.ledger.packages(addresses) if addresses else {}
    return Planned(plan(catalog, sightings, heads, packages, registry.context), packages)


def _batches(staged: Iterator[tuple[PackagePlan, Settled]], total: _Total) -> Iterator[Sequence[Intent]]:
    """Intents in batches that are short enough for nobody to wait long for the lock, sorted by address."""
    batch: list[Intent] = []
    started = time.monotonic()
    for _, settled in staged:
        total.refusals += settled.refusals
        total.notes += settled.notes
        if settled.intent:
            batch.append(settled.intent)
        if len(batch) >= BATCH_PACKAGES or (batch and time.monotonic() - started > BATCH_SECONDS):
            yield sorted(batch, key=_by_address)
            batch, started = [], time.monotonic()
    if batch:
        yield sorted(batch, key=_by_address)


def _by_address(intent: Intent) -> str:
    return str(intent.address)


def _commit(publication: Publication, bucket: Bucket, intents: Sequence[Intent]) -> Committed:
    begun: list[OpenIntent] = []
    refusals: list[Refusal] = []
    current = publication.packages([intent.address for intent in intents])
    for intent in intents:
        package = current.get(intent.address)
        revision = package.head.revision if package else 0
        if revision == intent.base:
            continue
        error = LedgerError(
            codes.OVERTAKEN,
            where=str(intent.address),
            expected=f"revision {intent.base}",
            found=f"revision {revision}",
            hint=codes.OVERTAKEN.fix,
        )
        refusals.append(Refusal(intent.address, None, error))
    overtaken = {refusal.address for refusal in refusals}
    begun += publication.begin([intent for intent in intents if intent.address not in overtaken])
    committed = commit(publication, bucket, begun)
    return replace(committed, refusals=(*refusals, *committed.refusals))


def _close(publication: Publication, report: Report, run: int) -> None:
    now = datetime.now(UTC)
    settled = [
        PackageHead(package.address, package.base, package.base, package.inputs, package.due_at, package.state)
        for package in report.plan.packages
        if package.inputs and not package.actions
    ]
    if settled:
        publication.settle_inputs(settled)
    violations = [_violation(refusal) for refusal in report.refusals if refusal.violation]
    if violations:
        publication.violation(violations, now)
    summary = {
        "versions": sum(len(intent.versions) for intent in report.published),
        "packages": len(report.published),
        "refused": len(report.refusals),
        "puts": report.puts,
    }
    publication.finish_run(run, "failed" if report.refusals else "succeeded", summary, now)


def _violation(refusal: Refusal) -> Violation:
    return Violation(
        address=refusal.address,
        version=str(refusal.version),
        kind=refusal.error.code.id,
        published=refusal.error.expected,
        seen=refusal.error.found,
    )


def _needed(publication: Publication) -> Iterator[Artifact]:
    return (artifact for item in publication.open_intents() for artifact in item.intent.artifacts)


@contextmanager
def _pool(workers: int, name: str) -> Iterator[Executor]:
    """A pool that gives up what has not begun when the run fails.

    Whoever presses Ctrl-C does not wait for a download that hangs: what its thread leaves is what a crash leaves.
    """
    pool = ThreadPoolExecutor(workers, name)
    try:
        yield pool
    except BaseException as reason:
        pool.shutdown(wait=not isinstance(reason, KeyboardInterrupt), cancel_futures=True)
        raise
    pool.shutdown(wait=True)
