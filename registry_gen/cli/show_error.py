"""An error as a person reads it: a line for an editor where it has a place in a file, a small block elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.errors import RegistryError

_LABEL = 8
"""The width of "expected", the longest label."""


def problems_text(problems: Sequence[RegistryError]) -> str:
    """Problems of files, as ``path:line:column: CODE message`` and a hint each; without styles it is their ``str``."""
    return "\n".join(_problem(problem) for problem in problems)


def failure_text(error: RegistryError) -> str:
    """One error that ended the run."""
    head = f"{click.style('error', fg='red', bold=True)} {error.code.id} {printable(error.detail or error.code.title)}"
    place = str(error.position or error.where)
    return "\n".join((head, *details(error, place, indent=2)))


def details(error: RegistryError, place: str, *, indent: int) -> Iterator[str]:
    """A line for each thing that is known of an error: place, both values and what to do."""
    known = {
        "where": place,
        "expected": error.expected,
        "found": error.found,
        "hint": error.hint or error.code.fix,
    }
    for label, text in known.items():
        if text:
            # Several lines, such as the end of a server's log, stay under each other.
            lines = ("\n" + " " * (indent + _LABEL + 2)).join(map(printable, text.rstrip().split("\n")))
            yield f"{' ' * indent}{click.style(f'{label:<{_LABEL}}', dim=True)}  {lines}"


def _problem(error: RegistryError) -> str:
    place = printable(str(error.position or error.where))
    head = f"{click.style(f'{place}:', bold=True)} " if place else ""
    hint = f"\n  {click.style('hint:', dim=True)} {printable(error.hint)}" if error.hint else ""
    return f"{head}{click.style(error.code.id, fg='red')} {error.message}{hint}"
