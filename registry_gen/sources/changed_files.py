"""Which files of a catalog differ from a commit, as git knows it: without opening those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import InputError, SourceError
from registry_gen.sources import codes
from registry_gen.sources.files import MAX_FILES, printable_name, require_beside
from registry_gen.sources.git_command import CommandError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.model.config import Config
    from registry_gen.sources.git_command import GitCommand

_NAME_BYTES: Final = 600
_KEPT: Final = "H "
"""How ls-files marks what git keeps and looks at; others are unknown to it, or it was told not to look at them."""


@dataclass(frozen=True, slots=True)
class ChangedFiles:
    """Paths below the catalog's folder, with '/': those ``changed``, added or taken away, and all that are ``there``.

    ``registry`` says whether registry.yaml is another one.
    """

    changed: frozenset[str]
    there: tuple[str, ...]
    registry: bool


def changed_files(config: Config, git: GitCommand, revision: str, name: str) -> ChangedFiles:
    """What differs between ``revision`` and the folders of this machine; ``name`` is that of registry.yaml.

    A file counts as changed where its size or times are not those that git remembers: too many at worst. What git does
    not keep counts, too. Raises InputError GIT016 where there is no such commit, or the catalog is in no repository.
    """
    require_beside(config)
    folder = config.catalog.relative_to(config.root).as_posix()
    below = "" if folder == "." else f"{folder}/"
    try:
        there = _ask(config, git, "ls-files", "-z", "-v", "--cached", "--others", "--", name, folder)
        how = ("-z", "--name-only", "--no-renames", "--relative", "--end-of-options")
        differ = _ask(config, git, "diff-index", *how, f"{revision}^{{commit}}", "--", name, folder)
    except (CommandError, OutputError, SourceError, ValueError, OSError):
        raise InputError(codes.NO_REVISION, found=revision, hint=codes.NO_REVISION.fix) from None
    changed = {*differ, *(path[2:] for path in there if not path.startswith(_KEPT))}
    return ChangedFiles(
        frozenset(_below(below, changed)), tuple(_below(below, (p[2:] for p in there))), name in changed
    )


def _below(folder: str, paths: Iterable[str]) -> Iterator[str]:
    return (printable_name(path.removeprefix(folder)) for path in paths if path.startswith(folder))


def _ask(config: Config, git: GitCommand, *arguments: str) -> list[str]:
    said = git.run(*arguments, folder=config.root, limit=MAX_FILES * _NAME_BYTES)
    return [path for path in said.decode().split("\0") if path]
