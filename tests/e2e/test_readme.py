"""The README's commands, run as a newcomer would: every bash block, in order, in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_commands_of_the_readme_work_in_order(tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    binaries = tmp_path / ".venv/bin"
    binaries.mkdir(parents=True)
    command = binaries / "registry-gen"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m registry_gen "$@"\n')
    command.chmod(0o755)
    identity = {f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(blocks) + "\nregistry-gen publish\n"],
        cwd=tmp_path,
        env={**os.environ, **identity, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Published 1 version in 1 package" in done.stdout
    assert done.stdout.strip().endswith("No changes. 1 package unchanged.")
    assert (tmp_path / "try/my-registry/public/v1/modules/acme/network/aws/1.0.0/module.tar.gz").is_file()


def test_every_command_that_the_readme_lists_exists_and_no_other() -> None:
    from registry_gen.cli.main import COMMANDS

    table = re.findall(r"^\| `([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(set(table)) == sorted(COMMANDS)
