"""``gc``: delete what is left of withdrawn versions, once no cache leads to it any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.cli.confirm import confirmed, require_somebody
from registry_gen.cli.selection import say_uncommitted
from registry_gen.cli.show_gc import collected_json, collected_text, outlook_json, outlook_text
from registry_gen.cli.show_purge import say_purge
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import gc, outlook

if TYPE_CHECKING:
    from registry_gen.cli.output import Output


@click.command("gc", epilog="Example: registry-gen gc --dry-run")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--now", "at_once", is_flag=True, help="Wait for no cache: for what must not be there, such as a secret.")
@click.option("--records", is_flag=True, help="Also delete the records of collected versions.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(output: Output, dry_run: bool, at_once: bool, records: bool, yes: bool) -> int:
    """Delete what is left of withdrawn versions, in two steps that wait for caches.

    When no cache lists a version any more, its leaf documents go; when no cache serves those any more, its artifacts.
    Its history, its place in the log and the document that tells of its withdrawal stay. What was collected can never
    be listed again. Exits 1 where something could not be deleted.
    """
    if not dry_run:
        require_somebody(output, yes=yes, otherwise=" or --dry-run")
    extent = Extent(at_once=at_once, records=records)
    workspace = wiring.read_workspace(output.config)
    with wiring.open_registry(workspace) as registry:
        run = Run(registry.actor, registry.run_url, workspace.catalog.commit, datetime.now(UTC))
        found = outlook(registry, extent, run)
        if dry_run:
            output.json(outlook_json(found, extent))
            output.result(outlook_text(found, extent))
            return 0
        say_uncommitted(output, workspace)
        if found.goes and not yes:
            click.echo(outlook_text(found, extent), err=True)
            if not confirmed(output, "Delete this for good?", yes=yes):
                return 1
        keys = wiring.open_keys(registry)
        with output.progress() as progress:
            done = gc(registry, keys.log, replace(extent, among=found.versions), run, progress)
    say_purge(output, done.purge)
    output.json(collected_json(done, found.waiting, extent))
    output.result(collected_text(done, found.waiting, extent))
    return 1 if done.refusals else 0
