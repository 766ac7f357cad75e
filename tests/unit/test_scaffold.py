"""A new catalog repository: its examples are good where they are copied to, and its pipelines are what they are for."""

from __future__ import annotations

import json

import pytest
import yaml

from registry_gen.catalog.format import format_file
from registry_gen.catalog.identity import identify
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.scaffold import CIS, EXAMPLES, Ci, scaffold
from registry_gen.cli.packaged import packaged
from tests.support.catalogs import config, load

FILES = scaffold("registry.example.com", "1.2.3", "github")
KEYS = {"keys/acme/release.asc": "release", "keys/hashicorp/release.asc": "hashicorp"}


def target(text: bytes) -> str:
    return text.decode().splitlines()[1].removeprefix("# Copy to catalog/").rstrip(".")


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_is_good_where_it_says_that_it_belongs_and_formatted(path: str) -> None:
    data = FILES[path]
    loaded = load({target(data): data, **KEYS}, config(FILES["registry.yaml"].decode()))

    assert [str(problem) for problem in loaded.problems] == []
    assert format_file(data, path, ORDERS[identify(target(data)).kind]) == data


@pytest.mark.parametrize("path", EXAMPLES)
def test_what_an_example_leaves_out_is_good_too(path: str) -> None:
    lines = FILES[path].decode().splitlines()
    keys = [
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and ": " in line else line for line in lines[3:]
    ]
    left_out = [line.split(":")[0].strip() for line in keys]
    text = "\n".join(line for line in keys if not line.startswith("signature:"))

    assert len(left_out) == len(set(left_out)), "each key is there once"
    loaded = load({target(FILES[path]): text + "\n", **KEYS})
    assert {problem.code.id for problem in loaded.problems} <= {"CAT029"}, list(map(str, loaded.problems))


def test_there_is_an_example_of_every_kind_of_file() -> None:
    assert {identify(target(FILES[path])).kind for path in EXAMPLES} == ORDERS.keys()


def test_the_readme_names_the_host_once_and_leaves_other_registries_open() -> None:
    readme = FILES["README.md"].decode()
    assert readme.startswith("# The catalog of registry.example.com\n")
    assert "`catalog/mirrors/HOST/NAMESPACE/TYPE.yaml`" in readme


@pytest.mark.parametrize(("host", "folders"), [("127.0.0.1:8443", True), ("registry.example.com", False)])
def test_sources_may_be_folders_where_nobody_but_this_machine_is_served(host: str, folders: bool) -> None:
    made = config(scaffold(host, "1.2.3", None)["registry.yaml"].decode())
    assert ("file" in made.network.schemes) is folders


def test_an_editor_finds_the_schema_of_every_example_where_it_is_copied_to() -> None:
    for path in EXAMPLES:
        up, _, schema = FILES[path].decode().splitlines()[0].partition("$schema=")[2].rpartition("../")
        assert up.count("../") + 1 == f"catalog/{target(FILES[path])}".count("/")
        assert schema in FILES


def test_settings_are_what_their_readers_parse() -> None:
    assert json.loads(FILES["renovate.json"])["extends"]
    assert {each["package-ecosystem"] for each in yaml.safe_load(FILES[".github/dependabot.yml"])["updates"]} == {
        "pip",
        "github-actions",
    }
    hooks = yaml.safe_load(FILES[".pre-commit-config.yaml"])["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == ["registry-gen fmt --check", "registry-gen validate"]
    assert FILES["requirements.txt"] == b"registry-gen==1.2.3\n"


@pytest.mark.parametrize(
    ("ci", "path"),
    [(None, "CODEOWNERS"), ("github", ".github/CODEOWNERS"), ("gitlab", ".gitlab/CODEOWNERS"), ("azure", None)],
)
def test_owners_are_where_the_forge_looks_for_them(ci: Ci | None, path: str | None) -> None:
    found = [each for each in scaffold("registry.example.com", "1.2.3", ci) if each.endswith("CODEOWNERS")]
    assert found == ([path] if path else [])


@pytest.mark.parametrize("ci", CIS)
def test_each_ci_checks_what_is_proposed_and_publishes_what_was_merged(ci: Ci) -> None:
    files = dict(packaged(f"workflows/{ci}"))
    text = b"\n".join(files.values()).decode()

    assert all(yaml.safe_load(data) for data in files.values())
    for command in ("fmt --check", "validate", "publish"):
        assert f"registry-gen {command}" in text
