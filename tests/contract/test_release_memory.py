"""A URL is asked once a day what it says of a release, and before anything is done or refused about that release."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.address import ProviderAddress
from registry_gen.model.digest import sha256
from registry_gen.model.facts import ProviderVersion
from registry_gen.model.intent import Run
from registry_gen.model.plan import AskedReleases, ReleaseSeen, RememberedRelease
from registry_gen.model.version import parse_version
from registry_gen.publish import run as run_module
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from registry_gen.publish.run import Report

pytestmark = pytest.mark.long

KEY = make_key("acme")
HOUR = timedelta(hours=1)
LATER, TOMORROW = NOW + HOUR, NOW + timedelta(days=1)
PLATFORMS = ("darwin_arm64", "linux_amd64")
SUMS, SIGNATURE, MANIFEST = "SHA256SUMS", "SHA256SUMS.sig", "manifest.json"
ADDRESS = ProviderAddress("acme", "widget")


class Scene:
    """A registry, and a host with releases that counts what it is asked."""

    def __init__(self, tmp_path: Path, database: str, server: HttpServer, authority: Authority) -> None:
        self.database, self.server, self.folder = database, server, tmp_path / "releases"
        self.work = Workspace(tmp_path / "work", database, network=f"  ca_file: {json.dumps(str(authority.ca_file))}\n")
        self.work.write("catalog/keys/acme.asc", KEY.armor)
        server.folder("/releases/", self.folder)
        server.folder("/elsewhere/", self.folder)

    def release(self, version: str, **more: Any) -> None:
        make_release(self.folder / version, "widget", version, key=KEY, **{"platforms": PLATFORMS, **more})

    def replace(self, version: str) -> None:
        """Other zips, sums and signature under the same names."""
        self.release(version, size=100)

    def offer(self, versions: Sequence[str], more: str = "", place: str = "releases") -> None:
        """The provider, as the catalog has it from now on."""
        location = json.dumps(self.server.url(f"/{place}/{{version}}"))
        source = f"source:\n  releases: {location}\n  versions: {json.dumps(list(versions))}\n"
        self.work.write("catalog/providers/acme/widget.yaml", f"{source}signing_keys: [acme.asc]\n{more}")

    def publish(self, now: datetime = NOW) -> Report:
        self.server.requests.clear()
        return self.work.publish(now)

    def asked(self) -> list[str]:
        """Version and document of each request since the last publish, sorted; zips by their names."""
        paths = [request.path.split("/")[2:] for request in self.server.requests]
        return sorted(f"{version} {name.split('_', 2)[2]}" for version, name in paths)


def documents(*versions: str) -> list[str]:
    return sorted(f"{version} {name}" for version in versions for name in (MANIFEST, SUMS, SIGNATURE))


def codes(report: Report) -> list[tuple[str, bool]]:
    return [(refusal.error.code.id, refusal.violation) for refusal in report.refusals]


@pytest.fixture
def scene(tmp_path: Path, database: str) -> Iterator[Scene]:
    """Two published versions."""
    authority = Authority(tmp_path / "authority")
    with HttpServer(authority=authority) as server:
        scene = Scene(tmp_path, database, server, authority)
        for version in ("1.0.0", "1.1.0"):
            scene.release(version)
        scene.offer(("1.0.0", "1.1.0"))
        assert not scene.publish().refusals
        yield scene


def test_a_run_in_which_nothing_is_new_asks_nothing(scene: Scene) -> None:
    report = scene.publish(LATER)
    assert (report.refusals, report.published, report.puts, scene.asked()) == ((), (), 0, [])


def test_after_a_day_everything_is_asked_again_once(scene: Scene) -> None:
    assert (scene.publish(TOMORROW).refusals, scene.asked()) == ((), documents("1.0.0", "1.1.0"))
    assert (scene.publish(TOMORROW + HOUR).refusals, scene.asked()) == ((), [])


def test_a_new_version_costs_its_own_requests_only(scene: Scene) -> None:
    scene.release("1.2.0")
    scene.offer(("1.0.0", "1.1.0", "1.2.0"))
    (changed,) = scene.publish(LATER).published
    assert [str(version) for version in changed.published] == ["1.2.0"]
    assert {line.split()[0] for line in scene.asked()} == {"1.2.0"}
    assert not scene.publish(LATER + HOUR).published
    assert scene.asked() == []


def test_a_release_that_was_replaced_is_an_alarm_the_day_after_and_in_every_run_from_then_on(scene: Scene) -> None:
    before = scene.work.tree()
    scene.replace("1.0.0")
    assert not scene.publish(LATER).refusals, "it is not asked in every run"

    assert codes(scene.publish(TOMORROW)) == [("PLN005", True)]
    for hours in (1, 2):
        assert codes(scene.publish(TOMORROW + hours * HOUR)) == [("PLN005", True)]
        assert scene.asked() == documents("1.0.0"), "and nothing of the other version"
    assert scene.work.tree() == before
    with scene.work.registry() as registry:
        assert [alarm.kind for alarm in registry.ledger.violations()] == ["PLN005"]

    scene.release("1.0.0")
    assert not scene.publish(TOMORROW + 3 * HOUR).refusals, "the source says again what it said"
    assert not scene.publish(TOMORROW + 4 * HOUR).refusals
    assert scene.asked() == []


def test_a_signature_that_is_gone_is_an_alarm_the_day_after(scene: Scene) -> None:
    next((scene.folder / "1.1.0").glob("*.sig")).unlink()
    assert codes(scene.publish(TOMORROW)) == [("PLN019", True)]


def test_an_alarm_that_was_acknowledged_is_no_reason_to_ask_in_every_run(scene: Scene) -> None:
    scene.replace("1.0.0")
    scene.publish(TOMORROW)
    with scene.work.registry() as registry, registry.ledger.publication(5) as publication:
        (alarm,) = registry.ledger.violations()
        publication.acknowledge([alarm.id], "known", Run("ann", None, None, TOMORROW))
    assert not scene.publish(TOMORROW + HOUR).refusals
    assert not scene.publish(TOMORROW + 2 * HOUR).refusals
    assert scene.asked() == []


def test_a_release_that_cannot_be_had_is_asked_in_every_run_and_its_neighbours_are_not(scene: Scene) -> None:
    scene.offer(("1.0.0", "1.1.0", "1.2.0"))
    for hours in (1, 2):
        assert codes(scene.publish(NOW + hours * HOUR)) == [("NET006", False)]
        assert scene.asked() == [f"1.2.0 {SUMS}"]


def test_a_published_release_that_is_gone_is_told_in_every_run(scene: Scene) -> None:
    next((scene.folder / "1.0.0").glob(f"*_{SUMS}")).unlink()
    for hours in (0, 1):
        assert codes(scene.publish(TOMORROW + hours * HOUR)) == [("NET006", False)]
        assert f"1.0.0 {SUMS}" in scene.asked()


def test_an_outage_takes_nothing_from_what_is_remembered(scene: Scene) -> None:
    name = f"/releases/1.2.0/terraform-provider-widget_1.2.0_{SUMS}"
    scene.server.route(name, Reply.busy("3600"))
    scene.offer(("1.0.0", "1.1.0", "1.2.0"))
    assert codes(scene.publish(LATER)) == [("NET008", False)]
    scene.offer(("1.0.0", "1.1.0"))
    assert not scene.publish(LATER + HOUR).refusals
    assert scene.asked() == []


def test_a_version_is_listed_again_only_after_its_source_was_asked(scene: Scene) -> None:
    scene.offer(("1.0.0", "1.1.0"), "withdrawn:\n  - versions: 1.1.0\n    reason: A bug.\n")
    scene.publish(LATER)
    assert scene.asked() == [], "to take a version back, nobody is asked"
    scene.replace("1.1.0")
    scene.offer(("1.0.0", "1.1.0"))
    for hours in (2, 3):
        report = scene.publish(NOW + hours * HOUR)
        assert (codes(report), report.published) == ([("PLN005", True)], ())
        assert scene.asked() == documents("1.1.0")
    scene.release("1.1.0")
    assert scene.publish(NOW + 4 * HOUR).published


def test_a_version_that_returns_while_its_source_gives_no_answer_is_asked_in_every_run(scene: Scene) -> None:
    scene.offer(("1.0.0", "1.1.0"), "withdrawn:\n  - versions: 1.1.0\n    reason: A bug.\n")
    scene.publish(LATER)
    next((scene.folder / "1.1.0").glob(f"*_{SUMS}")).unlink()
    scene.offer(("1.0.0", "1.1.0"))
    for hours in (2, 3):
        assert codes(scene.publish(NOW + hours * HOUR)) == [("NET006", False)]
        assert scene.asked() == [f"1.1.0 {SUMS}"]


def test_a_version_whose_signature_is_no_good_is_asked_in_every_run(scene: Scene) -> None:
    make_release(scene.folder / "1.2.0", "widget", "1.2.0", key=make_key("another"), platforms=PLATFORMS)
    scene.offer(("1.0.0", "1.1.0", "1.2.0"))
    for hours in (1, 2):
        report = scene.publish(NOW + hours * HOUR)
        assert (len(report.refusals), report.published) == (1, ())
        assert set(documents("1.2.0")) <= set(scene.asked())
        assert {line.split()[0] for line in scene.asked()} == {"1.2.0"}


def test_what_gains_a_platform_is_asked_first(scene: Scene) -> None:
    """Another answer is an alarm then, and not a version that is added to."""
    scene.offer(("1.0.0", "1.1.0", "2.0.0"), "platforms: [linux_amd64]\n")
    scene.release("2.0.0")
    scene.publish(LATER)
    scene.replace("2.0.0")
    scene.offer(("1.0.0", "1.1.0", "2.0.0"))
    report = scene.publish(LATER + HOUR)
    assert (codes(report), report.published) == ([("PLN005", True)], ())
    assert scene.asked() == documents("2.0.0")


def test_what_was_seen_and_not_published_is_published_as_its_source_says_then(scene: Scene) -> None:
    scene.offer(("1.0.0", "1.1.0", "1.2.0"), "withdrawn:\n  - versions: 1.2.0\n    reason: Too early.\n")
    scene.release("1.2.0")
    assert not scene.publish(LATER).published
    scene.replace("1.2.0")
    scene.offer(("1.0.0", "1.1.0", "1.2.0"))
    assert scene.publish(LATER + HOUR).published
    with scene.work.registry() as registry:
        (package,) = registry.ledger.packages([ADDRESS]).values()
    sums = (scene.folder / "1.2.0" / f"terraform-provider-widget_1.2.0_{SUMS}").read_bytes()
    newest = package.versions[-1]
    assert isinstance(newest, ProviderVersion)
    assert newest.evidence == sha256(sums)


def test_another_place_is_asked_although_the_former_one_was(scene: Scene) -> None:
    scene.offer(("1.0.0", "1.1.0"), place="elsewhere")
    assert not scene.publish(LATER).refusals
    assert scene.asked() == documents("1.0.0", "1.1.0")


def test_a_manifest_that_nobody_looked_for_is_looked_for_when_the_catalog_names_no_protocols(scene: Scene) -> None:
    scene.release("1.2.0", protocols=None)
    stray = scene.folder / "1.2.0" / f"terraform-provider-widget_1.2.0_{MANIFEST}"
    stray.write_text("{}")
    scene.offer(("1.2.0",), 'protocols: ["6.0"]\n')
    assert not scene.publish(LATER).refusals
    scene.offer(("1.2.0",))
    assert codes(scene.publish(LATER + HOUR)) == [("SRC003", False)]


def test_a_plan_asks_no_more_than_a_publish_and_remembers_nothing(scene: Scene) -> None:
    scene.server.requests.clear()
    assert scene.work.plan(LATER).refusals == ()
    assert scene.asked() == []
    scene.replace("1.0.0")
    for _ in range(2):
        scene.server.requests.clear()
        assert [refusal.error.code.id for refusal in scene.work.plan(TOMORROW).refusals] == ["PLN005"]
        assert scene.asked() == documents("1.0.0", "1.1.0")


def test_whoever_lost_what_was_said_asks_again(scene: Scene) -> None:
    with psycopg.connect(scene.database, autocommit=True) as connection:
        connection.execute("TRUNCATE release_sightings")
    assert (scene.publish(LATER).refusals, scene.asked()) == ((), documents("1.0.0", "1.1.0"))
    assert (scene.publish(LATER).refusals, scene.asked()) == ((), [])


def test_what_was_said_in_a_future_that_a_wrong_clock_showed_is_asked_again(scene: Scene) -> None:
    assert not scene.publish(NOW - HOUR).refusals
    assert scene.asked() == documents("1.0.0", "1.1.0")


def test_a_version_that_left_the_catalog_is_forgotten(scene: Scene) -> None:
    scene.offer(("1.0.0",))
    scene.publish(LATER)
    with scene.work.registry() as registry:
        (items,) = registry.ledger.remembered([ADDRESS]).values()
    assert [str(item.release.version) for item in items] == ["1.0.0"]


def test_a_run_that_fails_remembers_what_it_was_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise LedgerError(ledger_codes.UNREACHABLE, where="here")

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "stage_plan", fail)
        with pytest.raises(LedgerError):
            scene.publish(TOMORROW)
    assert (scene.publish(TOMORROW).refusals, scene.asked()) == ((), [])


def test_a_folder_is_read_in_every_run(scene: Scene) -> None:
    scene.work.provider("acme/widget", scene.folder, key=KEY.armor)
    assert not scene.publish(LATER).refusals
    scene.replace("1.0.0")
    assert codes(scene.publish(LATER)) == [("PLN005", True)]


def test_an_answer_never_replaces_a_later_one(scene: Scene) -> None:
    late = RememberedRelease(
        ReleaseSeen(parse_version("1.0.0"), "https://x/", sha256(b"late"), None, {"a.zip": sha256(b"a")}, ("6.0",)),
        declared=True,
        seen_at=TOMORROW,
    )
    early = replace(late, release=replace(late.release, sums=sha256(b"early")), seen_at=LATER)
    with scene.work.registry() as registry, registry.ledger.publication(5) as publication:
        for item in (late, early):
            publication.remember({ADDRESS: AskedReleases((item,), frozenset({parse_version("1.1.0")}))})
        assert registry.ledger.remembered([ADDRESS]) == {ADDRESS: (late,)}
