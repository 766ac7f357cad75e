"""``plan``: what publish would do."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.complete import complete_address
from registry_gen.cli.planned import Made, from_ledger, from_public
from registry_gen.cli.saved_plan import write_plan
from registry_gen.cli.selection import CHANGED_SINCE, read_parameter, selected
from registry_gen.cli.show_past import past_json, past_text
from registry_gen.cli.show_plan import plan_text
from registry_gen.cli.show_review import differences_text
from registry_gen.log.moment import parse_moment
from registry_gen.model.address import parse_address
from registry_gen.plan.as_json import plan_json
from registry_gen.plan.differences import difference_json
from registry_gen.plan.markdown import FORGES, plan_markdown
from registry_gen.plan.review import review
from registry_gen.publish.past import look_back
from registry_gen.sources.identity import forge as forge_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.cli.output import Output
    from registry_gen.log.moment import Moment
    from registry_gen.plan.review import Review

CHANGES = 2


@click.command("plan", epilog="Example: registry-gen plan --changed-since origin/main")
@click.option(
    "--only",
    metavar="ADDRESS",
    shell_complete=complete_address,
    multiple=True,
    help="Plan for this package only; may be repeated.",
)
@CHANGED_SINCE
@click.option("--fetch", is_flag=True, help="Also fetch, verify and stage everything; publish nothing.")
@click.option("--diff", is_flag=True, help="Show which lines of protocol documents change; fetches what that needs.")
@click.option(
    "--against",
    metavar="URL",
    help="Take what is public there for what is published: no ledger, no storage, no keys.",
)
@click.option("--key", "keys", metavar="VKEY", multiple=True, help="With --against: the log's verifier key.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan as JSON.")
@click.option("--format", "shown", type=click.Choice(["text", "json", "markdown"]), help="[default: text]")
@click.option(
    "--forge",
    type=click.Choice(sorted(FORGES)),
    help="Whose comments the Markdown must fit.  [default: the CI system's that this runs in, else github]",
)
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
    diff: bool,
    against: str | None,
    keys: tuple[str, ...],
    out: Path | None,
    shown: str | None,
    forge: str | None,
    detailed_exitcode: bool,
    allow_mass_withdrawal: bool,
    as_of: str | None,
) -> int:
    """Show what publish would do: versions to publish, documents to change, and what is refused.

    Exits 0 where all is well, 1 where something is refused.
    """
    if output.as_json and shown not in (None, "json"):
        raise click.UsageError(f"--json and --format {shown}: only one of both.")
    if shown == "json":
        output = replace(output, as_json=True)
    if as_of is not None:
        others = (fetch, diff, against, keys, out, shown == "markdown", detailed_exitcode, allow_mass_withdrawal)
        if changed_since or any(others):
            raise click.UsageError("--as-of shows the past: of the other options only --only goes with it.")
        return _show_past(output, read_parameter(parse_moment, as_of, "--as-of"), only)
    if against is not None and (fetch or allow_mass_withdrawal):
        raise click.UsageError(
            "--against plans from public documents: neither --fetch nor --allow-mass-withdrawal there."
        )
    if keys and against is None:
        raise click.UsageError("--key is about the log at --against URL.")
    workspace = wiring.read_workspace(output.config, changed_since, keep=True)
    catalog = selected(workspace, only)
    now = datetime.now(UTC)
    with output.progress() as progress:
        if against is not None:
            made = from_public(workspace, catalog, against, keys, progress, now, diff=diff)
        else:
            made = from_ledger(
                workspace, catalog, progress, now, fetch=fetch, diff=diff, mass_withdrawal=allow_mass_withdrawal
            )
    judged = review(made.plan, catalog, made.packages, made.basis, made.late)
    document = {**plan_json(judged), **(_documents_json(made) if diff else {})}
    if out is not None:
        write_plan(out, document)
    output.json(document)
    output.result(_shown(judged, made, shown, forge, diff=diff, out=out))
    if judged.refusals:
        return 1
    return CHANGES if detailed_exitcode and (judged.packages or made.plan.needs) else 0


def _shown(judged: Review, made: Made, shown: str | None, forge: str | None, *, diff: bool, out: Path | None) -> str:
    if shown == "markdown":
        name = forge or forge_of(os.environ) or "github"
        saved = out.name if out else ""
        return plan_markdown(judged, FORGES[name], saved, made.differences, made.unknown).rstrip("\n")
    text = plan_text(judged)
    return f"{text}\n\n{differences_text(made.differences, made.unknown)}" if diff else text


def _documents_json(made: Made) -> Mapping[str, object]:
    return {
        "documents": [difference_json(each) for each in made.differences],
        "documents_unknown": [str(address) for address in made.unknown],
    }


def _show_past(output: Output, moment: Moment, only: tuple[str, ...]) -> int:
    """From the ledger's log alone: neither catalog nor bucket nor sources are looked at."""
    addresses = sorted({read_parameter(parse_address, text, "--only") for text in only}, key=str)
    with wiring.open_ledger(wiring.read_settings(output.config)) as ledger:
        ledger.migrate()
        past = look_back(ledger, moment)
    output.json(past_json(past, addresses))
    output.result(past_text(past, addresses))
    return 1 if past.history.contradictions else 0
