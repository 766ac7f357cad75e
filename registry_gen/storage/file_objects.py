"""One object of a folder storage: which keys there may be, its bytes, and what is known of a file."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import ConflictError, StorageError
from registry_gen.model.digest import Sha256
from registry_gen.storage import MOST_READ, Stored, codes
from registry_gen.storage.folders import STAGING, failing, open_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHUNK: Final = 1 << 20


def check_key(key: str) -> paths.Rule:
    """What ``paths`` says of a key; raises StorageError STO004 for one that the registry never makes."""
    check_parts(key, key)
    try:
        return paths.rule_of_any(key)
    except ValueError:
        raise StorageError(codes.BAD_KEY, found=repr(key)) from None


def check_parts(key: str, shown: str) -> None:
    """Raise StorageError for a key or prefix that would lead out of the folder or into its staging."""
    parts = key.split("/")
    if "\0" in key or parts[0] == STAGING or any(part in ("", ".", "..") for part in parts if key):
        raise StorageError(codes.BAD_KEY, found=repr(shown))


def write(file: int, body: bytes | Path) -> tuple[Sha256, int]:
    """Write and hash ``body``; the digest is that of the bytes written."""
    total = hashlib.sha256()
    size = 0
    for chunk in _body(body):
        total.update(chunk)
        size += len(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(file, rest) :]
    return Sha256(total.hexdigest()), size


def digest_of_body(body: bytes | Path) -> Sha256:
    """The SHA-256 of bytes or of a file."""
    total = hashlib.sha256()
    for chunk in _body(body):
        total.update(chunk)
    return Sha256(total.hexdigest())


def _body(body: bytes | Path) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    with failing(str(body)), body.open("rb", buffering=0) as source:
        yield from chunks(source.fileno())


def gathered(parts: Iterable[bytes], where: str) -> bytes:
    """All of a body that comes in parts; raises StorageError STO025 for more than ``MOST_READ`` bytes."""
    kept, size = [], 0
    for part in parts:
        size += len(part)
        require_small(size, where)
        kept.append(part)
    return b"".join(kept)


def require_small(size: int, where: str) -> None:
    """Raise StorageError STO025 for more bytes than are read into memory."""
    if size > MOST_READ:
        code = codes.TOO_LARGE
        raise StorageError(code, where=where, expected=f"at most {MOST_READ} bytes", found="more", hint=code.fix)


def chunks(file: int) -> Iterator[bytes]:
    """What is left to read of an open file."""
    while chunk := os.read(file, _CHUNK):
        yield chunk


def object_at(folder: int, name: str, key: str) -> Stored | None:
    """What an open folder holds under a name, None where that is nothing; raises OSError for what is no file."""
    try:
        file = open_file(folder, name)
    except FileNotFoundError:
        return None
    try:
        return stored_at(key, file)
    finally:
        os.close(file)


def require_etag(key: str, found: Stored | None, expected: str | None) -> None:
    """Raise ConflictError STO002 where something else is there, or nothing (None), than was expected."""
    etag = found.etag if found else None
    if etag != expected:
        raise ConflictError(
            codes.CHANGED_MEANWHILE, where=key, expected=expected or "no object", found=etag or "no object"
        )


def stored_at(key: str, file: int) -> Stored:
    """What is stored in an open file, which is read to the end."""
    total = hashlib.sha256()
    size = 0
    for chunk in chunks(file):
        total.update(chunk)
        size += len(chunk)
    return described(key, file, Sha256(total.hexdigest()), size)


def described(key: str, file: int, digest: Sha256, size: int) -> Stored:
    """The same where digest and size are known."""
    known = os.fstat(file)
    modified = datetime.fromtimestamp(known.st_mtime, UTC)
    return Stored(key, digest, size, sha256=digest, modified=modified, written=_written(known))


def is_from(written: str | None, folder: int, name: str) -> bool:
    """Whether a file is the very one that ``Stored.written`` names."""
    return _written(os.stat(name, dir_fd=folder, follow_symlinks=False)) == written


def _written(known: os.stat_result) -> str:
    """A name gets a new file with each write, and its time of writing tells it from an older one of that number."""
    return f"{known.st_ino}-{known.st_mtime_ns}"


def require_digest(key: str, expected: Sha256, found: Sha256) -> None:
    """Raise StorageError for bytes that are not those that were promised."""
    if found != expected:
        raise StorageError(codes.WRONG_BYTES, where=key, expected=f"SHA-256 {expected}", found=found)


def same(found: Stored, sha256: Sha256) -> Stored:
    """What is stored, where that is what was to be stored; raises ConflictError STO001 for anything else."""
    if found.etag != sha256:
        raise ConflictError(
            codes.IMMUTABLE_CONFLICT,
            where=found.key,
            expected=f"SHA-256 {sha256}",
            found=f"SHA-256 {found.etag}",
            hint=codes.IMMUTABLE_CONFLICT.fix,
        )
    return found
