"""Where a mirrored provider may be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.errors import InputError

if TYPE_CHECKING:
    from registry_gen.model.entries import MirrorEntry


def usable_upstream(entry: MirrorEntry) -> str:
    """The base URL to ask, without "/" at its end.

    Raises InputError CFG010 where registry.yaml names an environment variable that is not set.
    """
    if entry.upstream.startswith("env:"):
        name = entry.upstream.removeprefix("env:")
        detail = f"the upstream of {entry.address.hostname} is in the variable {name}, which is not set"
        raise InputError(codes.UNSET, detail, where=str(entry.address), hint=f"Set {name} to the upstream's https URL.")
    return entry.upstream
