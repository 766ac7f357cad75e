"""A mistake of ours at one package must not stop the others: it becomes that package's error."""

from __future__ import annotations

import traceback

from registry_gen.errors import RefusalError, RegistryError
from registry_gen.publish import codes


def as_error(error: Exception, where: str) -> RegistryError:
    """The error itself where it is one for people; else one that names what failed and where, not what it said.

    An unforeseen exception's own text may hold anything that came from outside, secrets too.
    """
    if isinstance(error, RegistryError):
        return error
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    found = f"{type(error).__name__} in {frame.f_globals.get('__name__')}, line {line}"
    return RefusalError(codes.OUR_MISTAKE, where=where, found=found, hint=codes.OUR_MISTAKE.fix)
