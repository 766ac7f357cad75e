"""Files for people that appear under their name only when they are whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to write, here or by its ``name``, for its owner alone; when the block ends well it is called ``path``,
    else nothing stays.

    It is made beside its place, and durable before it is renamed; a killed process leaves ``.registry-gen-*`` there.
    Raises LedgerError LED027 where the file is there already and ``overwrite`` is not set, LED028 where it cannot be
    written.
    """
    if not overwrite and os.path.lexists(path):
        raise LedgerError(codes.FILE_EXISTS, where=str(path), hint=codes.FILE_EXISTS.fix)
    try:
        descriptor, name = tempfile.mkstemp(prefix=".registry-gen-", dir=path.absolute().parent)
        try:
            os.close(descriptor)
            with Path(name).open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.absolute().parent)
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise LedgerError(codes.CANNOT_WRITE, where=str(path), found=found, hint=codes.CANNOT_WRITE.fix) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
