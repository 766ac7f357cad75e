"""Colours and progress: on a terminal only, never where NO_COLOR or --quiet asks for plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import on_terminal, run_apart
from tests.support.git_repo import GitRepo
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

ESCAPE = "\x1b"
PHASES = ("Looking at sources", "Fetching and verifying")


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    """Three versions to publish, and a package that cannot be read."""
    repo = GitRepo(tmp_path / "network.git")
    for minor in range(3):
        repo.tag(f"v1.{minor}.0", repo.commit({"main.tf": f"# {minor}\n"}))
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    made.module("acme/lost/aws", str(tmp_path / "lost.git"))
    return made


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_gets_colours_and_progress_that_is_gone_at_the_end(work: Workspace) -> None:
    status, shown = on_terminal(work, "publish")
    assert status == 1
    for phase in PHASES:
        assert phase in shown
    assert "3/3" in without_styles(shown), "every step was counted"
    result = shown[shown.rindex("✓") :]
    assert "\x1b[31m\x1b[1mrefused\x1b[0m" in result
    assert not any(phase in result for phase in PHASES), "bars make room for the result"
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is shown again"


def test_quiet_shows_no_progress(work: Workspace) -> None:
    _, shown = on_terminal(work, "--quiet", "publish")
    assert not any(phase in shown for phase in PHASES)
    assert "✓" in shown


@pytest.mark.parametrize(
    "arguments", [("publish",), ("validate",), ("explain", "nothing"), ("plan", "--only", "acme/lost/aws")]
)
def test_no_color_leaves_no_colour_on_a_terminal(work: Workspace, arguments: tuple[str, ...]) -> None:
    _, shown = on_terminal(work, *arguments, env={"NO_COLOR": "1"})
    colours = [code for code in re.findall(r"\x1b\[([0-9;]*)m", shown) if code not in ("", "0", "1", "2")]
    assert colours == [], shown


def test_nothing_but_text_goes_to_pipes(work: Workspace) -> None:
    for arguments in (("plan",), ("publish",), ("explain",), ("--help",), ("frobnicate",), ("--json", "publish")):
        ran = run_apart(work, *arguments)
        assert ESCAPE not in ran.out + ran.err, arguments
        assert not any(phase in ran.err for phase in PHASES)
