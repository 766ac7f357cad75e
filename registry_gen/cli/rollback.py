"""``rollback``: the catalog changed so that the registry says what it said at an earlier point."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.edit import exchange_edit
from registry_gen.cli.edit_catalog import edit_catalog, edited_json, edited_text
from registry_gen.cli.output import counted
from registry_gen.cli.selection import read_parameter, selected
from registry_gen.errors import printable
from registry_gen.log.moment import parse_moment
from registry_gen.model.plan import Relist, Withdraw
from registry_gen.plan.as_json import action_json
from registry_gen.plan.limits import is_mass_withdrawal
from registry_gen.publish.past import plan_rollback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.cli.edit_catalog import Edited
    from registry_gen.cli.output import Output
    from registry_gen.plan.rollback import FileChange, Obstacle, Rollback
    from registry_gen.publish.past import PlannedRollback


@click.command("rollback", epilog="Example: registry-gen rollback --to 2026-07-01T12:00:00Z")
@click.option(
    "--to",
    "moment",
    metavar="MOMENT",
    required=True,
    help="Back to what it said then: after so many log entries, on a day (its end in UTC), at a time.",
)
@click.option("--write", is_flag=True, help="Change the catalog's files; without it they are only shown.")
@click.pass_obj
def command(output: Output, moment: str, write: bool) -> int:
    """Show, or write, how the catalog must change for the registry to say what it said at an earlier point.

    What was published since is withdrawn, what was withdrawn since is listed again, warnings are those of then. Nothing
    is published: the change is reviewed, planned and published as any other. Exits 1 where something cannot be brought
    back so, after all the rest is shown or written.
    """
    then = read_parameter(parse_moment, moment, "--to")
    workspace = wiring.read_workspace(output.config)
    catalog = selected(workspace, ())
    with wiring.open_ledger(workspace.config) as ledger:
        ledger.migrate()
        planned = plan_rollback(ledger, then, catalog, datetime.now(UTC))
    rollback = planned.rollback
    edits = {change.address: partial(exchange_edit, undo=change.undo, rules=change.add) for change in rollback.changes}
    edited = edit_catalog(workspace.config, edits, write=write) if edits else ()
    output.json(_as_json(planned, edited, written=write))
    output.result("\n".join(_lines(planned, edited, written=write)))
    return 1 if rollback.obstacles else 0


def _as_json(planned: PlannedRollback, edited: Sequence[Edited], *, written: bool) -> Mapping[str, object]:
    rollback = planned.rollback
    return {
        "position": planned.position,
        "entries": planned.entries,
        "packages": [
            {
                "kind": change.address.kind,
                "address": str(change.address),
                "actions": [action_json(action) for action in change.life],
            }
            for change in rollback.changes
        ],
        "obstacles": [
            {
                "kind": obstacle.address.kind,
                "address": str(obstacle.address),
                "version": str(obstacle.version) if obstacle.version else None,
                "text": obstacle.text,
            }
            for obstacle in rollback.obstacles
        ],
        "changed": [edited_json(each) for each in edited],
        "written": written,
    }


def _lines(planned: PlannedRollback, edited: Sequence[Edited], *, written: bool) -> Iterator[str]:
    rollback = planned.rollback
    for change, file in zip(rollback.changes, edited, strict=True):
        yield f"{click.style(change.address.kind, dim=True)} {click.style(str(change.address), bold=True)}"
        yield from _life_lines(change)
        yield edited_text(file)
        yield ""
    for obstacle in rollback.obstacles:
        yield _obstacle_line(obstacle)
    if rollback.obstacles:
        yield ""
    yield _summary(planned)
    if rollback.changes:
        yield _next(planned, written=written)


def _life_lines(change: FileChange) -> Iterator[str]:
    for action in change.life:
        if isinstance(action, Withdraw):
            reason = click.style(f"withdrawn: {printable(action.reason)}", dim=True)
            yield f"  {click.style('-', fg='red')} {action.version}  {reason}"
        else:
            yield f"  {click.style('+', fg='green')} {action.version}  {click.style('listed again', dim=True)}"


def _obstacle_line(obstacle: Obstacle) -> str:
    about = f"{obstacle.address} {obstacle.version}" if obstacle.version else str(obstacle.address)
    return f"  {click.style('stays', fg='yellow')} {click.style(about, bold=True)}: {printable(obstacle.text)}"


def _summary(planned: PlannedRollback) -> str:
    rollback = planned.rollback
    gone, back = _count(rollback, Withdraw), _count(rollback, Relist)
    counts = [f"{counted(gone, 'version')} to withdraw"] if gone else []
    counts += [f"{counted(back, 'version')} to list again"] if back else []
    files = f"{counted(len(rollback.changes), 'file')} of the catalog"
    head = f"Back to log position {planned.position} of {planned.entries}:"
    what = f"{files}, {' and '.join(counts)}." if counts else f"{files}." if rollback.changes else "nothing to change."
    stays = f" {counted(len(rollback.obstacles), 'thing')} cannot be brought back." if rollback.obstacles else ""
    return f"{click.style(head, bold=True)} {what}{stays}"


def _next(planned: PlannedRollback, *, written: bool) -> str:
    if not written:
        return "Nothing was written. Run it again with --write, or make the change by hand."
    flag = " --allow-mass-withdrawal" if is_mass_withdrawal(_count(planned.rollback, Withdraw), planned.listed) else ""
    return f"Commit the change, look at what 'registry-gen plan{flag}' says, then run 'registry-gen publish{flag}'."


def _count(rollback: Rollback, kind: type[Withdraw | Relist]) -> int:
    return sum(isinstance(action, kind) for change in rollback.changes for action in change.life)
