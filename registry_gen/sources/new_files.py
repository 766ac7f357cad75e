"""New files, written where none is: what somebody wrote stays as it is."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from registry_gen.catalog import codes as catalog_codes
from registry_gen.errors import InputError
from registry_gen.sources.replace_file import put_in_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from registry_gen.errors import Code, RegistryError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_AT_LEAST: Final = 8192


class NewFile(Protocol):
    """A file to write; ``path`` is relative to where it goes, with '/'."""

    @property
    def path(self) -> str:
        """Where it belongs."""

    @property
    def data(self) -> bytes:
        """What it holds."""

    def follows(self, found: bytes) -> bool:
        """Whether it may take the place of what was found: 8 KiB are read, or one byte more than its own."""


@dataclass(frozen=True, slots=True)
class Written:
    """Paths of files that were written, that were brought up to date, and that were there with the same bytes.

    ``problems`` tell of all others.
    """

    written: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    problems: tuple[RegistryError, ...]

    @property
    def there(self) -> frozenset[str]:
        """The paths of all files that hold now what they were to hold."""
        return frozenset((*self.written, *self.updated, *self.unchanged))


class _Ended(Enum):
    """How it went with a file."""

    WRITTEN = auto()
    UPDATED = auto()
    UNCHANGED = auto()
    OTHER = auto()


def write_new_files(root: Path, files: Iterable[NewFile], *, dry_run: bool = False) -> Written:
    """Write files at their paths below ``root``, which the caller has checked to be names of a catalog.

    Each appears whole or not at all, through no link below ``root``. A file that is there with other bytes stays:
    IMP008; but one that the new file follows is exchanged. Raises InputError CAT035 where the system refuses; what was
    written until then stays, and a second run goes on from there. ``dry_run`` only says what would come of it.
    """
    if not dry_run:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _problem(catalog_codes.NOT_WRITTEN, str(root), error.strerror or type(error).__name__) from None
    paths: dict[_Ended, list[str]] = {ended: [] for ended in _Ended}
    problems: list[RegistryError] = []
    for file in files:
        try:
            ended = _look(root, file) if dry_run else _write(root, file)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                said = error.strerror or type(error).__name__
                raise _problem(catalog_codes.NOT_WRITTEN, f"{root}/{file.path}", said) from None
            problems.append(_problem(catalog_codes.LINK_IN_CATALOG, f"{root}/{file.path}"))
            continue
        paths[ended].append(file.path)
        if ended is _Ended.OTHER:
            problems.append(_problem(catalog_codes.OTHER_FILE, f"{root}/{file.path}"))
    written, updated, unchanged, _ = map(tuple, paths.values())
    return Written(written, updated, unchanged, tuple(problems))


def _look(root: Path, file: NewFile) -> _Ended:
    try:
        with _open_folder(root, file, make=False) as (folder, name):
            found, _ = _there(folder, name, _limit(file))
    except FileNotFoundError:
        return _Ended.WRITTEN
    return _compare(file, found)


def _write(root: Path, file: NewFile) -> _Ended:
    with _open_folder(root, file, make=True) as (folder, name):
        fcntl.flock(folder, fcntl.LOCK_EX)  # as the commands that edit the catalog do
        try:
            found, status = _there(folder, name, _limit(file))
        except FileNotFoundError:
            _put(folder, name, file.data)
            return _Ended.WRITTEN
        ended = _compare(file, found)
        if ended is _Ended.UPDATED:
            put_in_place(folder, name, file.data, status)
        return ended


def _limit(file: NewFile) -> int:
    return max(len(file.data) + 1, _READ_AT_LEAST)


def _compare(file: NewFile, found: bytes) -> _Ended:
    if found == file.data:
        return _Ended.UNCHANGED
    return _Ended.UPDATED if file.follows(found) else _Ended.OTHER


@contextmanager
def _open_folder(root: Path, file: NewFile, *, make: bool) -> Iterator[tuple[int, str]]:
    """The folder of a file, entered step by step, so that no link is followed, and the file's name in it."""
    *folders, name = file.path.split("/")
    folder = os.open(root, _FOLDER)
    try:
        for each in folders:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(each, dir_fd=folder)
            inner = os.open(each, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder, name
    finally:
        os.close(folder)


def _there(folder: int, name: str, limit: int) -> tuple[bytes, os.stat_result]:
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ELOOP, "not a regular file")
        return file.read(limit), status


def _put(folder: int, name: str, data: bytes) -> None:
    beside = f".{name}.{secrets.token_hex(8)}"  # a name that no reader of the catalog looks at
    try:
        with os.fdopen(os.open(beside, _NEW, 0o666, dir_fd=folder), "wb") as file:
            file.write(data)
        # A link, not a rename: that would replace a file that somebody wrote meanwhile.
        os.link(beside, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)


def _problem(code: Code, where: str, found: str = "") -> InputError:
    return InputError(code, where=where, found=found, hint=code.fix)
