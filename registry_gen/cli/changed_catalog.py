"""Reading of the catalog only what a change is about: checking one file among ten thousands is a moment's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import wiring
from registry_gen.catalog.identity import PACKAGE_FOLDERS, is_ignored
from registry_gen.catalog.load import load_catalog
from registry_gen.sources.changed_files import changed_files
from registry_gen.sources.files import Part, read_catalog
from registry_gen.sources.git_command import GitCommand
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.sources.changed_files import ChangedFiles


def read_changed(path: Path, since: str) -> tuple[wiring.Workspace, bool]:
    """The packages whose files differ from those at the revision ``since``, and whether that is not the whole catalog.

    Where registry.yaml or anything that packages share differs, all is read: whatever depends on it may be wrong now.
    Raises InputError for problems of registry.yaml, and GIT016 where git does not know the revision.
    """
    config = wiring.read_settings(path)
    found = changed_files(config, GitCommand((), config.limits.git_seconds), since, path.name)
    changed = {each for each in found.changed if not is_ignored(each)}
    if found.registry or any(each.partition("/")[0] not in PACKAGE_FOLDERS for each in changed):
        return wiring.read_workspace(path), False
    files = read_catalog(config, Part(changed | _twins(changed, found)))
    loaded = load_catalog(files, config, parse_key, None)
    return wiring.Workspace(config, loaded.catalog, loaded.problems), True


def _twins(changed: set[str], found: ChangedFiles) -> set[str]:
    """The paths that differ from changed ones in letter case only: those two cannot both be there."""
    folded = {path.casefold() for path in changed}
    return {path for path in found.there if path.casefold() in folded}
