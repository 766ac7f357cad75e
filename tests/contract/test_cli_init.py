"""``init``: a repository that is good from its first moment, and that a second run leaves as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_gen.catalog.scaffold import CIS
from tests.support.command_line import run_here
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.command_line import Ran

PIPELINES = {
    "github": {f".github/workflows/{name}.yml" for name in ("validate", "comment", "publish", "update")},
    "gitlab": {".gitlab-ci.yml"},
    "azure": {"azure-pipelines.yml"},
    "bitbucket": {"bitbucket-pipelines.yml"},
}


ROOT = Path(__file__).parents[2]


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

    assert (made.code, set(made.json["written"])) == (0, set(files))
    assert files.keys() >= PIPELINES[ci]
    assert b"registry.acme.example" in files["registry.yaml"]
    written = b"".join(files[path] for path in PIPELINES[ci])
    assert b"https://registry.acme.example/" in written
    assert b"registry.example.com" not in written
    assert "The catalog is good: 0 packages." in run_here(work, "validate").out
    assert run_here(work, "fmt", "--check").code == 0
    again = init(work, "--ci", ci, "--host", "registry.acme.example").json
    assert (again["written"], set(again["kept"]), again["differs"]) == ([], set(files), [])
    assert tree(work) == files


def test_what_somebody_wrote_is_kept_and_named_and_what_is_missing_is_made(work: Workspace) -> None:
    init(work)
    mine = work.write("registry.yaml", "# mine\n")
    (work.root / ".gitignore").unlink()
    again = init(work)

    assert (again.code, again.json["written"], again.json["differs"]) == (0, [".gitignore"], ["registry.yaml"])
    assert mine.read_text() == "# mine\n"
    assert "differs from what would be written: registry.yaml" in run_here(work, "init").out


def test_a_second_run_takes_the_host_that_is_written_there(work: Workspace) -> None:
    init(work, "--host", "registry.acme.example")
    (work.root / ".gitignore").unlink()
    again = run_here(work, "init")

    assert "differs" not in again.out
    assert again.err == "Look at what is new, and commit it.\n"


def test_a_dry_run_tells_the_same_and_makes_nothing(work: Workspace) -> None:
    told = init(work, "new", "--dry-run").json["written"]

    assert not tree(work)
    assert init(work, "new").json["written"] == told


def test_a_link_is_not_followed_out_of_the_folder(work: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (work.root / "catalog").symlink_to(outside)
    ran = init(work)

    assert (ran.code, "CAT012" in ran.err) == (1, True)
    assert "catalog/modules/.example.yaml" in ran.json["differs"]
    assert not any(outside.iterdir())
    assert (work.root / "registry.yaml").is_file()


@pytest.mark.parametrize("link", [".demo", ".demo/sources", ".demo/sources/releases"])
def test_a_demo_makes_its_sources_through_no_link(
    work: Workspace, tmp_path_factory: pytest.TempPathFactory, link: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (work.root / link).parent.mkdir(parents=True, exist_ok=True)
    (work.root / link).symlink_to(outside)
    ran = run_here(work, "init", "--demo")
    assert (ran.code, "CAT012" in ran.err) == (1, True)
    assert not any(outside.iterdir())


def test_a_host_that_clients_cannot_use_is_refused_before_anything_is_made(work: Workspace) -> None:
    assert init(work, "--host", "localhost").code == 64
    assert not tree(work)


def test_a_demo_is_good_has_every_source_that_it_names_and_a_second_run_keeps_them(work: Workspace) -> None:
    made = init(work, "--demo").json
    named = [
        found
        for file in (work.root / "catalog").rglob("*.yaml")
        for found in re.findall(r"(?:git|releases): (\./\.demo/\S+)", file.read_text())
    ]

    assert "The catalog is good: 4 packages." in run_here(work, "validate").out
    assert sorted(set(named)) == sorted(f"./{path}" for path in made["sources"])
    assert all((work.root / path).is_dir() for path in named)
    mine = work.write(".demo/sources/network.git/mine", "")
    again = init(work, "--demo").json
    assert (again["written"], again["sources"], mine.exists()) == ([], [], True)


def test_a_demo_has_all_of_the_sample_catalog_that_needs_no_key_and_no_other_registry(work: Workspace) -> None:
    init(work, "--demo")
    samples = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (ROOT / "catalog").rglob("*.yaml")
        if "keys" not in path.read_text() and path.stem != "widget"
    }

    assert {path: data for path, data in tree(work).items() if path.startswith("catalog/")} == samples


def test_a_demo_without_git_says_what_is_missing(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(work.root))
    ran = run_here(work, "init", "--demo")

    assert (ran.code, "GIT012" in ran.err) == (1, True)
    assert not list((work.root / ".demo/sources").iterdir())


def test_a_demo_is_of_this_machine_alone(work: Workspace) -> None:
    assert init(work, "--demo", "--ci", "github").code == 64
