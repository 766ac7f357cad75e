"""The part of the catalog that a run is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen.cli import codes
from registry_gen.errors import InputError
from registry_gen.model.address import parse_address

if TYPE_CHECKING:
    from registry_gen.model.entries import Catalog
    from registry_gen.wiring import Workspace


def selected(workspace: Workspace, only: tuple[str, ...]) -> Catalog:
    """The whole catalog, or the entries that --only names.

    Raises InputError: the first problem of the catalog where there is one (``validate`` lists all), ADR001 or CLI002
    for an address that is none or is not in the catalog.
    """
    if workspace.problems:
        first = workspace.problems[0]
        raise InputError(
            codes.INVALID_CATALOG,
            where=str(first.position or first.where),
            found=f"{len(workspace.problems)} problems, first {first.code.id} {first.message}",
            hint=codes.INVALID_CATALOG.fix,
        )
    if not only:
        return workspace.catalog
    addresses = {parse_address(text) for text in only}
    for address in sorted(addresses, key=str):
        if address not in workspace.catalog.entries:
            raise InputError(codes.NOT_IN_CATALOG, where=str(address), hint=codes.NOT_IN_CATALOG.fix)
    entries = {address: entry for address, entry in workspace.catalog.entries.items() if address in addresses}
    return replace(workspace.catalog, entries=entries, whole=False)
