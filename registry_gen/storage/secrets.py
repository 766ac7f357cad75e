"""Secrets of storages, read where registry.yaml says that they are. No error holds any of one."""

from __future__ import annotations

import os
from pathlib import Path
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
            with Path(name).open("rb") as file:
                text = file.read(_MAX_BYTES).decode()
        except UnicodeDecodeError:
            raise _missing(reference, "bytes that are no text") from None
        except OSError as error:
            raise _missing(reference, error.strerror or type(error).__name__) from None
    if not text.strip():
        raise _missing(reference, "no such environment variable, or an empty one" if kind == "env" else "an empty file")
    return text.strip()


def _missing(reference: str, found: str) -> InputError:
    return InputError(codes.BAD_SECRET, where=reference, found=found, hint=codes.BAD_SECRET.fix)
