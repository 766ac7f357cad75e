"""What every command knows of its caller, and how it speaks: results to stdout, all else to stderr."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from registry_gen.catalog.problems import ProblemsError
from registry_gen.cli.pipeline_log import harmless
from registry_gen.cli.show_error import failure_text, problems_text
from registry_gen.model.words import counted
from registry_gen.publish.progress import Progress, Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.progress import Progress as Bars

    from registry_gen.errors import RegistryError

__all__ = ["Output", "color", "counted", "show_failure"]

FORMAT: Final = 1
"""Of all that --json prints; it grows when a member changes its meaning or goes."""


def color() -> bool | None:
    """False where NO_COLOR is set (no-color.org); None leaves it to whether a terminal listens."""
    return False if os.environ.get("NO_COLOR") else None


def show_failure(error: RegistryError, *, as_json: bool) -> None:
    """Tell why a command ended early: on stderr for people, with --json on stdout too."""
    problems = error.problems if isinstance(error, ProblemsError) else (error,)
    if as_json:
        _print_json({"format": FORMAT, "problems": [problem.as_json() for problem in problems]})
    if isinstance(error, ProblemsError):
        count = f"{counted(len(problems), 'problem')}, so nothing was done."
        text = f"{problems_text(problems)}\n{click.style(count, fg='red', bold=True)}"
    else:
        text = failure_text(error)
    click.echo(harmless(text), err=True, color=color())


def _print_json(value: object) -> None:
    click.echo(ascii_json(value))


def ascii_json(value: object) -> str:
    """JSON in ASCII, for a log too: no text in it steers a terminal, or is a command to a pipeline (``##[``).

    Escapes keep every text as it is, and none fails for half a character.
    """
    return json.dumps(value, indent=2).replace("##", r"#\u0023")


@dataclass(frozen=True, slots=True)
class Output:
    """The options given before the command."""

    config: Path
    quiet: bool
    as_json: bool
    debug: bool

    def result(self, text: str) -> None:
        """Print a result for people; with --json nothing but JSON goes to stdout."""
        if not self.as_json:
            click.echo(harmless(text))

    def json(self, value: Mapping[str, object]) -> None:
        """Print a result for machines, where --json asked for it, with the number of its format."""
        if self.as_json:
            _print_json({"format": FORMAT, **value})

    def say(self, text: str) -> None:
        """Tell on stderr what goes on."""
        if not self.quiet:
            click.echo(harmless(text), err=True)

    def problems(self, errors: Sequence[RegistryError]) -> None:
        """Print problems of files, one or two lines each, on stderr."""
        if errors:
            click.echo(harmless(problems_text(errors)), err=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars on a terminal, silence elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield Silent()
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}"),
        )
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            yield _Rich(bars)


class _Rich:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, int] = {}

    def begin(self, phase: str, total: int) -> None:
        if total:
            self._tasks[phase] = self._bars.add_task(phase, total=total, detail="")

    def step(self, phase: str, detail: str) -> None:
        task = self._tasks.get(phase)
        if task is not None:
            self._bars.update(task, advance=1, detail=detail)  # type: ignore[arg-type]  # TaskID is an int
