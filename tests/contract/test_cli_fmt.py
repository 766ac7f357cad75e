"""``fmt``: the catalog's files in their one form, and what a hook or a CI run is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "source: {git: https://h.x/y}\n"
LOOSE = "versions: '1.0.0'\nsource: {git: https://h.x/y}\n\n\n"


def test_check_tells_and_changes_nothing_and_fmt_changes_what_check_told(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    work.write("catalog/modules/acme/good/aws.yaml", GOOD)
    loose = work.write("catalog/modules/acme/loose/aws.yaml", LOOSE)

    checked = run_here(work, "fmt", "--check")
    assert (checked.code, checked.out) == (1, "not formatted: catalog/modules/acme/loose/aws.yaml\n")
    assert loose.read_text() == LOOSE

    assert run_here(work, "fmt", "--json").json["changed"] == ["catalog/modules/acme/loose/aws.yaml"]
    assert loose.read_text() == "source: {git: https://h.x/y}\nversions: '1.0.0'\n"
    assert run_here(work, "fmt", "--check").code == 0


def test_a_broken_file_is_told_and_the_others_are_formatted_all_the_same(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    work.write("catalog/modules/acme/broken/aws.yaml", "source: [\n")
    loose = work.write("catalog/modules/acme/loose/aws.yaml", LOOSE)
    ran = run_here(work, "fmt")

    assert ran.code == 1
    assert "catalog/modules/acme/broken/aws.yaml:2:1: CAT001" in ran.err
    assert loose.read_text() != LOOSE


def test_only_files_that_are_named_change_and_one_outside_of_the_catalog_is_refused(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    one, other = (work.write(f"catalog/modules/acme/{name}/aws.yaml", LOOSE) for name in ("one", "other"))

    assert run_here(work, "fmt", "catalog/modules/acme/one/aws.yaml").code == 0
    assert (one.read_text() == LOOSE, other.read_text() == LOOSE) == (False, True)
    refused = run_here(work, "fmt", "registry.yaml")
    assert (refused.code, "CLI940" in refused.err) == (64, True)
