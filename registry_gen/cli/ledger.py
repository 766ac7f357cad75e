"""``ledger``: the database itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.ledger_audit import audit
from registry_gen.cli.ledger_lease import lock, status, unlock
from registry_gen.cli.ledger_rebuild import rebuild
from registry_gen.cli.output import counted
from registry_gen.errors import LedgerError
from registry_gen.ledger.codes import SCHEMA_MISSING

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.ledger import Ledger
    from registry_gen.ledger.backup import Counts


@click.group("ledger")
def command() -> None:
    """Look after the ledger: the PostgreSQL database that remembers what was published."""


command.add_command(audit)
command.add_command(lock)
command.add_command(rebuild)
command.add_command(status)
command.add_command(unlock)


@command.command("migrate", short_help="Bring the schema up to date.", epilog="Example: registry-gen ledger migrate")
@click.pass_obj
def migrate(output: Output) -> None:
    """Bring the ledger's schema up to date. Every command that needs the ledger does this too, but not backup."""
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        applied = ledger.migrate()
    output.json({"applied": list(applied)})
    output.result("\n".join(f"applied {name}" for name in applied) or "The ledger is up to date.")


@command.command(
    "backup",
    short_help="Write all that the ledger holds to a file.",
    epilog="Example: registry-gen ledger backup ledger.backup",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@click.pass_obj
def backup(output: Output, file: Path, force: bool) -> int:
    """Write all that the ledger holds to FILE, in the format of pg_restore.

    Artifacts and records are in the bucket alone. The ledger is verified too, since a backup of an altered one could
    not be restored: exits 1 then, and FILE is there all the same.
    """
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        counts = ledger.backup(file, overwrite=force)
        problems = _problems(output, ledger)
    output.json({"file": str(file), **_as_json(counts), "problems": [problem.as_json() for problem in problems]})
    output.result(f"Backed up {_text(counts)} to {file}.")
    output.problems(problems)
    return 1 if problems else 0


@command.command(
    "restore",
    short_help="Fill an empty ledger from a backup.",
    epilog="Example: registry-gen ledger restore ledger.backup",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def restore(output: Output, file: Path) -> None:
    """Fill an empty ledger from the backup in FILE, and verify it.

    A ledger where anything was published is left alone. What cannot be restored whole, or does not verify, leaves the
    ledger empty. A backup is a program for the database: restore only what you made.
    """
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        counts = ledger.restore(file)
    output.json({"file": str(file), **_as_json(counts)})
    output.result(f"Restored {_text(counts)} from {file}.")


def _problems(output: Output, ledger: Ledger) -> list[LedgerError]:
    """Why a restore would refuse what was backed up. Tables of before are backed up as they are: before a migration."""
    try:
        ledger.verify_audit()
    except LedgerError as error:
        if error.code is not SCHEMA_MISSING:
            return [error]
        output.say("The ledger was not verified: its tables are older than this registry-gen.")
    return []


def _as_json(counts: Counts) -> dict[str, int]:
    return {"packages": counts.packages, "versions": counts.versions, "log_entries": counts.log_entries}


def _text(counts: Counts) -> str:
    packages, versions = counted(counts.packages, "package"), counted(counts.versions, "version")
    entries = counted(counts.log_entries, "log entry", "log entries")
    return f"{packages}, {versions} and {entries}"
