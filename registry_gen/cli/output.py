"""What every command knows of its caller, and how it speaks: results to stdout, all else to stderr."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import orjson

from registry_gen.publish.progress import Progress, Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.progress import Progress as Bars

    from registry_gen.errors import RegistryError


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
            click.echo(text)

    def json(self, value: object) -> None:
        """Print a result for machines, where --json asked for it."""
        if self.as_json:
            click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())

    def say(self, text: str) -> None:
        """Tell on stderr what goes on."""
        if not self.quiet:
            click.echo(text, err=True)

    def problems(self, errors: Sequence[RegistryError]) -> None:
        """Print errors, one or two lines each, on stderr."""
        for error in errors:
            click.echo(str(error), err=True)

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
