"""``init``: a repository that is good from its first moment, and that a second run leaves as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_gen.catalog.scaffold import CIS
from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.command_line import Ran

PIPELINES = {
    "github": {".github/workflows/validate.yml", ".github/workflows/publish.yml"},
    "gitlab": {".gitlab-ci.yml"},
    "azure": {"azure-pipelines.yml"},
    "bitbucket": {"bitbucket-pipelines.yml"},
}


class Empty(Workspace):
    """A folder with nothing in it."""

    def __init__(self, root: Path) -> None:
        self.root = root


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Empty(tmp_path)


def init(work: Workspace, *arguments: str) -> Ran:
    return run_here(work, "init", "--json", *arguments)


def tree(work: Workspace) -> Mapping[str, bytes]:
    return {str(path.relative_to(work.root)): path.read_bytes() for path in work.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ci", CIS)
def test_what_init_makes_is_good_at_once_and_a_second_run_changes_nothing(work: Workspace, ci: str) -> None:
    made = init(work, "--ci", ci, "--host", "registry.acme.example")
    files = tree(work)

    assert (made.code, set(made.json["written"])) == (0, files.keys())
    assert files.keys() >= PIPELINES[ci]
    assert b"registry.acme.example" in files["registry.yaml"]
    assert "The catalog is good: 0 packages." in run_here(work, "validate").out
    assert run_here(work, "fmt", "--check").code == 0
    again = init(work, "--ci", ci, "--host", "registry.acme.example").json
    assert (again["written"], set(again["kept"]), again["differs"]) == ([], files.keys(), [])
    assert tree(work) == files


def test_what_somebody_wrote_is_kept_and_named_and_what_is_missing_is_made(work: Workspace) -> None:
    init(work)
    mine = work.write("registry.yaml", "# mine\n")
    (work.root / ".gitignore").unlink()
    again = init(work)

    assert (again.code, again.json["written"], again.json["differs"]) == (0, [".gitignore"], ["registry.yaml"])
    assert mine.read_text() == "# mine\n"
    assert "differs from what would be written: registry.yaml" in run_here(work, "init").out


def test_a_dry_run_tells_the_same_and_makes_nothing(work: Workspace) -> None:
    told = init(work, "new", "--dry-run").json["written"]

    assert not tree(work)
    assert init(work, "new").json["written"] == told


def test_a_link_is_not_followed_out_of_the_folder(work: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (work.root / "catalog").symlink_to(outside)
    ran = init(work)

    assert "catalog/modules/.example.yaml" in ran.json["differs"]
    assert not any(outside.iterdir())


def test_a_host_that_clients_cannot_use_is_refused_before_anything_is_made(work: Workspace) -> None:
    assert init(work, "--host", "localhost").code == 64
    assert not tree(work)
