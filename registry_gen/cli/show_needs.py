"""What needs whose approval, as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen.cli.show_error import details
from registry_gen.errors import printable
from registry_gen.plan.approve import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry_gen.errors import RegistryError
    from registry_gen.model.rules import Need


def needs_lines(needs: Iterable[Need]) -> Iterator[str]:
    """A line for each approval that is needed: what for, how many of which role, by which rule, and who could."""
    for need in needs:
        versions = f" ({some(need.versions)})" if need.versions else ""
        people = f"{need.rule.people} x " if need.rule.people > 1 else ""
        rule = f"{need.rule.position}{', a default' if need.rule.default else ''}"
        mark = click.style("?", fg="yellow")
        text = f"{need.what}{versions} needs {people}{need.rule.role}: {some(need.may)}  [{rule}]"
        yield f"  {mark} {printable(text)}"


def rules_text(errors: Sequence[RegistryError]) -> str:
    """Why a change of the rules was left out."""
    lines = []
    for error in errors:
        word = click.style("refused", fg="red", bold=True)
        lines.append(f"  {word} {error.code.id} {printable(error.detail or error.code.title)}")
        lines += details(error, str(error.position or error.where), indent=4)
    return "\n".join(lines)
