"""One file of the catalog put in the place of another, for the commands that edit it."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.load import shown_folder, shown_path
from registry_gen.errors import InputError, Position
from registry_gen.sources.files import require_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.errors import Code
    from registry_gen.model.config import Config

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(config: Config, path: str, before: bytes, after: bytes) -> None:
    """Give the file at ``path`` (relative to the catalog, with '/') new bytes, at once: nobody sees a part of them.

    Its mode stays, and its owner where the system allows it. Raises InputError CAT036 where the file does not hold
    ``before``, CAT012 where a link is on the way, CFG012 for a catalog that is not below registry.yaml's folder, CAT035
    where the system refuses; the file is then as it was.
    """
    require_beside(config)
    shown = shown_path(shown_folder(config), path)
    *folders, name = path.split("/")
    try:
        with _open_folder(config, folders) as folder:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two commands at once: the second finds what the first wrote
            found = _require(folder, name, before, shown)
            put_in_place(folder, name, after, found)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _problem(catalog_codes.LINK_IN_CATALOG, shown) from None
        raise _problem(catalog_codes.NOT_WRITTEN, shown, found=error.strerror or type(error).__name__) from None


@contextmanager
def _open_folder(config: Config, folders: list[str]) -> Iterator[int]:
    """The folder of a file, entered step by step, so that no link is followed below the catalog."""
    folder = os.open(config.catalog, _FOLDER)
    try:
        for name in folders:
            inner = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _require(folder: int, name: str, before: bytes, shown: str) -> os.stat_result:
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _problem(catalog_codes.LINK_IN_CATALOG, shown)
        if file.read(len(before) + 1) != before:
            raise _problem(catalog_codes.CHANGED, shown)
    return found


def put_in_place(folder: int, name: str, data: bytes, old: os.stat_result) -> None:
    """Give a file of an open folder new bytes, with the mode and owner of the ``old`` one; raises OSError."""
    beside = f".{name}.{secrets.token_hex(8)}"  # a name that no reader of the catalog looks at
    try:
        with os.fdopen(os.open(beside, _NEW, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
            with suppress(PermissionError):
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
    os.fsync(folder)


def _problem(code: Code, shown: str, *, found: str = "") -> InputError:
    return InputError(code, found=found, hint=code.fix, position=Position(shown))
