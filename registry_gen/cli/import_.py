"""``import``: packages of another registry become files of the catalog."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.catalog.layout import read_layout
from registry_gen.catalog.layout_files import catalog_files, part_of
from registry_gen.cli.import_forget import forget
from registry_gen.cli.show_import import Import, counts, import_json, import_lines
from registry_gen.errors import InputError
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.intent import AuditRow
from registry_gen.sources.identity import identity
from registry_gen.sources.layout_folder import read_layout_folder
from registry_gen.sources.new_files import write_new_files
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.catalog.layout import Layout
    from registry_gen.cli.output import Output
    from registry_gen.errors import RegistryError
    from registry_gen.ledger import ImportCounts

_LOCK_SECONDS: Final = 60.0


@click.group("import")
def command() -> None:
    """Take packages over from another registry."""


command.add_command(forget)


@command.command(
    "opentofu-registry",
    short_help="Take over the layout of OpenTofu's registry.",
    epilog="Example: registry-gen import opentofu-registry ../opentofu-registry --dry-run",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the catalog's files there instead of into the catalog, and nothing into the ledger.",
)
@click.option("--allow-unpinned", is_flag=True, help="Write allow_unpinned: true into the files of modules.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken; no file and no ledger is touched.")
@click.pass_obj
def opentofu_registry(output: Output, folder: Path, into: Path | None, allow_unpinned: bool, dry_run: bool) -> None:
    """Take over what DIR holds: a checkout of github.com/opentofu/registry, or a part of it.

    Each package becomes a file of the catalog with hosting: link, and its digests are kept in the ledger. A file that
    an earlier import wrote gets the versions that are new; one that somebody wrote or changed stays as it is, and
    nothing is kept of its package. What could not be taken, and why, is the report: the exit status is 0 all the same.
    Nothing is published. 'import forget' takes digests back.
    """
    config = wiring.read_settings(output.config)
    layout = read_layout(read_layout_folder(folder), parse_key)
    files = catalog_files(layout, allow_unpinned=allow_unpinned)
    kept = None
    if dry_run or (into is not None and into.resolve() != config.catalog.resolve()):
        written = write_new_files(into or config.catalog, files, dry_run=dry_run)
        taken = part_of(layout, written.there)
    else:
        with wiring.open_ledger(config) as ledger:
            ledger.migrate()
            # Under the lock, so that no publish beside this one fetches what it need not.
            with ledger.publication(_LOCK_SECONDS) as publication:
                written = write_new_files(config.catalog, files)
                taken = part_of(layout, written.there)
                kept = publication.import_packages(tuple(taken.packages.values()), _audit_row(taken))
    not_taken = (*layout.problems, *written.problems, *_contradictions(kept))
    done = Import(taken, written, kept, not_taken, dry_run)
    output.json(import_json(done))
    output.result("\n".join(import_lines(done)))
    if dry_run:
        output.say("Nothing was written. Whether an earlier import says something else, the ledger was not asked.")
    else:
        output.say("Nothing is published yet. Look at the files, see what 'registry-gen plan' says, then publish.")


def _audit_row(taken: Layout) -> AuditRow:
    who = identity(os.environ, wiring.user)
    return AuditRow(who.actor, "import", "", {}, {**counts(taken)}, None, who.run_url, datetime.now(UTC))


def _contradictions(kept: ImportCounts | None) -> Iterator[RegistryError]:
    code = ledger_codes.IMPORTED_OTHERWISE
    for each in kept.contradictions if kept else ():
        yield InputError(code, where=each.about, expected=each.kept, found=each.said, hint=code.fix)
