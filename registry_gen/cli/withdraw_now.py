"""``withdraw --now``: publish one package's withdrawal and collect what it took back, waiting for no cache."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry_gen import wiring
from registry_gen.cli.selection import say_uncommitted, selected
from registry_gen.cli.show_gc import collected_json, collected_text
from registry_gen.cli.show_plan import refusals_text, report_text
from registry_gen.cli.show_purge import say_purge
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import gc
from registry_gen.publish.run import publish

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.rules import Approvals
    from registry_gen.model.version import Constraints


def withdraw_now(output: Output, address: Address, about: Constraints | None, approvals: Approvals) -> int:
    """Publish what the catalog says of the package, then delete all that is left of its withdrawn versions ``about``
    (None: every one), their records too; the exit status, which is 1 too where none was ever published.
    """
    workspace = wiring.read_workspace(output.config)
    catalog = selected(workspace, (str(address),))
    say_uncommitted(output, workspace)
    now = datetime.now(UTC)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        keys = wiring.open_keys(registry)
        report = publish(registry, keys, catalog, now, progress, mass_withdrawal=True, approvals=approvals)
        package = registry.ledger.packages([address]).get(address)
        meant = [
            facts for facts in (package.versions if package else ()) if about is None or about.covers(facts.version)
        ]
        versions = {(address, facts.version) for facts in meant if facts.withdrawn}
        extent = Extent(at_once=True, records=True, among=versions)
        run = Run(registry.actor, registry.run_url, catalog.commit, now)
        done = gc(registry, keys.log, extent, run, progress)
    say_purge(output, done.purge or report.purge)
    output.json({**collected_json(done, (), extent), "refused": len(report.refusals)})
    output.result(report_text(report))
    output.result(collected_text(done, (), extent))
    if done.refusals:
        output.say(refusals_text(done.refusals))
    output.say("Commit the change of the catalog.")
    if not meant:  # whoever is in a hurry about a secret has to know that it is still there
        output.say(f"No published version of {address} matches: the rule keeps future ones off.")
    # An alarm about another version is told, and stopped nothing of what was asked for here.
    stopped = [refusal for refusal in report.refusals if not refusal.violation]
    return 1 if stopped or done.refusals or not meant else 0
