"""``validate``: every problem of the catalog and of registry.yaml, at once, without touching anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.plan.as_json import error_json

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("validate", short_help="List every problem of the catalog.")
@click.pass_obj
def command(output: Output) -> int:
    """List every problem of the catalog and of registry.yaml as path:line:column: CODE message.

    Nothing outside the folder is looked at. Exits 1 where there is a problem.
    """
    workspace = wiring.read_workspace(output.config)
    output.json({"problems": [error_json(problem) for problem in workspace.problems]})
    output.problems(workspace.problems)
    number = len(workspace.problems)
    if number:
        output.result(click.style(f"{number} {'problem' if number == 1 else 'problems'}.", fg="red", bold=True))
        return 1
    entries = len(workspace.catalog.entries)
    output.result(
        click.style(f"The catalog is good: {entries} {'package' if entries == 1 else 'packages'}.", bold=True)
    )
    return 0
