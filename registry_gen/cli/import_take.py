"""What every import does with what it read: write files, keep digests, and tell what became of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry_gen import wiring
from registry_gen.catalog.layout_files import catalog_files, part_of
from registry_gen.cli.show_import import Import, counts, import_json, import_lines
from registry_gen.errors import InputError
from registry_gen.ledger import codes as ledger_codes
from registry_gen.model.intent import AuditRow
from registry_gen.sources.identity import identity
from registry_gen.sources.new_files import write_new_files
from registry_gen.sources.taking import without_own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.catalog.layout import Layout
    from registry_gen.cli.output import Output
    from registry_gen.errors import RegistryError
    from registry_gen.ledger import ImportCounts
    from registry_gen.model.config import Config
    from registry_gen.model.imported import Compared

_LOCK_SECONDS: Final = 60.0
INTO: Final = click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the catalog's files there instead of into the catalog, and nothing into the ledger.",
)
DRY_RUN: Final = click.option(
    "--dry-run", is_flag=True, help="Only say what would be taken; no file and no ledger is touched."
)


def take(
    output: Output,
    config: Config,
    layout: Layout,
    compared: Compared | None = None,
    *,
    into: Path | None,
    dry_run: bool,
    allow_unpinned: bool = False,
) -> int:
    """Write the catalog's files, keep the digests of those that are there, and report; nothing is published.

    The exit status is 0, but 1 where a digest is not what its publisher signed.
    """
    layout = without_own(layout, config.site.host.partition(":")[0])
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
    done = Import(taken, written, kept, not_taken, dry_run, compared)
    output.json(import_json(done))
    output.result("\n".join(import_lines(done)))
    if dry_run:
        output.say("Nothing was written. Whether an earlier import says something else, the ledger was not asked.")
    else:
        output.say("Nothing is published yet. Look at the files, see what 'registry-gen plan' says, then publish.")
    return 1 if compared and compared.different else 0


def _audit_row(taken: Layout) -> AuditRow:
    who = identity(os.environ, wiring.user)
    return AuditRow(who.actor, "import", "", {}, {**counts(taken)}, None, who.run_url, datetime.now(UTC))


def _contradictions(kept: ImportCounts | None) -> Iterator[RegistryError]:
    code = ledger_codes.IMPORTED_OTHERWISE
    for each in kept.contradictions if kept else ():
        yield InputError(code, where=each.about, expected=each.kept, found=each.said, hint=code.fix)
