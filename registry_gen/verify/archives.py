"""Module archives that a team built itself: tar.gz, tgz or zip, read into files under limits.

A folder that all files share at the top is not stripped: clients would not do it either, so the archive's root is
the module's root, or the source in the catalog has to be another one.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.model.tree import TreeFile
from registry_gen.verify import codes
from registry_gen.verify.tars import BLOCK, MAX_EXTENSION, read_tar
from registry_gen.verify.zip_directory import FREE_BYTES, MAX_RATIO, read_directory
from registry_gen.verify.zips import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from registry_gen.model.tree import FileKind


def read_archive(file: BinaryIO, filename: str, *, max_bytes: int, max_files: int, where: str) -> Iterator[TreeFile]:
    """The files and symbolic links of an archive, in its own order, one in memory at a time.

    ``file`` is seekable, ``filename`` says by its end what it is. ``check_tree`` must judge what comes out: this
    looks at each entry alone. Raises RefusalError ARC001 to ARC015.
    """
    place = f"{where}: {filename}"
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    if filename.endswith((".tar.gz", ".tgz")):
        return _read_tar_gz(file, size, max_bytes, max_files, place)
    if filename.endswith(".zip"):
        return _read_zip(file, size, max_bytes, max_files, place)
    raise RefusalError(codes.NOT_AN_ARCHIVE, where=place, expected="a name that ends in .tar.gz, .tgz or .zip")


def _read_tar_gz(file: BinaryIO, size: int, max_bytes: int, max_files: int, where: str) -> Iterator[TreeFile]:
    # Contents, a header, padding and, at worst, an extension header for each entry.
    allowed = max_bytes + max_files * (3 * BLOCK) + MAX_EXTENSION + 64 * BLOCK
    stream = _Inflating(file, min(allowed, FREE_BYTES + size * MAX_RATIO), where)
    return read_tar(stream, max_bytes=max_bytes, max_files=max_files, where=where)


def _read_zip(file: BinaryIO, size: int, max_bytes: int, max_files: int, where: str) -> Iterator[TreeFile]:
    entries = read_directory(file, size, max_unpacked=max_bytes, max_entries=max_files, where=where)
    for entry in entries:
        if entry.kind == "directory":
            continue
        if entry.kind == "special":
            raise RefusalError(codes.NOT_A_FILE, where=where, found=entry.name)
        data = b"".join(unpack(file, entry, where))
        if entry.kind == "symlink":
            yield TreeFile(entry.name, "symlink", data)
            continue
        kind: FileKind = "executable" if entry.mode & 0o100 else "file"
        yield TreeFile(entry.name, kind, data)


class _Inflating:
    """Reads through gzip, and refuses to give more than ``allowed`` bytes."""

    def __init__(self, file: BinaryIO, allowed: int, where: str) -> None:
        self._stream = gzip.GzipFile(fileobj=file, mode="rb")
        self._left = allowed
        self._where = where

    def read(self, size: int, /) -> bytes:
        try:
            data = self._stream.read(min(size, self._left + 1))
        except (EOFError, OSError, zlib.error) as error:
            if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                raise
            raise RefusalError(codes.NOT_AN_ARCHIVE, where=self._where, found="broken or cut gzip data") from None
        self._left -= len(data)
        if self._left < 0:
            raise RefusalError(codes.RATIO, where=self._where, found="more contents than its limits or its size allow")
        return data
