"""Secrets of storages, read where registry.yaml says that they are. No error holds any of one."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from registry_gen.errors import InputError
from registry_gen.storage import codes

_MAX_BYTES: Final = 65_536


def read_secret(reference: str) -> str:
    """The text behind ``env:NAME`` or ``file:PATH``, without white space around it.

    Read anew on each call: tokens of CI systems and Kubernetes change while we run. Raises InputError STO018.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        text = os.environ.get(name, "")
    else:
        try:
            text = _read(name).decode()
        except UnicodeDecodeError:
            raise _missing(reference, "bytes that are no text") from None
        except OSError as error:
            raise _missing(reference, error.strerror or type(error).__name__) from None
    if not text.strip():
        raise _missing(reference, "no such environment variable, or an empty one" if kind == "env" else "an empty file")
    return text.strip()


def _read(path: str) -> bytes:
    """All of a file; what is no file would never end, or never begin. Raises OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"more than {_MAX_BYTES} bytes")
    return data


def _missing(reference: str, found: str) -> InputError:
    return InputError(codes.BAD_SECRET, where=reference, found=found, hint=codes.BAD_SECRET.fix)
