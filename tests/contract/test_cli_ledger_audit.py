"""``ledger audit`` as its users meet it: listed, exported, verified, and what is said of an altered row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.command_line import Ran, run_apart, run_here
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

MAIN = {"main.tf": 'variable "name" {}\n'}


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """Two modules, one after the other."""
    made = Workspace(tmp_path / "work", database)
    for address in ("acme/network/aws", "acme/other/aws"):
        made.module(address, repo.url)
        assert run_here(made, "publish").code == 0
    return made


def test_the_list_shows_who_did_what_newest_first(work: Workspace) -> None:
    ran = run_here(work, "ledger", "audit", "list")

    assert (ran.code, ran.err) == (0, "")
    newest, by, change, *older = ran.out.splitlines()
    assert newest.startswith("     2  20")
    assert newest.endswith("  publish acme/other/aws")
    assert by.startswith("        by ")
    assert "revision 1" in change
    assert "1.0.0" in change
    assert older[0].endswith("  publish acme/network/aws")


def test_what_was_withdrawn_is_shown_however_much_was_published_with_it(
    tmp_path: Path, database: str, repo: GitRepo
) -> None:
    work = Workspace(tmp_path / "work", database)
    work.module("acme/network/aws", repo.url)
    assert run_here(work, "publish").code == 0
    for number in range(2, 32):
        repo.tag(f"v1.0.{number}")
    gone = f'withdrawn:\n  - versions: "1.0.0"\n    reason: It {"leaks " * 100}.\n'
    work.module("acme/network/aws", repo.url, gone)
    assert run_here(work, "publish", "--allow-mass-withdrawal").code == 0

    change = run_here(work, "ledger", "audit", "list", "--limit", "1").out.splitlines()[2]

    assert 'withdrawn {"1.0.0":"It leaks leaks ' in change
    assert 'published ["1.0.2",' in change
    assert "revision 2" in change
    assert len(change) < 250


def test_the_list_is_of_one_package_or_of_a_few_rows(work: Workspace) -> None:
    def shown(*arguments: str) -> list[int]:
        return [row["seq"] for row in run_here(work, "--json", "ledger", "audit", "list", *arguments).json["rows"]]

    assert shown() == [2, 1]
    assert shown("--limit", "1") == [2]
    assert shown("--address", "acme/network/aws") == [1]
    assert shown("--address", "acme/lost/aws") == []
    assert run_here(work, "ledger", "audit", "list", "--address", "acme/lost/aws").out == "Nothing was done yet.\n"
    assert run_here(work, "ledger", "audit", "list", "--limit", "0").code == 64


def test_the_audit_log_verifies_against_the_log(work: Workspace) -> None:
    text = "The audit log is whole: 2 rows, 2 of them named by the log.\n"

    assert run_here(work, "ledger", "audit", "verify") == Ran(0, text, "")
    told = run_here(work, "--json", "ledger", "audit", "verify").json
    assert {**told, "hash": ""} == {
        "format": 1,
        "first": 1,
        "last": 2,
        "hash": "",
        "anchors": 2,
        "unchecked": 0,
        "lost": [],
    }


def test_an_empty_audit_log_is_whole(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)

    assert (
        run_here(work, "ledger", "audit", "verify").out
        == "The audit log is whole: 0 rows, 0 of them named by the log.\n"
    )
    assert run_here(work, "ledger", "audit", "export") == Ran(0, "", "")
    assert run_here(work, "ledger", "audit", "list").out == "Nothing was done yet.\n"


def test_an_edited_row_is_named(work: Workspace, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_stays")
        connection.execute("UPDATE audit_log SET actor = 'somebody else' WHERE seq = 1")

    ran = run_here(work, "ledger", "audit", "verify")

    assert (ran.code, ran.out) == (1, "")
    assert "LED018" in ran.err
    assert "audit_log row 1\n" in ran.err


def test_an_export_is_the_same_in_a_file_and_on_stdout(work: Workspace) -> None:
    assert run_here(work, "ledger", "audit", "export", "audit.jsonl") == Ran(0, "Exported 2 rows to audit.jsonl.\n", "")

    text = (work.root / "audit.jsonl").read_text()
    assert run_apart(work, "ledger", "audit", "export", env={"PYTHONIOENCODING": "latin-1"}).out == text
    assert [json.loads(line)["seq"] for line in text.splitlines()] == [1, 2]
    assert "LED027" in run_here(work, "ledger", "audit", "export", "audit.jsonl").err
    assert run_here(work, "ledger", "audit", "export", "audit.jsonl", "--force").code == 0


def test_an_export_is_verified_with_and_without_the_ledger(work: Workspace, tmp_path: Path) -> None:
    run_here(work, "ledger", "audit", "export", "audit.jsonl")
    text = "The audit log is whole: 2 rows, 2 of them named by the log.\n"
    assert run_here(work, "ledger", "audit", "verify", "audit.jsonl") == Ran(0, text, "")

    (work.root / "registry.yaml").unlink()

    ran = run_here(work, "ledger", "audit", "verify", "audit.jsonl")
    assert (ran.code, ran.out) == (0, "The audit log is whole: 2 rows, 0 of them named by the log.\n")
    assert "by itself" in ran.err
    file = work.root / "audit.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"publish"', b'"Publish"', 1))
    ran = run_here(work, "ledger", "audit", "verify", "audit.jsonl")
    assert (ran.code, "LED018" in ran.err, "audit.jsonl row 1\n" in ran.err) == (1, True, True)


def test_an_older_export_says_what_it_lacks(work: Workspace) -> None:
    run_here(work, "ledger", "audit", "export", "audit.jsonl")
    file = work.root / "audit.jsonl"
    file.write_text(file.read_text().splitlines(keepends=True)[0])

    ran = run_here(work, "ledger", "audit", "verify", "audit.jsonl")

    assert ran == Ran(0, "The audit log is whole: 1 row, 1 of them named by the log. The log names 1 later row.\n", "")
