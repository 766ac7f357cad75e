"""``storage``: the buckets and folders themselves."""

from __future__ import annotations

import click

from registry_gen.cli.storage_copy import copy
from registry_gen.cli.storage_usage import usage


@click.group("storage")
def command() -> None:
    """Look after the storages: move the registry to another one, and tell what is stored."""


command.add_command(copy)
command.add_command(usage)
