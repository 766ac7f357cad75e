"""The pipelines in ``workflows/``: what their forges and several checkers say of them, and what keeps them safe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import pytest
import yaml

from registry_gen.cli.main import COMMANDS
from tests.support.pipelines import FORGES, ROOT, WORKFLOWS, embedded, every_script, read_yaml, scripts

if TYPE_CHECKING:
    from tests.support.pipelines import Script

GITHUB: Final = sorted((WORKFLOWS / "github").glob("*.yml"))
ACTION: Final = WORKFLOWS / "action.yml"
SCHEMAS: Final = {
    **dict.fromkeys(GITHUB, "github-workflows"),
    ACTION: "github-actions",
    WORKFLOWS / "gitlab/.gitlab-ci.yml": "gitlab-ci",
    WORKFLOWS / "azure/azure-pipelines.yml": "azure-pipelines",
    WORKFLOWS / "bitbucket/bitbucket-pipelines.yml": "bitbucket-pipelines",
}
WRITES: Final = {
    "comment.yml": {"pull-requests"},
    "publish.yml": {"id-token"},
    "update.yml": {"contents", "pull-requests"},
    "validate.yml": set(),
}
PUBLISHES: Final = re.compile(r"^\s*(?:exec )?registry-gen publish", re.MULTILINE)


def tool(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A checker of this environment."""
    bin_folder = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [str(bin_folder / command[0]), *command[1:]], input=stdin, env=env, capture_output=True, text=True, check=False
    )


def test_actionlint_finds_nothing_in_the_workflows_and_their_shell() -> None:
    done = tool("actionlint", "-no-color", *map(str, GITHUB))

    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor_finds_nothing_unsafe_in_the_workflows_and_the_action() -> None:
    done = tool("zizmor", "--offline", "--no-progress", "--format=json", *map(str, [*GITHUB, ACTION]))

    assert [finding["ident"] for finding in json.loads(done.stdout)] == []
    assert done.returncode == 0


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: str(path.relative_to(WORKFLOWS)))
def test_each_file_has_the_shape_that_its_forge_publishes(path: Path) -> None:
    vendor = resources.files("check_jsonschema") / "builtin_schemas/vendor" / f"{SCHEMAS[path]}.json"
    schema = json.loads(vendor.read_text())
    problems = jsonschema.validators.validator_for(schema)(schema).iter_errors(_as_its_schema_sees(path))

    assert [f"{'/'.join(map(str, each.path))}: {each.message[:200]}" for each in problems] == []


@pytest.mark.parametrize("script", every_script(), ids=lambda script: f"{script.file}: {script.step}")
def test_each_script_is_shell_without_traps_and_its_python_is_python(script: Script) -> None:
    for number, text in enumerate(embedded(script)):
        compile(text, f"{script.file} {script.step} {number}", "exec")


def test_shellcheck_finds_nothing_in_any_script(tmp_path: Path) -> None:
    files = []
    for number, script in enumerate(each for each in every_script() if each.shell == "bash"):
        files.append(tmp_path / f"{number} {script.file} {script.step}.sh".replace("/", "_"))
        files[-1].write_text(f"#!/usr/bin/env bash\nset -e\n{script.text}\n")
    for number, step in enumerate(read_yaml(ACTION)["runs"]["steps"][1:]):
        files.append(tmp_path / f"action {number}.sh")
        files[-1].write_text(f"#!/usr/bin/env bash\n{step['run']}\n")
    done = tool("shellcheck", "--color=never", "--external-sources", *map(str, files))

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", [*GITHUB, ACTION], ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())

    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)
    assert used or path.name == "comment.yml"


def test_an_action_has_one_pin_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in [*GITHUB, ACTION]:
        for name, pin in re.findall(r"uses: ([^@]+)@(.*)", path.read_text()):
            pins.setdefault(name, set()).add(pin)

    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_a_workflow_may_write_only_what_it_is_for(path: Path) -> None:
    workflow = read_yaml(path)
    writes = {
        name for job in workflow["jobs"].values() for name, right in job["permissions"].items() if right == "write"
    }

    assert workflow["permissions"] == {}
    assert writes == WRITES[path.name]
    secrets = set(re.findall(r"secrets\.(\w+)", path.read_text()))
    assert secrets == ({"LOG_KEY", "OPENPGP_KEY", "LEDGER_URL"} if path.name == "publish.yml" else set())


def test_where_a_forks_code_runs_there_is_no_right_and_where_there_is_a_right_no_code_of_a_fork_runs() -> None:
    assert set(read_yaml(WORKFLOWS / "github/validate.yml")["on"]) == {"pull_request"}
    comment = read_yaml(WORKFLOWS / "github/comment.yml")
    assert set(comment["on"]) == {"workflow_run"}
    (step,) = comment["jobs"]["comment"]["steps"]
    assert "uses" not in step
    assert "${{" not in step["run"]
    assert not any("pull_request_target" in path.read_text() for path in GITHUB)


def test_an_expression_never_becomes_part_of_a_script() -> None:
    assert [each.step for each in scripts("github").values() if "${{" in each.text] == []
    assert [step["name"] for step in read_yaml(ACTION)["runs"]["steps"][1:] if "${{" in step["run"]] == []


def test_whoever_publishes_does_it_alone_and_nobody_is_left_out() -> None:
    github = read_yaml(WORKFLOWS / "github/publish.yml")
    gitlab = read_yaml(WORKFLOWS / "gitlab/.gitlab-ci.yml")
    azure = read_yaml(WORKFLOWS / "azure/azure-pipelines.yml")
    bitbucket = read_yaml(WORKFLOWS / "bitbucket/bitbucket-pipelines.yml")["pipelines"]
    steps = [*bitbucket["branches"]["main"], *(step for each in bitbucket["custom"].values() for step in each)]
    others = [each for each in every_script() if each.file in ("validate.yml", "comment.yml", "update.yml")]

    assert github["concurrency"] == {"group": "publish", "cancel-in-progress": False, "queue": "max"}
    assert gitlab[".publisher"]["resource_group"] == "registry"
    assert {gitlab[name]["extends"] for name in ("publish", "sync", "drift")} == {".publisher"}
    assert azure["lockBehavior"] == "sequential"
    assert {each["step"].get("concurrency-group") for each in steps if each["step"]["name"] != "update"} == {"registry"}
    assert not any(PUBLISHES.search(each.text) for each in others)


def test_no_module_of_python_lies_there_that_an_editable_install_would_stumble_over() -> None:
    assert list(WORKFLOWS.rglob("*.py")) == []


@pytest.mark.parametrize("forge", FORGES)
def test_each_forge_has_all_that_a_registry_needs(forge: str) -> None:
    texts = "\n".join(each.text for each in scripts(forge).values())
    asked = {
        "fmt --check",
        "validate",
        "plan --changed-since",
        "plan --detailed-exitcode",
        "publish --changed-since",
        "fsck",
        "update",
    }

    assert [each for each in asked if f"registry-gen {each}" not in texts] == []
    assert re.search(r"registry-gen publish$", texts, re.MULTILINE)
    assert set(re.findall(r"registry-gen ([a-z]+)", texts)) - {"plan"} <= COMMANDS.keys()


def test_the_pages_that_name_the_registry_name_the_one_that_init_replaces() -> None:
    named = [(WORKFLOWS / file).read_text() for file in ("github/validate.yml", *map(str, list(SCHEMAS)[-3:]))]

    assert all("https://registry.example.com/" in text for text in named)


def test_the_hooks_for_pre_commit_run_commands_that_there_are_and_the_sample_names_them() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    sample = yaml.safe_load((WORKFLOWS / "pre-commit/.pre-commit-config.yaml").read_text())

    assert [hook["id"] for hook in sample["repos"][0]["hooks"]] == [hook["id"] for hook in hooks]
    assert all(hook["entry"].split()[1] in COMMANDS and hook["pass_filenames"] is False for hook in hooks)
    validate = re.compile(hooks[1]["files"])
    good = ["catalog/modules/a/b/c.yaml", "registry.yaml", "CODEOWNERS", ".github/CODEOWNERS"]
    assert [path for path in good if not validate.search(path)] == []
    assert [path for path in ("README.md", "docs/catalog.md", "my/registry.yaml") if validate.search(path)] == []


def _as_its_schema_sees(path: Path) -> Any:
    """To Azure every scalar is text, but for the inputs of a task."""
    return _scalars_as_text(read_yaml(path)) if path.parent.name == "azure" else read_yaml(path)


def _scalars_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: each if key == "inputs" else _scalars_as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_scalars_as_text(each) for each in value]
    return value if isinstance(value, str) else json.dumps(value)
