"""``update``: what a bot gets for its pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_gen.model.digest import Commit
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

FILE = "catalog/modules/acme/network/aws.yaml"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": "# 1"}))
    repo.tag("v1.1.0", repo.commit({"main.tf": "# 2"}), annotated=True)
    return repo


@pytest.fixture
def work(tmp_path: Path, repo: GitRepo) -> Workspace:
    """A registry whose ledger is out of reach: it is not needed."""
    work = Workspace(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing")
    first = repo.git("rev-parse", "v1.0.0^{commit}").strip()
    work.write(FILE, f"# acme's\nsource:\n  git: {repo.url}\n  pins:\n    1.0.0: {first} # seen\n# the end\n")
    work.module("acme/unpinned/aws", "https://git.invalid/never-asked.git")
    return work


def test_a_new_version_is_pinned_to_its_commit_and_a_second_run_finds_nothing_to_do(
    work: Workspace, repo: GitRepo
) -> None:
    before, second = (work.root / FILE).read_text(), repo.git("rev-parse", "v1.1.0^{commit}").strip()

    assert run_here(work, "update", "--dry-run").code == 0
    assert (work.root / FILE).read_text() == before
    ran = run_here(work, "update", "--json")
    assert ran.json["changed"][0]["pins"] == {"1.1.0": second}
    assert (work.root / FILE).read_text() == before.replace("# seen\n", f'# seen\n    "1.1.0": {second}\n')
    assert run_here(work, "validate").code == 0
    assert run_here(work, "update", "--json").json["changed"] == []


def test_a_moved_tag_is_told_its_pin_stays_and_new_versions_are_pinned_all_the_same(
    work: Workspace, repo: GitRepo
) -> None:
    first, moved = (Commit(repo.git("rev-parse", f"{tag}^{{commit}}").strip()) for tag in ("v1.0.0", "v1.1.0"))
    repo.tag("v1.0.0", moved)
    ran = run_here(work, "update", "--json")

    assert ran.code == 1
    assert ran.json["moved"] == [
        {"address": "acme/network/aws", "version": "1.0.0", "pinned": first, "tag": "v1.0.0", "now": moved}
    ]
    assert "CLI948" in ran.err
    assert f"1.0.0: {first} # seen" in (work.root / FILE).read_text()
    assert f'"1.1.0": {moved}' in (work.root / FILE).read_text()


def test_a_repository_that_cannot_be_read_is_told_and_stops_no_other(work: Workspace) -> None:
    pins = f"pins: {{1.0.0: {'a' * 40}}}"
    work.write("catalog/modules/acme/gone/aws.yaml", f"source: {{git: ./gone.git, {pins}}}\n")
    ran = run_here(work, "update", "--json")

    assert (ran.code, len(ran.json["changed"]), len(ran.json["problems"])) == (1, 1, 1)
    assert run_here(work, "update", "acme/network/aws").code == 0
