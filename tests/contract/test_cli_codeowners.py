"""``codeowners`` writes the forge's file, and ``validate`` says when it is stale."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = "namespaces: [platform]\nregistry: true\nmembers: {admin: [ann, bob]}\n"


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "repository" / "registry")
    subprocess.run(["git", "init", "--quiet", str(made.root.parent)], check=True)
    made.write("catalog/organizations/platform.yaml", PLATFORM)
    return made


def test_it_is_written_at_the_root_of_the_repository_and_goes_stale(work: Workspace) -> None:
    assert run_here(work, "validate").code == 0, "nobody asked for one"
    ran = run_here(work, "codeowners", "--forge", "gitlab")
    assert (ran.code, ran.out) == (0, "wrote .gitlab/CODEOWNERS\n")
    file = work.root.parent / ".gitlab/CODEOWNERS"
    assert "\n/registry/catalog/ @ann @bob\n" in file.read_text()
    assert run_here(work, "validate").code == 0
    assert run_here(work, "codeowners", "--forge", "gitlab").out == ".gitlab/CODEOWNERS is as the catalog says.\n"

    work.write("catalog/organizations/platform.yaml", PLATFORM.replace("bob", "bea"))
    ran = run_here(work, "validate")
    assert ran.code == 1
    assert ".gitlab/CODEOWNERS:1:1: CAT064 .gitlab/CODEOWNERS is not what the catalog says" in ran.err
    assert run_here(work, "codeowners", "--forge", "gitlab").code == 0
    assert run_here(work, "validate").code == 0


def test_a_policy_that_names_a_forge_demands_its_file(work: Workspace) -> None:
    work.write("catalog/policies/all.yaml", "codeowners: github\n")
    ran = run_here(work, "validate")
    assert ran.code == 1
    assert "catalog/policies/all.yaml:1:13: CAT064 .github/CODEOWNERS is missing" in ran.err
    assert run_here(work, "codeowners", "--forge", "github").code == 0
    assert run_here(work, "validate").code == 0


@pytest.mark.parametrize("other", ["CODEOWNERS", "docs/CODEOWNERS"])
def test_a_file_that_gitlab_would_read_instead_is_a_problem(work: Workspace, other: str) -> None:
    """Whoever adds it would choose who is asked for reviews."""
    file = work.root.parent / other
    file.parent.mkdir(exist_ok=True)
    file.write_text("* @mallory\n")
    assert run_here(work, "validate").code == 0, "nobody has a file of ours"
    assert run_here(work, "codeowners", "--forge", "github").code == 0
    assert run_here(work, "validate").code == 0, "GitHub reads .github/CODEOWNERS first"
    assert run_here(work, "codeowners", "--forge", "gitlab").code == 0
    ran = run_here(work, "validate")
    assert ran.code == 1
    assert f"{other}:1:1: CAT080" in ran.err


@pytest.mark.parametrize("link", [False, True])
def test_a_file_of_somebody_else_stays(work: Workspace, tmp_path: Path, link: bool) -> None:
    file = work.root.parent / ".github/CODEOWNERS"
    file.parent.mkdir()
    file.write_text("* @mallory\n")
    if link:
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    ran = run_here(work, "codeowners", "--forge", "github")
    assert ran.code == 1
    assert ("CAT012" if link else "CLI970") in ran.err
    assert file.read_text() == "* @mallory\n"
    assert run_here(work, "validate").code == 0
    printed = run_here(work, "codeowners", "--forge", "github", "--print")
    assert printed.out.startswith("# Made by: registry-gen codeowners --forge github\n")


def test_a_file_of_comments_alone_names_nobody_and_is_replaced_once_somebody_asks(work: Workspace) -> None:
    assert run_here(work, "init", str(work.root.parent), "--ci", "github").code == 0
    file = work.root.parent / ".github/CODEOWNERS"
    assert run_here(work, "validate").code == 0, "nobody asked for another one"

    work.write("catalog/policies/all.yaml", "codeowners: github\n")
    assert "CAT064" in run_here(work, "validate").err
    assert run_here(work, "codeowners", "--forge", "github").code == 0
    assert file.read_text().startswith("# Made by: registry-gen codeowners")
    assert run_here(work, "validate").code == 0


@pytest.mark.parametrize("mine", ["# ours\n * @mallory\n", "#\n" * 3000 + "* @mallory\n", "#\n" * 9000])
def test_comments_with_an_owner_below_or_too_many_of_them_stay(work: Workspace, mine: str) -> None:
    file = work.root.parent / ".github/CODEOWNERS"
    file.parent.mkdir()
    file.write_text(mine)
    ran = run_here(work, "codeowners", "--forge", "github")
    assert (ran.code, "CLI970" in ran.err, file.read_text()) == (1, True, mine)


def test_a_catalog_with_problems_has_no_owners_yet(work: Workspace) -> None:
    work.write("catalog/organizations/platform.yaml", PLATFORM.replace("bob", '"bob\\n* @mallory"'))
    ran = run_here(work, "codeowners", "--forge", "github")
    assert ran.code == 1
    assert "CAT060" in ran.err
    assert not (work.root.parent / ".github").exists()
