"""A whole registry with nothing but two folders and `ledger: bucket`, by the command line and the real server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from tests.support.command_line import Ran, run_here
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

STATE = "ledger"
"""The folder of the state folder that holds the database."""


@pytest.fixture
def work() -> Iterator[Workspace]:
    """Not in pytest's folder, which is closed to the server's user."""
    root = Path(tempfile.mkdtemp(prefix="registry-gen tests-"))
    try:
        (root / "work").mkdir()
        made = Workspace(root / "work", "bucket")
        repo = GitRepo(root / "network.git")
        repo.tag("v1.0.0", repo.commit({"main.tf": "# Network\n"}))
        made.module("acme/network/aws", repo.url)
        yield made
    finally:
        shutil.rmtree(root)


def ran(work: Workspace, *arguments: str, code: int = 0) -> Ran:
    done = run_here(work, *arguments)
    assert done.code == code, done
    return done


def test_a_registry_lives_without_a_database_of_its_own(work: Workspace) -> None:
    assert ran(work, "ledger", "status").out == "The ledger holds nothing yet.\n"
    assert ran(work, "ledger", "status", "--json").json == {"format": 1, "lease": None, "changes": 0}
    assert ran(work, "ledger", "unlock").out == "Nobody holds a lease.\n"
    assert not (work.root / "state" / STATE).exists(), "looking needs no database"
    ran(work, "publish")
    shutil.rmtree(work.root / "state" / STATE)

    until = ran(work, "ledger", "lock", "--reason", "moving\x1bhouse", "--hours", "2", "--json").json["lease"]
    assert until["by_hand"] is True
    assert until["reason"] == "moving\x1bhouse"
    held = ran(work, "ledger", "lock", code=1).err
    assert "LED003" in held
    assert "moving\\x1bhouse" in held
    status = ran(work, "ledger", "status").out
    assert status.startswith("Held by 'tester (")
    assert "moving\\x1bhouse" in status
    assert ran(work, "ledger", "unlock").out.startswith("Taken away from 'tester (")
    assert ran(work, "ledger", "status").out.startswith("Nobody holds the lease.\nGeneration 5, ")
    actions = [row["action"] for row in ran(work, "ledger", "audit", "list", "--json").json["rows"]]
    assert actions == ["ledger-unlock", "ledger-lock", "publish"]
    assert ran(work, "publish").out.startswith("No changes.")

    backup = work.root / "backup"
    ran(work, "ledger", "backup", str(backup))
    for gone in (work.root / "private", work.root / "state" / STATE):
        shutil.rmtree(gone)
    assert "PUB" in ran(work, "publish", code=1).err, "a ledger that is empty does not publish over a registry"
    ran(work, "ledger", "restore", str(backup))
    ran(work, "fsck")
    shutil.rmtree(work.root / "state" / STATE)
    assert ran(work, "publish").out.startswith("No changes.")

    for gone in (work.root / "private", work.root / "state" / STATE):
        shutil.rmtree(gone)
    ran(work, "ledger", "rebuild", "--from-bucket")
    shutil.rmtree(work.root / "state" / STATE)
    ran(work, "fsck")
    assert (work.root / "private" / paths.STATE_HEAD).is_file()


@pytest.mark.parametrize("command", ["lock", "unlock", "status"])
@pytest.mark.parametrize(
    ("ledger", "named"), [("embedded", "embedded"), ("postgresql://db.invalid/registry", "a PostgreSQL server")]
)
def test_another_ledger_has_no_lease(tmp_path: Path, command: str, ledger: str, named: str) -> None:
    work = Workspace(tmp_path, ledger)
    said = ran(work, "ledger", command, code=1).err
    assert "LED048" in said
    assert f"found {named}" in " ".join(said.split())
    assert not (tmp_path / "state").exists()
