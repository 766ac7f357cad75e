"""``validate``: every problem of the catalog and of registry.yaml, at once, for people, programs and forges.

Nothing is touched, except that a state folder keeps what was read, where one was made here before, and that a report is
written for the forges that read one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen import wiring
from registry_gen.catalog.problems import ProblemsError, in_order
from registry_gen.cli.changed_catalog import read_changed
from registry_gen.cli.codeowners_file import stale_codeowners
from registry_gen.cli.output import counted
from registry_gen.cli.report import Format, report, reporting
from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from registry_gen.cli.output import Output
    from registry_gen.cli.report import Reporting


@click.command("validate", epilog="Example: registry-gen validate --changed-since origin/main")
@click.option(
    "--format",
    "chosen",
    type=click.Choice([each.value for each in Format]),
    help="How to write the problems; without it as the CI system reads them that this runs in, or else as text.",
)
@click.option("--output", "target", metavar="FILE", type=click.Path(path_type=Path), help="Where; else to stdout.")
@click.option(
    "--changed-since",
    "since",
    metavar="REV",
    help="Check only what differs from the catalog at this commit, tag or branch, and what depends on that.",
)
@click.pass_obj
def command(output: Output, chosen: str | None, target: Path | None, since: str | None) -> int:
    """List every problem of the catalog and of registry.yaml as path:line:column: CODE message.

    A CODEOWNERS that registry-gen made is compared, too. Nothing outside the repository is looked at. Exits 1 where
    there is a problem.
    In a pipeline the problems are shown beside the change: GitHub and Azure are told in the log, GitLab finds
    gl-code-quality-report.json, Bitbucket test-results/registry-gen.xml.
    """
    how = reporting(chosen, target, os.environ, as_json=output.as_json)
    try:
        workspace, part = (
            read_changed(output.config, since) if since is not None else (wiring.read_workspace(output.config), False)
        )
        stale = stale_codeowners(workspace, output.config)
        problems, entries = in_order((*workspace.problems, *stale)), len(workspace.catalog.entries)
    except ProblemsError as error:
        problems, entries, part = error.problems, 0, False
    except RegistryError as error:
        if target or how.format is not Format.JSON:  # which whoever shows the error writes to stdout
            report(how, [error], output.config, os.environ)
        raise
    output.problems(problems)
    report(how, problems, output.config, os.environ)
    _sum_up(output, how, len(problems), f"{'change' if part else 'catalog'} is good: {counted(entries, 'package')}")
    return 1 if problems else 0


def _sum_up(output: Output, how: Reporting, problems: int, good: str) -> None:
    if problems:
        text = click.style(f"{counted(problems, 'problem')}.", fg="red", bold=True)
    else:
        text = click.style(f"The {good}.", bold=True)
    if not how.alone:
        output.result(text)
    elif how.format is not Format.JSON:  # --json says nothing but JSON, and this is the same
        output.say(text)
