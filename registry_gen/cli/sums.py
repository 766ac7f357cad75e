"""``sums``: the OpenPGP key that signs the sums of providers which nobody else signs, and its change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.signing.openpgp import rotate_sums_key

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.cli.output import Output
    from registry_gen.model.facts import SigningKey


@click.group("sums")
def command() -> None:
    """Look after the OpenPGP key that signs sums of providers with signature: registry."""


@command.command("key", short_help="Print the public key.", epilog="Example: registry-gen sums key")
@click.pass_obj
def key(output: Output) -> None:
    """Print the fingerprint and the public key, armored, as clients get it."""
    _show(output, wiring.open_sums_key(wiring.read_settings(output.config)).key)


@command.command("rotate", short_help="Make a new key.", epilog="Example: registry-gen sums rotate")
@click.pass_obj
def rotate(output: Output) -> None:
    """Make a new key, whether the one before is there or lost. Versions that it signed stay as they are.

    For a key that registry-gen made in the state folder. One that registry.yaml names is changed where it is kept.
    """
    config = wiring.read_settings(output.config)
    wiring.prepare_state(config.state)
    former = rotate_sums_key(config.signing.openpgp, config.state, config.site.host)
    _show(output, wiring.open_sums_key(config).key, former)
    if former:
        output.say(f"The former key is kept in {former}. It signs no more; nothing needs it there.")
    output.say("Now publish: clients get this key, and beside it the former one while a listed version needs that.")


def _show(output: Output, found: SigningKey, former: Path | None = None) -> None:
    kept = {"former_file": str(former)} if former else {}
    output.json({"fingerprint": found.fingerprint, "certificate": found.armor, **kept})
    output.result(f"{found.fingerprint}\n{found.armor.rstrip()}")
