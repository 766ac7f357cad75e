"""The part of the catalog that a run is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import click

from registry_gen.catalog.problems import ProblemsError, nearest
from registry_gen.cli import codes
from registry_gen.errors import InputError, printable
from registry_gen.model.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from registry_gen.cli.output import Output
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog
    from registry_gen.wiring import Workspace

_Value = TypeVar("_Value")

CHANGED_SINCE: Final = click.option(
    "--changed-since",
    metavar="REV",
    help="Look only at packages that differ from the catalog at this commit, tag or branch.",
)


def selected(workspace: Workspace, only: tuple[str, ...]) -> Catalog:
    """The whole catalog, or the entries that --only names, or of all those that --changed-since is about.

    Raises ProblemsError where the catalog has any: it is reviewed as one, and publishing a part of it would publish
    what nobody reviewed. Raises click.BadParameter for what is no address, InputError CLI002 for one that is not there.
    """
    if workspace.problems:
        raise ProblemsError(workspace.problems)
    catalog = workspace.catalog
    if only:
        addresses = {read_parameter(parse_address, text, "--only") for text in only}
        for address in sorted(addresses, key=str):
            if address not in catalog.entries:
                raise not_in_catalog(address, map(str, catalog.entries))
        catalog = _part(catalog, addresses)
    if workspace.changed is not None:
        gone = frozenset() if only else workspace.changed - catalog.entries.keys()
        catalog = replace(_part(catalog, workspace.changed), gone=gone)
    return replace(catalog, rules_reviewed=not only and workspace.rules_changed, reviewed=workspace.reviewed)


def say_uncommitted(output: Output, workspace: Workspace) -> None:
    """Tell, where something is about to be recorded, that no commit of the catalog can be recorded with it."""
    if workspace.uncommitted:
        file = printable(workspace.uncommitted)
        output.say(f"{file} is not as committed: what is done now is recorded without a commit of the catalog.")


def _part(catalog: Catalog, addresses: Set[Address]) -> Catalog:
    entries = {address: entry for address, entry in catalog.entries.items() if address in addresses}
    return replace(catalog, entries=entries, whole=False)


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
