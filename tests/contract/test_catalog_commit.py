"""The commit of the catalog that is recorded with what was done: the one that says so, or none."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

FILE = "catalog/modules/acme/network/aws.yaml"
NOTE = f"{FILE} is not as committed: what is done now is recorded without a commit of the catalog.\n"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit({"main.tf": 'variable "name" {}\n'}))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A module whose file nobody has committed yet, in a repository with a commit."""
    made = Workspace(tmp_path / "work", database)
    made.write(".gitignore", "public/\nstate/\n")
    subprocess.run(["git", "init", "--quiet", str(made.root)], check=True)
    commit(made, "registry.yaml")
    made.module("acme/network/aws", repo.url)
    return made


def commit(work: Workspace, path: str) -> str:
    git = ["git", "-C", str(work.root), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "add", "--all", path], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "A change"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def recorded(work: Workspace) -> dict[str, str | None]:
    """What the newest row, run, entry and record of 1.0.0 or later say of the catalog's commit."""
    row = run_here(work, "--json", "ledger", "audit", "list", "--limit", "1").json["rows"][0]["catalog_commit"]
    with work.registry() as registry, psycopg.connect(registry.config.ledger) as connection:
        (run,) = connection.execute("SELECT catalog_commit FROM sync_runs ORDER BY id DESC LIMIT 1").fetchone() or ()
        query = "SELECT payload FROM log_entries WHERE version IS NOT NULL ORDER BY index DESC LIMIT 1"
        (entry,) = connection.execute(query).fetchone() or ()
    said = json.loads(entry)
    record = work.document(f"records/{said['record']}")
    return {"row": row, "run": run, "entry": said.get("catalog_commit"), "record": record["catalog_commit"]}


def test_what_no_commit_says_is_recorded_without_one_and_that_is_told(work: Workspace, repo: GitRepo) -> None:
    untracked = run_here(work, "publish")
    assert (untracked.code, untracked.told) == (0, NOTE.strip())
    assert recorded(work) == dict.fromkeys(("row", "run", "entry", "record"))

    commit(work, "catalog")
    work.write(FILE, (work.root / FILE).read_text() + "hosting: copy\n")
    repo.tag("v1.1.0", repo.commit({"main.tf": 'variable "size" {}\n'}))
    changed = run_here(work, "publish")
    assert (changed.code, changed.told) == (0, NOTE.strip())
    assert recorded(work) == dict.fromkeys(("row", "run", "entry", "record"))


def test_what_a_commit_says_is_recorded_with_it(work: Workspace) -> None:
    head = commit(work, "catalog")
    ran = run_here(work, "publish")
    assert (ran.code, ran.told) == (0, "")
    assert recorded(work) == dict.fromkeys(("row", "run", "entry", "record"), head)


@pytest.mark.parametrize(
    "command",
    [
        ("gc", "--yes"),
        ("fsck", "--repair"),
        ("withdraw", "acme/network/aws", "1.0.0", "--reason", "Leaked.", "--now", "--yes"),
    ],
)
def test_every_command_that_writes_a_row_says_so_and_none_that_only_looks(
    work: Workspace, command: tuple[str, ...]
) -> None:
    run_here(work, "publish")
    assert NOTE in run_here(work, *command).err
    for looks in (("plan",), ("validate",), ("gc", "--dry-run"), ("fsck",), ("--quiet", "publish")):
        assert "committed" not in run_here(work, *looks).err


def test_outside_of_git_there_is_nothing_to_say(tmp_path: Path, database: str, repo: GitRepo) -> None:
    work = Workspace(tmp_path / "plain", database)
    work.module("acme/network/aws", repo.url)
    ran = run_here(work, "publish")
    assert (ran.code, ran.told) == (0, "")
    assert recorded(work) == dict.fromkeys(("row", "run", "entry", "record"))
