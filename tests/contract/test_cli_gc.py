"""``gc`` as its users see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import on_terminal, run_here
from tests.support.kinds import NETWORK, Kinds

if TYPE_CHECKING:
    from tests.support.workspace import Workspace

ARCHIVE = f"v1/modules/{NETWORK}/1.0.0/module.tar.gz"
LISTING = f"v1/modules/{NETWORK}/versions"


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    """One version of the module is withdrawn a moment ago."""
    made = kinds.published()
    kinds.configure(made, network='withdrawn:\n  - versions: "1.0.0"\n    reason: It holds a secret.\n')
    assert run_here(made, "publish").code == 0
    return made


def test_a_dry_run_shows_what_waits_and_until_when(work: Workspace) -> None:
    ran = run_here(work, "gc", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    waits, head = ran.out.splitlines()
    assert waits.startswith(f"  waits {NETWORK} 1.0.0  until 20")
    assert waits.endswith(" UTC: caches may still list it")
    assert head == "Nothing to collect."
    found = run_here(work, "--json", "gc", "--dry-run").json
    assert (found["dry_run"], found["steps"], found["purge"]) == (True, [], [])
    assert found["waiting"][0]["stage"] == "unlinked"
    assert found["waiting"][0]["until"].endswith("Z")


def test_a_dry_run_of_now_shows_every_key_and_changes_nothing(work: Workspace) -> None:
    tree = work.tree()
    size = (work.public / ARCHIVE).stat().st_size + (work.public / f"{ARCHIVE}.intoto.jsonl").stat().st_size

    found = run_here(work, "--json", "gc", "--now", "--dry-run").json
    ran = run_here(work, "gc", "--now", "--dry-run")

    assert work.tree() == tree
    assert found["objects"] == [ARCHIVE, f"{ARCHIVE}.intoto.jsonl"]
    assert found["bytes"] == size
    assert found["purge"] == [LISTING, *found["documents"], *found["objects"]]
    assert ran.out.splitlines()[0] == (f"  - module {NETWORK}  1.0.0: everything stored (2 documents and 2 objects)")
    assert "Caches were not waited for and may still hold copies." in ran.out
    assert all(f"\n  {key}\n" in ran.out for key in found["purge"])
    assert "a secret that was in it must be revoked" in ran.out


def test_nothing_is_deleted_where_nobody_can_be_asked(work: Workspace) -> None:
    tree = work.tree()
    for arguments in (("gc", "--now"), ("--json", "gc", "--now")):
        ran = run_here(work, *arguments)
        assert (ran.code, ran.out) == (64, "")
        assert "give --yes or --dry-run" in ran.err
    assert work.tree() == tree


def test_with_yes_it_goes(work: Workspace) -> None:
    ran = run_here(work, "gc", "--now", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert "\nDeleted 2 documents and 2 objects with " in ran.out
    assert not (work.public / ARCHIVE).exists()
    again = run_here(work, "--json", "gc", "--now", "--yes")
    assert (again.code, again.json["steps"], again.json["refusals"]) == (0, [], [])


@pytest.mark.parametrize(("answer", "deleted"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_a_person_is_asked(work: Workspace, answer: str, deleted: bool) -> None:
    status, shown = on_terminal(work, "gc", "--now", says=answer)
    assert f"- module {NETWORK}" in shown.replace("\x1b[0m", "").replace("\x1b[2m", "").replace("\x1b[31m", "")
    assert "Delete this for good? [y/N]:" in shown
    assert (status, "Nothing was done." in shown) == ((0, False) if deleted else (1, True))
    assert (work.public / ARCHIVE).exists() is not deleted


def test_a_withdrawal_at_once_of_nothing_that_is_published_is_a_failure(work: Workspace) -> None:
    ran = run_here(work, "withdraw", NETWORK, "9.9.9", "--reason", "A token.", "--now", "--yes")
    assert ran.code == 1
    assert f"No published version of {NETWORK} matches: the rule keeps future ones off." in ran.err
    assert "Commit the change of the catalog." in ran.err
