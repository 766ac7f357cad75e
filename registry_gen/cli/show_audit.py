"""What ``audit`` found, as a person, a program and a forge read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli.output import FORMAT, ascii_json, counted
from registry_gen.cli.placed import placed
from registry_gen.cli.report import checkout
from registry_gen.cli.report_files import sarif
from registry_gen.errors import printable
from registry_gen.inspect.level import Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.inspect.audit import Audit
    from registry_gen.inspect.level import Finding

FORMATS: Final = ("text", "json", "sarif")
_SHOWN: Final = 500
_COLOURS: Final = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}


def audit_text(found: Audit, registry: str) -> str:
    """A line for each finding, and how many there are; texts of strangers are escaped."""
    return "\n".join(_lines(found, registry))


def audit_json(found: Audit, registry: str) -> str:
    """All of it in plain values, as JSON."""
    findings = [{"level": each.level.value, **each.problem.as_json()} for each in found.findings]
    looked_at = {f"{what.replace(' ', '_')}s": count for what, count in found.counts.items()}
    return ascii_json({"format": FORMAT, "registry": registry, "findings": findings, "looked_at": looked_at})


def audit_sarif(found: Audit, environ: Mapping[str, str]) -> str:
    """A SARIF log, its paths from the root of the checkout."""
    here = Path.cwd()
    places = []
    for level in Level:
        problems = [each.problem for each in found.findings if each.level is level]
        places += placed(problems, Path(), here, checkout(environ), level=level.value)
    return sarif(places)


def _lines(found: Audit, registry: str) -> Iterator[str]:
    for each in found.findings[:_SHOWN]:
        yield _line(each)
    if len(found.findings) > _SHOWN:
        yield f"… and {len(found.findings) - _SHOWN} more: --json shows all."
    looked = ", ".join(counted(count, what) for what, count in found.counts.items())
    yield f"Compared with {printable(registry)}: {looked or 'nothing'}."
    yield _verdict(found)


def _line(finding: Finding) -> str:
    problem = finding.problem
    place = printable(str(problem.position or problem.where))
    level = click.style(finding.level.value, fg=_COLOURS[finding.level], bold=True)
    return f"{click.style(f'{place}:', bold=True)} {level} {problem.code.id} {problem.message}"


def _verdict(found: Audit) -> str:
    counts = {level: sum(each.level is level for each in found.findings) for level in Level}
    said = ", ".join(counted(count, level.value) for level, count in counts.items() if count)
    if not said:
        return click.style("Good: nothing to change.", fg="green", bold=True)
    worst = next(level for level, count in counts.items() if count)
    return click.style(f"{said}. 'registry-gen explain CODE' says what to do.", fg=_COLOURS[worst], bold=True)
