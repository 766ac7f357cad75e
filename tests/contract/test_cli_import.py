"""``import opentofu-registry``: the catalog's files, the ledger's digests, and a report of what could not be taken."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_gen.model.address import Platform, module_address, provider_address
from registry_gen.model.version import Version
from registry_gen.sources import layout_folder
from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from tests.support.command_line import Ran

LAYOUT = Path(__file__).parents[1] / "fixtures" / "opentofu-registry"
ASSUME = provider_address("apparentlymart", "assume")
POLICY = module_address("525kiran", "policy", "sns")
LINUX = Platform("linux", "amd64")


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path, database)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """A copy to change, outside of the catalog."""
    return Path(shutil.copytree(LAYOUT, tmp_path / "their-registry"))


def imported(work: Workspace, layout: Path, *more: str) -> Ran:
    ran = run_here(work, "import", "opentofu-registry", str(layout), "--json", *more)
    assert ran.code == 0, ran.err
    return ran


def refused(ran: Ran) -> dict[str, str]:
    return {problem["where"]: problem["code"] for problem in ran.json["not_taken"]}


def test_real_files_become_a_catalog_that_has_no_problem(work: Workspace) -> None:
    ran = imported(work, LAYOUT)

    assert ran.json["taken"] == {
        "modules": 4,
        "module_versions": 29,
        "providers": 2,
        "provider_versions": 5,
        "mirrors": 0,
        "mirror_versions": 0,
        "zips": 54,
        "keys": 2,
    }
    assert ran.json["files"] == {"written": 8, "updated": 0, "unchanged": 0}
    assert refused(ran) == {
        "modules/c/chennareddipalligayathri/create-subnets/aws.json v1.0": "VER001",
        "modules/c/chennareddipalligayathri/create-subnets/aws.json v1.1": "VER001",
        "modules/c/cloudposse/cloudtrail-cloudwatch-alarms/aws.json 0.1.0": "IMP007",
        "modules/c/cloudposse/cloudtrail-cloudwatch-alarms/aws.json 0.1.1": "IMP007",
        "modules/c/cloudposse/cloudtrail-cloudwatch-alarms/aws.json 0.1.2": "IMP007",
        "modules/m/mildred/nimnews.tf/local.json": "ADR001",
        "providers/h/hashicorp/clc.json": "CAT026",
        "providers/p/pokgak/fakecloud.json": "CAT026",
        "providers/p/pokgak/fakecloud.json 0.1": "VER001",
        "providers/w/whypro/alicloud.json": "IMP009",
        "providers/w/whypro/alicloud.json 1.138.0+1.a0731b9": "IMP006",
        "providers/w/whypro/alicloud.json 1.138.0+2.656979d": "IMP006",
        "providers/w/whypro/alicloud.json 1.138.0+3.67b08eb": "IMP006",
    }
    assert run_here(work, "validate").code == 0


def test_the_ledger_keeps_tags_and_digests_and_who_imported_them(work: Workspace) -> None:
    ran = imported(work, LAYOUT)

    assert ran.json["ledger"] == {"tags": 26, "zips": 54}
    with work.registry() as registry:
        found = registry.ledger.imported([ASSUME, POLICY, module_address("acme", "absent", "aws")])
        (row,) = registry.ledger.audit_rows(None, 10)
        registry.ledger.verify_audit()
    assert found.keys() == {ASSUME, POLICY}
    assert found[POLICY].tags == {Version(1, 1, 2): "1.1.2"}
    zips = found[ASSUME].zips[Version(0, 1, 1)]
    assert zips[LINUX] == "2738ab91318c90349d56c82be004a63cc63b8913ad6ad61b23d261076987d8a3"
    assert len(zips) == 6
    assert (row.action, json.loads(row.after)["zips"]) == ("import", 54)


def test_a_second_import_changes_nothing(work: Workspace) -> None:
    first = imported(work, LAYOUT)
    second = imported(work, LAYOUT)

    assert second.json["files"] == {"written": 0, "updated": 0, "unchanged": 8}
    assert second.json["ledger"] == {"tags": 0, "zips": 0}
    assert second.json["not_taken"] == first.json["not_taken"]
    with work.registry() as registry:
        assert len(registry.ledger.audit_rows(None, 10)) == 1


def test_a_file_that_somebody_wrote_stays_and_is_told_and_nothing_is_kept_of_its_package(work: Workspace) -> None:
    mine = work.write("catalog/modules/525kiran/policy/sns.yaml", "source: {git: https://git.example.com/x.git}\n")

    ran = imported(work, LAYOUT)

    assert mine.read_text() == "source: {git: https://git.example.com/x.git}\n"
    assert refused(ran)[str(mine)] == "IMP008"
    assert ran.json["files"] == {"written": 7, "updated": 0, "unchanged": 0}
    assert (ran.json["taken"]["modules"], ran.json["ledger"]) == (3, {"tags": 25, "zips": 54})
    with work.registry() as registry:
        assert registry.ledger.imported([ASSUME, POLICY]).keys() == {ASSUME}
        (row,) = registry.ledger.audit_rows(None, 10)
    assert json.loads(row.after)["modules"] == 3


def test_a_digest_that_differs_from_an_earlier_import_stays_as_it_was(work: Workspace, layout: Path) -> None:
    imported(work, layout)
    path = layout / "providers/a/apparentlymart/assume.json"
    path.write_text(
        path.read_text().replace("2738ab91318c90349d56c82be004a63cc63b8913ad6ad61b23d261076987d8a3", "f" * 64)
    )

    ran = imported(work, layout)

    (told,) = (problem for problem in ran.json["not_taken"] if problem["code"] == "LED042")
    assert told["where"] == "apparentlymart/assume 0.1.1 linux amd64"
    assert "registry-gen import forget ADDRESS" in told["hint"]
    with work.registry() as registry:
        found = registry.ledger.imported([ASSUME])[ASSUME]
    assert found.zips[Version(0, 1, 1)][LINUX].startswith("2738ab91")


def known(work: Workspace) -> int:
    """Of how many of two packages the ledger keeps anything."""
    with work.registry() as registry:
        return len(registry.ledger.imported([ASSUME, POLICY]))


def test_into_writes_the_files_elsewhere_and_nothing_into_catalog_and_ledger(work: Workspace, tmp_path: Path) -> None:
    run_here(work, "ledger", "migrate")

    ran = imported(work, LAYOUT, "--into", str(tmp_path / "draft"))

    assert (tmp_path / "draft/providers/apparentlymart/assume.yaml").is_file()
    assert list((work.root / "catalog").iterdir()) == []
    assert (ran.json["taken"]["zips"], ran.json["ledger"]) == (54, {"tags": 0, "zips": 0})
    assert known(work) == 0


def test_into_the_catalog_itself_is_no_draft(work: Workspace) -> None:
    imported(work, LAYOUT, "--into", str(work.root / "catalog/../catalog"))

    assert known(work) == 2


def test_a_dry_run_says_the_same_and_needs_and_touches_neither_ledger_nor_files(
    work: Workspace, tmp_path: Path
) -> None:
    nowhere = Workspace(tmp_path / "nowhere", "postgresql://nobody@127.0.0.1:1/none")
    mine = nowhere.write("catalog/modules/525kiran/policy/sns.yaml", "source: {git: https://git.example.com/x.git}\n")
    before = {path: path.stat().st_mtime_ns for path in nowhere.root.rglob("*")}

    would = imported(nowhere, LAYOUT, "--dry-run")
    other = imported(nowhere, LAYOUT, "--dry-run", "--into", str(tmp_path / "draft"))
    text = run_here(nowhere, "import", "opentofu-registry", str(LAYOUT), "--dry-run")

    assert {path: path.stat().st_mtime_ns for path in nowhere.root.rglob("*")} == before
    assert not (tmp_path / "draft").exists()
    assert would.json["dry_run"] is True
    assert would.json["files"] == {"written": 7, "updated": 0, "unchanged": 0}
    assert refused(would)[str(mine)] == "IMP008"
    assert (would.json["taken"]["modules"], other.json["taken"]["modules"]) == (3, 4)
    assert "Would be taken: 3 modules" in text.out
    assert "7 files to be written, 0 there already." in text.out
    assert "Nothing was written." in text.err
    imported(work, LAYOUT)
    assert imported(work, LAYOUT, "--dry-run").json["files"] == {"written": 0, "updated": 0, "unchanged": 8}


def test_the_report_for_people_ends_with_counts_by_reason_and_what_to_do(work: Workspace) -> None:
    ran = run_here(work, "import", "opentofu-registry", str(LAYOUT))

    assert ran.code == 0
    lines = ran.out.splitlines()
    assert "providers/p/pokgak/fakecloud.json 0.1: VER001 not a semantic version; found '0.1'" in lines
    first = lines.index("Taken: 4 modules with 29 versions, 2 providers with 5 versions and 54 zips, 2 keys.")
    assert lines[first + 1 : first + 4] == [
        "26 tags and 54 digests are new in the ledger.",
        "8 files written, 0 there already.",
        "Not taken: 13, see above:",
    ]
    assert "      3 IMP007 two tags name this version" in lines[first:]
    assert "        Nothing needs to be done: the version is published as soon as a run saw both tags at one" in lines


def test_many_refusals_of_one_code_become_one_line_that_counts_them_and_every_line_is_short(
    tmp_path: Path, database: str, layout: Path
) -> None:
    path = layout / "modules/5/525kiran/policy/sns.json"
    tags = [f"{'x' * 300}{number}" for number in range(25)]
    path.write_text(json.dumps({"versions": [{"version": tag} for tag in [*tags, "1.1.2"]]}))
    work = Workspace(tmp_path / ("deep" * 40), database)
    imported(work, layout)

    ran = run_here(work, "import", "opentofu-registry", str(layout), "--allow-unpinned")
    everything = imported(work, layout, "--allow-unpinned")

    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 240
    assert sum(": VER001 " in line for line in lines) == 10
    assert "… and 18 more with VER001; --json has them all." in lines
    assert [problem["code"] for problem in everything.json["not_taken"]].count("VER001") == 28
    assert sum(": IMP008 " in line for line in lines) == 4, "each module's file is another one"
    assert sum("525kiran/policy/sns.yaml: IMP008 " in line for line in lines) == 1, "a path is cut in its middle"


def test_a_folder_without_a_layout_is_refused(work: Workspace, tmp_path: Path) -> None:
    ran = run_here(work, "import", "opentofu-registry", str(tmp_path))

    assert ran.code == 1
    assert "IMP001" in ran.err


def test_links_and_huge_files_of_a_layout_are_not_read(
    work: Workspace, layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout_folder, "MAX_FILE_BYTES", 10_000)
    (layout / "modules/c/cloudposse/linked").mkdir()
    (layout / "modules/c/cloudposse/linked/aws.json").symlink_to("/etc/passwd")
    os.mkfifo(layout / "modules/c/cloudposse/linked/pipe.json")

    ran = imported(work, layout)

    assert refused(ran)["modules/c/cloudposse/linked/aws.json"] == "CAT012"
    assert refused(ran)["modules/c/cloudposse/linked/pipe.json"] == "CAT012"
    assert refused(ran)["providers/b/barnabyshearer/readthedocs.json"] == "CAT003"


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_TOTAL_BYTES"])
def test_a_layout_beyond_its_limits_is_not_read_to_its_end(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(layout_folder, limit, 2)

    ran = run_here(work, "import", "opentofu-registry", str(LAYOUT))

    assert ran.code == 1
    assert "CAT013" in ran.err
    assert list((work.root / "catalog").iterdir()) == []


def test_nothing_is_written_through_a_link_in_the_catalog(work: Workspace, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (work.root / "catalog/providers").symlink_to(tmp_path / "outside")

    ran = imported(work, LAYOUT)

    assert list((tmp_path / "outside").iterdir()) == []
    assert set(refused(ran).values()) >= {"CAT012"}


def test_a_name_of_the_layout_never_leaves_the_folder_that_is_written(work: Workspace, layout: Path) -> None:
    hostile = layout / "keys/a/apparentlymart"
    (hostile / "..%2f..%2fescape.asc").write_bytes((hostile / "provider.asc").read_bytes())
    before = {
        path for path in work.root.rglob("*") if "catalog" not in path.parts and "their-registry" not in path.parts
    }

    imported(work, layout)

    after = {
        path for path in work.root.rglob("*") if "catalog" not in path.parts and "their-registry" not in path.parts
    }
    assert {path for path in after - before if "state" not in path.parts} == set()
    assert sorted(path.name for path in (work.root / "catalog/keys").rglob("*.asc")) == [
        "4c93130fb9dd3c5943c0b52fddf04d6aec389947.asc",
        "4f6a7514771646a77dff4716bba58082bf377605.asc",
    ]


def test_a_folder_that_cannot_be_made_and_a_full_disk_end_the_import(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    nowhere = run_here(work, "import", "opentofu-registry", str(LAYOUT), "--into", str(tmp_path / "file/below"))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    ended = run_here(work, "import", "opentofu-registry", str(LAYOUT))

    for ran in (nowhere, ended):
        assert ran.code == 1
        assert "CAT035" in ran.err
    assert [path for path in (work.root / "catalog").rglob("*") if path.is_file()] == []
