"""``log``: the key that people verify the log with, and its change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.publish.log_key import require_settled
from registry_gen.signing.log import retire_log_key, rotate_log_key

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.signing.log import LogSigner


@click.group("log")
def command() -> None:
    """Look after the key of the log: print it, and change it without losing those who verify."""


@command.command("key", short_help="Print the verifier key.")
@click.pass_obj
def key(output: Output) -> None:
    """Print the log's verifier key, as monitors want it; below it former ones that sign beside it."""
    signer = wiring.open_log_keys(wiring.read_settings(output.config))
    _show(output, signer)


@command.command("rotate", short_help="Make a new key.")
@click.option("--lost", is_flag=True, help="Make one although the present one is gone.")
@click.pass_obj
def rotate(output: Output, lost: bool) -> None:
    """Make a new key; the present one becomes the former one, which signs beside it until it is retired.

    For a key that registry-gen made in the state folder. One that registry.yaml names is changed where it is kept.
    """
    config = wiring.read_settings(output.config)
    wiring.prepare_state(config.state)
    rotate_log_key(config.signing.log, config.state, lost=lost)
    signer = wiring.open_log_keys(config)
    _show(output, signer)
    if len(signer.vkeys) > 1:
        output.say("Now publish, hand out the first key, and retire the former one once everybody knows the first.")
    else:
        output.say("Nobody knows this key yet: docs/key-policy.md says how to go on without the lost one.")


@command.command("retire", short_help="End the time of the former key.")
@click.pass_obj
def retire(output: Output) -> None:
    """Delete the former key. Whoever monitors the log must know the present one by now.

    Refused while the log in the bucket does not stand under the present key.
    """
    config = wiring.read_settings(output.config)
    with wiring.open_ledger(config) as ledger:
        ledger.migrate()
        head = ledger.log_head()
    require_settled(head, wiring.open_log_keys(config), config.site.log_origin)
    retire_log_key(config.signing.log, config.state)
    _show(output, wiring.open_log_keys(config))
    output.say("Only this key signs from now on. Whoever monitors the log by a former one must have it by now.")


def _show(output: Output, signer: LogSigner) -> None:
    present, *former = signer.vkeys
    output.json({"origin": signer.name, "key": present, "former": former})
    output.result("\n".join([present, *(f"{vkey}  former" for vkey in former)]))
