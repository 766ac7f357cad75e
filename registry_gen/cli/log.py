"""``log``: what the log says, the key that people verify it with, and the change of that key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.cli.complete import complete_address
from registry_gen.cli.selection import read_parameter
from registry_gen.errors import printable
from registry_gen.model.address import parse_address
from registry_gen.publish.log_key import require_settled
from registry_gen.publish.past import newest_entries
from registry_gen.render.version_documents import rfc3339
from registry_gen.signing.log import retire_log_key, rotate_log_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.cli.output import Output
    from registry_gen.log.read_entries import LoggedEntry
    from registry_gen.signing.log import LogSigner

_SHOWN: Final = 50


@click.group("log")
def command() -> None:
    """List the log, and look after its key: print it, and change it without losing those who verify."""


@command.command(
    "list", short_help="Show the newest entries.", epilog="Example: registry-gen log list acme/network/aws --limit 5"
)
@click.argument("address", metavar="[ADDRESS]", required=False, shell_complete=complete_address)
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="At most N entries."
)
@click.pass_obj
def list_entries(output: Output, address: str | None, limit: int) -> None:
    """Show the newest entries of the log, or of those about one package, newest first.

    Each begins with its position: what rollback --to and plan --as-of take, to go back to right after it.
    """
    about = None if address is None else read_parameter(parse_address, address, "ADDRESS")
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        ledger.migrate()
        entries = newest_entries(ledger, limit, about)
    output.json({"entries": [_entry_json(entry) for entry in entries]})
    nothing = f"Nothing of {about} is in the log." if about else "The log is empty."
    output.result("\n".join(_entry_line(entry) for entry in entries) or nothing)


@command.command("key", short_help="Print the verifier key.", epilog="Example: registry-gen log key")
@click.pass_obj
def key(output: Output) -> None:
    """Print the log's verifier key, as monitors want it; below it former ones that sign beside it."""
    signer = wiring.open_log_keys(wiring.read_settings(output.config))
    _show(output, signer)


@command.command("rotate", short_help="Make a new key.", epilog="Example: registry-gen log rotate")
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


@command.command("retire", short_help="End the time of the former key.", epilog="Example: registry-gen log retire")
@click.pass_obj
def retire(output: Output) -> None:
    """Delete the former key. Whoever monitors the log must know the present one by now.

    Refused while the log in the bucket does not stand under the present key. Without a former key nothing is done.
    """
    config = wiring.read_settings(output.config)
    with wiring.open_ledger(config) as ledger:
        ledger.migrate()
        head = ledger.log_head()
    require_settled(head, wiring.open_log_keys(config), config.site.log_origin)
    retired = retire_log_key(config.signing.log, config.state)
    _show(output, wiring.open_log_keys(config))
    if not retired:
        output.say("There is no former key: nothing was to be retired.")
        return
    output.say("Only this key signs from now on. Whoever monitors the log by a former one must have it by now.")


def _entry_line(entry: LoggedEntry) -> str:
    position = click.style(f"{entry.index + 1:>6}", dim=True)
    version = f" {entry.version}" if entry.version else ""
    about = click.style(str(entry.address), bold=True) + version if entry.address else ""
    return f"{position}  {entry.time:%Y-%m-%d %H:%M:%S}  {printable(entry.type):<15}  {about}".rstrip()


def _entry_json(entry: LoggedEntry) -> Mapping[str, object]:
    return {
        "index": entry.index,
        "position": entry.index + 1,
        "time": rfc3339(entry.time),
        "type": entry.type,
        "kind": entry.address.kind if entry.address else None,
        "address": str(entry.address) if entry.address else None,
        "version": str(entry.version) if entry.version else None,
        "revision": entry.revision,
        "catalog_commit": entry.catalog_commit,
    }


def _show(output: Output, signer: LogSigner) -> None:
    present, *former = signer.vkeys
    output.json({"origin": signer.name, "key": present, "former": former})
    output.result("\n".join([present, *(f"{vkey}  former" for vkey in former)]))
