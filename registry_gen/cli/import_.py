"""``import``: packages of another registry become files of the catalog."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.catalog.layout import read_layout
from registry_gen.catalog.layout_files import catalog_files
from registry_gen.cli.output import counted
from registry_gen.errors import InputError, printable
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.imported import ImportedModule, ImportedProvider
from registry_gen.model.intent import AuditRow
from registry_gen.sources.identity import identity
from registry_gen.sources.layout_folder import read_layout_folder
from registry_gen.sources.new_files import write_new_files
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.catalog.layout import Layout
    from registry_gen.cli.output import Output
    from registry_gen.errors import RegistryError
    from registry_gen.ledger import ImportCounts
    from registry_gen.model.config import Config
    from registry_gen.sources.new_files import Written

_LOCK_SECONDS: Final = 60.0


@click.group("import")
def command() -> None:
    """Take packages over from another registry."""


@command.command("opentofu-registry", short_help="Take over the layout of OpenTofu's registry.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the catalog's files there instead of into the catalog.",
)
@click.option("--allow-unpinned", is_flag=True, help="Write allow_unpinned: true into the files of modules.")
@click.pass_obj
def opentofu_registry(output: Output, folder: Path, into: Path | None, allow_unpinned: bool) -> None:
    """Take over what DIR holds: a checkout of github.com/opentofu/registry, or a part of it.

    Each package becomes a file of the catalog with hosting: link. A file that is there already stays as it is. What
    could not be taken, and why, is the report: the exit status is 0 all the same. Nothing is published.
    """
    config = wiring.read_settings(output.config)
    layout = read_layout(read_layout_folder(folder), parse_key)
    # First what the files would lack: a publish beside this one must not fetch what it need not.
    kept = _keep(config, layout)
    written = write_new_files(into or config.catalog, catalog_files(layout, allow_unpinned=allow_unpinned))
    not_taken = (*layout.problems, *written.problems, *_contradictions(kept))
    output.json(_as_json(layout, kept, written, not_taken))
    output.result("\n".join(_lines(layout, kept, written, not_taken)))
    output.say("Nothing is published yet. Look at the files, see what 'registry-gen plan' says, then publish.")


def _keep(config: Config, layout: Layout) -> ImportCounts:
    who = identity(os.environ, wiring.user)
    row = AuditRow(who.actor, "import", "", {}, {**_counts(layout)}, None, who.run_url, datetime.now(UTC))
    with wiring.open_ledger(config) as ledger:
        ledger.migrate()
        with ledger.publication(_LOCK_SECONDS) as publication:
            return publication.import_packages(tuple(layout.packages.values()), row)


def _contradictions(kept: ImportCounts) -> Iterator[RegistryError]:
    for each in kept.contradictions:
        code = ledger_codes.IMPORTED_OTHERWISE
        yield InputError(code, where=each.about, expected=each.kept, found=each.said, hint=code.fix)


def _counts(layout: Layout) -> Mapping[str, int]:
    modules = [package for package in layout.packages.values() if isinstance(package, ImportedModule)]
    providers = [package for package in layout.packages.values() if isinstance(package, ImportedProvider)]
    return {
        "modules": len(modules),
        "module_versions": sum(len(module.versions) for module in modules),
        "providers": len(providers),
        "provider_versions": sum(len(provider.zips) for provider in providers),
        "zips": sum(len(zips) for provider in providers for zips in provider.zips.values()),
        "keys": len(layout.keys),
    }


def _as_json(
    layout: Layout, kept: ImportCounts, written: Written, not_taken: Sequence[RegistryError]
) -> Mapping[str, object]:
    return {
        "format": 1,
        "taken": _counts(layout),
        "ledger": {"tags": kept.tags, "zips": kept.zips},
        "files": {"written": written.written, "unchanged": written.unchanged},
        "not_taken": [problem.as_json() for problem in not_taken],
    }


def _lines(layout: Layout, kept: ImportCounts, written: Written, not_taken: Sequence[RegistryError]) -> Iterator[str]:
    for problem in not_taken:  # without hints, which would be there a thousand times: explain has them
        place = click.style(f"{printable(problem.where)}:", bold=True)
        yield f"{place} {click.style(problem.code.id, fg='red')} {problem.message}"
    counts = _counts(layout)
    modules, providers = counted(counts["modules"], "module"), counted(counts["providers"], "provider")
    versions = counted(counts["module_versions"], "version"), counted(counts["provider_versions"], "version")
    keys, zips = counted(counts["keys"], "key"), counted(counts["zips"], "zip")
    yield f"Taken: {modules} with {versions[0]}, {providers} with {versions[1]} and {zips}, {keys}."
    yield f"{counted(kept.tags, 'tag')} and {counted(kept.zips, 'digest')} are new in the ledger."
    yield f"{counted(written.written, 'file')} written, {written.unchanged} there already."
    if not_taken:
        by_code = sorted(not_taken, key=lambda problem: problem.code.id)
        groups = ((code, sum(1 for _ in same)) for code, same in groupby(by_code, key=lambda problem: problem.code))
        reasons = ", ".join(f"{count} {code.id} ({code.title})" for code, count in groups)
        yield f"Not taken: {len(not_taken)}, see above: {reasons}."
