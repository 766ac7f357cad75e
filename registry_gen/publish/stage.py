"""Staging: fetch, verify, pack and extract, up to the bucket's door. Nothing here needs the lock."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from registry_gen.errors import RegistryError
from registry_gen.model.entries import Catalog, GitSource, MirrorEntry, ModuleEntry, ProviderEntry
from registry_gen.model.facts import MirrorVersion, Package, ProviderVersion
from registry_gen.model.intent import Run
from registry_gen.model.plan import (
    ChangeState,
    MirrorProvider,
    PackagePlan,
    PublishModule,
    PublishProvider,
    Refusal,
    Staged,
)
from registry_gen.plan import Quotas, Settled, settle
from registry_gen.plan.codes import IMPORTED_OTHERWISE
from registry_gen.publish.mistakes import as_error
from registry_gen.publish.registry import pool
from registry_gen.publish.stage_mirror import stage_mirror
from registry_gen.publish.stage_module import stage_module
from registry_gen.publish.stage_provider import stage_provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from registry_gen.model.config import Limits
    from registry_gen.model.facts import PackageState
    from registry_gen.publish.look import Sources
    from registry_gen.publish.planning import Planned
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Keys, Registry
    from registry_gen.publish.staging import Staging
    from registry_gen.signing.log import LogSigner
    from registry_gen.signing.openpgp import SumsSigner
    from registry_gen.storage import Storage

PHASE = "Fetching and verifying"
TICK_SECONDS = 1.0
AHEAD = 500
"""How many packages are staged and not asked for yet: each is in memory until it is committed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What staging needs. ``downloads`` runs the zips of one version side by side; ``now`` is the time of record.

    ``log`` signs where archives came from, ``run_url`` shows the pipeline's run; from ``public`` it is only read.
    """

    sources: Sources
    public: Storage
    staging: Staging
    limits: Limits
    signer: SumsSigner
    log: LogSigner
    downloads: Executor
    now: datetime
    catalog_commit: str | None
    run_url: str | None
    stopped: threading.Event


def stage_plan(
    registry: Registry, keys: Keys, catalog: Catalog, planned: Planned, now: datetime, progress: Progress
) -> Iterator[list[Settled]]:
    """Stage and settle every package of the plan, several at a time.

    Gives what was done since the last time, at least every ``TICK_SECONDS`` and then perhaps nothing. What is wrong
    with a package becomes a refusal. Whoever stops asking stops the work after the action at hand; whoever asks slowly
    finds no more than ``AHEAD`` packages done.
    """
    work = [package for package in planned.plan.packages if package.actions]
    progress.begin(PHASE, sum(not isinstance(action, ChangeState) for package in work for action in package.actions))
    workers, stopped = registry.config.limits.workers, threading.Event()
    run = Run(registry.actor, registry.run_url, catalog.commit, now)
    with pool(workers, "stage") as executor, pool(workers, "download") as downloads:
        stage = Stage(
            registry.sources,
            registry.public,
            registry.staging,
            registry.limits,
            keys.sums,
            keys.log,
            downloads,
            now,
            catalog.commit,
            registry.run_url,
            stopped,
        )

        quotas, one_at_a_time = Quotas(planned.owners(catalog), planned.stock), threading.Lock()

        def settled(package: PackagePlan) -> Settled:
            try:
                return staged_and_settled(package)
            except Exception as error:  # noqa: BLE001 - one hostile package must not stop the others
                refusal = Refusal(package.address, None, as_error(error, str(package.address)))
                return Settled(package.address, None, (refusal,))

        def staged_and_settled(package: PackagePlan) -> Settled:
            known = planned.packages.get(package.address)
            staged, refused = stage_package(stage, catalog, package, known, progress)
            with one_at_a_time:
                staged, over = quotas.fitting(package.address, staged, known)
            package, staged, unapproved = planned.judge.fitting(package, staged, known)
            refused += (*over, *unapproved)
            result = settle(
                package,
                staged,
                known,
                complete=not refused,
                site=registry.config.site,
                run=run,
            )
            return replace(result, refusals=(*refused, *result.refusals))

        waiting = iter(work)
        pending = {executor.submit(settled, package) for package in islice(waiting, AHEAD)}
        try:
            while pending:
                done, pending = wait(pending, TICK_SECONDS, FIRST_COMPLETED)
                yield [future.result() for future in done]
                pending |= {executor.submit(settled, package) for package in islice(waiting, len(done))}
        finally:
            stopped.set()


def stage_package(
    stage: Stage, catalog: Catalog, planned: PackagePlan, package: Package | None, progress: Progress
) -> tuple[tuple[Staged, ...], tuple[Refusal, ...]]:
    """Carry out every action of one package; an action that fails is refused and stops no other."""
    entry = catalog.entries[planned.address]
    staged: list[Staged] = []
    refusals: list[Refusal] = []
    actions = [
        action for action in planned.actions if isinstance(action, PublishModule | PublishProvider | MirrorProvider)
    ]
    try:
        _prepare(stage, entry, actions)
    except RegistryError as error:
        return (), tuple(Refusal(planned.address, action.version, error) for action in actions)
    for action in actions:
        if stage.stopped.is_set():
            break
        try:
            staged.append(_stage(stage, entry, action, package, planned.state))
        except Exception as error:  # noqa: BLE001 - one hostile version must not stop the others
            where = f"{planned.address} {action.version}"
            told = as_error(error, where)
            alarm = told.code is IMPORTED_OTHERWISE
            refusals.append(Refusal(planned.address, action.version, told, violation=alarm))
        progress.step(PHASE, f"{planned.address} {action.version}")
    return tuple(staged), tuple(refusals)


def _prepare(
    stage: Stage,
    entry: ModuleEntry | ProviderEntry | MirrorEntry,
    actions: Sequence[PublishModule | PublishProvider | MirrorProvider],
) -> None:
    """Bring all commits of a repository in one go."""
    if isinstance(entry, ModuleEntry) and isinstance(entry.source, GitSource):
        fetched = [action for action in actions if isinstance(action, PublishModule) and action.named is None]
        tags = [action.tag for action in fetched if action.tag]
        if tags:
            stage.sources.git.fetch(entry.source.url, tags)


def _stage(
    stage: Stage,
    entry: ModuleEntry | ProviderEntry | MirrorEntry,
    action: PublishModule | PublishProvider | MirrorProvider,
    package: Package | None,
    state: PackageState,
) -> Staged:
    before = next((facts for facts in package.versions if facts.version == action.version), None) if package else None
    before = None if action.rehost else before  # then nothing of it is kept as it was
    match entry, action:
        case ModuleEntry(), PublishModule():
            return stage_module(stage, entry, action)
        case ProviderEntry(), PublishProvider():
            held = before if isinstance(before, ProviderVersion) else None
            return stage_provider(stage, entry, action, held, state.signing_keys)
        case MirrorEntry(), MirrorProvider():
            return stage_mirror(stage, entry, action, before if isinstance(before, MirrorVersion) else None)
        case _:
            raise TypeError(f"{entry.address}: an action of another kind")
