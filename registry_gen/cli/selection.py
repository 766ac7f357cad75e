"""The part of the catalog that a run is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry_gen.catalog.problems import ProblemsError, nearest
from registry_gen.cli import codes
from registry_gen.errors import InputError
from registry_gen.model.address import parse_address

if TYPE_CHECKING:
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.wiring import Workspace


def selected(workspace: Workspace, only: tuple[str, ...]) -> Catalog:
    """The whole catalog, or the entries that --only names.

    Raises ProblemsError where the catalog has any: it is reviewed as one, and publishing a part of it would publish
    what nobody reviewed. Raises click.BadParameter for what is no address, InputError CLI002 for one that is not there.
    """
    if workspace.problems:
        raise ProblemsError(workspace.problems)
    if not only:
        return workspace.catalog
    addresses = {_address(text) for text in only}
    for address in sorted(addresses, key=str):
        if address not in workspace.catalog.entries:
            raise InputError(codes.NOT_IN_CATALOG, where=str(address), hint=_hint(address, workspace))
    entries = {address: entry for address, entry in workspace.catalog.entries.items() if address in addresses}
    return replace(workspace.catalog, entries=entries, whole=False)


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except InputError as error:
        raise click.BadParameter(str(error), param_hint="--only") from None


def _hint(address: Address, workspace: Workspace) -> str:
    close = nearest(str(address), map(str, workspace.catalog.entries))
    return close or codes.NOT_IN_CATALOG.fix
