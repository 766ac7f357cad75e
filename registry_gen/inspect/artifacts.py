"""The bytes that clients install: their SHA-256 and the h1 of what is in them, against what was logged.

They stream into a temporary file; memory holds one file of a module at most.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final

from registry_gen.errors import RefusalError, SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.reader import MAX_ARTIFACT
from registry_gen.model.config import MEGABYTE
from registry_gen.model.digest import dirhash, sha256
from registry_gen.sources.codes import TOO_LARGE
from registry_gen.sources.hashing import hashing_beside
from registry_gen.sources.http import Downloaded
from registry_gen.verify.archives import read_archive
from registry_gen.verify.zips import check_zip

if TYPE_CHECKING:
    from registry_gen.model.digest import H1, Sha256

_MAX_MODULE: Final = 400 * MEGABYTE
_MAX_UNPACKED: Final = 20_000 * MEGABYTE
_MAX_FILES: Final = 50_000

Copy = Callable[[BinaryIO, int], Downloaded]
"""Writes at most so many bytes into a file, and says what they were."""


def require_archive(copy: Copy, name: str, digest: Sha256, size: int | None, h1: H1, where: str) -> None:
    """A module's archive, called ``name``, must have this SHA-256, and these contents by h1.

    Raises RefusalError INS030, INS032, ARC for an archive that cannot be read, SourceError where it cannot be fetched.
    """
    with tempfile.TemporaryFile() as file:
        _fetch(copy, file, digest, size, where)
        files = read_archive(file, name, max_bytes=_MAX_MODULE, max_files=_MAX_FILES, where=where)
        digests = []
        for each in files:
            if each.kind == "symlink":
                raise RefusalError(codes.OTHER_CONTENTS, where=where, expected="files", found=f"the link {each.path}")
            digests.append((each.path, sha256(each.data)))
        require_h1(h1, dirhash(digests), where)


def require_zip(copy: Copy, digest: Sha256, size: int | None, h1: H1 | None, where: str) -> None:
    """A provider's zip must have this SHA-256, and these contents by h1, where one was logged; raises as above."""
    with tempfile.TemporaryFile() as file:
        got = _fetch(copy, file, digest, size, where)
        with hashing_beside() as hasher:
            contents = check_zip(
                file, got.size, max_unpacked=_MAX_UNPACKED, max_entries=_MAX_FILES, where=where, hasher=hasher
            )
        if h1 is not None:
            require_h1(h1, contents.h1, where)


def require_bytes(data: bytes, digest: Sha256, where: str) -> None:
    """Bytes must have this SHA-256; raises RefusalError INS030."""
    found = sha256(data)
    if found != digest:
        raise RefusalError(codes.ALTERED, where=where, expected=f"SHA-256 {digest}", found=found)


def _fetch(copy: Copy, file: BinaryIO, digest: Sha256, size: int | None, where: str) -> Downloaded:
    limit = min(size, MAX_ARTIFACT) if size is not None else MAX_ARTIFACT
    try:
        got = copy(file, limit)
    except SourceError as error:
        if error.code is TOO_LARGE and limit == size:
            raise RefusalError(codes.ALTERED, where=where, expected=f"{size} bytes", found="more") from None
        raise
    if got.sha256 != digest:
        raise RefusalError(codes.ALTERED, where=where, expected=f"SHA-256 {digest}", found=got.sha256)
    file.seek(0)
    return got


def require_h1(expected: H1, found: H1, where: str) -> None:
    """Contents must have this h1; raises RefusalError INS032."""
    if expected != found:
        raise RefusalError(codes.OTHER_CONTENTS, where=where, expected=expected, found=found)
