"""Which packages a change of the catalog is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.catalog.identity import Shared, identify, is_ignored
from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from registry_gen.catalog.load import Loaded
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog

    Files = Iterable[tuple[str, bytes | RegistryError]]


def changed_packages(
    former: Files, now: Files, catalog: Catalog, load: Callable[[Files], Loaded]
) -> frozenset[Address]:
    """The packages whose file, or anything it depends on, is not what it was; those whose file is gone, too.

    ``catalog`` is what ``now`` says; ``load`` reads what ``former`` says, and is called only where a shared file
    changed: an entry's digest knows what it depends on.
    """
    before, after = dict(former), dict(now)
    paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    own: set[Address] = set()
    shared = False
    for path in paths:
        found = _identity(path)
        if isinstance(found, Shared):
            shared = True
        elif found:
            own.add(found)
    return frozenset(own | (_differing(catalog, load(before.items()).catalog) if shared else set()))


def reviewed_packages(former: Files, now: Files) -> frozenset[Address]:
    """The packages whose own file is not what it was: what else waits of a package, no review of this change saw."""
    before, after = dict(former), dict(now)
    paths = (path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return frozenset(found for found in map(_identity, paths) if found and not isinstance(found, Shared))


def rules_changed(former: Files, now: Files) -> bool:
    """Whether any file about organizations or policies is not what it was."""
    before, after = dict(former), dict(now)
    paths = (path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return any(
        isinstance(found, Shared) and found.kind in ("organization", "policy") for found in map(_identity, paths)
    )


def _identity(path: str) -> Address | Shared | None:
    if is_ignored(path):
        return None
    try:
        return identify(path)
    except RegistryError:
        return None  # validating tells of it


def _differing(catalog: Catalog, former: Catalog) -> Set[Address]:
    return {
        address
        for address in catalog.entries.keys() | former.entries.keys()
        if address not in catalog.entries
        or address not in former.entries
        or catalog.entries[address].digest != former.entries[address].digest
    }
