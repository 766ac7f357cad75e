"""``audit``: what a consumer's code and lock files take from a registry, compared with what it offers from outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry_gen.cli.known_codes import all_codes
from registry_gen.cli.report import write_report
from registry_gen.cli.selection import read_parameter
from registry_gen.cli.show_audit import FORMATS, audit_json, audit_sarif, audit_text
from registry_gen.errors import printable
from registry_gen.inspect.audit import Audit, audit
from registry_gen.inspect.consumer import read_consumer
from registry_gen.inspect.discovered import find_registry
from registry_gen.inspect.level import Level
from registry_gen.model.address import parse_platform

if TYPE_CHECKING:
    from registry_gen.cli.output import Output

_NEVER = "never"


@click.command("audit", epilog="Example: registry-gen audit . --url https://registry.example.com/ --format sarif")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--url", metavar="URL", help="The registry; or a folder with its public files.")
@click.option("--host", metavar="HOST", help="The host that sources of this registry begin with.")
@click.option(
    "--platform", "platforms", metavar="OS_ARCH", multiple=True, help="Must have locked hashes; may be repeated."
)
@click.option("--ignore", "ignored", metavar="CODE", multiple=True, help="Leave this kind of finding out.")
@click.option(
    "--fail-on",
    type=click.Choice([*(level.value for level in Level), _NEVER]),
    default=Level.ERROR.value,
    show_default=True,
    help="Exit 1 where there is anything as bad as this.",
)
@click.option("--format", "chosen", type=click.Choice(FORMATS), help="How to write the findings.  [default: text]")
@click.option("--output", "target", metavar="FILE", type=click.Path(path_type=Path), help="Where; else to stdout.")
@click.pass_obj
def command(
    output: Output,
    folder: Path,
    url: str | None,
    host: str | None,
    platforms: tuple[str, ...],
    ignored: tuple[str, ...],
    fail_on: str,
    chosen: str | None,
    target: Path | None,
) -> int:
    """Look at the Terraform or OpenTofu code below DIR, and at its lock files: nothing is run and nothing changed.

    Without --url, the registry is that of the only host which sources name beside the public registries; it must be
    a public host then. Errors: packages and versions that are unknown or withdrawn, sources that bypass the registry,
    files that cannot be read, platforms of --platform without locked hashes. Warnings: deprecated versions, other
    platforms without locked hashes, computed sources. Notes: newer versions.
    """
    if output.as_json and chosen not in (None, "json"):
        raise click.UsageError(f"--json and --format {chosen} exclude each other.")
    wanted = [read_parameter(parse_platform, text, "--platform") for text in platforms]
    left_out = _known(ignored)
    consumer = read_consumer(folder)
    if not consumer.folders and not consumer.problems:
        raise click.BadParameter("no Terraform or OpenTofu code, and no lock file, is there.", param_hint="DIR")
    registry = find_registry(url, host, consumer)
    with output.progress() as progress:
        found = audit(consumer, registry, wanted, progress)
    kept = tuple(each for each in found.findings if each.problem.code.id not in left_out)
    failed = fail_on != _NEVER and any(each.level.at_least(Level(fail_on)) for each in kept)
    _tell(output, Audit(kept, found.counts), registry.reader.name, chosen, target)
    return 1 if failed else 0


def _known(ignored: tuple[str, ...]) -> frozenset[str]:
    """Codes to leave out; a mistyped one would leave out nothing, and nobody would notice."""
    found = frozenset(each.upper() for each in ignored)
    for each in sorted(found - all_codes().keys()) if found else ():
        raise click.BadParameter(f"there is no code {printable(each)!r}.", param_hint="--ignore")
    return found


def _tell(output: Output, found: Audit, registry: str, chosen: str | None, target: Path | None) -> None:
    """Write the report; where it goes to a file, people get the text besides."""
    form = chosen or ("json" if output.as_json else "text")
    text = audit_text(found, registry)
    report = {
        "text": lambda: text,
        "json": lambda: audit_json(found, registry),
        "sarif": lambda: audit_sarif(found, os.environ),
    }[form]()
    if target is None:
        click.echo(report) if form != "text" else output.result(text)
        return
    write_report(target, f"{report}\n")
    output.result(text)
