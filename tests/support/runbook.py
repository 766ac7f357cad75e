"""The commands of a page, run as they are written: in a registry's folder, with ``registry-gen`` on the path.

page = read_page(ROOT / "docs/operations.md")
shell = Shell(work, tmp_path)
shell.run(page["A crash"][0])
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.workspace import Workspace

ROOT = Path(__file__).parents[2]


def blocks(text: str, language: str = "bash") -> list[str]:
    """The blocks of code of a text, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def read_page(path: Path) -> Mapping[str, Sequence[str]]:
    """The bash blocks of a page, by the title of their section."""
    _, *parts = re.split(r"^## (.*)$", path.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], map(blocks, parts[1::2]), strict=True))


class Shell:
    """Runs scripts in the folder of a registry."""

    def __init__(self, work: Workspace, tmp_path: Path, **variables: str) -> None:
        self._work = work
        self._path = tmp_path / "bin"
        self._path.mkdir()
        self.variables = variables
        command = self._path / "registry-gen"
        command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m registry_gen "$@"\n')
        command.chmod(0o755)

    def run(self, script: str, status: int = 0) -> str:
        """What the script printed; raises AssertionError where it ends with another status."""
        path = f"{self._path}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self._work.root,
            env={**os.environ, "PATH": path, "NO_COLOR": "1", **self.variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == status, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr
