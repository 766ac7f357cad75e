"""Collecting withdrawn versions: when it may be, what goes and what stays, and what a stop in between leaves."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen import paths, wiring
from registry_gen.model.facts import WithdrawalStage
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import Collected, Outlook, gc, outlook
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from tests.support.faults import CrashError, disturbed_ledger, stuck_storage
from tests.support.kinds import GADGET, NETWORK, SPROCKET, WIDGET, Kinds
from tests.support.reader import check_log, check_reachable, watched
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from registry_gen.publish.registry import Registry

GONE = "withdrawn:\n  - versions: {}\n    reason: It holds a secret.\n"
DAY = NOW + timedelta(days=1)
"""When versions are withdrawn."""
MINUTE = timedelta(minutes=1)
UNLISTED_FOR = paths.LISTING_WINDOW + MINUTE
"""Longer than any cache lists a version; a minute for how long the run before took."""
UNLINKED_FOR = paths.LEAF_WINDOW + MINUTE

ARCHIVE = f"v1/modules/{NETWORK}/1.0.0/module.tar.gz"
LEAVES = [f"v1/modules/{NETWORK}/1.0.0/download", f"v1/modules/{NETWORK}/1.0.0/get.html"]


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    """A version of each kind is withdrawn, and of the registry's own provider the only one."""
    made = kinds.published()
    withdraw(kinds, made)
    assert not made.publish(DAY).refusals
    return made


def withdraw(kinds: Kinds, work: Workspace) -> None:
    old = GONE.format('"1.0.0"')
    kinds.configure(
        work,
        network=old,
        widget=old,
        sprocket=GONE.format('"2.0.0"'),
        gadget="withdrawn:\n  - reason: Nobody uses it.\n",
    )


def collected(work: Workspace, now: datetime, extent: Extent | None = None) -> Collected:
    with opened(work) as registry:
        run = Run(registry.actor, None, None, now)
        return gc(registry, wiring.open_keys(registry).log, extent or Extent(), run, Silent())


def foreseen(work: Workspace, now: datetime, extent: Extent | None = None) -> Outlook:
    with opened(work) as registry:
        return outlook(registry, extent or Extent(), Run(registry.actor, None, None, now))


@contextmanager
def opened(work: Workspace, change: Callable[[Registry], Registry] = lambda registry: registry) -> Iterator[Registry]:
    with work.registry() as registry:
        yield change(registry)


def stages(work: Workspace) -> dict[str, str]:
    with work.registry() as registry:
        packages = registry.ledger.packages(list(registry.ledger.heads()))
        return {
            f"{address} {facts.version}": facts.withdrawn.stage.value
            for address, package in packages.items()
            for facts in package.versions
            if facts.withdrawn
        }


def all_at(stage: WithdrawalStage) -> dict[str, str]:
    versions = (f"{NETWORK} 1.0.0", f"{WIDGET} 1.0.0", f"{GADGET} 2.0.0", f"{SPROCKET} 2.0.0")
    return dict.fromkeys(versions, stage.value)


def test_nothing_is_deleted_while_a_cache_may_lead_to_it(work: Workspace) -> None:
    tree = work.tree()
    early = DAY + paths.LISTING_WINDOW - MINUTE

    assert collected(work, early).gone == []

    assert work.tree() == tree
    assert stages(work) == all_at(WithdrawalStage.UNLISTED)
    waiting = foreseen(work, early).waiting
    assert {f"{step.address} {step.version}" for step in waiting} == set(all_at(WithdrawalStage.UNLISTED))
    for step in waiting:
        assert DAY + paths.LISTING_WINDOW <= step.due <= DAY + UNLISTED_FOR, "counted from when the listing was put"


def test_first_the_leaf_documents_go_and_when_no_cache_has_them_the_artifacts(work: Workspace) -> None:
    before = work.tree()
    with watched(work.public):
        first = DAY + UNLISTED_FOR
        done = collected(work, first)
        unlinked = work.tree()
        assert stages(work) == all_at(WithdrawalStage.UNLINKED)
        assert collected(work, first + paths.LEAF_WINDOW - MINUTE).gone == []
        assert work.tree() == unlinked
        collected(work, first + UNLINKED_FOR)
    assert stages(work) == all_at(WithdrawalStage.COLLECTED)

    gone = sorted(before.keys() - unlinked.keys())
    assert gone == sorted(key for each in done.gone for key in each.documents)
    assert [key for key in gone if NETWORK in key] == LEAVES
    assert all(not paths.rule(key).immutable for key in gone)
    artifacts = sorted(unlinked.keys() - work.tree().keys())
    assert ARCHIVE in artifacts
    assert f"{ARCHIVE}.intoto.jsonl" in artifacts
    assert sum(key.endswith(".zip") for key in artifacts) == 4
    assert sum("SHA256SUMS" in key for key in artifacts) == 4
    assert all(paths.rule(key).immutable and not key.startswith(("records/", "log/")) for key in artifacts)
    assert {key: data for key, data in work.tree().items() if key in before} == work.tree(), "nothing else changed"


def test_after_a_collection_all_is_settled_and_the_other_versions_are_whole(work: Workspace) -> None:
    collected(work, DAY + UNLISTED_FOR)
    collected(work, DAY + UNLISTED_FOR + UNLINKED_FOR)

    assert check_reachable(work.public) == 1 + 2 + 1
    assert check_log(work.public)
    plan = work.plan(DAY + timedelta(days=1))
    assert not any(package.actions for package in plan.packages)
    assert not plan.refusals
    tree = work.tree()
    report = work.publish(DAY + timedelta(days=1))
    assert (report.published, report.refusals, report.puts) == ((), (), 0)
    assert work.tree() == tree
    assert collected(work, DAY + timedelta(days=2)).gone == []
    assert work.tree() == tree
    known = work.document(f"modules/{NETWORK}/1.0.0/index.json")
    assert (known["status"], known["withdrawn"]["reason"]) == ("withdrawn", "It holds a secret.")


def test_a_collected_version_never_comes_back(work: Workspace, kinds: Kinds) -> None:
    collected(work, DAY, Extent(at_once=True))
    kinds.configure(work)

    report = work.publish(DAY + timedelta(hours=1))

    assert (report.published, report.refusals) == ((), ())
    assert any("1.0.0 stays withdrawn" in note.text for note in report.notes)
    assert not (work.public / ARCHIVE).exists()


def test_a_version_that_is_listed_again_in_time_is_whole(work: Workspace, kinds: Kinds) -> None:
    collected(work, DAY + UNLISTED_FOR)
    kinds.configure(work)

    report = work.publish(DAY + timedelta(hours=2))

    assert not report.refusals
    assert stages(work) == {}
    assert check_reachable(work.public) == 2 + 4 + 1 + 2
    assert collected(work, DAY + timedelta(days=9)).gone == []


def test_at_once_means_to_the_end_and_tells_what_caches_hold(work: Workspace) -> None:
    found = foreseen(work, DAY, Extent(at_once=True))
    assert found.waiting == ()

    done = collected(work, DAY, Extent(at_once=True))

    assert stages(work) == all_at(WithdrawalStage.COLLECTED)
    assert {each.intent.removes for each in done.gone} == {each.intent.removes for each in found.goes}
    assert not (work.public / ARCHIVE).exists()
    assert not any((work.public / key).exists() for key in LEAVES)


def test_only_what_was_shown_is_collected(work: Workspace, kinds: Kinds) -> None:
    shown = foreseen(work, DAY, Extent(at_once=True))
    kinds.configure(work, network="withdrawn:\n  - reason: All of it.\n")
    work.publish(DAY)

    collected(work, DAY, Extent(at_once=True, among=shown.versions))

    assert stages(work)[f"{NETWORK} 1.0.0"] == "collected"
    assert stages(work)[f"{NETWORK} 1.1.0"] == "unlisted"


def test_records_stay_until_they_are_asked_for(work: Workspace) -> None:
    records = {key for key in work.tree() if key.startswith("records/")}
    collected(work, DAY, Extent(at_once=True))
    assert {key for key in work.tree() if key.startswith("records/")} == records

    done = collected(work, DAY, Extent(records=True))

    left = {key for key in work.tree() if key.startswith("records/")}
    assert sorted(records - left) == sorted(key for each in done.gone for key in each.intent.removes)
    assert len(records - left) == 4
    assert collected(work, DAY, Extent(records=True)).gone == [], "what is gone is not deleted again"
    assert check_reachable(work.public) == 1 + 2 + 1


def test_what_goes_is_audited(work: Workspace) -> None:
    collected(work, DAY + UNLISTED_FOR)
    collected(work, DAY + UNLISTED_FOR + UNLINKED_FOR)
    with work.registry() as registry:
        registry.ledger.verify_audit()
    rows = audit(work)
    assert [row[:2] for row in rows if row[0] == "collect"] == [
        ("collect", address) for address in sorted((NETWORK, WIDGET, GADGET, SPROCKET)) * 2
    ]
    assert {"unlinked": ["1.0.0"], "revision": 3} in [row[2] for row in rows if row[1] == NETWORK]
    assert {"collected": ["1.0.0"], "objects": 2, "revision": 4} in [row[2] for row in rows if row[1] == NETWORK]


def audit(work: Workspace) -> list[tuple[str, str, object]]:
    dsn = wiring.read_settings(work.root / "registry.yaml").ledger
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT action, address, after FROM audit_log ORDER BY seq").fetchall()


def test_a_stop_between_the_commit_and_the_deletion_is_finished_by_the_next_run(work: Workspace) -> None:
    crashed(
        work, lambda registry: replace(registry, public=stuck_storage(registry.public, "delete", "v1/", CrashError()))
    )
    assert (work.public / ARCHIVE).exists()
    assert stages(work)[f"{NETWORK} 1.0.0"] == "collected", "said before it is done"

    done = collected(work, DAY)

    assert {str(intent.address) for intent in done.recovered} == {NETWORK, WIDGET, GADGET, SPROCKET}
    assert not (work.public / ARCHIVE).exists()
    assert check_reachable(work.public) == 1 + 2 + 1


def test_an_ordinary_publish_finishes_it_too(work: Workspace, kinds: Kinds) -> None:
    whole = kinds.published()
    withdraw(kinds, whole)
    whole.publish(DAY)
    collected(whole, DAY, Extent(at_once=True))
    for step in ("begin", "log", "finish"):
        crashed(
            work,
            lambda registry, step=step: replace(  # type: ignore[misc]
                registry, ledger=disturbed_ledger(registry.ledger, step, after=crash)
            ),
        )
    report = work.publish(DAY)
    assert not report.refusals
    assert without_log(work) == without_log(whole)


def without_log(work: Workspace) -> dict[str, bytes]:
    return {key: data for key, data in work.tree().items() if not key.startswith("log/")}


def crash() -> None:
    raise CrashError


def crashed(work: Workspace, change: Callable[[Registry], Registry]) -> None:
    with opened(work, change) as registry:
        run, signer = Run(registry.actor, None, None, DAY), wiring.open_keys(registry).log
        with pytest.raises(CrashError):
            gc(registry, signer, Extent(at_once=True), run, Silent())


def test_what_cannot_be_deleted_is_refused_and_tried_again(work: Workspace) -> None:
    with opened(work) as registry:
        stuck = replace(registry, public=stuck_storage(registry.public, "delete", f"v1/modules/{NETWORK}"))
        run = Run(registry.actor, None, None, DAY)
        done = gc(stuck, wiring.open_keys(registry).log, Extent(at_once=True), run, Silent())
    assert [str(refusal.address) for refusal in done.refusals] == [NETWORK]
    assert {str(each.intent.address) for each in done.gone} == {WIDGET, GADGET, SPROCKET}
    assert (work.public / ARCHIVE).exists()

    assert collected(work, DAY).refusals == []

    assert not (work.public / ARCHIVE).exists()


def test_a_package_with_a_change_that_was_only_begun_is_left_alone(work: Workspace, kinds: Kinds) -> None:
    old = "withdrawn:\n  - versions: 1.0.0\n    reason: Old.\n"
    for more in ('versions: "1.0.0"\n', f'versions: "1.0.0"\n{old}'):
        work.module("acme/stuck/aws", kinds.repo.url, more)
        assert not work.publish(DAY).refusals
    work.module("acme/stuck/aws", kinds.repo.url, old)
    with opened(work) as registry:
        stuck = replace(registry, public=stuck_storage(registry.public, "put_new", "acme/stuck"))
        workspace, keys = wiring.read_workspace(work.root / "registry.yaml"), wiring.open_keys(registry)
        assert publish(stuck, keys, workspace.catalog, DAY, Silent()).refusals
        done = gc(stuck, keys.log, Extent(at_once=True), Run(registry.actor, None, None, DAY), Silent())

    assert {str(each.intent.address) for each in done.gone} == {NETWORK, WIDGET, GADGET, SPROCKET}
    assert stages(work)["acme/stuck/aws 1.0.0"] == "unlisted"


def test_a_package_that_waits_for_another_change_is_left_alone(work: Workspace, kinds: Kinds) -> None:
    """Documents that are not all in the bucket may still lead to what would be deleted."""
    kinds.configure(work, network="deprecated: Use another.\nwithdrawn:\n  - reason: All of it.\n")
    with opened(work) as registry:
        stuck = replace(registry, public=stuck_storage(registry.public, "put_if", f"v1/modules/{NETWORK}/versions"))
        workspace = wiring.read_workspace(work.root / "registry.yaml")
        assert publish(stuck, wiring.open_keys(registry), workspace.catalog, DAY, Silent()).refusals
        run = Run(registry.actor, None, None, DAY)
        done = gc(stuck, wiring.open_keys(registry).log, Extent(at_once=True), run, Silent())

    assert NETWORK not in {str(each.intent.address) for each in done.gone}
    assert (work.public / ARCHIVE).exists()
    assert NETWORK not in {str(step.address) for step in foreseen(work, DAY, Extent(at_once=True)).waiting}
