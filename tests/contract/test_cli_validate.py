"""``validate``: all problems of a folder at once, as an editor reads them, without touching anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command_line import Ran, run_apart, run_here
from tests.support.workspace import Workspace

FIXTURES = Path(__file__).parents[1] / "fixtures" / "openpgp"
GIT = "https://git.example.com/network.git"


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work", "postgresql://nobody@127.0.0.1:1/nothing")


def test_a_good_catalog_is_one_sentence_and_needs_neither_ledger_nor_sources(work: Workspace) -> None:
    work.module("acme/network/aws", GIT)
    assert run_apart(work, "validate") == Ran(0, "The catalog is good: 1 package.\n", "")
    assert sorted(path.name for path in work.root.iterdir()) == ["catalog", "registry.yaml"], "nothing was made"
    work.module("acme/vpc/aws", GIT)
    assert run_here(work, "validate").out == "The catalog is good: 2 packages.\n"


def test_every_problem_is_a_line_with_its_place_and_a_hint(work: Workspace) -> None:
    work.module("acme/network/aws", GIT, "hostign: link\n")
    work.module("acme/vpc/aws", "ext::sh -c true", 'versions: "~> one"\n')
    work.write("catalog/providers/acme/widget.yaml", "source:\n\t- broken\n")
    work.write("catalog/modules/ACME/x/aws.yaml", "")
    ran = run_apart(work, "validate")
    assert (ran.code, ran.out) == (1, "5 problems.\n")
    lines = ran.err.splitlines()
    problems = [line for line in lines if not line.startswith("  hint: ")]
    places = [re.fullmatch(r"(catalog/\S+\.yaml:\d+:\d+): ([A-Z]{3}\d{3}) \S.*", line) for line in problems]
    assert all(places), problems
    assert [place[1] for place in places if place] == [
        "catalog/modules/ACME/x/aws.yaml:1:1",
        "catalog/modules/acme/network/aws.yaml:3:1",
        "catalog/modules/acme/vpc/aws.yaml:2:8",
        "catalog/modules/acme/vpc/aws.yaml:3:11",
        "catalog/providers/acme/widget.yaml:2:1",
    ]
    assert "CAT006 unknown key 'hostign'\n  hint: Did you mean hosting?\n" in ran.err
    assert len(lines) == 2 * len(problems), "each has a hint"


def test_json_holds_the_same_problems_for_machines(work: Workspace) -> None:
    work.module("acme/network/aws", GIT, "hostign: link\n")
    ran = run_here(work, "--json", "validate")
    assert ran.code == 1
    (problem,) = ran.json["problems"]
    assert problem["code"] == "CAT006"
    assert problem["position"] == {"path": "catalog/modules/acme/network/aws.yaml", "line": 3, "column": 1}
    assert problem["hint"] == "Did you mean hosting?"


def test_problems_of_registry_yaml_are_listed_alike(work: Workspace) -> None:
    text = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", text.replace("storage:", "storrage:"))
    ran = run_here(work, "validate")
    assert (ran.code, ran.out) == (1, "2 problems.\n")
    assert ran.err.startswith("registry.yaml:1:1: CAT007 ")
    codes = [problem["code"] for problem in run_here(work, "--json", "validate").json["problems"]]
    assert codes == ["CAT007", "CAT006"]


@pytest.mark.parametrize("command", ["plan", "publish"])
def test_no_other_command_begins_with_a_catalog_that_has_problems(work: Workspace, command: str) -> None:
    work.module("acme/network/aws", GIT)
    work.module("acme/vpc/aws", GIT, "hostign: link\n")
    ran = run_here(work, command)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "catalog/modules/acme/vpc/aws.yaml:3:1: CAT006 unknown key 'hostign'\n"
        "  hint: Did you mean hosting?\n"
        "1 problem, so nothing was done.\n"
    )
    assert run_here(work, "--json", command).json["problems"][0]["code"] == "CAT006"


def test_a_password_in_registry_yaml_is_refused_and_not_repeated(work: Workspace) -> None:
    text = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", text.replace("nobody@", "nobody:hunter2@"))
    ran = run_here(work, "validate")
    assert ran.code == 1
    assert "CFG005" in ran.err
    assert "hunter2" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("key", "told"), [("revoked", "SIG005"), ("rsa1024", "SIG004"), ("expired", None), ("good", None)]
)
def test_a_key_that_no_release_could_be_checked_with_is_a_problem_of_its_file(
    work: Workspace, key: str, told: str | None
) -> None:
    work.write("catalog/keys/acme/one.asc", (FIXTURES / f"{key}.asc").read_text())
    work.write("catalog/namespaces/acme.yaml", "signing_keys: [acme/one.asc]\n")

    problems = [line.split()[:2] for line in run_here(work, "validate").err.splitlines() if not line.startswith(" ")]

    place = [["catalog/keys/acme/one.asc:1:1:", told], ["catalog/namespaces/acme.yaml:1:16:", "CAT025"]]
    assert problems == (place if told else [])


def test_an_organization_cannot_take_a_namespace_that_another_one_owns(work: Workspace) -> None:
    work.write("catalog/organizations/acme.yaml", "namespaces: [acme, labs]\n")
    work.write("catalog/organizations/other.yaml", "namespaces: [other, labs]\n")

    ran = run_here(work, "validate")

    assert "catalog/organizations/other.yaml:1:21: CAT027" in ran.err
    assert ran.code == 1
