"""All documents of one package."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import MirrorVersion, ModuleVersion, ProviderVersion, Status
from registry_gen.render.mirrors import render_mirror
from registry_gen.render.modules import render_module
from registry_gen.render.providers import render_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.config import Site
    from registry_gen.model.facts import Package, VersionFacts
    from registry_gen.render.document import Document

_Facts = TypeVar("_Facts", ModuleVersion, ProviderVersion, MirrorVersion)


def render_package(package: Package, site: Site) -> tuple[Document, ...]:
    """The leaf documents and the listing of a package, sorted by key; the order of its versions does not matter.

    Withdrawn versions leave no trace; a package that has no others has no documents at all, not an empty listing,
    so that clients are told that it does not exist.
    """
    visible = [facts for facts in package.versions if facts.status is Status.PUBLISHED]
    if not visible:
        return ()
    visible.sort(key=lambda facts: facts.version)
    return tuple(sorted(_documents(package, visible, site), key=lambda document: document.key))


def _documents(package: Package, versions: list[VersionFacts], site: Site) -> Iterator[Document]:
    match package.head.address:
        case ModuleAddress() as address:
            yield from render_module(address, _all(ModuleVersion, versions), site)
        case ProviderAddress() as address:
            yield from render_provider(address, _all(ProviderVersion, versions), package.head.state)
        case MirrorAddress() as address:
            yield from render_mirror(address, _all(MirrorVersion, versions))


def _all(kind: type[_Facts], versions: list[VersionFacts]) -> list[_Facts]:
    found = [facts for facts in versions if isinstance(facts, kind)]
    if len(found) != len(versions):
        raise TypeError(f"facts of another kind among those of a {kind.__name__}")
    return found
