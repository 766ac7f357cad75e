"""The ceremonies of docs/key-policy.md, run as they are written, on a registry that has published."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.note import parse_checkpoint, parse_verifier_key
from tests.support.git_repo import GitRepo
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SUMS = (ROOT / "docs/key-policy.md").read_text().partition("## The registry's OpenPGP key\n")[2].partition("\n## ")[0]
_, ROTATE, LOST, LEAKED = re.split(
    r"^### .*$", (ROOT / "docs/key-policy.md").read_text().partition("## The log's key\n")[2], flags=re.MULTILINE
)


def blocks(text: str, language: str = "bash") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    made.publish()
    return made


@pytest.fixture
def shell(work: Workspace, tmp_path: Path) -> Callable[[str], str]:
    """Runs a script in the registry's folder, and gives what it printed."""
    command = tmp_path / "bin/registry-gen"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m registry_gen "$@"\n')
    command.chmod(0o755)
    key = (work.root / "state/keys/log.key").read_text()

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=work.root,
            env={**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "NO_COLOR": "1", "LOG_KEY": key},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_openpgp_key_is_changed_as_written(work: Workspace, shell: Callable[[str], str], tmp_path: Path) -> None:
    (steps,) = blocks(SUMS)
    make_release(tmp_path / "gadget", "gadget", "1.0.0", platforms=("linux_amd64",))
    work.provider("acme/gadget", tmp_path / "gadget")
    shell("registry-gen publish")
    old = shell("registry-gen sums key").splitlines()[0]
    new = shell(steps).splitlines()[0]
    leaf = work.document("v1/providers/acme/gadget/1.0.0/download/linux/amd64")
    assert {key["key_id"] for key in leaf["signing_keys"]["gpg_public_keys"]} == {old[-16:], new[-16:]}
    assert (work.root / f"state/keys/openpgp.former.{old}.asc").exists(), "as the page names it"


def verifies(work: Workspace, vkey: str) -> bool:
    try:
        parse_checkpoint((work.public / paths.CHECKPOINT).read_bytes(), *parse_verifier_key(vkey))
    except RefusalError:
        return False
    return True


def test_rotating_as_written_leaves_nobody_out_until_the_end(work: Workspace, shell: Callable[[str], str]) -> None:
    rotate, retire, _ = blocks(ROTATE)
    old = shell("registry-gen log key").strip()
    new, former = shell(rotate).splitlines()[-2:]
    assert former == f"{old}  former"
    assert (verifies(work, old), verifies(work, new)) == (True, True)
    assert shell(retire) == f"{new}\n"
    assert shell("registry-gen log key") == f"{new}\n"


def test_a_key_that_registry_yaml_names_is_rotated_as_written(work: Workspace, shell: Callable[[str], str]) -> None:
    (_, _, make), (both,) = blocks(ROTATE), blocks(ROTATE, "yaml")
    text = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", f"{text}signing: {{log: env:LOG_KEY}}\n")
    old = shell("registry-gen log key").strip()
    shell(make)
    work.write("registry.yaml", text + both)
    shell("registry-gen publish")
    new, _ = shell("registry-gen log key").splitlines()
    assert (verifies(work, old), verifies(work, new)) == (True, True)
    work.write("registry.yaml", f"{text}{both.partition('  former')[0]}")
    assert shell("registry-gen publish && registry-gen log key").endswith(f"\n{new}\n")


def test_a_lost_key_is_replaced_as_written(work: Workspace, shell: Callable[[str], str]) -> None:
    make, accept = blocks(LOST)
    (work.root / "state/keys/log.key").unlink()
    new = shell(make).strip()
    shell(f"! registry-gen publish\n{accept.replace('VKEY', new)}")
    assert verifies(work, new)


def test_a_leaked_key_is_out_of_use_at_once_as_written(work: Workspace, shell: Callable[[str], str]) -> None:
    (steps,) = blocks(LEAKED)
    old = shell("registry-gen log key").strip()
    new = shell(steps).splitlines()[-1]
    assert new != old
    assert verifies(work, new)
    assert shell("registry-gen log key") == f"{new}\n"
    assert not (work.root / "state/keys/log.former.key").exists()
