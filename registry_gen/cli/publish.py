"""``publish``: make the registry say what the catalog says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.cli.approval_options import APPROVED_BY, AUTHOR, read_approvals
from registry_gen.cli.complete import complete_address
from registry_gen.cli.saved_plan import read_plan
from registry_gen.cli.selection import CHANGED_SINCE, say_uncommitted, selected
from registry_gen.cli.show_plan import notes_text, report_text
from registry_gen.cli.show_purge import purge_json, say_purge
from registry_gen.plan.as_json import refusal_json
from registry_gen.plan.saved import part_of
from registry_gen.publish.run import Report, publish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.cli.output import Output
    from registry_gen.publish.registry import Registry

_MADE: Final = (
    "Made the registry's private keys in {}. Back them up: nobody can publish without them, and other machines that "
    "publish need them too ('signing' in registry.yaml)."
)
"""Said while they can still be saved: a CI runner throws its state folder away."""


@click.command("publish", epilog="Example: registry-gen publish --only acme/network/aws")
@click.argument("plan", required=False, metavar="[PLAN]", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--only",
    metavar="ADDRESS",
    shell_complete=complete_address,
    multiple=True,
    help="Publish this package only; may be repeated.",
)
@CHANGED_SINCE
@click.option(
    "--lock-timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=600,
    help="How long to wait for another publisher.  [default: 600]",
)
@click.option("--allow-mass-withdrawal", is_flag=True, help="Withdraw although it is a large share of the registry.")
@APPROVED_BY
@AUTHOR
@click.option("--accept-log-key", metavar="VKEY", help="Go on with this key of the log: the one before it is lost.")
@click.pass_obj
def command(
    output: Output,
    plan: Path | None,
    only: tuple[str, ...],
    changed_since: str | None,
    lock_timeout: float,
    allow_mass_withdrawal: bool,
    approved_by: tuple[str, ...],
    author: str | None,
    accept_log_key: str | None,
) -> int:
    """Publish what the catalog says, after finishing whatever an earlier run left.

    A package that fails stops no other; it is reported at the end and tried again next time. Exits 1 then. So it is
    with one that lacks an approval which catalog/policies asks for; approvals hold for all that this run does.

    Of a PLAN that 'registry-gen plan --out FILE' saved, exactly what it showed is published. It is refused as a whole
    where its packages, their rules or their sources have moved since; other packages may have.
    """
    if plan is not None and (only or changed_since):
        raise click.UsageError("A saved PLAN says which packages it is about: neither --only nor --changed-since.")
    saved = None if plan is None else read_plan(plan)
    approvals = read_approvals(approved_by, author)
    workspace = wiring.read_workspace(output.config, changed_since, keep=True)
    catalog = selected(workspace, only)
    if saved is not None:
        catalog = part_of(catalog, saved, workspace.config.site.url)
    say_uncommitted(output, workspace)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        patient = replace(registry, lock_seconds=lock_timeout)
        before = _own_keys(registry)
        keys = wiring.open_keys(registry)
        if _own_keys(registry) != before:
            output.say(_MADE.format(registry.config.state / "keys"))
        now = datetime.now(UTC)
        report = publish(
            patient,
            keys,
            catalog,
            now,
            progress,
            mass_withdrawal=allow_mass_withdrawal,
            accept_log_key=accept_log_key,
            approvals=approvals,
            saved=saved,
        )
    if report.log_key_changed:
        output.say(f"The log stands under another key now. Hand it out: {keys.log.vkey}")
    if report.notes:
        output.say(notes_text(report.notes))
    say_purge(output, report.purge)
    output.json({**_as_json(report), "log_key": keys.log.vkey, "log_key_changed": report.log_key_changed})
    output.result(report_text(report))
    return 1 if report.refusals or report.refused_rules or report.altered else 0


def _own_keys(registry: Registry) -> set[Path]:
    return set((registry.config.state / "keys").glob("*"))


def _as_json(report: Report) -> Mapping[str, object]:
    return {
        "published": [
            {
                "kind": package.address.kind,
                "address": str(package.address),
                "revision": package.revision,
                "versions": [str(version) for version in package.published],
                "withdrawn": [str(version) for version in package.withdrawn],
            }
            for package in (*report.recovered, *report.published)
        ],
        "refusals": [refusal_json(refusal) for refusal in report.refusals],
        "refused_rules": [error.as_json() for error in report.refused_rules],
        "rules_changed": report.rules_changed,
        "notes": [{"address": str(note.address), "text": note.text} for note in report.notes],
        "unchanged": report.plan.unchanged,
        "altered": list(report.altered),
        "puts": report.puts,
        "purge": purge_json(report.purge),
    }
