"""``import forget``: what was imported of things that were never published is taken back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.cli.complete import complete_address
from registry_gen.cli.output import counted
from registry_gen.cli.selection import read_parameter
from registry_gen.errors import InputError
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.address import parse_address
from registry_gen.model.intent import Run
from registry_gen.sources.identity import identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.cli.output import Output
    from registry_gen.ledger import Forgotten

_LOCK_SECONDS: Final = 60.0
_SHOWN: Final = 20


@click.command(
    "forget",
    short_help="Take back what was imported and never published.",
    epilog="Example: registry-gen import forget acme/network/aws --reason 'Another copy.'",
)
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1, shell_complete=complete_address)
@click.option("--all-unpublished", is_flag=True, help="Of all packages instead of those that are named.")
@click.option("--reason", metavar="TEXT", required=True, help="What was wrong; kept in the audit log.")
@click.pass_obj
def forget(output: Output, addresses: tuple[str, ...], all_unpublished: bool, reason: str) -> None:
    """Forget tags and digests of an import, so that a newer one may name others.

    What was ever published stays as it is, and so do the files of the catalog: what they say is published is held to
    signatures and commits alone then. Nothing is forgotten where one of the packages was never imported.
    """
    if bool(addresses) == all_unpublished:
        raise click.UsageError("Name packages, or give --all-unpublished.")
    if not reason.strip():
        raise click.BadParameter("say what was wrong.", param_hint="--reason")
    some = sorted({read_parameter(parse_address, text, "ADDRESS") for text in addresses}, key=str)
    who = identity(os.environ, wiring.user)
    run = Run(who.actor, who.run_url, None, datetime.now(UTC))
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        ledger.migrate()
        with ledger.publication(_LOCK_SECONDS) as publication:
            known = ledger.imported(some)
            if unknown := [address for address in some if address not in known]:
                code = ledger_codes.NOT_IMPORTED
                raise InputError(code, where=str(unknown[0]), hint=code.fix)
            forgotten = publication.forget_imported(None if all_unpublished else some, reason.strip(), run)
    output.json({"forgotten": [_as_json(each) for each in forgotten]})
    output.result("\n".join(_lines(forgotten)))
    output.say("The catalog is as it was. See what 'registry-gen plan' says, or import again.")


def _as_json(forgotten: Forgotten) -> Mapping[str, object]:
    return {
        "kind": forgotten.address.kind,
        "address": str(forgotten.address),
        "tags": forgotten.tags,
        "zips": forgotten.zips,
        "kept": forgotten.kept,
    }


def _lines(forgotten: Sequence[Forgotten]) -> Iterator[str]:
    for each in forgotten[:_SHOWN]:
        stay = f"; {each.kept} stay, being published" if each.kept else ""
        yield f"{each.address}: {_what(each.tags, each.zips)}{stay}"
    if len(forgotten) > _SHOWN:
        yield f"… and {counted(len(forgotten) - _SHOWN, 'more package', 'more packages')}"
    tags, zips = sum(each.tags for each in forgotten), sum(each.zips for each in forgotten)
    packages = sum(bool(each.tags or each.zips) for each in forgotten)
    yield f"Forgotten: {_what(tags, zips)} of {counted(packages, 'package')}."


def _what(tags: int, zips: int) -> str:
    return f"{counted(tags, 'tag')} and {counted(zips, 'digest')}"
