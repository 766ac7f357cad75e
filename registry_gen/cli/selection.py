"""The part of the catalog that a run is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from registry_gen.catalog.problems import ProblemsError, nearest
from registry_gen.cli import codes
from registry_gen.errors import InputError
from registry_gen.model.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.wiring import Workspace

_Value = TypeVar("_Value")


def selected(workspace: Workspace, only: tuple[str, ...]) -> Catalog:
    """The whole catalog, or the entries that --only names.

    Raises ProblemsError where the catalog has any: it is reviewed as one, and publishing a part of it would publish
    what nobody reviewed. Raises click.BadParameter for what is no address, InputError CLI002 for one that is not there.
    """
    if workspace.problems:
        raise ProblemsError(workspace.problems)
    if not only:
        return workspace.catalog
    addresses = {read_parameter(parse_address, text, "--only") for text in only}
    for address in sorted(addresses, key=str):
        if address not in workspace.catalog.entries:
            raise not_in_catalog(address, map(str, workspace.catalog.entries))
    entries = {address: entry for address, entry in workspace.catalog.entries.items() if address in addresses}
    return replace(workspace.catalog, entries=entries, whole=False)


def read_parameter(parse: Callable[[str], _Value], text: str, name: str) -> _Value:
    """What ``parse`` reads from an argument; raises click.BadParameter, which names it, where it is none."""
    try:
        return parse(text)
    except InputError as error:
        raise click.BadParameter(str(error), param_hint=name) from None


def not_in_catalog(address: Address, known: Iterable[str]) -> InputError:
    """CLI002 for an address, with the nearest of those that are there."""
    hint = nearest(str(address), known) or codes.NOT_IN_CATALOG.fix
    return InputError(codes.NOT_IN_CATALOG, where=str(address), hint=hint)
