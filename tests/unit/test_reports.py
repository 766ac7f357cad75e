"""Problems as forges read them: nothing that a catalog holds becomes a command, a link, a property or another line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from registry_gen.cli import pipeline_log, report_files
from registry_gen.cli.pipeline_log import harmless
from registry_gen.cli.placed import Placed, placed
from registry_gen.errors import Code, InputError, Position
from tests.support.sarif_shapes import Log
from tests.support.xml_reading import parsed

CODE = Code("ABC001", "the thing, or: part of it, is wrong", "Because.", "Mend it.")
HOSTILE = "50%0A\r\n::error::x,y=z;]##vso[task.setvariable variable=a]##[add-matcher]b\x1b[2J [here](https://x.example)"
HERE = Path("/work/registry")


def _problem(path: str = "catalog/a.yaml", line: int = 3, detail: str = HOSTILE, hint: str = HOSTILE) -> InputError:
    return InputError(CODE, detail, hint=hint, position=Position(path, line, 7))


def _placed(*problems: InputError, root: Path = HERE) -> list[Placed]:
    return placed(problems, Path("registry.yaml"), HERE, root)


def _azure_text(text: str) -> str:
    return text.replace("%3B", ";").replace("%5D", "]").replace("%0A", "\n").replace("%0D", "\r").replace("%AZP25", "%")


def _github_text(text: str) -> str:
    """As the runner does it (ActionCommand.cs)."""
    for written, mark in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(written, mark)
    return text


def test_a_workflow_command_says_what_and_where_and_nothing_else_whatever_the_catalog_holds() -> None:
    (line,) = pipeline_log.github(_placed(_problem(path=f"catalog/{HOSTILE}"))).splitlines()
    head, properties, data = line[:8], *line[8:].split("::", 1)
    known = dict(each.split("=", 1) for each in properties.split(","))
    assert head == "::error "
    assert list(known) == ["file", "line", "col", "title"]
    assert (known["line"], known["col"]) == ("3", "7")
    assert _github_text(known["title"]) == f"ABC001 {CODE.title}"
    assert _github_text(known["file"]).startswith(r"catalog/50%0A\r\n::error:")
    message, hint = _github_text(data).split("\n")
    assert message == hint
    assert message.startswith(r"50%0A\r\n::error::x,y=z;]#\x23vso[task")
    assert "\x1b" not in line


def test_a_logging_command_says_what_and_where_and_nothing_else_whatever_the_catalog_holds() -> None:
    (line,) = pipeline_log.azure(_placed(_problem(path=f"catalog/{HOSTILE}"))).splitlines()
    found = re.fullmatch(r"##vso\[task\.logissue ([^\]]*)\](.*)", line)
    assert found
    known = dict(each.split("=", 1) for each in found[1].rstrip(";").split(";"))
    assert list(known) == ["type", "sourcepath", "linenumber", "columnnumber", "code"]
    assert (known["type"], known["linenumber"], known["code"]) == ("error", "3", "ABC001")
    assert _azure_text(known["sourcepath"]).endswith("[here](https:/x.example)"), "a path has no empty folder"
    assert r"50%AZP250A\r\n::error" in found[2]
    assert line.lower().count("##vso[") == 1
    assert "##[" not in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a ##vso[task.x]b ##VSO[c]", r"a #\x23vso[task.x]b #\x23VSO[c]"),
        ("x ##[add-matcher]y", r"x #\x23[add-matcher]y"),
        ("a\n  ::error::b", "a\n  \\x3a:error::b"),
        ("::1", r"\x3a:1"),
        ("\x1b[1m::warning::x", "\x1b[1m\\x3a:warning::x"),
        ("## A heading\nat [::1]:443 and a::b", "## A heading\nat [::1]:443 and a::b"),
    ],
)
def test_no_line_of_a_log_is_a_command_to_the_pipeline(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize("write", [report_files.gitlab, report_files.junit, report_files.sarif])
def test_a_document_may_stand_in_a_log_too(write: object) -> None:
    assert callable(write)
    text = write(_placed(_problem()))
    assert harmless(text) == text
    assert text.isascii() or "\x1b" not in text


def test_gitlabs_report_has_what_its_documentation_asks_for() -> None:
    (found,) = json.loads(report_files.gitlab(_placed(_problem(detail="it is wrong", hint="Look."))))
    assert re.fullmatch(r"[0-9a-f]{64}", found.pop("fingerprint"))
    assert found == {
        "description": "ABC001 it is wrong. Look.",
        "check_name": "ABC001",
        "severity": "blocker",
        "location": {"path": "catalog/a.yaml", "lines": {"begin": 3}},
    }
    assert json.loads(report_files.gitlab([])) == []


def test_a_fingerprint_stays_when_lines_move_and_tells_two_alike_apart() -> None:
    first, second = _placed(_problem(line=3), _problem(line=9))
    (moved,) = _placed(_problem(line=4))
    (other,) = _placed(_problem(line=3, detail="another"))
    assert moved.fingerprint == first.fingerprint
    assert len({first.fingerprint, second.fingerprint, other.fingerprint}) == 3


def test_sarif_is_of_the_schema_with_a_rule_for_each_code_and_no_link_of_strangers() -> None:
    other = Code("AAA001", "else", "Why.", "Fix.")
    problems = _placed(_problem(), _problem(path="a b/ü.yaml"), InputError(other, position=Position("x.yaml", 1, 1)))
    log = Log.model_validate_json(report_files.sarif(problems))
    (run,) = log.runs
    assert [rule.id for rule in run.tool.driver.rules] == ["AAA001", "ABC001"]
    assert run.tool.driver.rules[1].help.text == "Because.\n\nWhat to do: Mend it."
    assert [run.tool.driver.rules[each.rule_index].id for each in run.results] == [each.rule_id for each in run.results]
    places = [each.locations[0].physical_location.artifact_location for each in run.results]
    assert [place.uri for place in places] == ["catalog/a.yaml", "a%20b/%C3%BC.yaml", "x.yaml"]
    assert "](" not in run.results[0].message.text
    assert Log.model_validate_json(report_files.sarif([])).runs[0].results == []


def test_junit_has_a_failed_case_for_each_problem_and_a_good_one_where_there_is_none() -> None:
    suites = parsed(report_files.junit(_placed(_problem(), _problem(line=4))))
    assert (suites.tag, suites.get("tests"), suites.get("failures")) == ("testsuites", "2", "2")
    cases = suites.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases] == ["ABC001 catalog/a.yaml:3:7", "ABC001 catalog/a.yaml:4:7"]
    failure = cases[0].find("failure")
    assert failure is not None
    assert (failure.text or "").splitlines()[0].startswith("catalog/a.yaml:3:7: ABC001 50%0A")
    good = parsed(report_files.junit([]))
    assert (good.get("tests"), good.get("failures"), len(good.findall(".//testcase"))) == ("1", "0", 1)


@pytest.mark.parametrize(
    ("config", "path", "root", "shown"),
    [
        ("registry.yaml", "catalog/a.yaml", "/work/registry", "catalog/a.yaml"),
        ("registry.yaml", "catalog/a.yaml", "/work", "registry/catalog/a.yaml"),
        ("../other/registry.yaml", "catalog/a.yaml", "/work", "other/catalog/a.yaml"),
        ("../other/registry.yaml", "../other/registry.yaml", "/work", "other/registry.yaml"),
        ("registry.yaml", "catalog/a.yaml", "/elsewhere", "/work/registry/catalog/a.yaml"),
    ],
)
def test_a_path_is_that_from_the_root_of_the_checkout(config: str, path: str, root: str, shown: str) -> None:
    (found,) = placed([_problem(path=path)], Path(config), HERE, Path(root))
    assert found.path == shown


def test_a_problem_without_a_place_is_one_of_registry_yaml() -> None:
    (found,) = placed([InputError(CODE, where="https://x.example")], Path("registry.yaml"), HERE, Path("/work"))
    assert (found.path, found.line, found.column, found.hint) == ("registry/registry.yaml", 1, 1, CODE.fix)
