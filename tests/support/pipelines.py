"""The scripts in ``workflows/``, as each forge would hand them to a shell, and a folder of commands to run them with.

script = scripts("github")["publish.yml", "Publish what was merged"]
ran = run(script, folder, Commands(tmp_path / "bin").stub("registry-gen").path, {"BEFORE": "..."})
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.support.command_line import Ran

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[2]
WORKFLOWS: Final = ROOT / "workflows"
FORGES: Final = ("github", "gitlab", "azure", "bitbucket")

_FILES: Final = {
    "gitlab": "gitlab/.gitlab-ci.yml",
    "azure": "azure/azure-pipelines.yml",
    "bitbucket": "bitbucket/bitbucket-pipelines.yml",
}


@dataclass(frozen=True, slots=True)
class Script:
    """``file`` and ``step`` say where it stands, ``shell`` who reads it: bash or python."""

    file: str
    step: str
    shell: str
    text: str


def scripts(forge: str) -> Mapping[tuple[str, str], Script]:
    """Every script of a forge's pipelines by file and step; those of one step of GitLab and Bitbucket are one."""
    found = {"github": _github, "gitlab": _gitlab, "azure": _azure, "bitbucket": _bitbucket}[forge]()
    return {(each.file, each.step): each for each in found}


def every_script() -> list[Script]:
    """Those of all forges."""
    return [each for forge in FORGES for each in scripts(forge).values()]


def read_yaml(path: Path) -> Any:
    """A file of ``workflows/``; the key ``on`` of GitHub's, which YAML 1.1 takes for true, is itself."""
    value = yaml.safe_load(path.read_text())
    if True in value:
        value["on"] = value.pop(True)
    return value


def embedded(script: Script) -> Iterator[str]:
    """The Python in a script: all of it, or what stands between ``python - <<'END'`` and ``END``."""
    if script.shell == "python":
        yield script.text
        return
    for part in script.text.split("python - <<'END'")[1:]:
        yield part.partition("\n")[2].partition("\nEND\n")[0]


def _github() -> Iterator[Script]:
    for path in sorted((WORKFLOWS / "github").iterdir()):
        for job in read_yaml(path)["jobs"].values():
            for step in job["steps"]:
                if "run" in step:
                    yield Script(path.name, step["name"], step.get("shell", "bash"), step["run"])


def _gitlab() -> Iterator[Script]:
    path = WORKFLOWS / _FILES["gitlab"]
    jobs = read_yaml(path)
    default = jobs["default"]["before_script"]
    for name, job in jobs.items():
        if isinstance(job, dict) and "script" in job:
            before = job.get("before_script", jobs.get(job.get("extends"), {}).get("before_script", default))
            yield Script(path.name, name, "bash", "\n".join([*before, *job["script"]]))


def _azure() -> Iterator[Script]:
    path = WORKFLOWS / _FILES["azure"]
    for stage in read_yaml(path)["stages"]:
        for step in stage["jobs"][0]["steps"]:
            text = step.get("bash") or step.get("inputs", {}).get("inlineScript")
            if text:
                yield Script(path.name, f"{stage['stage']}: {step['displayName']}", "bash", text)


def _bitbucket() -> Iterator[Script]:
    path = WORKFLOWS / _FILES["bitbucket"]
    kinds = read_yaml(path)["pipelines"]
    pipelines = [*kinds["pull-requests"].values(), *kinds["branches"].values(), *kinds["custom"].values()]
    for step in (each["step"] for pipeline in pipelines for each in pipeline):
        yield Script(path.name, step["name"], "bash", "\n".join(step["script"]))
        if "after-script" in step:
            yield Script(path.name, f"{step['name']}, after", "bash", "\n".join(step["after-script"]))


class Commands:
    """A folder of commands for PATH: Python, and stand-ins for what would ask the world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._write("python", f'exec {shlex.quote(sys.executable)} -IS "$@"')  # nothing but the standard library
        self._write("pip", ":")
        self._write("curl", ":")

    @property
    def path(self) -> str:
        """This folder before those of the machine."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    @property
    def asked(self) -> list[list[str]]:
        """The arguments of each call of the stub, in order."""
        log = self.folder / "asked"
        return [shlex.split(line) for line in log.read_text().splitlines()] if log.exists() else []

    def stub(self, does: str = "") -> Commands:
        """Let ``registry-gen`` write down its arguments, then do this in bash."""
        self._write(
            "registry-gen", f'printf "%q " "$@" >> "{self.folder}/asked"; echo >> "{self.folder}/asked"\n{does}'
        )
        return self

    def real(self) -> Commands:
        """Let ``registry-gen`` be the one of this checkout."""
        python = shlex.quote(sys.executable)
        self._write("registry-gen", f'PYTHONPATH={shlex.quote(str(ROOT))} exec {python} -m registry_gen "$@"')
        return self

    def fails(self, name: str, unless: str = "false") -> Commands:
        """Let a command fail, unless this is so in bash."""
        self._write(name, unless)
        return self

    def _write(self, name: str, does: str) -> None:
        file = self.folder / name
        file.write_text(f"#!/usr/bin/env bash\n{does}\n")
        file.chmod(0o755)


def run(script: Script, folder: Path, commands: Commands, env: Mapping[str, str]) -> Ran:
    """Run a script in a folder as a forge would: nothing of this process's environment but what is named."""
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"] if script.shell == "bash" else ["python", "-c"]
    known = {"PATH": commands.path, "HOME": str(folder), "LC_ALL": "C.UTF-8", "no_proxy": "127.0.0.1", **env}
    done = subprocess.run(
        [*shell, script.text],
        cwd=folder,
        env={**known, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull},
        executable=str(commands.folder / "python") if script.shell == "python" else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
