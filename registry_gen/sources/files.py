"""The catalog's folder: its files, bounded in number and size.

No symbolic link is followed below registry.yaml's folder, so that nothing outside of it is read.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.identity import PACKAGE_FOLDERS, is_ignored
from registry_gen.catalog.load import shown_folder
from registry_gen.errors import InputError, Position, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from registry_gen.errors import Code
    from registry_gen.model.config import Config

MAX_FILES: Final = 200_000
MAX_FILE_BYTES: Final = 1_000_000
MAX_TOTAL_BYTES: Final = 512_000_000
MAX_DEPTH: Final = 16

_READ_ONLY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_PIECE: Final = 64 * 1024

CatalogFile = tuple[str, bytes | RegistryError]
"""A path relative to the catalog's folder, with '/', and the file's bytes, or why it could not be read."""


def read_registry_file(path: Path) -> bytes:
    """The bytes of registry.yaml. Raises InputError CFG001 where there is none, CAT003, CAT012 for a link, CAT014."""
    try:
        # A parser's message may quote what it read: a link must not choose what that is.
        if path.is_symlink():
            raise _problem(catalog_codes.LINK_IN_CATALOG, str(path))
        descriptor = os.open(path, _READ_ONLY)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _problem(catalog_codes.LINK_IN_CATALOG, str(path))
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(catalog_codes.NOT_REGISTRY, where=str(path), hint=catalog_codes.NOT_REGISTRY.fix) from None
    except OSError as error:
        raise _unreadable(str(path), error) from None
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(str(path), MAX_FILE_BYTES)
    return data


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the catalog: these paths, and all that packages share."""

    paths: Collection[str]

    def folders(self) -> frozenset[str]:
        """The folders that hold the paths, with "/" at their ends."""
        return frozenset(path[: at + 1] for path in self.paths for at, sign in enumerate(path) if sign == "/")

    def wanted(self) -> Callable[[str], bool]:
        """Whether a path, or a folder with "/" at its end, is to be looked at."""
        known = self.folders() | frozenset(self.paths)
        return lambda path: path in known or path.partition("/")[0] not in PACKAGE_FOLDERS


def read_catalog(config: Config, part: Part | None = None) -> tuple[CatalogFile, ...]:
    """Every file of the catalog, or of a part of it, but those that are ignored, in an order that does not change.

    Raises InputError CFG012 for a folder that is not below registry.yaml's or reached through a link, CAT013 where it
    is larger than its limits, CAT014 where it cannot be read.
    """
    shown = shown_folder(config)
    require_beside(config)
    files: list[CatalogFile] = []
    total = 0
    for path, data in walk(str(config.catalog), "", shown, MAX_FILE_BYTES, wanted=part.wanted() if part else None):
        files.append((path, data))
        total += len(data) if isinstance(data, bytes) else 0
        if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
            expected = f"at most {MAX_FILES} files and {MAX_TOTAL_BYTES} bytes"
            raise _problem(catalog_codes.TOO_MUCH, shown, expected=expected)
    return tuple(files)


def require_beside(config: Config) -> None:
    """Raise InputError CFG012 for a catalog that is not below registry.yaml's folder, or reached through a link."""
    root = Path(os.path.normpath(config.root))  # as load_config makes the catalog's path: without ".."
    if not config.catalog.is_relative_to(root):
        raise _problem(catalog_codes.CATALOG_OUTSIDE, str(config.catalog), expected=f"a folder below {root}")
    below = config.catalog.relative_to(root)
    for part in (below, *below.parents):
        if part.parts and (root / part).is_symlink():
            raise _problem(catalog_codes.CATALOG_OUTSIDE, str(root / part), found="a symbolic link")


def walk(
    folder: str,
    prefix: str,
    shown: str,
    limit: int,
    depth: int = 0,
    *,
    wanted: Callable[[str], bool] | None = None,
) -> Iterator[CatalogFile]:
    """Every file below ``folder`` by its path behind ``prefix``, in order, at most ``limit`` bytes of each.

    ``shown`` is how people know what ``prefix`` begins in. What is not ``wanted`` (by its path; of a folder with "/" at
    its end) is left out, opened by nobody. No link is followed. Raises InputError CAT014 where the
    first folder cannot be read; an inner one that cannot, stands in place of its files.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if not prefix:
            raise _unreadable(shown, error) from None
        yield prefix.rstrip("/"), _unreadable(f"{shown}/{prefix.rstrip('/')}", error)
        return
    for entry in entries:
        path = prefix + printable_name(entry.name)
        folder_there = entry.is_dir(follow_symlinks=False)
        if is_ignored(path) or (wanted and not wanted(f"{path}/" if folder_there else path)):
            continue
        if not folder_there:
            yield path, _read(entry, f"{shown}/{path}", limit)
        elif depth < MAX_DEPTH:
            yield from walk(entry.path, f"{path}/", shown, limit, depth + 1, wanted=wanted)
        else:
            yield path, _problem(catalog_codes.TOO_MUCH, f"{shown}/{path}", expected=f"at most {MAX_DEPTH} levels")


def _read(entry: os.DirEntry[str], shown: str, limit: int) -> bytes | RegistryError:
    if not entry.is_file(follow_symlinks=False):
        return _problem(catalog_codes.LINK_IN_CATALOG, shown)
    try:
        # Not a second look at the name: what was a file a moment ago may be a link or a pipe now.
        descriptor = os.open(entry.path, _READ_ONLY)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return _problem(catalog_codes.LINK_IN_CATALOG, shown)
            data = _content(descriptor, limit)
        finally:
            os.close(descriptor)
    except OSError as error:
        return _unreadable(shown, error)
    return data if len(data) <= limit else _too_large(shown, limit)


def _content(descriptor: int, limit: int) -> bytes:
    """What a file holds; of one that is larger than ``limit``, enough to tell.

    Without a file object: for ten thousands of small files, making those costs more than all the rest of reading.
    """
    pieces = []
    left = limit + 1
    while left > 0 and (piece := os.read(descriptor, min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def printable_name(name: str) -> str:
    """A file's name as it may be printed: what is not UTF-8 or not visible is escaped."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _unreadable(shown: str, error: OSError) -> InputError:
    return _problem(catalog_codes.UNREADABLE, shown, found=error.strerror or type(error).__name__)


def _too_large(shown: str, limit: int) -> InputError:
    return _problem(catalog_codes.LIMIT, shown, expected=f"at most {limit} bytes")


def _problem(code: Code, shown: str, *, expected: str = "", found: str = "") -> InputError:
    return InputError(code, expected=expected, found=found, hint=code.fix, position=Position(shown))
