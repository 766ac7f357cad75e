"""What ``verify`` found, as a person and as a machine reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli.output import counted
from registry_gen.cli.show_error import details
from registry_gen.errors import printable
from registry_gen.inspect.findings import Counted
from registry_gen.log.tree import root_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.errors import RegistryError
    from registry_gen.inspect.findings import Report
    from registry_gen.log.note import Checkpoint

_LABEL: Final = 8
_SHOWN_PROBLEMS: Final = 200
_ONE: Final[Mapping[str, str]] = {
    Counted.ENTRIES: "entry of the log",
    Counted.PACKAGES: "package",
    Counted.PROVIDERS: "provider",
    Counted.LOCKED_HASHES: "locked hash",
    Counted.VERSIONS: "version",
    Counted.WITHDRAWN: "withdrawn version",
    Counted.DOCUMENTS: "version document",
    Counted.RECORDS: "record",
    Counted.LEAVES: "protocol document",
    Counted.ARCHIVES: "archive",
    Counted.ZIPS: "zip",
    Counted.LINKED_REPOSITORIES: "linked repository",
    Counted.LINKED_ARCHIVES: "linked archive",
    Counted.LINKED_ZIPS: "linked zip",
    Counted.STATEMENTS: "statement of origin",
    Counted.SIGNATURES: "signature of sums",
    Counted.NOT_FETCHED: "artifact not fetched",
    Counted.RECORDS_GONE: "record of a withdrawn version that is gone",
    Counted.STATEMENTS_UNKNOWN: "statement of origin by a key that is not known here",
    Counted.NOT_SERVED: "provider that is not served here",
    Counted.MAYBE_UNKNOWN: "hash that may be that of a platform which is not held here",
}
"""What is said differently of a single one."""


def report_text(report: Report) -> str:
    """The report as text: what was checked, what is wrong, and what to do."""
    return "\n".join(_lines(report))


def report_json(report: Report) -> Mapping[str, object]:
    """The whole report in plain values."""
    return {
        "registry": report.registry,
        "what": report.what,
        "good": report.good,
        "complete": report.complete,
        "log": _checkpoint_json(report.checkpoint),
        "kept": _checkpoint_json(report.kept),
        "checked": dict(report.counts),
        "problems": [problem.as_json() for problem in report.problems],
        "notes": list(report.notes),
        "evidence": list(report.evidence),
    }


def _checkpoint_json(checkpoint: Checkpoint | None) -> Mapping[str, object] | None:
    if checkpoint is None:
        return None
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": root_text(checkpoint.root)}


def _lines(report: Report) -> Iterator[str]:
    yield click.style(f"{printable(report.registry)}: {printable(report.what)}", bold=True)
    yield from _log_lines(report)
    for label, left_out in (("checked", False), ("left out", True)):
        counts = [(what, count) for what, count in report.counts.items() if Counted(what).left_out is left_out]
        for index, (what, count) in enumerate(counts):
            yield _line(label if not index else "", f"{count:>6}  {_ONE.get(what, what) if count == 1 else what}")
    for index, note in enumerate(report.notes):
        yield _line("notes" if not index else "", printable(note))
    for problem in report.problems[:_SHOWN_PROBLEMS]:
        yield ""
        yield from _problem_lines(problem)
    if len(report.problems) > _SHOWN_PROBLEMS:
        yield ""
        yield f"… and {len(report.problems) - _SHOWN_PROBLEMS} more: --json shows all."
    for index, path in enumerate(report.evidence):
        yield _line("evidence" if not index else "", printable(path))
    yield ""
    yield _verdict(report)


def _log_lines(report: Report) -> Iterator[str]:
    now, kept = report.checkpoint, report.kept
    if now is None:
        yield _line("log", "no checkpoint that can be believed")
        return
    yield _line("log", f"{printable(now.origin)}: {_entries(now)}, root {root_text(now.root)}")
    if kept is None:
        yield _line("", "seen for the first time: compare this root with what others see")
    else:
        yield _line("", f"last time {_entries(kept)}, root {root_text(kept.root)}")


def _problem_lines(problem: RegistryError) -> Iterator[str]:
    title = printable(problem.detail or problem.code.title)
    yield f"{click.style('problem', fg='red', bold=True)} {problem.code.id} {title}"
    yield from details(problem, str(problem.position or problem.where), indent=2)


def _verdict(report: Report) -> str:
    if report.good:
        return click.style("Good: all of this is what was logged.", fg="green", bold=True)
    count = counted(len(report.problems), "problem")
    rest = "" if report.complete else " The rest was not checked."
    return click.style(f"Not good: {count}.{rest}", fg="red", bold=True)


def _line(label: str, text: str) -> str:
    return f"  {click.style(f'{label:<{_LABEL}}', dim=True)}  {text}"


def _entries(checkpoint: Checkpoint) -> str:
    return counted(checkpoint.size, "entry", "entries")
