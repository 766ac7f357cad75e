"""``deprecate``: write a warning to the users of a package into its file of the catalog."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.edit import deprecate_edit, undo_deprecate_edit
from registry_gen.catalog.fields import message as sentence
from registry_gen.catalog.identity import package_path
from registry_gen.cli.complete import complete_address
from registry_gen.cli.edit_catalog import edit_catalog, show_edits
from registry_gen.cli.selection import read_parameter
from registry_gen.model.address import parse_address
from registry_gen.model.facts import Deprecation
from registry_gen.model.version import parse_constraints

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command(
    "deprecate",
    epilog="Example: registry-gen deprecate acme/network/aws --message 'Use acme/vpc/aws.' --versions '< 2.0.0'",
)
@click.argument("address", metavar="ADDRESS", shell_complete=complete_address)
@click.option("--message", metavar="TEXT", help="What users are told, in one line.")
@click.option(
    "--replacement",
    metavar="ADDRESS",
    shell_complete=complete_address,
    help="What to use instead: a package of the same kind.",
)
@click.option("--versions", metavar="RANGE", help="Warn about these versions, such as '< 2.0.0', not about all.")
@click.option("--undo", is_flag=True, help="Remove the warning about these versions again.")
@click.pass_obj
def command(
    output: Output, address: str, message: str | None, replacement: str | None, versions: str | None, undo: bool
) -> None:
    """Warn the users of a module or provider: the catalog's file is changed.

    Nothing is published. Commit the change, then plan and publish.
    """
    package = read_parameter(parse_address, address, "ADDRESS")
    about = None if versions is None else read_parameter(parse_constraints, versions, "--versions")
    if package.kind == "mirror":
        raise click.BadParameter(
            "a mirror has no warnings of its own; its versions can be withdrawn.", param_hint="ADDRESS"
        )
    if undo == (message is not None) or (undo and replacement is not None):
        raise click.UsageError("Say either --message, or --undo alone.")
    other = None if replacement is None else read_parameter(parse_address, replacement, "--replacement")
    if message is None:
        edit = partial(undo_deprecate_edit, versions=about)
    else:
        rule = Deprecation(read_parameter(sentence, message, "--message"), str(other or ""), about)
        edit = partial(deprecate_edit, rules=(rule,))
    config = wiring.read_settings(output.config)
    show_edits(output, edit_catalog(config, {package: edit}))
    if other is not None and not (config.catalog / package_path(other)).is_file():
        output.say(f"{other} is not in this catalog: users are told to use what may not be there.")
