"""``move``: the same as ``rename``, for those who look for it under that name."""

from __future__ import annotations

import click

from registry_gen.cli import rename

command = click.Command(
    "move",
    callback=rename.command.callback,
    params=rename.command.params,
    help=rename.command.help,
    epilog="Example: registry-gen move acme/network/aws acme/vpc/aws",
)
