"""Publishing modules that were imported: by their tags while nobody sees the commits, and pinned once somebody does."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen import wiring
from registry_gen.errors import LedgerError, RegistryError
from registry_gen.model.address import module_address
from registry_gen.model.facts import ModuleVersion
from registry_gen.model.imported import ImportedModule
from registry_gen.model.intent import AuditRow
from registry_gen.model.version import parse_version
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from registry_gen.sources.git import Git
from tests.support.command_line import run_here
from tests.support.faults import CrashError, Fault, crashes, fails, faulty_registry, loses_answer
from tests.support.git_repo import GitRepo
from tests.support.reader import check_reachable
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.publish.run import Report
    from tests.support.faults import Trouble

pytestmark = pytest.mark.long

ADDRESS = module_address("acme", "network", "aws")
ROOT = f"v1/modules/{ADDRESS}"
LINK = "hosting: link\nallow_unpinned: true\n"


class Scene:
    """A module that was imported, whose repository is out of reach at first."""

    def __init__(self, tmp_path: Path, database: str) -> None:
        self.repo = GitRepo(tmp_path / "network.git")
        self.commit = self.repo.commit({"main.tf": 'variable "a" {}\n'})
        self.repo.tag("v1.0.0", self.commit)
        self.away = tmp_path / "away.git"
        self.work = Workspace(tmp_path / "work", database)
        self.work.module(str(ADDRESS), self.repo.url, LINK)
        self.unreachable()
        self.importing("v1.0.0")

    @property
    def url(self) -> str:
        return f"file://{self.repo.url}"

    def importing(self, *tags: str) -> None:
        named = {parse_version(tag.removeprefix("v")): tag for tag in tags}
        row = AuditRow("ada", "import", "", {}, {}, None, None, NOW)
        with self.work.registry() as registry, registry.ledger.publication(0) as publication:
            publication.import_packages([ImportedModule(ADDRESS, self.url, frozenset(named), named)], row)

    def unreachable(self) -> None:
        self.repo.path.rename(self.away)

    def reachable(self) -> None:
        self.away.rename(self.repo.path)

    def publish(self, hours: int = 0) -> Report:
        return self.work.publish(NOW + timedelta(hours=hours))

    def facts(self) -> ModuleVersion:
        with self.work.registry() as registry:
            (facts,) = registry.ledger.packages([ADDRESS])[ADDRESS].versions
        assert isinstance(facts, ModuleVersion)
        return facts

    def entries(self) -> list[dict[str, Any]]:
        """The log's entries about the version."""
        with self.work.registry() as registry:
            entries = map(json.loads, registry.ledger.log_entries(0, 100))
            return [entry for entry in entries if "version" in entry]

    def verified(self) -> None:
        """Bucket, ledger and log agree, and whoever looks from outside finds nothing wrong."""
        with self.work.registry() as registry:
            registry.ledger.verify_audit()
        key = run_here(self.work, "log", "key").out.strip()
        verified = run_here(self.work, "verify", str(self.work.public), "--key", key)
        assert verified.code == 0, verified.out + verified.err
        checked = run_here(self.work, "fsck")
        assert checked.code == 0, checked.out + checked.err
        check_reachable(self.work.public)


@pytest.fixture
def scene(tmp_path: Path, database: str) -> Scene:
    return Scene(tmp_path, database)


def codes(report: Report) -> list[str]:
    return [refusal.error.code.id for refusal in report.refusals]


def test_without_allow_unpinned_nothing_is_published_while_the_repository_is_out_of_reach(scene: Scene) -> None:
    scene.work.module(str(ADDRESS), scene.repo.url, "hosting: link\n")

    report = scene.publish()

    assert [code for code in codes(report) if code.startswith("PLN")] == ["PLN022"]
    assert not (scene.work.public / ROOT).exists()


def test_an_unpinned_version_is_marked_in_its_documents_its_record_and_the_log(scene: Scene) -> None:
    report = scene.publish()

    assert len(report.published) == 1
    location = f"git::{scene.url}?ref=v1.0.0"
    assert scene.work.document(f"{ROOT}/1.0.0/download")["location"] == location
    assert "Unpinned" in (scene.work.public / f"{ROOT}/1.0.0/get.html").read_text()
    known = scene.work.document(f"modules/{ADDRESS}/1.0.0/index.json")
    assert (known["unpinned"], known["tag"], known["digests"]) == (True, "v1.0.0", {})
    assert "commit" not in known
    record = scene.work.document(f"records/{known['record']}")
    assert (record["unpinned"], record["fetched"], record["tree"]) == (True, False, None)
    (entry,) = scene.entries()
    assert (entry["type"], entry["unpinned"]) == ("published", True)
    scene.verified()


def test_the_first_run_that_sees_the_tag_pins_it_and_fetches_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object) -> None:
        raise AssertionError("something was fetched")

    scene.publish()
    scene.reachable()
    monkeypatch.setattr(Git, "fetch", fetched)
    monkeypatch.setattr(Git, "tree", fetched)

    report = scene.publish(1)

    assert codes(report) == []
    assert scene.work.document(f"{ROOT}/1.0.0/download")["location"] == f"git::{scene.url}?ref={scene.commit}"
    assert "Unpinned" not in (scene.work.public / f"{ROOT}/1.0.0/get.html").read_text()
    known = scene.work.document(f"modules/{ADDRESS}/1.0.0/index.json")
    assert (known["commit"], known.get("unpinned")) == (scene.commit, None)
    assert [(entry["type"], entry.get("commit")) for entry in scene.entries()] == [
        ("published", None),
        ("hosting-changed", scene.commit),
    ]
    with scene.work.registry() as registry:
        (row, *_) = registry.ledger.audit_rows(str(ADDRESS), 10)
    assert json.loads(row.after)["pinned"] == ["1.0.0"]
    assert scene.facts().tree is None
    scene.verified()
    assert scene.publish(2).puts == 0


def test_a_tag_that_moves_after_it_was_pinned_is_an_alarm(scene: Scene) -> None:
    scene.publish()
    scene.reachable()
    scene.publish(1)
    scene.repo.tag("v1.0.0", scene.repo.commit({"main.tf": "# other"}))

    report = scene.publish(2)

    assert codes(report) == ["PLN001"]
    assert scene.work.document(f"{ROOT}/1.0.0/download")["location"].endswith(f"?ref={scene.commit}")
    with scene.work.registry() as registry:
        assert [alarm.kind for alarm in registry.ledger.violations()] == ["PLN001"]


def test_an_outage_after_that_unpins_nothing(scene: Scene) -> None:
    scene.publish()
    scene.reachable()
    scene.publish(1)
    before = scene.facts()
    scene.unreachable()

    scene.publish(2)

    assert scene.facts() == before


def test_a_version_whose_tag_was_seen_first_was_never_unpinned(scene: Scene) -> None:
    scene.reachable()

    assert codes(scene.publish()) == []

    assert scene.facts().commit == scene.commit
    assert [(entry["type"], entry["commit"]) for entry in scene.entries()] == [("published", scene.commit)]
    scene.verified()


def test_versions_that_were_not_imported_are_fetched_beside_those_that_were(scene: Scene) -> None:
    scene.reachable()
    scene.repo.tag("v1.1.0", scene.repo.commit({"main.tf": "# newer"}))

    assert codes(scene.publish()) == []

    with scene.work.registry() as registry:
        versions = registry.ledger.packages([ADDRESS])[ADDRESS].versions
    assert [(str(facts.version), isinstance(facts, ModuleVersion) and facts.tree is None) for facts in versions] == [
        ("1.0.0", True),
        ("1.1.0", False),
    ]
    scene.verified()


def test_an_unpinned_version_becomes_a_copy_of_the_commit_at_its_tag(scene: Scene) -> None:
    scene.publish()
    scene.reachable()
    scene.work.module(str(ADDRESS), scene.repo.url)

    assert codes(scene.publish(1)) == []

    facts = scene.facts()
    assert (facts.commit, facts.location) == (scene.commit, None)
    assert facts.tree
    assert facts.archive
    scene.verified()


def test_an_unpinned_version_is_withdrawn_and_listed_again_as_every_other(scene: Scene) -> None:
    scene.publish()
    scene.work.module(str(ADDRESS), scene.repo.url, LINK + "withdrawn: [{reason: It leaks.}]\n")
    scene.publish(1)
    assert scene.work.document(f"{ROOT}/versions") == {"modules": [{"versions": []}], "revision": 2}
    scene.work.module(str(ADDRESS), scene.repo.url, LINK)
    scene.reachable()

    assert codes(scene.publish(2)) == []

    assert scene.facts().withdrawn is None
    assert scene.facts().commit == scene.commit
    scene.verified()


@pytest.mark.parametrize("pinned", [False, True])
def test_a_lost_ledger_comes_back_with_what_was_imported(scene: Scene, database: str, pinned: bool) -> None:
    scene.publish()
    if pinned:
        scene.reachable()
        scene.publish(1)
    before = scene.facts()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")

    ran = run_here(scene.work, "ledger", "rebuild", "--from-bucket")

    assert ran.code == 0, ran.err
    assert scene.facts() == before


@pytest.mark.parametrize("pinned", [False, True])
def test_what_was_never_fetched_cannot_be_made_again_to_compare(scene: Scene, pinned: bool) -> None:
    scene.publish()
    if pinned:
        scene.reachable()
        scene.publish(1)

    ran = run_here(scene.work, "rebuild", str(ADDRESS), "1.0.0")

    assert ran.code == 1
    assert "PUB055" in ran.err


@pytest.mark.parametrize(
    "change",
    [
        "commit = repeat('d', 40)",
        "commit = NULL",
        "tag = '1.0.0', commit = NULL",
        "tree = NULL, hosting = 'copy', location = NULL, archive = repeat('a', 64), archive_size = 1",
    ],
)
def test_the_database_itself_refuses_to_pin_a_version_twice(scene: Scene, database: str, change: str) -> None:
    scene.publish()
    scene.reachable()
    scene.publish(1)

    with psycopg.connect(database) as connection, pytest.raises(psycopg.Error, match=r"never changes|violates check"):
        connection.execute(f"UPDATE module_versions SET {change}")  # noqa: S608


def test_an_import_that_fails_half_way_leaves_nothing(scene: Scene) -> None:
    bad = ImportedModule(ADDRESS, scene.url, frozenset(), {parse_version("2.0.0"): "v2.0.0\0"})

    row = AuditRow("ada", "import", "", {}, {}, None, None, NOW)
    with scene.work.registry() as registry:
        with registry.ledger.publication(0) as publication, pytest.raises(LedgerError):
            publication.import_packages([bad], row)

        assert list(registry.ledger.imported([ADDRESS])[ADDRESS].tags) == [parse_version("1.0.0")]
        assert len(registry.ledger.audit_rows(None, 10)) == 1


def test_looking_back_and_repair_know_unpinned_versions(scene: Scene) -> None:
    scene.publish()
    (scene.work.public / f"{ROOT}/1.0.0/download").unlink()

    repaired = run_here(scene.work, "fsck", "--repair")
    past = run_here(scene.work, "plan", "--as-of", "2030-01-01")

    assert "Traceback" not in repaired.err + past.err
    assert past.code == 0, past.err
    assert scene.work.document(f"{ROOT}/1.0.0/download")["location"].endswith("?ref=v1.0.0")
    scene.verified()


@pytest.mark.parametrize("trouble", [fails, loses_answer, crashes])
@pytest.mark.parametrize(
    "operation", ["begin", "log", "checkpoint_signed", "put_new", "put_if", "documents_stored", "finish"]
)
def test_a_run_that_ends_while_it_pins_is_finished_by_the_next_one(
    scene: Scene, operation: str, trouble: Trouble
) -> None:
    scene.publish()
    scene.reachable()
    fault = Fault(operation, trouble)
    workspace = wiring.read_workspace(scene.work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry, suppress(RegistryError, CrashError):
        keys = wiring.open_keys(registry)
        publish(faulty_registry(registry, fault), keys, workspace.catalog, NOW + timedelta(hours=1), Silent())
    assert fault.met

    assert codes(scene.publish(2)) == []

    assert scene.facts().commit == scene.commit
    assert [entry["type"] for entry in scene.entries()] == ["published", "hosting-changed"]
    scene.verified()
