"""``lock``: a provider's block of a lock file, with the hashes of all platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen.cli.selection import read_parameter
from registry_gen.inspect.discovered import find_registry
from registry_gen.inspect.lock_block import lock_block
from registry_gen.model.address import ModuleAddress, parse_address
from registry_gen.model.version import parse_constraints, parse_version

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("lock", epilog="Example: registry-gen lock acme/widget 1.2.0 --constraints '~> 1.0' --url https://HOST/")
@click.argument("address")
@click.argument("version")
@click.option("--url", metavar="URL", help="The registry; or a folder with its public files.")
@click.option("--host", metavar="HOST", help="The host that sources of this registry begin with.")
@click.option("--constraints", metavar="TEXT", help="What the code asks for, such as '~> 1.0'.")
@click.pass_obj
def command(
    output: Output, address: str, version: str, url: str | None, host: str | None, constraints: str | None
) -> int:
    """Print the block of .terraform.lock.hcl for a provider: what 'terraform providers lock' writes, for all platforms.

    ADDRESS is acme/widget or the whole source, or HOST/hashicorp/random for a mirrored one. Nothing but the registry's
    public documents is read, and nothing is proved: 'registry-gen verify URL .terraform.lock.hcl' does that.
    """
    number = read_parameter(parse_version, version, "VERSION")
    wanted = read_parameter(parse_constraints, constraints, "--constraints") if constraints else None
    if url is None and host is None:
        raise click.UsageError("Name the registry with --url or --host.")
    registry = find_registry(url, host, None)
    asked = read_parameter(parse_address, address.removeprefix(f"{registry.host}/"), "ADDRESS")
    if isinstance(asked, ModuleAddress):
        raise click.UsageError("Lock files pin providers; modules have none.")
    block = lock_block(registry, asked, number, wanted)
    output.json(
        {
            "source": block.source,
            "version": str(block.version),
            "constraints": block.constraints or None,
            "hashes": list(block.hashes),
            "lacking_h1": list(block.lacking),
        }
    )
    output.result(block.text.rstrip("\n"))
    if block.lacking:
        output.say(f"No h1 is known of {', '.join(block.lacking)}: a client adds it when it installs there.")
    return 0
