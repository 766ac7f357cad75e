"""New files of a catalog, written where none is: what is there already stays as it is."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes as catalog_codes
from registry_gen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from registry_gen.errors import Code, RegistryError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Written:
    """How many files were written and how many were there with the same bytes; ``problems`` tell of all others."""

    written: int
    unchanged: int
    problems: tuple[RegistryError, ...]


def write_new_files(root: Path, files: Iterable[tuple[str, bytes]]) -> Written:
    """Write files at their paths below ``root``, with '/', which the caller has checked to be names of a catalog.

    Each appears whole or not at all, through no link below ``root``. A file that is there with other bytes stays:
    IMP008. Raises InputError CAT035 where the system refuses to write; what was written until then stays, and a
    second run goes on from there.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _problem(catalog_codes.NOT_WRITTEN, str(root), error.strerror or type(error).__name__) from None
    written = unchanged = 0
    problems: list[RegistryError] = []
    for path, data in files:
        try:
            found = _write(root, path, data)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                said = error.strerror or type(error).__name__
                raise _problem(catalog_codes.NOT_WRITTEN, f"{root}/{path}", said) from None
            problems.append(_problem(catalog_codes.LINK_IN_CATALOG, f"{root}/{path}"))
            continue
        if found is None:
            written += 1
        elif found == data:
            unchanged += 1
        else:
            problems.append(_problem(catalog_codes.OTHER_FILE, f"{root}/{path}"))
    return Written(written, unchanged, tuple(problems))


def _write(root: Path, path: str, data: bytes) -> bytes | None:
    """None where the file is new; else what is there, as far as it matters."""
    *folders, name = path.split("/")
    folder = os.open(root, _FOLDER)
    try:
        for each in folders:
            with suppress(FileExistsError):
                os.mkdir(each, dir_fd=folder)
            inner = os.open(each, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        with suppress(FileNotFoundError):
            return _there(folder, name, len(data) + 1)
        _put(folder, name, data)
    finally:
        os.close(folder)
    return None


def _there(folder: int, name: str, limit: int) -> bytes:
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.ELOOP, "not a regular file")
        return file.read(limit)


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
