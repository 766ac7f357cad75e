"""``plan``: what publish would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.selection import CHANGED_SINCE, read_parameter, selected
from registry_gen.cli.show_past import past_json, past_text
from registry_gen.cli.show_plan import plan_text
from registry_gen.log.moment import parse_moment
from registry_gen.model.address import parse_address
from registry_gen.plan.as_json import plan_json, refusal_json
from registry_gen.publish.past import look_back
from registry_gen.publish.planning import Planned, make_plan
from registry_gen.publish.stage import stage_plan

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.log.moment import Moment
    from registry_gen.model.entries import Catalog
    from registry_gen.plan import Settled
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry

CHANGES = 2


@click.command("plan")
@click.option("--only", metavar="ADDRESS", multiple=True, help="Plan for this package only; may be repeated.")
@CHANGED_SINCE
@click.option("--fetch", is_flag=True, help="Also fetch, verify and stage everything; publish nothing.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are changes.")
@click.option("--allow-mass-withdrawal", is_flag=True, help="Withdraw although it is a large share of the registry.")
@click.option(
    "--as-of",
    metavar="MOMENT",
    help="Show instead what the registry said then: after so many log entries, on a day (its end in UTC), at a time.",
)
@click.pass_obj
def command(
    output: Output,
    only: tuple[str, ...],
    changed_since: str | None,
    fetch: bool,
    detailed_exitcode: bool,
    allow_mass_withdrawal: bool,
    as_of: str | None,
) -> int:
    """Show what publish would do: versions to publish, documents to change, and what is refused.

    Exits 0 where all is well, 1 where something is refused.
    """
    if as_of is not None:
        if fetch or detailed_exitcode or allow_mass_withdrawal or changed_since:
            raise click.UsageError("--as-of shows the past: of the other options only --only goes with it.")
        return _show_past(output, read_parameter(parse_moment, as_of, "--as-of"), only)
    workspace = wiring.read_workspace(output.config, changed_since, keep=True)
    catalog = selected(workspace, only)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        planned = make_plan(
            registry,
            catalog,
            wiring.registry_key(registry),
            progress,
            datetime.now(UTC),
            mass_withdrawal=allow_mass_withdrawal,
        )
        late = _stage(registry, planned, catalog, progress) if fetch else ()
    refusals = [refusal for settled in late for refusal in settled.refusals]
    plan = replace(planned.plan, notes=(*planned.plan.notes, *(note for settled in late for note in settled.notes)))
    output.json({**plan_json(plan), "late_refusals": [refusal_json(refusal) for refusal in refusals]})
    output.result(plan_text(plan, refusals))
    if plan.refusals or refusals:
        return 1
    changes = planned.standing.changed or any(package.actions for package in plan.packages)
    return CHANGES if detailed_exitcode and changes else 0


def _show_past(output: Output, moment: Moment, only: tuple[str, ...]) -> int:
    """From the ledger's log alone: neither catalog nor bucket nor sources are looked at."""
    addresses = sorted({read_parameter(parse_address, text, "--only") for text in only}, key=str)
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        ledger.migrate()
        past = look_back(ledger, moment)
    output.json(past_json(past, addresses))
    output.result(past_text(past, addresses))
    return 1 if past.history.contradictions else 0


def _stage(registry: Registry, planned: Planned, catalog: Catalog, progress: Progress) -> list[Settled]:
    """Stage everything and keep nothing of it; sorted by address, whatever was done first."""
    late = []
    for done in stage_plan(registry, wiring.open_keys(registry), catalog, planned, datetime.now(UTC), progress):
        for settled in done:
            if settled.intent:
                registry.staging.discard(settled.intent.artifacts)
            late.append(settled)
    return sorted(late, key=lambda settled: str(settled.address))
