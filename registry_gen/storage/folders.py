"""What a folder storage does by descriptor: opening folders and files, and staging what has no key yet.

Whoever can write into the storage may plant links and special files there, at any moment. So everything below its
root is reached from an open folder by one name that must be no link, and nothing that is opened blocks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from registry_gen.errors import StorageError
from registry_gen.storage import codes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.errors import Code

STAGING: Final = ".staging"

_LOCK: Final = "lock"
_STAGED: Final = re.compile(r"[0-9a-f]{32}")
_STAGED_FILES: Final = re.compile(r"[0-9a-f]{32}\.batch")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOREIGN: Final = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
_KINDS: Final = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file"}
_CODES: Final[dict[int | None, Code]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), codes.NO_SPACE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), codes.NOT_ALLOWED),
    **dict.fromkeys((*_FOREIGN, errno.EEXIST), codes.IN_THE_WAY),
}


@contextmanager
def failing(where: str) -> Iterator[None]:
    """Turn the system's errors into StorageError."""
    try:
        yield
    except OSError as error:
        raise failed(error, where) from error


def failed(error: OSError, where: str) -> StorageError:
    """The StorageError for an error of the system."""
    code = _CODES.get(error.errno, codes.FAILED)
    return StorageError(code, where=where, found=error.strerror or str(error), hint=code.fix)


def open_root(path: Path) -> int:
    """A descriptor of the storage's own folder, to which a link may lead."""
    return os.open(path, _FOLDER)


def open_folder(above: int, name: str) -> int:
    """A descriptor of the folder ``name``; raises OSError for links and whatever else is none (ENOTDIR, ELOOP)."""
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)


def open_file(folder: int, name: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the file ``name``; raises OSError for links (ELOOP) and whatever else is no file (ENXIO)."""
    file = os.open(name, flags | _FILE, 0o600, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.ENXIO, "not a file")
    return file


@contextmanager
def opened_staging(root: int, storage: str) -> Iterator[Staging]:
    """The staging of the storage called ``storage`` whose folder is ``root``; its folder is made where it is missing.

    Raises StorageError STO009 where something else stands there.
    """
    with _foreign(root, STAGING, f"{storage}/{STAGING}"):
        try:
            folder = open_folder(root, STAGING)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(STAGING, mode=0o700, dir_fd=root)
            folder = open_folder(root, STAGING)
    try:
        yield Staging(folder, storage)
    finally:
        os.close(folder)


class Staging:
    """Files that have no key yet, in the open folder ``folder``; and the lock between writers."""

    def __init__(self, folder: int, storage: str) -> None:
        self.folder = folder
        self._lock = f"{storage}/{STAGING}/{_LOCK}"

    @contextmanager
    def file(self) -> Iterator[tuple[str, int]]:
        """Name and descriptor of a new file; where it keeps its name until the end, it is removed."""
        name, file = self._new_file()
        try:
            yield name, file
        finally:
            try:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self.folder)
            finally:
                os.close(file)

    def _new_file(self) -> tuple[str, int]:
        """A file that is locked for as long as its writer lives, so that nobody takes it for a leftover."""
        while True:
            name = secrets.token_hex(16)
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.folder)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return name, file
            os.close(file)  # removed as a leftover in the moment before it was locked

    @contextmanager
    def folder_of_files(self) -> Iterator[int]:
        """A descriptor of a new folder for many files; what is left in it goes at the end, and so does the folder."""
        name, folder = self._new_folder()
        try:
            yield folder
        finally:
            try:
                self._remove_folder(name, folder)
            finally:
                os.close(folder)

    def _new_folder(self) -> tuple[str, int]:
        """A folder that is locked for as long as its writer lives, as a file of ``file`` is."""
        while True:
            name = f"{secrets.token_hex(16)}.batch"
            os.mkdir(name, 0o700, dir_fd=self.folder)
            with suppress(FileNotFoundError):  # removed as a leftover before it was opened
                folder = open_folder(self.folder, name)
                fcntl.flock(folder, fcntl.LOCK_EX)
                if os.fstat(folder).st_nlink:
                    return name, folder
                os.close(folder)

    def _remove_folder(self, name: str, folder: int) -> None:
        for left in os.listdir(folder):
            os.unlink(left, dir_fd=folder)
        os.rmdir(name, dir_fd=self.folder)

    @contextmanager
    def lock(self, kind: int) -> Iterator[None]:
        """The lock between everything that names or removes objects, in this process and others.

        Every caller has a descriptor of its own, so that threads exclude each other as processes do.
        """
        with _foreign(self.folder, _LOCK, self._lock):
            lock = open_file(self.folder, _LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, kind)
            yield
        finally:
            os.close(lock)

    def remove_leftovers(self) -> None:
        """Remove what killed writers left, as far as it can be: what has names as ours and nobody has locked."""
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if _STAGED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    self._remove_unless_locked(entry.name)
                if _STAGED_FILES.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    self._remove_folder_unless_locked(entry.name)

    def _remove_unless_locked(self, name: str) -> None:
        with suppress(OSError):
            file = open_file(self.folder, name)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=self.folder)
            finally:
                os.close(file)

    def _remove_folder_unless_locked(self, name: str) -> None:
        with suppress(OSError):
            folder = open_folder(self.folder, name)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove_folder(name, folder)
            finally:
                os.close(folder)


@contextmanager
def _foreign(folder: int, name: str, where: str) -> Iterator[None]:
    """Tell what stands in the place of something of ours that could not be opened."""
    try:
        with failing(where):
            yield
    except StorageError as error:
        if error.code is not codes.IN_THE_WAY:
            raise
        with failing(where):
            kind = stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        code = codes.FOREIGN_STAGING
        raise StorageError(code, where=where, found=_KINDS.get(kind, "a special file"), hint=code.fix) from error
