"""Problems as commands to a pipeline, which shows them beside the changed lines.

GitHub: "Workflow commands for GitHub Actions"; its runner takes a line for a command that begins with ``::`` after
spaces, and any that holds ``##[`` (ActionCommand.cs). Azure: "Logging commands"; its agent looks for ``##vso[``
anywhere. What is escaped, and how, is what the vendors' own libraries do: actions/toolkit (command.ts) and
azure-pipelines-task-lib (taskcommand.ts).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.cli.placed import Placed

_MARKS: Final = re.compile(r"##(?=(?:vso)?\[)", re.IGNORECASE)
_FIRST: Final = re.compile(r"^((?:\s|\x1b\[[0-9;]*m)*):(?=:)", re.MULTILINE)


def harmless(text: str) -> str:
    """Text for a log, in which no line is a command to GitHub's runner or Azure's agent; all else stays as it is."""
    return _FIRST.sub(r"\1\\x3a", _MARKS.sub(r"#\\x23", text))


def github(problems: Sequence[Placed]) -> str:
    """A workflow command for each problem; the hint is a second line of what is shown."""
    return "\n".join(_github(problem) for problem in problems)


def azure(problems: Sequence[Placed]) -> str:
    """A logging command for each problem, whose text is one line."""
    return "\n".join(_azure(problem) for problem in problems)


def _github(problem: Placed) -> str:
    known = {
        "file": problem.path,
        "line": str(problem.line),
        "col": str(problem.column),
        "title": f"{problem.code.id} {problem.code.title}",
    }
    properties = ",".join(f"{name}={_escaped(value, _GITHUB_PROPERTY)}" for name, value in known.items())
    text = f"{problem.message}\n{problem.hint}"
    return f"::error {properties}::{_escaped(text, _GITHUB_DATA)}"


def _azure(problem: Placed) -> str:
    known = {
        "type": "error",
        "sourcepath": problem.path,
        "linenumber": str(problem.line),
        "columnnumber": str(problem.column),
        "code": problem.code.id,
    }
    properties = "".join(f"{name}={_escaped(value, _AZURE_PROPERTY)};" for name, value in known.items())
    return f"##vso[task.logissue {properties}]{_escaped(f'{problem.message}. {problem.hint}', _AZURE_DATA)}"


_GITHUB_DATA: Final[Mapping[str, str]] = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_GITHUB_PROPERTY: Final[Mapping[str, str]] = {**_GITHUB_DATA, ":": "%3A", ",": "%2C"}
_AZURE_DATA: Final[Mapping[str, str]] = {"%": "%AZP25", "\r": "%0D", "\n": "%0A"}
_AZURE_PROPERTY: Final[Mapping[str, str]] = {**_AZURE_DATA, ";": "%3B", "]": "%5D"}


def _escaped(text: str, marks: Mapping[str, str]) -> str:
    return "".join(marks.get(mark, mark) for mark in _MARKS.sub(r"#\\x23", text))
