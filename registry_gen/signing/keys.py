"""Where private keys come from: a reference in registry.yaml, or a key of the registry's own in the state folder.

No text that leaves this module, and no error, holds key material.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.errors import InputError
from registry_gen.signing import codes

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KEY_BYTES: Final = 65_536

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def private_key(reference: str | None, own: Path, make: Callable[[], bytes], *, create: bool) -> bytes:
    """The bytes of the private key that ``reference`` names, or of the registry's own in the file ``own``.

    An own key that does not exist yet is made with ``make``, where ``create`` allows it: callers forbid it where the
    registry has published, since the key must have been lost then. Raises InputError KEY001 to KEY004 and KEY006.
    """
    if reference is not None:
        return read_reference(reference)
    found = own_key(own)
    if found is not None:
        return found
    if not create:
        raise InputError(codes.LOST, where=str(own), hint=codes.LOST.fix)
    try:
        _write_new(own, make())
        return _read(own)
    except OSError as error:
        raise _unreadable(own, error) from error


def own_key(own: Path) -> bytes | None:
    """The bytes of a key of the registry's own, None where there is none; raises InputError KEY003 and KEY006."""
    try:
        return _read(own)
    except FileNotFoundError:
        return None


def rotate_key(own: Path, former: Path, make: Callable[[], bytes]) -> None:
    """Keep the key in the file ``own`` in ``former``, and put one that ``make`` makes in its place.

    A crash leaves the old key as the present one, and calling again goes on. Raises InputError KEY003, KEY006, KEY004
    where there is no key to keep, and KEY007 where ``former`` holds another one.
    """
    present, kept = own_key(own), own_key(former)
    if present is None:
        raise InputError(codes.LOST, where=str(own), hint=codes.LOST.fix)
    if kept not in (None, present):
        raise InputError(codes.ROTATING, where=str(former), hint=codes.ROTATING.fix)
    replace_key(own, former, make)


def replace_key(own: Path, former: Path, make: Callable[[], bytes]) -> None:
    """Put a key that ``make`` makes in the place of the one in the file ``own``, which stays as ``former``.

    A file ``former`` that is there already is left as it is. A crash leaves the old key as the present one, and calling
    again goes on. Raises InputError KEY006.
    """
    try:
        staged = _staged(own, make())
        try:
            with suppress(FileExistsError):
                former.hardlink_to(own)
            _settle(own.parent)  # the old key must have its second name before it loses the first
            staged.replace(own)
        finally:
            staged.unlink(missing_ok=True)
        _settle(own.parent)
    except OSError as error:
        raise _unreadable(own, error) from error


def remove_key(path: Path) -> bool:
    """Delete a key of the registry's own for good; False where there is none. Raises InputError KEY006."""
    try:
        path.unlink()
        _settle(path.parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unreadable(path, error) from error
    return True


def read_reference(reference: str) -> bytes:
    """The bytes behind ``env:NAME`` or ``file:PATH``; raises InputError KEY001 to KEY003 and KEY006."""
    kind, _, name = reference.partition(":")
    if kind == "env" and _ENV_NAME.fullmatch(name):
        value = os.environ.get(name, "")
        if not value:
            raise InputError(codes.MISSING, where=reference, found="no such environment variable, or an empty one")
        return value.encode(errors="surrogateescape")
    if kind == "file" and name:
        try:
            return _read(Path(name))
        except FileNotFoundError:
            raise InputError(codes.MISSING, where=reference, found="no such file") from None
    # What stands here instead may be the key itself: it is not shown.
    raise InputError(codes.BAD_REFERENCE, expected="env:NAME or file:PATH", hint=codes.BAD_REFERENCE.fix)


def _read(path: Path) -> bytes:
    """The bytes of a key file that nobody else may read; raises FileNotFoundError where there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_KEY_BYTES:
            raise InputError(codes.UNREADABLE, where=str(path), expected=f"a file of at most {MAX_KEY_BYTES} bytes")
        if found.st_mode & _OTHERS:
            raise InputError(
                codes.TOO_OPEN,
                where=str(path),
                expected="mode 600",
                found=f"{stat.S_IMODE(found.st_mode):o}",
                hint=f"chmod 600 {path}",
            )
        return os.read(file, MAX_KEY_BYTES)
    finally:
        os.close(file)


def _write_new(path: Path, data: bytes) -> None:
    """Write a key file that did not exist; where another process was faster, its key stays.

    The file appears whole and durable, or not at all: half a key would look like a lost one.
    """
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    staged = _staged(path, data)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(staged)
    finally:
        staged.unlink()
    _settle(path.parent)


def _staged(path: Path, data: bytes) -> Path:
    """A durable file with the data beside ``path``, for nobody but its owner; none is left where that fails."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(file)
    except BaseException:
        staged.unlink()
        raise
    return staged


def _settle(folder: Path) -> None:
    """Make names that were written or removed in the folder durable."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(codes.UNREADABLE, where=str(path), found=error.strerror or str(error), hint=codes.UNREADABLE.fix)
