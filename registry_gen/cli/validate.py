"""``validate``: every problem of the catalog and of registry.yaml, at once.

Nothing is touched, except that a state folder keeps what was read, where one was made here before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.problems import ProblemsError
from registry_gen.cli.output import counted

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("validate")
@click.pass_obj
def command(output: Output) -> int:
    """List every problem of the catalog and of registry.yaml as path:line:column: CODE message.

    Nothing outside the folder is looked at. Exits 1 where there is a problem.
    """
    try:
        workspace = wiring.read_workspace(output.config)
        problems, entries = workspace.problems, len(workspace.catalog.entries)
    except ProblemsError as error:
        problems, entries = error.problems, 0
    output.json({"problems": [problem.as_json() for problem in problems]})
    output.problems(problems)
    if problems:
        output.result(click.style(f"{counted(len(problems), 'problem')}.", fg="red", bold=True))
        return 1
    output.result(click.style(f"The catalog is good: {counted(entries, 'package')}.", bold=True))
    return 0
