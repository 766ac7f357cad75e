"""Where a repository's CODEOWNERS is, and whether it is what the catalog says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry_gen.catalog.codes import SHADOWED_CODEOWNERS, STALE_CODEOWNERS
from registry_gen.errors import InputError, Position
from registry_gen.policy.codeowners import FORGES, READ_INSTEAD, codeowners
from registry_gen.sources.new_files import write_new_files

if TYPE_CHECKING:
    from registry_gen.errors import RegistryError
    from registry_gen.model.rules import Forge
    from registry_gen.policy.codeowners import Codeowners
    from registry_gen.wiring import Workspace


def codeowners_of(workspace: Workspace, path: Path, forge: Forge) -> tuple[Path, Codeowners]:
    """The root of the repository, and the CODEOWNERS that belongs there; ``path`` is that of registry.yaml.

    Where no repository is around it, the root is the folder of registry.yaml. Raises InputError CAT065.
    """
    here = Path(os.path.normpath(workspace.config.root))
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    folder, registry = (each.relative_to(root).as_posix() for each in (workspace.config.catalog, here / path.name))
    return root, codeowners(workspace.catalog, forge, folder, registry)


def stale_codeowners(workspace: Workspace, path: Path) -> list[RegistryError]:
    """CAT064 for each CODEOWNERS of ours that is not what the catalog says, or that a policy misses; CAT080 for each
    file that the forge reads in its place.

    A catalog with problems says nothing yet, so nothing is compared.
    """
    wanted = dict(workspace.catalog.policy.codeowners)
    if workspace.problems:
        return []
    return [problem for forge in FORGES for problem in _stale(workspace, path, forge, wanted.get(forge))]


def _stale(workspace: Workspace, path: Path, forge: Forge, wanted: Position | None) -> list[RegistryError]:
    try:
        root, made = codeowners_of(workspace, path, forge)
        found = write_new_files(root, [made], dry_run=True)
    except InputError as error:
        return [error] if wanted else []
    if not (wanted or found.updated or found.unchanged):
        return []
    others = [_shadowing(path) for path in READ_INSTEAD[forge] if os.path.lexists(root / path)]
    if found.unchanged:
        return others
    what = "is missing" if found.written else "is not what the catalog says"
    hint = f"Run registry-gen codeowners --forge {forge} and commit the file."
    position = wanted or Position(made.path)
    return [*others, InputError(STALE_CODEOWNERS, f"{made.path} {what}", hint=hint, position=position)]


def _shadowing(path: str) -> RegistryError:
    return InputError(SHADOWED_CODEOWNERS, hint=SHADOWED_CODEOWNERS.fix, position=Position(path))
