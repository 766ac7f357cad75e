"""``violations``: alarms listed, acknowledged with a reason, and raised again where a source says something new."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import Ran, run_apart, run_here
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

MAIN = {"main.tf": 'variable "name" {}\n'}
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A module of which a tag was moved after it was published."""
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    assert run_here(made, "publish").code == 0
    move(repo, "# moved\n")
    assert run_here(made, "publish").code == 1
    return made


def move(repo: GitRepo, text: str) -> None:
    repo.tag("v1.0.0", repo.commit({"main.tf": text}))


def test_without_violations_there_is_nothing_to_see(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)

    assert run_here(work, "violations") == Ran(0, "No violations.\n", "")
    assert run_here(work, "--json", "violations").json == {"format": 1, "violations": []}


def test_a_moved_tag_is_listed_with_both_values(work: Workspace, repo: GitRepo) -> None:
    ran = run_here(work, "violations")

    assert (ran.code, ran.err) == (1, ""), "whoever runs it every day is told"
    assert re.fullmatch(
        rf"""  alarm 1  acme/network/aws 1\.0\.0  PLN001
    published  .*[0-9a-f]{{40}}.*
    seen       .*{repo.resolve("v1.0.0")}.*
    first      {TIME}
    last       {TIME}
    hint       Find out why\. To let it rest: registry-gen violations acknowledge 1 --reason TEXT

1 violation not acknowledged\.
""",
        ran.out,
    )
    assert run_here(work, "violations", "list") == ran


def test_the_list_for_machines_has_everything(work: Workspace) -> None:
    (alarm,) = run_here(work, "--json", "violations").json["violations"]

    assert (alarm["id"], alarm["kind"], alarm["address"]) == (1, "module", "acme/network/aws")
    assert (alarm["version"], alarm["code"], alarm["acknowledged"]) == ("1.0.0", "PLN001", None)
    assert alarm["published"] != alarm["seen"]
    assert alarm["first_seen"] <= alarm["last_seen"]


def test_an_acknowledged_alarm_rests_with_its_reason_and_nothing_published_changes(
    work: Workspace, repo: GitRepo
) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "octocat",
        "GITHUB_REPOSITORY": "acme/registry",
        "GITHUB_RUN_ID": "7",
        "GITHUB_SERVER_URL": "https://github.com",
    }
    tree = work.tree()

    ran = run_apart(work, "violations", "acknowledge", "1", "--reason", "a typo, asked the team", env=env)

    assert (ran.code, ran.err) == (0, "")
    assert re.search(
        rf"known 1  acme/network/aws .*\n    known      a typo, asked the team \(.*octocat.*, {TIME}\)\n",
        ran.out,
        re.DOTALL,
    )
    assert "hint" not in ran.out, "it rests"
    assert run_here(work, "violations") == Ran(0, "No violations.\n", "")
    for arguments in (("violations", "--all"), ("violations", "list", "--all")):
        known = run_here(work, *arguments)
        assert (known.code, "known 1  acme/network/aws 1.0.0" in known.out) == (0, True)
    (row,) = run_here(work, "--json", "ledger", "audit", "list", "--limit", "1").json["rows"]
    assert (row["action"], row["after"]["reason"]) == ("acknowledge", "a typo, asked the team")
    assert ("octocat" in row["actor"], row["run_url"]) == (True, "https://github.com/acme/registry/actions/runs/7")
    for command in ("plan", "publish"):
        again = run_here(work, command)
        assert (again.code, "a typo, asked the team" in again.out + again.err) == (0, True), "noted, not refused"
    assert work.tree() == tree
    assert run_here(work, "violations").out == "No violations.\n", "and raises no second alarm"


def test_another_value_after_the_acknowledgement_is_a_new_alarm(work: Workspace, repo: GitRepo) -> None:
    assert run_here(work, "violations", "acknowledge", "1", "--reason", "asked").code == 0
    move(repo, "# moved once more\n")
    assert run_here(work, "publish").code == 1

    ran = run_here(work, "violations")

    assert "alarm 2  acme/network/aws 1.0.0" in ran.out
    assert repo.resolve("v1.0.0") in ran.out
    assert "alarm 2" in run_here(work, "violations", "--all").out
    assert "known 1" in run_here(work, "violations", "list", "--all").out


def test_a_second_acknowledgement_changes_nothing(work: Workspace) -> None:
    first = run_here(work, "--json", "violations", "acknowledge", "1", "--reason", "asked")
    rows = run_here(work, "--json", "ledger", "audit", "list").json["rows"]

    second = run_here(work, "--json", "violations", "acknowledge", "1", "--reason", "other")

    assert (first.err, second.err) == ("", "Violation 1 was acknowledged before: the reason of then stays.\n")
    assert (second.code, second.out) == (first.code, first.out)
    assert run_here(work, "--json", "ledger", "audit", "list").json["rows"] == rows


@pytest.mark.parametrize("arguments", [("1",), ("1", "--reason", "  "), ("--reason", "x"), ("x", "--reason", "x")])
def test_an_acknowledgement_needs_an_alarm_and_a_reason(work: Workspace, arguments: tuple[str, ...]) -> None:
    assert run_here(work, "violations", "acknowledge", *arguments).code == 64
    assert "alarm 1" in run_here(work, "violations").out


def test_an_unknown_alarm_is_named_and_the_others_stay(work: Workspace) -> None:
    ran = run_here(work, "violations", "acknowledge", "1", "9", "--reason", "asked")

    assert (ran.code, "LED032" in ran.err, "violation 9" in ran.err) == (1, True, True)
    assert "alarm 1" in run_here(work, "violations").out


def test_what_a_source_said_steers_no_terminal(work: Workspace) -> None:
    run_here(work, "violations", "acknowledge", "1", "--reason", "asked\x1b]0;owned\x07\u202e")

    for arguments in (("violations", "--all"), ("ledger", "audit", "list"), ("ledger", "audit", "export")):
        text = run_here(work, *arguments).out
        assert all(mark.isprintable() or mark == "\n" for mark in text), ascii(text)
        assert "owned" in text
    exported = run_here(work, "ledger", "audit", "export").out
    assert json.loads(exported.splitlines()[-1])["after"]["reason"] == "asked\x1b]0;owned\x07\u202e"
