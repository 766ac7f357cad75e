"""How problems of the catalog are told, and where: to a person, a program, or the forge whose pipeline this is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen.cli import codes, pipeline_log, report_files
from registry_gen.cli.output import FORMAT, ascii_json
from registry_gen.cli.placed import placed
from registry_gen.errors import StorageError
from registry_gen.sources.identity import Forge, forge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.errors import RegistryError


class Format(StrEnum):
    """What problems can be written as."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"
    SARIF = "sarif"
    JUNIT = "junit"


_FILES: Final = {Format.JSON, Format.GITLAB, Format.SARIF, Format.JUNIT}
"""One whole document each: where it goes to stdout, nothing else does."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """A format, and the file to write it to; None is stdout. ``unasked`` says that nobody named the file."""

    format: Format
    target: Path | None
    unasked: bool = False

    @property
    def alone(self) -> bool:
        """Whether a sentence on stdout would spoil what a program reads there."""
        return self.format in _FILES and self.target is None


_OWN: Final = {
    Forge.GITHUB: Reporting(Format.GITHUB, None),
    Forge.GITLAB: Reporting(Format.GITLAB, Path("gl-code-quality-report.json")),
    Forge.AZURE: Reporting(Format.AZURE, None),
    Forge.BITBUCKET: Reporting(Format.JUNIT, Path("test-results/registry-gen.xml")),
}
"""What each forge reads of itself: commands in the log, or a file in the place of its documentation's example.

Bitbucket finds every XML file below a folder test-results ("Test reporting in Pipelines"). GitLab reads the file that
``artifacts:reports:codequality`` names.
"""
_ROOTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR")


def reporting(chosen: str | None, target: Path | None, environ: Mapping[str, str], *, as_json: bool) -> Reporting:
    """What was asked for by --format, --output and --json; else what the forge reads whose pipeline this is, else text.

    Raises click.UsageError where --json and another format are asked for.
    """
    if as_json and chosen not in (None, Format.JSON):
        raise click.UsageError(f"--json and --format {chosen} exclude each other.")
    if as_json or chosen:
        return Reporting(Format(chosen or Format.JSON), target)
    own = _OWN.get(where) if (where := forge(environ)) else None
    if own and target is None:
        return Reporting(own.format, own.target, unasked=True)
    return Reporting(own.format if own else Format.TEXT, target)


def report(how: Reporting, problems: Sequence[RegistryError], config: Path, environ: Mapping[str, str]) -> None:
    """Write all problems; as text nothing, which is told anyway. ``config`` is the place of a problem without one.

    Raises StorageError CLI910 where the file cannot be written.
    """
    if how.format is Format.TEXT and how.target is None:
        return
    text = _text(how.format, problems, config, environ)
    if how.target is not None:
        if how.unasked:
            _require_no_link(how.target)
        write_report(how.target, f"{text}\n" if text else "")
    elif text:
        click.echo(text)


def _text(form: Format, problems: Sequence[RegistryError], config: Path, environ: Mapping[str, str]) -> str:
    if form is Format.JSON:
        return ascii_json({"format": FORMAT, "problems": [problem.as_json() for problem in problems]})
    found = placed(problems, config, Path.cwd(), checkout(environ))
    match form:
        case Format.TEXT:
            return "\n".join(map(str, problems))
        case Format.GITHUB:
            return pipeline_log.github(found)
        case Format.AZURE:
            return pipeline_log.azure(found)
        case Format.GITLAB:
            return report_files.gitlab(found)
        case Format.SARIF:
            return report_files.sarif(found)
        case Format.JUNIT:
            return report_files.junit(found)


def checkout(environ: Mapping[str, str]) -> Path:
    """The folder that forges take paths from: the pipeline's checkout, else where this runs."""
    return next((Path(environ[name]) for name in _ROOTS if environ.get(name)), Path.cwd())


def _require_no_link(target: Path) -> None:
    """Where nobody named the file, its name is known to whoever proposes a change: a link there could lead anywhere."""
    for path in (target, *target.parents):
        if path.is_symlink():
            raise StorageError(codes.CANNOT_REPORT, where=str(path), found="a link")


def write_report(target: Path, text: str) -> None:
    """Write a report, and the folders on its way; raises StorageError CLI910."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        found = error.strerror or str(error)
        raise StorageError(codes.CANNOT_REPORT, where=str(target), found=found) from None
