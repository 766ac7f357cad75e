"""``violations``: alarms about sources that contradict what was published."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.cli.approval_options import APPROVED_BY, AUTHOR, read_approvals
from registry_gen.cli.output import counted
from registry_gen.errors import printable
from registry_gen.model.intent import Run
from registry_gen.plan import alarm_needs, lacking
from registry_gen.publish.rules import former_rules
from registry_gen.sources.identity import identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.cli.output import Output
    from registry_gen.ledger import Alarm, Ledger
    from registry_gen.model.rules import Approvals

_LOCK_SECONDS: Final = 60.0
_ALL_HELP: Final = "Acknowledged ones too."


@click.group("violations", invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help=_ALL_HELP)
@click.pass_context
def command(ctx: click.Context, everything: bool) -> int:
    """Alarms: sources that now say something else than what was published.

    Nothing published was changed for them. An alarm stays until somebody acknowledges it. Exits 1 while there is one.
    """
    return _list(ctx.obj, everything) if ctx.invoked_subcommand is None else 0


@command.command(
    "list", short_help="Show alarms that nobody acknowledged.", epilog="Example: registry-gen violations list --all"
)
@click.option("--all", "everything", is_flag=True, help=_ALL_HELP)
@click.pass_obj
def list_alarms(output: Output, everything: bool) -> int:
    """Show alarms that nobody has acknowledged, oldest first. Exits 1 where there is one."""
    return _list(output, everything)


@command.command(
    "acknowledge",
    short_help="Say that an alarm was looked at, and why it may rest.",
    epilog="Example: registry-gen violations acknowledge 3 --reason 'The publisher moved the tag.'",
)
@click.argument("ids", metavar="ID...", type=click.IntRange(min=1), nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", required=True, help="What was found; kept in the audit log.")
@APPROVED_BY
@AUTHOR
@click.pass_obj
def acknowledge(
    output: Output, ids: tuple[int, ...], reason: str, approved_by: tuple[str, ...], author: str | None
) -> None:
    """Say that alarms were looked at, and why they may rest.

    What was published stays as it is, and the value that was seen is never published; another value is a new alarm.
    Where the rules that were published last ask for approvals, none is acknowledged without them.
    """
    approvals = read_approvals(approved_by, author)
    if not reason.strip():
        raise click.BadParameter("say what was found.", param_hint="--reason")
    who = identity(os.environ, wiring.user)
    run = Run(who.actor, who.run_url, None, datetime.now(UTC))
    with _ledger(output) as ledger, ledger.publication(_LOCK_SECONDS) as publication:
        approved = _approved(ledger, ids, approvals)
        alarms = publication.acknowledge(ids, reason.strip(), run, approved)
    output.json({"violations": [_as_json(alarm) for alarm in alarms]})
    output.result("\n\n".join("\n".join(_lines(alarm)) for alarm in alarms))
    for alarm in alarms:
        if alarm.acknowledged is not None and alarm.acknowledged.at != run.at:
            output.say(f"Violation {alarm.id} was acknowledged before: the reason of then stays.")


def _approved(ledger: Ledger, ids: Sequence[int], approvals: Approvals) -> Mapping[int, Sequence[object]]:
    """What was approved, by alarm, for the audit log; raises RefusalError PLN030 for the first that lacks any."""
    rules = former_rules(ledger)
    if rules is None or not rules.ask:
        return {}
    found: dict[int, Sequence[object]] = {}
    for alarm in ledger.violations():
        if alarm.id not in ids:
            continue
        needs = alarm_needs(rules, alarm.address, alarm.version, approvals)
        for need in needs:
            if not need.met:
                raise lacking(need)
        found[alarm.id] = [need.as_json() for need in needs]
    return found


def _list(output: Output, everything: bool) -> int:
    with _ledger(output) as ledger:
        alarms = ledger.violations(acknowledged=everything)
    output.json({"violations": [_as_json(alarm) for alarm in alarms]})
    output.result(_text(alarms))
    return 1 if any(alarm.acknowledged is None for alarm in alarms) else 0


@contextmanager
def _ledger(output: Output) -> Iterator[Ledger]:
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        ledger.migrate()
        yield ledger


def _text(alarms: Sequence[Alarm]) -> str:
    if not alarms:
        return "No violations."
    blocks = ["\n".join(_lines(alarm)) for alarm in alarms]
    unseen = sum(alarm.acknowledged is None for alarm in alarms)
    return "\n\n".join([*blocks, click.style(f"{counted(unseen, 'violation')} not acknowledged.", bold=True)])


def _lines(alarm: Alarm) -> Iterator[str]:
    word = click.style("alarm", fg="red", bold=True) if alarm.acknowledged is None else "known"
    about = click.style(printable(f"{alarm.address} {alarm.version}"), bold=True)
    yield f"  {word} {alarm.id}  {about}  {alarm.kind}"
    known = {
        "published": alarm.published,
        "seen": alarm.seen,
        "first": _time(alarm.first_seen),
        "last": _time(alarm.last_seen),
    }
    if alarm.acknowledged is not None:
        said = alarm.acknowledged
        known["known"] = f"{said.reason} ({said.by}, {_time(said.at)})"
    else:
        known["hint"] = f"Find out why. To let it rest: registry-gen violations acknowledge {alarm.id} --reason TEXT"
    for label, text in known.items():
        yield f"    {click.style(f'{label:<9}', dim=True)}  {printable(text)}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _as_json(alarm: Alarm) -> dict[str, object]:
    said = alarm.acknowledged
    return {
        "id": alarm.id,
        "kind": alarm.address.kind,
        "address": str(alarm.address),
        "version": alarm.version,
        "code": alarm.kind,
        "published": alarm.published,
        "seen": alarm.seen,
        "first_seen": alarm.first_seen.isoformat(),
        "last_seen": alarm.last_seen.isoformat(),
        "acknowledged": said and {"by": said.by, "reason": said.reason, "at": said.at.isoformat()},
    }
