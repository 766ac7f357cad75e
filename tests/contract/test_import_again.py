"""A newer copy of a layout: its new versions are added, to files that only imports wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from registry_gen.model.address import Platform, module_address, provider_address
from tests.support.command_line import run_here
from tests.support.layouts import module, provider, release
from tests.support.openpgp_keys import make_key
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Ran
    from tests.support.layouts import File

WIDGET = provider_address("acme", "widget")
NETWORK = module_address("acme", "network", "aws")
LINUX = Platform("linux", "amd64")
FILE = "catalog/providers/acme/widget.yaml"
MODULE_FILE = "catalog/modules/acme/network/aws.yaml"
A, B = "a" * 64, "b" * 64


class Scene:
    """A layout whose files are told anew, and a registry that imports it."""

    def __init__(self, tmp_path: Path, database: str) -> None:
        self.work = Workspace(tmp_path / "work", database)
        self.layout = tmp_path / "their-registry"
        self.tell(("keys/a/acme/provider.asc", make_key("acme").armor.encode()))

    def tell(self, *files: File) -> None:
        for path, data in files:
            target = self.layout / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def imports(self, *files: File, more: tuple[str, ...] = ()) -> Ran:
        self.tell(*files)
        ran = run_here(self.work, "import", "opentofu-registry", str(self.layout), "--json", *more)
        assert ran.code == 0, ran.err
        return ran

    def text(self, path: str) -> str:
        return (self.work.root / path).read_text()

    def zips(self) -> dict[str, str]:
        """The digest of each version's zip for Linux, as the ledger keeps it."""
        with self.work.registry() as registry:
            found = registry.ledger.imported([WIDGET])
        return {str(version): zips[LINUX] for version, zips in found[WIDGET].zips.items()} if found else {}

    def tags(self) -> dict[str, str]:
        with self.work.registry() as registry:
            found = registry.ledger.imported([NETWORK])
        return {str(version): tag for version, tag in found[NETWORK].tags.items()} if found else {}


@pytest.fixture
def scene(tmp_path: Path, database: str) -> Scene:
    return Scene(tmp_path, database)


def codes(ran: Ran) -> list[str]:
    return [problem["code"] for problem in ran.json["not_taken"]]


def test_versions_that_are_new_are_added_to_file_and_ledger(scene: Scene) -> None:
    scene.imports(provider("acme/widget", release("1.0.0", zh=A)))
    (scene.work.root / FILE).chmod(0o640)

    newer = provider("acme/widget", release("1.1.0", zh=B), release("1.0.0", zh=A), release("2.0.0-rc1", zh=B))
    told = scene.imports(newer, more=("--dry-run",))
    before = scene.text(FILE)
    ran = scene.imports(newer)

    assert codes(ran) == []
    assert ran.json["files"] == told.json["files"] == {"written": 0, "updated": 1, "unchanged": 1}
    assert '"1.1.0"' not in before
    assert '    - "1.1.0"\n' in scene.text(FILE)
    assert "prereleases: true\n" in scene.text(FILE)
    assert (scene.work.root / FILE).stat().st_mode & 0o777 == 0o640
    assert scene.zips() == {"1.0.0": A, "1.1.0": B, "2.0.0-rc1": B}
    assert run_here(scene.work, "validate").code == 0


def test_a_file_that_somebody_changed_gets_none_and_nothing_of_it_is_kept(scene: Scene) -> None:
    scene.imports(provider("acme/widget", release("1.0.0", zh=A)))
    mine = scene.text(FILE).replace("hosting: link\n", "hosting: copy\n")
    scene.work.write(FILE, mine)

    ran = scene.imports(provider("acme/widget", release("1.0.0", zh=A), release("1.1.0", zh=B)))

    assert codes(ran) == ["IMP008"]
    assert scene.text(FILE) == mine
    assert scene.zips() == {"1.0.0": A}


def test_a_version_that_the_file_has_and_the_layout_has_no_more_is_not_taken_out_of_it(scene: Scene) -> None:
    scene.imports(provider("acme/widget", release("1.0.0", zh=A), release("1.1.0", zh=B)))

    ran = scene.imports(provider("acme/widget", release("1.0.0", zh=A), release("1.2.0", zh=B)))

    assert codes(ran) == ["IMP008"]
    assert '"1.1.0"' in scene.text(FILE)


def test_another_digest_of_a_known_version_is_refused_while_new_versions_are_added(scene: Scene) -> None:
    scene.imports(provider("acme/widget", release("1.0.0", zh=A)))

    ran = scene.imports(provider("acme/widget", release("1.0.0", zh=B), release("1.1.0", zh=B)))
    text = run_here(scene.work, "import", "opentofu-registry", str(scene.layout))

    assert codes(ran) == ["LED042"]
    assert "registry-gen import forget" in " ".join(text.out.split())
    assert scene.zips() == {"1.0.0": A, "1.1.0": B}


def test_after_forget_a_newer_copy_names_the_digest(scene: Scene) -> None:
    scene.imports(provider("acme/widget", release("1.0.0", zh=A)))

    ran = run_here(scene.work, "import", "forget", str(WIDGET), "--reason", "Another zip was meant.")
    after = scene.zips()
    again = scene.imports(provider("acme/widget", release("1.0.0", zh=B)))

    assert (ran.code, after) == (0, {})
    assert codes(again) == []
    assert scene.zips() == {"1.0.0": B}


@pytest.mark.parametrize(
    ("first", "then", "line"),
    [
        (["v1.0.0"], ["v1.0.0", "v1.1.0"], "hosting: link"),
        (["v1.0.0"], ["v1.0.0", "v1.1.0-rc1"], "prereleases: true"),
        (["v1.0.0"], ["v1.0.0", "v0.0.0-rc1"], 'versions: ">= 0.0.0-0"'),
        (["v1.0.0", "v1.1.0-rc1"], ["v1.0.0", "v1.1.0-rc1", "v0.0.0-rc1"], 'versions: ">= 0.0.0-0"'),
    ],
)
def test_a_module_is_brought_up_to_date_by_its_tags(scene: Scene, first: list[str], then: list[str], line: str) -> None:
    scene.imports(module("acme/network/aws", *first), more=("--allow-unpinned",))

    ran = scene.imports(module("acme/network/aws", *then), more=("--allow-unpinned",))

    assert codes(ran) == []
    assert line in scene.text(MODULE_FILE).splitlines()
    assert scene.tags() == {tag.removeprefix("v"): tag for tag in then}


def test_files_that_were_thrown_away_leave_rows_that_can_be_taken_back(scene: Scene) -> None:
    scene.imports(provider("acme/widget", release("1.0.0", zh=A)), module("acme/network/aws", "v1.0.0"))
    (scene.work.root / FILE).unlink()

    ran = run_here(scene.work, "import", "forget", "--all-unpublished", "--reason", "Not reviewed.", "--json")

    assert ran.code == 0, ran.err
    assert {each["address"]: each["tags"] + each["zips"] for each in ran.json["forgotten"]} == {
        str(NETWORK): 1,
        str(WIDGET): 1,
    }
    assert (scene.zips(), scene.tags()) == ({}, {})
    with scene.work.registry() as registry:
        rows = registry.ledger.audit_rows(str(WIDGET), 10)
        registry.ledger.verify_audit()
    assert [row.action for row in rows] == ["forget-import"]
    assert json.loads(rows[0].before) == {"tags": 0, "zips": 1}
    assert json.loads(rows[0].after) == {"kept": 0, "reason": "Not reviewed."}
