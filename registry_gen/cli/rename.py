"""``rename``: refused, with the reason and the way that there is instead."""

from __future__ import annotations

import click

from registry_gen.cli import codes
from registry_gen.cli.selection import read_parameter
from registry_gen.errors import InputError
from registry_gen.model.address import parse_address


@click.command("rename", epilog="Example: registry-gen rename acme/network/aws acme/vpc/aws")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
def command(old: str, new: str) -> None:
    """Say why OLD cannot become NEW, and what to do instead: an address is for ever."""
    before = read_parameter(parse_address, old, "OLD")
    after = read_parameter(parse_address, new, "NEW")
    if before.kind != after.kind:
        raise click.BadParameter(f"a {before.kind} is not replaced by a {after.kind}.", param_hint="NEW")
    raise InputError(codes.FOREVER, where=str(before), hint=_instead(before.kind, str(before), str(after)))


def _instead(kind: str, old: str, new: str) -> str:
    if kind == "mirror":
        return f"Add {new}: registry-gen add mirror {new}. Withdraw {old} once nobody uses it."
    warn = f"registry-gen deprecate {old} --message 'It has moved.' --replacement {new}"
    return f"Add {new} and publish it. Then warn the users of {old}: {warn}"
