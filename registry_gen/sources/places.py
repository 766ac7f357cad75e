"""A folder or a base URL, read through the same two methods; what is there decides nothing about where it may lead."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol
from urllib.parse import quote

from registry_gen.errors import SourceError
from registry_gen.model.digest import Sha256
from registry_gen.sources import codes
from registry_gen.sources.http import Downloaded
from registry_gen.sources.http_failures import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.sources.http import Fetcher

MAX_ENTRIES: Final = 20_000
"""How many names a search through folders looks at."""
_CHUNK: Final = 1024 * 1024
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without waiting: opening a pipe that nobody writes to would never return.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Place(Protocol):
    """Where files are, named without any path. Reading raises SourceError, NET006 where there is no such file."""

    def read(self, name: str, limit: int) -> bytes:
        """A file of at most ``limit`` bytes."""

    def copy(self, name: str, out: BinaryIO, limit: int) -> Downloaded:
        """Stream a file into ``out``, which is emptied first."""

    def size(self, name: str) -> int | None:
        """A file's size in bytes; None where it is not there, or would take a request."""


def place(location: str, fetcher: Fetcher) -> Place:
    """What an absolute path or a URL names."""
    if location.startswith("/"):
        return FolderPlace(Path(location))
    return UrlPlace(location if location.endswith("/") else location + "/", fetcher)


@dataclass(frozen=True, slots=True)
class UrlPlace:
    """Files under a base URL that ends in "/"."""

    base: str
    fetcher: Fetcher

    def read(self, name: str, limit: int) -> bytes:
        """See ``Place``."""
        return self.fetcher.get(self.url(name), limit=limit).body

    def copy(self, name: str, out: BinaryIO, limit: int) -> Downloaded:
        """See ``Place``."""
        return self.fetcher.download(self.url(name), out, limit=limit)

    def size(self, name: str) -> int | None:  # noqa: ARG002 - see ``Place``: it would take a request
        """See ``Place``."""
        return None

    def url(self, name: str) -> str:
        """The absolute URL of a file; raises SourceError SRC005 for a name with a path in it."""
        _check_name(name, self.base)
        return self.base + quote(name)


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """Files of a folder; links are followed only as long as they stay in it."""

    folder: Path

    def read(self, name: str, limit: int) -> bytes:
        """See ``Place``."""
        with self.open(name, limit) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise _too_large(self.folder / name, limit)
        return data

    def copy(self, name: str, out: BinaryIO, limit: int) -> Downloaded:
        """See ``Place``."""
        where = str(self.folder / name)
        total, size = hashlib.sha256(), 0
        with self.open(name, limit) as file:
            with writing(where):
                out.seek(0)
                out.truncate()
            while chunk := file.read(_CHUNK):
                total.update(chunk)
                size += len(chunk)
                if size > limit:
                    raise _too_large(self.folder / name, limit)
                with writing(where):
                    out.write(chunk)
            with writing(where):
                out.flush()
        return Downloaded(Sha256(total.hexdigest()), size)

    def size(self, name: str) -> int | None:
        """See ``Place``."""
        with contextlib.suppress(OSError):
            found = (self.folder / name).stat()
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    @contextlib.contextmanager
    def open(self, name: str, limit: int) -> Iterator[BinaryIO]:
        """A file of at most ``limit`` bytes, for as long as the block runs; raises as ``read`` does."""
        _check_name(name, str(self.folder))
        path = self.folder / name
        try:
            with os.fdopen(_open_inside(path, self.folder), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise SourceError(codes.OUTSIDE, "not a regular file", where=str(path))
                if found.st_size > limit:
                    raise _too_large(path, limit)
                yield file
        except FileNotFoundError:
            raise SourceError(codes.NOT_FOUND, where=str(path), hint="Check that the release is complete.") from None
        except OSError as error:
            raise _unreadable(path, error) from None


def _open_inside(path: Path, folder: Path) -> int:
    """Open what ``inside`` found, step by step and through no link: the folder may change after the look."""
    root = folder.resolve(strict=True)
    *parents, name = inside(path, root).relative_to(root).parts or (".",)
    above = os.open(root, _FOLDER)
    try:
        for part in parents:
            below = os.open(part, _FOLDER, dir_fd=above)
            os.close(above)
            above = below
        return os.open(name, _FILE, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise SourceError(codes.OUTSIDE, "it changed", where=str(path), hint=codes.OUTSIDE.fix) from None
        raise
    finally:
        os.close(above)


def inside(path: Path, folder: Path) -> Path:
    """Where links lead from ``path``.

    Raises SourceError SRC005 where that is out of ``folder``, FileNotFoundError where it is nowhere.
    """
    try:
        real = path.resolve(strict=True)
    except RuntimeError:  # links in a circle, before Python 3.13
        raise SourceError(codes.OUTSIDE, "links in a circle", where=str(path), hint=codes.OUTSIDE.fix) from None
    if not real.is_relative_to(folder.resolve(strict=True)):
        raise SourceError(codes.OUTSIDE, where=str(path), hint=codes.OUTSIDE.fix)
    return real


def names(folder: Path) -> list[str]:
    """The names in a folder, sorted; raises SourceError SRC001 where it cannot be read, SRC006 where it is huge."""
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) > MAX_ENTRIES:
                    raise SourceError(
                        codes.TOO_MANY_FILES,
                        where=str(folder),
                        expected=f"at most {MAX_ENTRIES}",
                        hint=codes.TOO_MANY_FILES.fix,
                    )
    except OSError as error:
        raise _unreadable(folder, error) from None
    return sorted(found)


def _check_name(name: str, where: str) -> None:
    if not name or name in (".", "..") or any(char in name for char in "/\\\0"):
        raise SourceError(codes.OUTSIDE, where=where, found=repr(name[:100]), hint=codes.OUTSIDE.fix)


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        codes.NO_RELEASES_FOLDER,
        where=str(path),
        found=error.strerror or str(error),
        hint=codes.NO_RELEASES_FOLDER.fix,
    )


def _too_large(path: Path, limit: int) -> SourceError:
    return SourceError(codes.TOO_LARGE, where=str(path), expected=f"at most {limit} bytes", hint=codes.TOO_LARGE.fix)
