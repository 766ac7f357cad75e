"""Completion as shells ask for it: through the environment, from the script that ``completion`` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import command, run_here
from tests.support.workspace import Workspace

ROOT = Path(__file__).parents[2]


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "work", "postgresql://nobody@127.0.0.1:1/nothing")
    made.module("acme/network/aws", "https://git.example.com/network.git")
    made.module("acme/network/azure", "https://git.example.com/network.git")
    made.module("other/vpc/aws", "https://git.example.com/vpc.git")
    made.write("catalog/providers/acme/widget.yaml", "not: read\n")
    made.write("catalog/modules/acme/README.md", "for people\n")
    return made


def offered(work: Workspace, typed: str) -> list[str]:
    """What bash is offered for the last word of what was typed."""
    words = typed.split(" ")
    asked = {"_REGISTRY_GEN_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    ran = subprocess.run(
        command(),
        check=True,
        cwd=work.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), **asked},
        capture_output=True,
        text=True,
    )
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


def test_commands_and_options_are_offered(work: Workspace) -> None:
    assert offered(work, "registry-gen va") == ["validate"]
    assert offered(work, "registry-gen ledger aud") == ["audit"]
    assert offered(work, "registry-gen validate --ch") == ["--changed-since"]


def test_addresses_are_offered_from_the_names_of_the_catalogs_files(work: Workspace) -> None:
    assert offered(work, "registry-gen withdraw acme/n") == ["acme/network/aws", "acme/network/azure"]
    assert offered(work, "registry-gen withdraw acme/widget.y") == []
    assert offered(work, "registry-gen plan --only acme/") == ["acme/network/aws", "acme/network/azure", "acme/widget"]


def test_nothing_is_offered_and_nothing_said_where_there_is_no_registry(work: Workspace) -> None:
    (work.root / "registry.yaml").write_text("broken: [")

    assert offered(work, "registry-gen withdraw a") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program_and_its_shell_can_read_it(work: Workspace, shell: str, tmp_path: Path) -> None:
    ran = run_here(work, "completion", shell)
    script = tmp_path / "script"
    script.write_text(ran.out)

    assert ran.code == 0
    assert "_REGISTRY_GEN_COMPLETE" in ran.out
    assert run_here(work, "--json", "completion", shell).json["script"] == ran.out[:-1]
    if found := shutil.which(shell):
        assert subprocess.run([found, "-n", str(script)], check=True, capture_output=True).stderr == b""
