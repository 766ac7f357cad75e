"""Problems as files that forges read: GitLab's code quality, JUnit's XML and SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from registry_gen import __version__
from registry_gen.cli.output import ascii_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.cli.placed import Placed
    from registry_gen.errors import Code

_NAME: Final = "registry-gen"
_SARIF: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def gitlab(problems: Sequence[Placed]) -> str:
    """A report for ``artifacts:reports:codequality`` (GitLab docs, "Code Quality report format")."""
    return ascii_json(
        [
            {
                "description": f"{problem.code.id} {problem.message}. {problem.hint}",
                "check_name": problem.code.id,
                "fingerprint": problem.fingerprint,
                "severity": "blocker",  # nothing is published while it is there
                "location": {"path": problem.path, "lines": {"begin": problem.line}},
            }
            for problem in problems
        ]
    )


def junit(problems: Sequence[Placed]) -> str:
    """A suite with a failed case for each problem, or a single good one, as Jenkins, GitLab and Bitbucket read it."""
    count = str(len(problems))
    counts = {"tests": count if problems else "1", "failures": count, "errors": "0", "skipped": "0"}
    suites = ET.Element("testsuites", {"name": _NAME, **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": f"{_NAME} validate", **counts})
    if not problems:
        ET.SubElement(suite, "testcase", {"classname": _NAME, "name": "The catalog is good"})
    for problem in problems:
        place = f"{problem.path}:{problem.line}:{problem.column}"
        known = {"classname": problem.path, "name": f"{problem.code.id} {place}", "file": problem.path}
        case = ET.SubElement(suite, "testcase", {**known, "line": str(problem.line)})
        failure = ET.SubElement(case, "failure", {"type": problem.code.id, "message": problem.message})
        failure.text = f"{place}: {problem.code.id} {problem.message}\nhint: {problem.hint}"
    ET.indent(suites)
    text = ET.tostring(suites, encoding="unicode").replace("##", "#&#35;")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def sarif(problems: Sequence[Placed]) -> str:
    """A SARIF 2.1.0 log with one run; its rules are the codes that occur, with why and what to do.

    What GitHub asks for beyond the schema ("SARIF support for code scanning"): each result has a place, paths are
    relative to the checkout, each rule has descriptions and help.
    """
    rules = {problem.code.id: _rule(problem.code, problem.level) for problem in problems}
    index = {code: number for number, code in enumerate(sorted(rules))}
    run = {
        "tool": {
            "driver": {"name": _NAME, "semanticVersion": __version__, "rules": [rules[code] for code in sorted(rules)]}
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, index[problem.code.id]) for problem in problems],
    }
    return ascii_json({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


def _rule(code: Code, level: str) -> dict[str, Any]:
    return {
        "id": code.id,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.why},
        "help": {"text": f"{code.why}\n\nWhat to do: {code.fix}"},
        "defaultConfiguration": {"level": level},
    }


def _result(problem: Placed, rule: int) -> dict[str, Any]:
    if problem.path.startswith("/"):
        place = {"uri": f"file://{quote(problem.path)}"}
    else:
        place = {"uri": quote(problem.path), "uriBaseId": "%SRCROOT%"}
    region = {"startLine": problem.line, "startColumn": problem.column}
    return {
        "ruleId": problem.code.id,
        "ruleIndex": rule,
        "level": problem.level,
        "message": {"text": _without_links(f"{problem.message}. {problem.hint}")},
        "locations": [{"physicalLocation": {"artifactLocation": place, "region": region}}],
        "partialFingerprints": {"registryGen/v1": problem.fingerprint},
    }


def _without_links(text: str) -> str:
    """SARIF 2.1.0, section 3.11.6: ``[text](destination)`` is a link even in plain text."""
    return text.replace("](", "] (")
