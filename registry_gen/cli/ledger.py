"""``ledger``: the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_gen import wiring

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.group("ledger")
def command() -> None:
    """Look after the ledger: the PostgreSQL database that remembers what was published."""


@command.command("migrate", short_help="Bring the schema up to date.")
@click.pass_obj
def migrate(output: Output) -> None:
    """Bring the ledger's schema up to date. Every other command does this too before it uses the ledger."""
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        applied = ledger.migrate()
    output.json({"applied": list(applied)})
    output.result("\n".join(f"applied {name}" for name in applied) or "The ledger is up to date.")
