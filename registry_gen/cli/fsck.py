"""``fsck``: compare the bucket with the ledger and with what is rendered from it, and mend it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from registry_gen import paths, wiring
from registry_gen.cli.complete import complete_address
from registry_gen.cli.output import counted
from registry_gen.cli.selection import not_in_catalog, read_parameter, say_uncommitted
from registry_gen.cli.show_error import failure_text
from registry_gen.cli.show_purge import say_purge
from registry_gen.errors import printable
from registry_gen.model.address import parse_address
from registry_gen.model.intent import Run
from registry_gen.publish.fsck import fsck
from registry_gen.publish.own_bucket import require_own_place
from registry_gen.publish.purge import purge_now
from registry_gen.publish.repair import broken_versions, repair
from registry_gen.publish.trusted import hints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

    from registry_gen.cli.output import Output
    from registry_gen.errors import RegistryError
    from registry_gen.model.address import Address
    from registry_gen.publish.findings import Checked, Finding

SHOWN = 200


@click.command("fsck", epilog="Example: registry-gen fsck --quick --only acme/network/aws")
@click.option("--repair", "mend", is_flag=True, help="Mend what can be mended from what is known to be good.")
@click.option("--quick", is_flag=True, help="Read no object whose digest the storage does not know by itself.")
@click.option(
    "--only",
    metavar="ADDRESS",
    shell_complete=complete_address,
    multiple=True,
    help="Look at this package only; may be repeated.",
)
@click.pass_obj
def command(output: Output, mend: bool, quick: bool, only: tuple[str, ...]) -> int:
    """Compare every object of the bucket with the ledger, and with what is rendered from it.

    Exits 0 where all is well, or was mended; 1 where anything is left.
    """
    if mend and (quick or only):
        raise click.UsageError("--repair looks at everything: leave out --quick and --only.")
    workspace = wiring.read_workspace(output.config)
    with wiring.open_registry(workspace) as registry, output.progress() as progress:
        if mend:
            say_uncommitted(output, workspace)
            run = Run(registry.actor, registry.run_url, workspace.catalog.commit, datetime.now(UTC))
            done = repair(registry, wiring.open_keys(registry).log, run, progress)
            checked, mended, problems = done.after, done.mended, done.problems
            if mended:  # what was wrong may be in caches too, for a year where it never changes
                say_purge(output, purge_now(registry, [each.key for each in mended if _is_key(each.key)], progress))
        else:
            require_own_place(registry.ledger.log_head(), registry.place)
            addresses = _known(only, registry.ledger.heads().keys() | workspace.catalog.entries.keys())
            site = registry.config.site
            checked = fsck(registry.ledger, registry.public, site, progress, quick=quick, only=addresses or None)
            mended, problems = (), ()
    output.json(_as_json(checked, mended, problems))
    output.result("\n".join(_lines(checked, mended, problems, tried=mend)))
    return 1 if checked.findings else 0


def _is_key(text: str) -> bool:
    try:
        paths.rule(text)
    except ValueError:
        return False
    return True


def _known(only: Sequence[str], known: Set[Address]) -> list[Address]:
    """The addresses that --only names; raises click.BadParameter for what is none, InputError CLI002 for unknown ones.

    The ledger knows packages that left the catalog, and their objects are compared as any others.
    """
    addresses = [read_parameter(parse_address, text, "--only") for text in only]
    for address in addresses:
        if address not in known:
            raise not_in_catalog(address, map(str, known))
    return addresses


def _lines(
    checked: Checked, mended: Sequence[Finding], problems: Sequence[RegistryError], *, tried: bool
) -> Iterator[str]:
    """``tried`` says whether a repair was: only then it is known what it cannot bring back."""
    for finding in mended[:SHOWN]:
        yield f"  {click.style('mended', fg='green')} {finding.code.id} {printable(finding.key)}: {finding.code.title}"
    for finding, hint in list(zip(checked.findings, hints(checked.findings), strict=True))[:SHOWN]:
        yield from _finding_lines(finding, hint)
    for problem in problems:
        yield f"  {click.style('not mended', fg='yellow')} {failure_text(problem)}"
    for address, version in broken_versions(checked.findings):
        yield f"  {click.style('broken', fg='red', bold=True)} {address} {version} cannot be installed as it was"
        if not tried:
            yield "    Run 'registry-gen fsck --repair': it brings back what can be had again, and says what cannot."
            continue
        yield "    Put the published bytes back from a copy of the bucket, or take the version back:"
        yield f"    registry-gen withdraw {address} {version} --reason 'Its artifacts were lost.'"
    hidden = max(len(checked.findings) - SHOWN, 0) + max(len(mended) - SHOWN, 0)
    if hidden:
        yield f"  {hidden} more; --json has all"
    if mended or checked.findings or problems:
        yield ""
    compared = f"{counted(checked.objects, 'object')} with {counted(checked.size, 'byte')}"
    left = counted(len(checked.findings), "problem") if checked.findings else "all is well"
    repaired = f" {counted(len(mended), 'problem')} mended." if mended else ""
    yield click.style(f"Compared {compared}: {left}.", bold=True) + repaired


def _finding_lines(finding: Finding, hint: str) -> Iterator[str]:
    about = f" ({finding.address}{f' {finding.version}' if finding.version else ''})" if finding.address else ""
    word = click.style("wrong", fg="red", bold=True)
    yield f"  {word} {finding.code.id} {printable(finding.key)}{about}: {finding.code.title}"
    if finding.expected:
        yield f"    expected  {printable(finding.expected)}"
    if finding.found:
        yield f"    found     {printable(finding.found)}"
    yield f"    hint      {hint}"


def _as_json(checked: Checked, mended: Iterable[Finding], problems: Iterable[RegistryError]) -> Mapping[str, object]:
    return {
        "objects": checked.objects,
        "bytes": checked.size,
        "findings": [
            _finding_json(finding, hint)
            for finding, hint in zip(checked.findings, hints(checked.findings), strict=True)
        ],
        "broken": [
            {"address": str(address), "version": str(version)} for address, version in broken_versions(checked.findings)
        ],
        "mended": [_finding_json(finding, finding.hint) for finding in mended],
        "problems": [problem.as_json() for problem in problems],
    }


def _finding_json(finding: Finding, hint: str) -> Mapping[str, object]:
    return {
        "code": finding.code.id,
        "message": finding.code.title,
        "key": finding.key,
        "address": str(finding.address) if finding.address else None,
        "version": str(finding.version) if finding.version else None,
        "expected": finding.expected,
        "found": finding.found,
        "hint": hint,
    }
