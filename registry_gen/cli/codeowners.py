"""``codeowners``: the forge's CODEOWNERS from the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.codes import OTHER_FILE
from registry_gen.catalog.problems import ProblemsError
from registry_gen.cli import codes
from registry_gen.cli.codeowners_file import codeowners_of
from registry_gen.errors import InputError
from registry_gen.policy.codeowners import FORGES
from registry_gen.sources.new_files import write_new_files

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.model.rules import Forge


@click.command("codeowners", epilog="Example: registry-gen codeowners --forge github")
@click.option("--forge", type=click.Choice(FORGES), required=True, help="Whose file it is.")
@click.option("--print", "show", is_flag=True, help="Print it instead of writing it.")
@click.pass_obj
def command(output: Output, forge: Forge, show: bool) -> None:
    """Write the forge's CODEOWNERS: who may approve a change is who is asked to review it.

    The file goes where the forge looks, at the root of the git repository that registry.yaml is in. One that somebody
    wrote by hand stays as it is, unless it holds comments alone.
    """
    workspace = wiring.read_workspace(output.config)
    if workspace.problems:
        raise ProblemsError(workspace.problems)
    root, made = codeowners_of(workspace, output.config, forge)
    if show:
        output.json({"path": made.path, "text": made.data.decode()})
        output.result(made.data.decode().rstrip("\n"))
        return
    written = write_new_files(root, [replace(made, over_comments=True)])
    for problem in written.problems:
        if problem.code is OTHER_FILE:
            path = str(root / made.path)
            raise InputError(codes.NOT_OUR_CODEOWNERS, where=path, hint=codes.NOT_OUR_CODEOWNERS.fix)
        raise problem
    output.json({"path": str(root / made.path), "changed": not written.unchanged})
    output.result(f"{made.path} is as the catalog says." if written.unchanged else f"wrote {made.path}")
