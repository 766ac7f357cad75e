"""``validate --format``: what was asked for, else what the CI system reads that this runs in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import run_here
from tests.support.sarif_shapes import Log
from tests.support.workspace import Workspace
from tests.support.xml_reading import parsed

if TYPE_CHECKING:
    from pathlib import Path

GIT = "https://git.example.com/network.git"
FILE = "catalog/modules/acme/network/aws.yaml"
LINE = f"{FILE}:3:1: CAT006 unknown key 'hostign'\n  hint: Did you mean hosting?\n"
GITHUB = f"::error file={FILE},line=3,col=1,title=CAT006 unknown key::unknown key 'hostign'%0ADid you mean hosting?\n"
AZURE = (
    f"##vso[task.logissue type=error;sourcepath={FILE};linenumber=3;columnnumber=1;code=CAT006;]"
    "unknown key 'hostign'. Did you mean hosting?\n"
)


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "work", "postgresql://nobody@127.0.0.1:1/nothing")
    made.module("acme/network/aws", GIT, "hostign: link\n")
    return made


@pytest.mark.parametrize(
    ("variables", "out"),
    [
        ({"GITHUB_ACTIONS": "true"}, f"{GITHUB}1 problem.\n"),
        ({"TF_BUILD": "True"}, f"{AZURE}1 problem.\n"),
        ({}, "1 problem.\n"),
    ],
)
def test_a_pipeline_that_reads_its_log_is_told_there_and_a_person_reads_the_same_lines_as_ever(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], out: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ran = run_here(work, "validate")
    assert (ran.code, ran.out, ran.err) == (1, out, LINE)


def test_gitlab_and_bitbucket_find_a_report_where_they_look_for_it(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    ran = run_here(work, "validate")
    assert (ran.code, ran.out, ran.err) == (1, "1 problem.\n", LINE)
    (found,) = json.loads((work.root / "gl-code-quality-report.json").read_text())
    assert found["location"] == {"path": FILE, "lines": {"begin": 3}}
    monkeypatch.delenv("GITLAB_CI")
    monkeypatch.setenv("BITBUCKET_BUILD_NUMBER", "7")
    assert run_here(work, "validate").out == "1 problem.\n"
    assert parsed((work.root / "test-results/registry-gen.xml").read_text()).get("failures") == "1"


@pytest.mark.parametrize("link", ["gl-code-quality-report.json", "test-results"])
def test_a_report_that_nobody_named_goes_through_no_link(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, link: str
) -> None:
    """Whoever proposes a change can commit one to any file of the runner."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    victim = elsewhere / "registry-gen.xml"
    victim.write_text("mine")
    (work.root / link).symlink_to(elsewhere if link == "test-results" else victim)
    monkeypatch.setenv(*(("BITBUCKET_BUILD_NUMBER", "7") if link == "test-results" else ("GITLAB_CI", "true")))
    ran = run_here(work, "validate")
    assert (ran.code != 0, "CLI910" in ran.err, victim.read_text()) == (True, True, "mine")
    assert "CAT006" in ran.err, "what was found is told all the same"
    asked = run_here(
        work, "validate", "--format", "gitlab", "--output", link + ("/x" if link == "test-results" else "")
    )
    assert "CLI910" not in asked.err, "whoever names a file knows where it leads"


def test_paths_begin_where_the_forge_checked_out(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(work.root.parent))
    assert f"::error file=work/{FILE},line=3," in run_here(work, "validate").out


@pytest.mark.parametrize("form", ["json", "gitlab", "sarif", "junit"])
def test_a_document_stands_alone_on_stdout_or_in_the_file_that_was_named(work: Workspace, form: str) -> None:
    ran = run_here(work, "validate", "--format", form)
    assert (ran.code, ran.err) == (1, LINE if form == "json" else f"{LINE}1 problem.\n")
    if form == "junit":
        assert parsed(ran.out).get("failures") == "1"
    else:
        assert "CAT006" in json.dumps(json.loads(ran.out))
    apart = run_here(work, "validate", "--format", form, "--output", "made/report")
    assert (apart.code, apart.out) == (1, "1 problem.\n")
    assert (work.root / "made/report").read_text() == ran.out


def test_json_is_the_same_by_either_option_and_no_forge_changes_it(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    asked = run_here(work, "--json", "validate")
    assert asked.json["problems"][0]["code"] == "CAT006"
    assert run_here(work, "validate", "--format", "json").out == asked.out
    assert run_here(work, "--json", "validate", "--format", "json").out == asked.out
    refused = run_here(work, "--json", "validate", "--format", "sarif")
    assert (refused.code, refused.out) == (64, "")
    assert "--json and --format sarif exclude each other" in refused.err


def test_text_can_be_asked_for_in_any_pipeline(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ran = run_here(work, "validate", "--format", "text", "--output", "made/report.txt")
    assert (ran.out, ran.err) == ("1 problem.\n", LINE)
    assert (work.root / "made/report.txt").read_text() == LINE


def test_a_good_catalog_is_a_good_report_in_each_format(work: Workspace) -> None:
    work.module("acme/network/aws", GIT)
    for form in ("github", "azure"):
        assert run_here(work, "validate", "--format", form).out == "The catalog is good: 1 package.\n"
    assert run_here(work, "validate", "--format", "gitlab").json == []
    sarif = run_here(work, "validate", "--format", "sarif")
    assert (sarif.code, sarif.err) == (0, "The catalog is good: 1 package.\n")
    assert Log.model_validate_json(sarif.out).runs[0].results == []


def test_a_registry_yaml_that_is_missing_is_reported_too(work: Workspace) -> None:
    (work.root / "registry.yaml").unlink()
    ran = run_here(work, "validate", "--format", "github")
    assert ran.code == 1
    assert ran.out.startswith("::error file=registry.yaml,line=1,col=1,title=CFG001 ")
    assert ran.err.startswith("error CFG001 there is no registry.yaml\n")
    assert run_here(work, "validate", "--format", "json").json == run_here(work, "--json", "validate").json


def test_a_report_that_cannot_be_written_is_an_error_after_the_problems_were_told(work: Workspace) -> None:
    work.write("made/report/in-the-way", "")
    ran = run_here(work, "validate", "--format", "sarif", "--output", "made/report")
    assert ran.code == 1
    assert ran.err.startswith(f"{LINE}error CLI910 the report cannot be written\n  where     made/report\n")


def test_no_name_of_a_file_steers_the_pipeline(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.write("catalog/##vso[task.setvariable variable=a]b\n::set-env name=x::y.yaml", "")
    for form in ("text", "json", "github", "gitlab", "azure", "sarif", "junit"):
        ran = run_here(work, "validate", "--format", form)
        lines = (ran.out + ran.err).splitlines()
        assert any("setvariable" in line for line in lines)
        assert [line for line in lines if "##vso[" in line and not line.startswith("##vso[task.logissue type=")] == []
        assert [line for line in lines if line.lstrip().startswith("::") and not line.startswith("::error file=")] == []
