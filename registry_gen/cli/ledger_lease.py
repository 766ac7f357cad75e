"""``ledger lock``, ``unlock`` and ``status``: the lease of a ledger whose state is in the private bucket."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.cli.output import counted
from registry_gen.errors import LedgerError, printable
from registry_gen.ledger.bucket import BucketLedger
from registry_gen.ledger.bucket_lease import read_head
from registry_gen.ledger.codes import NO_LEASE
from registry_gen.model.intent import AuditRow
from registry_gen.sources.identity import identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.cli.output import Output
    from registry_gen.ledger.bucket_head import Head, Lease
    from registry_gen.model.config import Config

_HOURS: Final = 4
_MOST_HOURS: Final = 168


@click.command(
    "lock",
    short_help="Keep every publisher away for a while.",
    epilog="Example: registry-gen ledger lock --hours 2 --reason 'The bucket moves.'",
)
@click.option("--reason", metavar="TEXT", default="", help="Why; publishers that are kept away are told.")
@click.option(
    "--hours",
    metavar="N",
    type=click.IntRange(1, _MOST_HOURS),
    default=_HOURS,
    show_default=True,
    help="When the lock ends by itself.",
)
@click.pass_obj
def lock(output: Output, reason: str, hours: int) -> None:
    """Keep every publisher away until ledger unlock, or until the lock ends by itself.

    For a ledger whose state is in the private bucket (ledger: bucket). Who reads is not kept away.
    """
    now = datetime.now(UTC)
    until = now + timedelta(hours=hours)
    with _leased(_settings(output)) as ledger:
        row = _row("ledger-lock", {"until": until.isoformat(timespec="seconds"), "reason": reason}, now)
        lease = ledger.lock(until, reason, row)
    output.json({"lease": _lease_json(lease)})
    output.result(f"Nobody publishes until {_time(lease.expires_at)}. To end that: registry-gen ledger unlock.")


@click.command("unlock", short_help="End a lock, or take a lease away.", epilog="Example: registry-gen ledger unlock")
@click.option("--force", is_flag=True, help="Although somebody else holds it: their run ends where it is.")
@click.pass_obj
def unlock(output: Output, force: bool) -> None:
    """End the lock of ledger lock; with --force, also take away the lease of somebody else, or of a run that is gone.

    A run that loses its lease publishes nothing more. The next one finishes what it began. The audit log tells of it.
    """
    now = datetime.now(UTC)
    config = _settings(output)
    head = _head(config)
    held = None
    if head and head.lease:
        before = {"owner": head.lease.owner, "generation": head.generation, "reason": head.lease.reason}
        with _leased(config) as ledger:
            held = ledger.unlock(_row("ledger-unlock", {"forced": force}, now, before), force=force)
    output.json({"lease": _lease_json(held) if held else None})
    output.result(f"Taken away from {printable(str(held))}." if held else "Nobody holds a lease.")


@click.command(
    "status",
    short_help="Show who holds the lease, and where the ledger stands.",
    epilog="Example: registry-gen ledger status --json",
)
@click.pass_obj
def status(output: Output) -> None:
    """Show who may write to a ledger in the private bucket, until when, and how much of it no snapshot holds yet."""
    head = _head(_settings(output))
    now = datetime.now(UTC)
    output.json(_status_json(head, now) if head else {"lease": None, "changes": 0})
    output.result("\n".join(_status_lines(head, now)) if head else "The ledger holds nothing yet.")


def _settings(output: Output) -> Config:
    """registry.yaml, where its ledger has a lease; raises LedgerError LED048 where it names another one."""
    config = wiring.read_settings(output.config)
    if config.ledger != "bucket":
        kind = "embedded" if config.ledger == "embedded" else "a PostgreSQL server"
        raise LedgerError(NO_LEASE, expected="ledger: bucket", found=kind, hint=NO_LEASE.fix)
    return config


def _head(config: Config) -> Head | None:
    """Where the ledger stands, without a database."""
    found = read_head(wiring.open_storage(config.private))
    return found.head if found else None


@contextmanager
def _leased(config: Config) -> Iterator[BucketLedger]:
    with wiring.open_ledger(config) as ledger:
        assert isinstance(ledger, BucketLedger)  # noqa: S101 - narrows for the type checker
        yield ledger


def _row(
    action: str, after: Mapping[str, object], now: datetime, before: Mapping[str, object] | None = None
) -> AuditRow:
    who = identity(os.environ, wiring.user)
    return AuditRow(who.actor, action, "", before or {}, after, None, who.run_url, now)


def _status_json(head: Head, now: datetime) -> Mapping[str, object]:
    return {
        "lease": _lease_json(head.lease) if head.lease else None,
        "expired": bool(head.lease and head.lease.expires_at <= now),
        "generation": head.generation,
        "changes": head.number,
        "unsaved": {"changes": len(head.unsaved), "bytes": sum(each.size for each in head.unsaved)},
        "migration": head.migration,
    }


def _status_lines(head: Head, now: datetime) -> Iterator[str]:
    if head.lease is None:
        yield "Nobody holds the lease."
    elif head.lease.expires_at <= now:
        yield f"The lease has expired: {printable(str(head.lease))}."
    else:
        yield f"Held by {printable(str(head.lease))}."
    unsaved = counted(len(head.unsaved), "change")
    yield f"Generation {head.generation}, {counted(head.number, 'change')}; {unsaved} since the last snapshot."


def _lease_json(lease: Lease) -> Mapping[str, object]:
    return lease.model_dump(mode="json")


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
