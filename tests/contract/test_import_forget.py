"""``import forget``: an import that was wrong is taken back, and nothing that was ever published is let go."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen.model.address import Platform, module_address, provider_address
from registry_gen.model.digest import Sha256
from registry_gen.model.imported import ImportedModule, ImportedProvider
from registry_gen.model.intent import AuditRow
from registry_gen.model.version import parse_version
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.model.imported import ImportedPackage
    from registry_gen.model.version import Version
    from registry_gen.publish.run import Report
    from tests.support.command_line import Ran

NETWORK = module_address("acme", "network", "aws")
WIDGET = provider_address("acme", "widget")
V1, V2 = parse_version("1.0.0"), parse_version("1.1.0")
LINUX, PLAN9 = Platform("linux", "amd64"), Platform("plan9", "amd64")
WRONG = Sha256("f" * 64)


class Scene:
    """A module and a provider in the catalog, each with two versions, of which an import says what a test wants."""

    def __init__(self, tmp_path: Path, database: str) -> None:
        self.database = database
        self.repo = GitRepo(tmp_path / "network.git")
        self.repo.tag("v1.0.0", self.repo.commit({"main.tf": 'variable "a" {}\n'}))
        key = make_key("acme")
        self.folder = tmp_path / "widget"
        self.zips = {
            version: make_release(
                self.folder / f"v{version}", "widget", str(version), key=key, platforms=("linux_amd64",)
            )
            for version in (V1, V2)
        }
        self.work = Workspace(tmp_path / "work", database)
        self.work.module(str(NETWORK), self.repo.url, "hosting: link\nallow_unpinned: true\n")
        self.work.provider(str(WIDGET), self.folder, key=key.armor)

    def right(self) -> Sha256:
        """The digest that the sums of 1.0.0 name."""
        (line,) = self.zips[V1].sums.decode().split("\n")[:1]
        return Sha256(line.split()[0])

    def imports(self, zips: dict[Version, dict[Platform, Sha256]], *tags: str) -> None:
        named = {parse_version(tag.removeprefix("v")): tag for tag in tags}
        packages: list[ImportedPackage] = [
            ImportedModule(NETWORK, f"file://{self.repo.url}", frozenset(named), named),
            ImportedProvider(WIDGET, "https://releases.example.com/", zips, ()),
        ]
        row = AuditRow("ada", "import", "", {}, {}, None, None, NOW)
        with self.work.registry() as registry, registry.ledger.publication(0) as publication:
            publication.import_packages(packages, row)

    def forget(self, *arguments: str) -> Ran:
        return run_here(self.work, "import", "forget", *arguments, "--reason", "The layout was wrong.", "--json")

    def publish(self, hours: int = 0) -> Report:
        return self.work.publish(NOW + timedelta(hours=hours))

    def known(self) -> tuple[list[str], list[str]]:
        """Tags and zips that the ledger keeps of the import."""
        with self.work.registry() as registry:
            found = registry.ledger.imported([NETWORK, WIDGET])
        tags = [tag for imported in found.values() for tag in imported.tags.values()]
        zips = [
            f"{version} {platform}"
            for imported in found.values()
            for version, each in imported.zips.items()
            for platform in each
        ]
        return sorted(tags), sorted(zips)


@pytest.fixture
def scene(tmp_path: Path, database: str) -> Scene:
    return Scene(tmp_path, database)


def published(report: Report) -> set[str]:
    return {f"{each.address} {version}" for each in report.published for version in each.published}


def codes(report: Report) -> list[str]:
    return [refusal.error.code.id for refusal in report.refusals]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_version_that_a_wrong_digest_kept_back_is_published_after_it_is_forgotten(
    scene: Scene, acknowledged: bool
) -> None:
    scene.imports({V1: {LINUX: WRONG}})
    first = scene.publish()
    if acknowledged:
        assert run_here(scene.work, "violations", "acknowledge", "1", "--reason", "They know.").code == 0
        assert codes(scene.publish(1)) == []

    ran = scene.forget(str(WIDGET))
    after = scene.publish(2)

    assert codes(first) == ["PLN021"]
    assert f"{WIDGET} 1.0.0" not in published(first)
    assert ran.json["forgotten"] == [{"kind": "provider", "address": str(WIDGET), "tags": 0, "zips": 1, "kept": 0}]
    assert published(after) == {f"{WIDGET} 1.0.0"}
    assert codes(after) == []


def test_what_is_published_stays_and_what_its_version_never_had_goes(scene: Scene) -> None:
    scene.imports({V1: {LINUX: scene.right(), PLAN9: WRONG}, V2: {LINUX: WRONG}}, "v1.0.0", "v9.0.0")
    scene.imports({V1: {LINUX: scene.right()}})
    first = scene.forget(str(WIDGET), str(NETWORK))
    assert {each["address"]: each["kept"] for each in first.json["forgotten"]} == {str(NETWORK): 0, str(WIDGET): 0}
    scene.imports({V1: {LINUX: scene.right()}}, "v1.0.0")
    assert codes(scene.publish()) == []
    scene.imports({V1: {PLAN9: WRONG}}, "v9.0.0")

    ran = scene.forget("--all-unpublished")

    assert ran.json["forgotten"] == [
        {"kind": "module", "address": str(NETWORK), "tags": 1, "zips": 0, "kept": 1},
        {"kind": "provider", "address": str(WIDGET), "tags": 0, "zips": 1, "kept": 1},
    ]
    assert scene.known() == (["v1.0.0"], ["1.0.0 linux_amd64"])


def test_a_withdrawn_version_was_published_too(scene: Scene) -> None:
    scene.imports({}, "v1.0.0")
    scene.publish()
    withdrawn = "hosting: link\nallow_unpinned: true\nwithdrawn: [{reason: It leaks.}]\n"
    scene.work.module(str(NETWORK), scene.repo.url, withdrawn)
    scene.publish(1)

    ran = scene.forget(str(NETWORK))

    assert ran.json["forgotten"] == [{"kind": "module", "address": str(NETWORK), "tags": 0, "zips": 0, "kept": 1}]
    with scene.work.registry() as registry:
        assert "forget-import" not in {row.action for row in registry.ledger.audit_rows(None, 50)}
    assert scene.known() == (["v1.0.0"], [])


def test_nothing_is_forgotten_where_one_of_the_packages_was_never_imported(scene: Scene) -> None:
    scene.imports({V1: {LINUX: WRONG}})

    ran = scene.forget(str(WIDGET), "acme/absent")

    assert ran.code == 1
    assert "LED043" in ran.err
    assert "acme/absent" in ran.err
    assert scene.known() == ([], ["1.0.0 linux_amd64"])


def test_packages_that_are_not_named_keep_theirs(scene: Scene) -> None:
    scene.imports({V1: {LINUX: WRONG}}, "v1.0.0")

    scene.forget(str(NETWORK))

    assert scene.known() == ([], ["1.0.0 linux_amd64"])


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (str(WIDGET), "--all-unpublished", "--reason", "x"),
        ("--reason", "x"),
        (str(WIDGET),),
        (str(WIDGET), "--reason", " "),
        ("not an address", "--reason", "x"),
    ],
)
def test_wrong_usage_forgets_nothing(scene: Scene, arguments: tuple[str, ...]) -> None:
    scene.imports({V1: {LINUX: WRONG}})

    assert run_here(scene.work, "import", "forget", *arguments).code == 64
    assert scene.known() == ([], ["1.0.0 linux_amd64"])


def test_who_forgot_what_and_why_is_in_the_audit_log(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_ACTOR", "grace")
    scene.imports({V1: {LINUX: WRONG}, V2: {LINUX: WRONG}})

    ran = run_here(scene.work, "import", "forget", str(WIDGET), "--reason", " The layout was wrong. ")

    assert ran.out.splitlines() == [
        "acme/widget: 0 tags and 2 digests",
        "Forgotten: 0 tags and 2 digests of 1 package.",
    ]
    with scene.work.registry() as registry:
        (row,) = registry.ledger.audit_rows(str(WIDGET), 10)
        registry.ledger.verify_audit()
    assert (row.action, row.actor) == ("forget-import", "github:grace")
    assert json.loads(row.after)["reason"] == "The layout was wrong."


def test_the_database_itself_keeps_what_was_imported_of_published_things(scene: Scene) -> None:
    scene.imports({V1: {LINUX: scene.right()}, V2: {PLAN9: WRONG}}, "v1.0.0")
    scene.publish()

    for table in ("imported_tags", "imported_zips"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET version = '9.9.9'", f"TRUNCATE {table}"):  # noqa: S608
            with psycopg.connect(scene.database) as connection, pytest.raises(psycopg.Error, match="kept for good"):
                connection.execute(statement)
    with psycopg.connect(scene.database) as connection:
        assert connection.execute("DELETE FROM imported_zips WHERE version = '1.1.0'").rowcount == 1


def test_more_than_twenty_packages_are_counted(scene: Scene) -> None:
    row = AuditRow("ada", "import", "", {}, {}, None, None, NOW)
    many = [
        ImportedModule(module_address("acme", f"n{number:02}", "aws"), "https://x/", frozenset({V1}), {V1: "v1.0.0"})
        for number in range(23)
    ]
    with scene.work.registry() as registry, registry.ledger.publication(0) as publication:
        publication.import_packages(many, row)

    ran = run_here(scene.work, "import", "forget", "--all-unpublished", "--reason", "A test.")

    *shown, more, total = ran.out.splitlines()
    assert (len(shown), more) == (20, "… and 3 more packages")
    assert total == "Forgotten: 23 tags and 0 digests of 23 packages."
