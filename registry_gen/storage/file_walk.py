"""Going through a folder storage in order of keys, each folder open for as long as what is in it is looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from registry_gen.errors import StorageError
from registry_gen.storage import codes
from registry_gen.storage.file_objects import object_at
from registry_gen.storage.folders import STAGING, failed, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.storage import Stored


_DEEPEST: Final = 64
"""How many folders are open at once at most; the registry's own keys have ten parts."""


def walk(folder: int, path: str, prefix: str, storage: str) -> Iterator[Stored]:
    """Objects below an open folder whose key starts with ``prefix``; ``path`` is "" or ends in "/".

    Links and special files are no objects, and what vanishes meanwhile is left out. Raises StorageError that names the
    key below ``storage``.
    """
    levels = [(folder, path, _names(folder, path))]
    try:
        while levels:
            opened, at, names = levels[-1]
            name = next(names, None)
            if name is None:
                _leave(levels)
                continue
            key = at + name
            if not key.startswith(prefix):
                continue
            found = None
            try:
                if name.endswith("/"):
                    if len(levels) > _DEEPEST:
                        found_there = f"folders in each other, more than {_DEEPEST}"
                        raise StorageError(codes.IN_THE_WAY, found=found_there, where=key, hint=codes.IN_THE_WAY.fix)
                    levels.append(_entered(opened, key, name))
                else:
                    found = object_at(opened, name, key)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise failed(error, f"{storage}/{key}") from error
            if found:
                yield found
    finally:
        while levels:
            _leave(levels)


_Level = tuple[int, str, "Iterator[str]"]


def _leave(levels: list[_Level]) -> None:
    """The first folder is the caller's, and stays open."""
    opened, _, _ = levels.pop()
    if levels:
        os.close(opened)


def _entered(above: int, key: str, name: str) -> _Level:
    try:
        folder = open_folder(above, name.removesuffix("/"))
    except NotADirectoryError:
        raise FileNotFoundError(key) from None  # it was a folder, and another thing took its place
    try:
        return folder, key, _names(folder, key)
    except OSError:
        os.close(folder)
        raise


def _names(folder: int, path: str) -> Iterator[str]:
    """Files and folders in order; a folder's name ends in "/", so that names sort as their keys do."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not path and entry.name == STAGING:
                continue
            if entry.is_file(follow_symlinks=False):
                names.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                names.append(f"{entry.name}/")
    return iter(sorted(names))
