"""Asking a person before something is done that cannot be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


def require_somebody(output: Output, *, yes: bool, otherwise: str = "") -> None:
    """Refuse (click.UsageError) to begin where nobody can be asked and ``yes`` was not given beforehand.

    ``otherwise`` names another way out, such as " or --dry-run".
    """
    if not yes and (output.as_json or not sys.stdin.isatty()):
        raise click.UsageError(f"Nobody can be asked here: give --yes{otherwise}.")


def confirmed(output: Output, question: str, *, yes: bool) -> bool:
    """Ask on the terminal, unless ``yes`` was given beforehand, and say where the answer was no."""
    agreed = yes or click.confirm(question, err=True)
    if not agreed:
        output.say("Nothing was done.")
    return agreed
