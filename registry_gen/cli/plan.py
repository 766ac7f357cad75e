"""``plan``: what publish would do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.selection import selected
from registry_gen.cli.show_plan import plan_text
from registry_gen.plan.as_json import plan_json, refusal_json
from registry_gen.publish.run import Planned, Registry, make_plan, stage_plan

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.model.entries import Catalog
    from registry_gen.model.plan import Refusal
    from registry_gen.publish.progress import Progress

CHANGES = 2


@click.command("plan")
@click.option("--only", metavar="ADDRESS", multiple=True, help="Plan for this package only; may be repeated.")
@click.option("--fetch", is_flag=True, help="Also fetch, verify and stage everything; publish nothing.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are changes.")
@click.pass_obj
def command(output: Output, only: tuple[str, ...], fetch: bool, detailed_exitcode: bool) -> int:
    """Show what publish would do: versions to publish, documents to change, and what is refused.

    Exits 0 where all is well, 1 where something is refused.
    """
    workspace = wiring.read_workspace(output.config)
    catalog = selected(workspace, only)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        planned = make_plan(registry, catalog, progress)
        late = _stage(registry, planned, catalog, progress) if fetch else ()
    output.json({**plan_json(planned.plan), "late_refusals": [refusal_json(refusal) for refusal in late]})
    output.result(plan_text(planned.plan, late))
    if planned.plan.refusals or late:
        return 1
    changes = any(package.actions for package in planned.plan.packages)
    return CHANGES if detailed_exitcode and changes else 0


def _stage(registry: Registry, planned: Planned, catalog: Catalog, progress: Progress) -> tuple[Refusal, ...]:
    staged = stage_plan(registry, catalog, planned, datetime.now(UTC), progress)
    return tuple(refusal for _, settled in staged for refusal in settled.refusals)
