"""Retention of each kind through the ledger: time alone takes versions back, for good, and nothing is fetched again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from deployments.demo.upstream import VERSIONS
from registry_gen import paths, wiring
from registry_gen.cli.selection import selected
from registry_gen.model.address import parse_address
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import gc
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from tests.support.kinds import GADGET, NETWORK, PLATFORMS, SPROCKET, WIDGET, Kinds
from tests.support.reader import check_log, check_reachable, check_versions, listed, watched
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from datetime import datetime

    from registry_gen.model.facts import PackageHead
    from registry_gen.publish.run import Report
    from registry_gen.sources.git import Git
    from registry_gen.sources.releases import Releases

pytestmark = pytest.mark.long

FIRST = NOW + timedelta(hours=1)
"""When prereleases are published."""
END = FIRST + timedelta(days=30)
SECOND, HOUR, MINUTE = timedelta(seconds=1), timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True)
class Case:
    """A package: the key of its catalog lines, its releases in order, and its prereleases."""

    key: str
    address: str
    releases: tuple[str, str]
    prereleases: tuple[str, ...]
    asked_daily: bool = False

    def lists(self, work: Workspace) -> set[str]:
        return {version for _, address, version in listed(work.public) if address == self.address}

    def head(self, work: Workspace) -> PackageHead:
        with work.registry() as registry:
            return registry.ledger.heads()[parse_address(self.address)]

    def stages(self, work: Workspace) -> dict[str, str]:
        with work.registry() as registry:
            (package,) = registry.ledger.packages([parse_address(self.address)]).values()
            return {str(facts.version): facts.withdrawn.stage.value for facts in package.versions if facts.withdrawn}


CASES = (
    Case("network", NETWORK, ("1.0.0", "1.1.0"), ("1.2.0-rc.1", "1.2.0-rc.2")),
    Case("widget", WIDGET, ("1.0.0", "1.1.0"), ("1.2.0-rc.1",)),
    Case("sprocket", SPROCKET, ("2.0.0", "2.1.0"), ("2.2.0-rc.1",), asked_daily=True),
)


@dataclass(frozen=True)
class Spied:
    """Passes everything on, and keeps the names of the calls; one about no tag at all asks for nothing."""

    inner: Any
    calls: set[str]

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if arguments[-1] != []:
                self.calls.add(name)
            return getattr(self.inner, name)(*arguments)

        return call


@pytest.fixture(scope="module")
def offered(kinds: Kinds) -> Kinds:
    """Every source has a prerelease that is newer than its releases, and that no rule was about so far."""
    for version in CASES[0].prereleases:
        kinds.repo.tag(f"v{version}", kinds.repo.commit({"main.tf": f"# {version}\n"}))
    make_release(kinds.root / "widget/rc", "widget", CASES[1].prereleases[0], key=kinds.key, platforms=PLATFORMS)
    kinds.offer(*VERSIONS, *CASES[2].prereleases)
    return kinds


def rules(retention: str) -> str:
    return f"prereleases: true\nretention: {{{retention}}}\n"


def spied(work: Workspace, kinds: Kinds, now: datetime, *, mass_withdrawal: bool = False) -> tuple[Report, set[str]]:
    """Publish, and the names of what was asked of sources: calls of git and releases, paths of the upstream."""
    calls = set[str]()
    before = len(kinds.server.requests)
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as opened:
        git, releases = Spied(opened.sources.git, calls), Spied(opened.sources.releases, calls)
        sources = replace(opened.sources, git=cast("Git", git), releases=cast("Releases", releases))
        report = publish(
            replace(opened, sources=sources),
            wiring.open_keys(opened),
            selected(workspace, ()),
            now,
            Silent(),
            mass_withdrawal=mass_withdrawal,
        )
    return report, {*calls, *(request.path for request in kinds.server.requests[before:])}


def assert_nothing_to_do(work: Workspace, kinds: Kinds, now: datetime, versions: tuple[str, ...]) -> None:
    """Nothing comes back, nothing is written, and no source is asked for more than what it has."""
    report, asked = spied(work, kinds, now)
    assert (report.published, report.refusals, report.puts) == ((), (), 0)
    assert not any(version in name for name in asked for version in versions)
    assert {name for name in asked if not name.startswith("/")} == {"tags", "sight"}


def collected(work: Workspace, now: datetime) -> None:
    with work.registry() as registry:
        assert not gc(
            registry, wiring.open_keys(registry).log, Extent(), Run("ada", None, None, now), Silent()
        ).refusals


def collect_to_the_end(case: Case, work: Workspace, versions: tuple[str, ...], now: datetime) -> datetime:
    """Run gc twice, as the windows of caches allow; returns when the versions are gone."""
    collected(work, now + paths.LISTING_WINDOW + MINUTE)
    assert case.stages(work) == dict.fromkeys(versions, "unlinked")
    gone = now + paths.LISTING_WINDOW + paths.LEAF_WINDOW + 2 * MINUTE
    collected(work, gone)
    assert case.stages(work) == dict.fromkeys(versions, "collected")
    return gone


def artifacts(work: Workspace, case: Case, versions: tuple[str, ...]) -> set[str]:
    immutable = (key for key in work.tree() if paths.rule(key).immutable and not key.startswith(("records/", "log/")))
    return {key for key in immutable if case.address in key and any(version in key for version in versions)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_prereleases_end_on_their_day_without_any_change_and_do_not_come_back(offered: Kinds, case: Case) -> None:
    work = offered.published()
    everything = {*case.releases, *case.prereleases}
    offered.configure(work, **{case.key: rules("prerelease_days: 30")})
    with watched(work.public):
        assert not work.publish(FIRST).refusals
        assert case.lists(work) == everything
        assert not work.publish(FIRST + SECOND).published, "and is settled"
        head = case.head(work)
        assert head.inputs is not None
        assert head.due_at == (NOW + timedelta(days=1) if case.asked_daily else END)

        report = work.publish(END - SECOND)
        assert (report.published, report.refusals, report.puts) == ((), (), 0)
        assert case.lists(work) == everything
        assert case.head(work).due_at == END

        report, asked = spied(work, offered, END)
        assert [str(intent.address) for intent in report.published] == [case.address]
        assert not report.refusals
        assert {name for name in asked if not name.startswith("/")} == {"tags", "sight"}
    assert case.lists(work) == set(case.releases)
    assert case.stages(work) == dict.fromkeys(case.prereleases, "unlisted")
    with work.registry() as registry:
        (package,) = registry.ledger.packages([parse_address(case.address)]).values()
    reasons = {facts.withdrawn.reason for facts in package.versions if facts.withdrawn}
    assert reasons == {"retention: prereleases are listed for 30 days"}
    assert (case.head(work).due_at is None) is not case.asked_daily, "time changes nothing more"
    assert_nothing_to_do(work, offered, END + HOUR, case.prereleases)

    assert artifacts(work, case, case.prereleases)
    gone = collect_to_the_end(case, work, case.prereleases, END)
    assert not artifacts(work, case, case.prereleases)
    for days in (1, 99):
        assert_nothing_to_do(work, offered, gone + timedelta(days=days), case.prereleases)
    assert case.lists(work) == set(case.releases)
    assert check_reachable(work.public)
    assert check_log(work.public)
    assert check_versions(work.public) == 7 + len(case.prereleases), "what was listed once keeps its document"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_the_newest_release_stays_and_those_before_it_do_not_come_back(offered: Kinds, case: Case) -> None:
    work = offered.published()
    old, newest = case.releases
    offered.configure(work, **{case.key: rules("latest: 1")})
    assert not work.publish(FIRST).refusals
    assert case.lists(work) == {newest, *case.prereleases}, "prereleases are newer, and do not count"
    assert case.stages(work) == {old: "unlisted"}
    work.publish(FIRST + SECOND)
    assert_nothing_to_do(work, offered, FIRST + HOUR, (old,))

    gone = collect_to_the_end(case, work, (old,), FIRST)
    assert not artifacts(work, case, (old,))
    assert_nothing_to_do(work, offered, gone + timedelta(days=9), (old,))
    assert case.lists(work) == {newest, *case.prereleases}
    assert check_reachable(work.public)
    assert check_log(work.public)


def test_a_day_on_which_too_much_ends_is_held_back_in_every_run_until_somebody_means_it(offered: Kinds) -> None:
    work = offered.published()
    offered.configure(work, **{case.key: rules("prerelease_days: 30") for case in CASES})
    assert not work.publish(FIRST).refusals
    before = listed(work.public)
    assert len(before) == 11
    for now in (END, END + HOUR):
        refused = {(str(refusal.address), refusal.error.code.id) for refusal in work.publish(now).refusals}
        assert refused == {(case.address, "PLN014") for case in CASES}
        assert listed(work.public) == before

    report, _ = spied(work, offered, END + 2 * HOUR, mass_withdrawal=True)

    assert not report.refusals
    assert all(case.lists(work) == set(case.releases) for case in CASES)
    assert ("provider", GADGET, "2.0.0") in listed(work.public)
