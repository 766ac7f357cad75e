"""``import``: packages of another registry become files of the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.layout import read_layout
from registry_gen.cli.import_forget import forget
from registry_gen.cli.import_from import boring_registry, hcp_listing, mirror_tree, registry
from registry_gen.cli.import_take import DRY_RUN, INTO, take
from registry_gen.sources.layout_folder import read_layout_folder
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.group("import")
def command() -> None:
    """Take packages over from another registry."""


for _each in (forget, registry, mirror_tree, boring_registry, hcp_listing):
    command.add_command(_each)


@command.command(
    "opentofu-registry",
    short_help="Take over the layout of OpenTofu's registry.",
    epilog="Example: registry-gen import opentofu-registry ../opentofu-registry --dry-run",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@INTO
@click.option("--allow-unpinned", is_flag=True, help="Write allow_unpinned: true into the files of modules.")
@DRY_RUN
@click.pass_obj
def opentofu_registry(output: Output, folder: Path, into: Path | None, allow_unpinned: bool, dry_run: bool) -> None:
    """Take over what DIR holds: a checkout of github.com/opentofu/registry, or a part of it.

    Each package becomes a file of the catalog with hosting: link, and its digests are kept in the ledger. A file that
    an earlier import wrote gets the versions that are new; one that somebody wrote or changed stays as it is, and
    nothing is kept of its package. What could not be taken, and why, is the report: the exit status is 0 all the same.
    Nothing is published. 'import forget' takes digests back.
    """
    config = wiring.read_settings(output.config)
    layout = read_layout(read_layout_folder(folder), parse_key)
    take(output, config, layout, into=into, dry_run=dry_run, allow_unpinned=allow_unpinned)
