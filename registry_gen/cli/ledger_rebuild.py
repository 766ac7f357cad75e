"""``ledger rebuild``: the ledger made again from the bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.output import counted
from registry_gen.cli.selection import say_uncommitted
from registry_gen.errors import printable
from registry_gen.model.intent import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.cli.output import Output
    from registry_gen.publish.rebuild_ledger import Rebuilt


@click.command(
    "rebuild",
    short_help="Make a lost ledger again from the bucket.",
    epilog="Example: registry-gen ledger rebuild --from-bucket",
)
@click.option(
    "--from-bucket", is_flag=True, required=True, help="Read log, records and documents of the public bucket."
)
@click.option(
    "--key", metavar="VKEY", multiple=True, help="A verifier key that the log is known by, where its keys are lost too."
)
@click.option(
    "--audit",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The newest export of the audit log: what the log confirms of it is kept.",
)
@click.option("--force", is_flag=True, help="Although documents differ; the next publish puts them right.")
@click.pass_obj
def rebuild(output: Output, from_bucket: bool, key: tuple[str, ...], audit: Path | None, force: bool) -> None:
    """Make the ledger again in an empty database, after a total loss, from what the bucket holds.

    The log must be signed by its own key, and every record be the one that the log names. What is rendered from the new
    ledger must be what the bucket holds. Otherwise nothing is written. What a run left in the bucket that was cut off
    before it logged anything is deleted.
    """
    from registry_gen.publish.rebuild_ledger import rebuild_ledger

    if not from_bucket:
        raise click.UsageError("Say --from-bucket: a ledger is made again from nothing else.")
    workspace = wiring.read_workspace(output.config)
    vkeys = key or wiring.open_log_keys(workspace.config).vkeys
    say_uncommitted(output, workspace)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        run = Run(registry.actor, registry.run_url, workspace.catalog.commit, datetime.now(UTC))
        rebuilt = rebuild_ledger(registry, vkeys, run, progress, audit=audit, force=force)
    output.json(_as_json(rebuilt))
    output.result("\n".join(_lines(rebuilt)))


def _as_json(rebuilt: Rebuilt) -> Mapping[str, object]:
    return {
        "log_entries": rebuilt.size,
        "packages": rebuilt.packages,
        "versions": rebuilt.versions,
        "documents": rebuilt.documents,
        "differences": list(rebuilt.differences),
        "removed": list(rebuilt.removed),
        "lost_audit_rows": list(rebuilt.lost_rows) if rebuilt.lost_rows else None,
    }


def _lines(rebuilt: Rebuilt) -> Iterator[str]:
    for line in rebuilt.differences:
        yield f"  {click.style('differs', fg='yellow')}  {printable(line)}"
    for key in rebuilt.removed:
        yield f"  {click.style('removed', fg='yellow')}  {printable(key)}"
    packages, versions = counted(rebuilt.packages, "package"), counted(rebuilt.versions, "version")
    entries = counted(rebuilt.size, "log entry", "log entries")
    yield f"The ledger holds {packages}, {versions} and {entries} again."
    if rebuilt.lost_rows:
        first, last = rebuilt.lost_rows
        yield f"Rows {first} to {last} of the audit log are lost; it goes on after them."
    yield "Acknowledged violations are forgotten, and who took versions back where the audit log is lost."
    if rebuilt.differences:
        yield "The next publish puts the documents right that differ."
    else:
        yield "Run fsck, then plan: it should show no changes."
