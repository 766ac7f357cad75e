"""All documents of one package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import MirrorVersion, ModuleVersion, ProviderVersion, WithdrawalStage
from registry_gen.render.mirrors import render_mirror
from registry_gen.render.modules import render_module
from registry_gen.render.providers import render_provider
from registry_gen.render.version_documents import render_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.config import Site
    from registry_gen.model.facts import Package, VersionFacts
    from registry_gen.render.document import Document

_UNLISTED: Final = WithdrawalStage.UNLISTED
_Facts = TypeVar("_Facts", ModuleVersion, ProviderVersion, MirrorVersion)


def render_package(package: Package, site: Site) -> tuple[Document, ...]:
    """Every mutable document of a package, sorted by key; the order of its versions does not matter.

    A withdrawn version is not in the listing. Its leaf documents stay until no cache offers it any more, its document
    of what is known stays for good. So does the listing, if only an empty one, which clients take as "no versions":
    deleted, it could be made again by a publisher who slept since it was first made, and no etag would tell.
    """
    documents = (*render_protocol(package, site), *render_versions(package))
    return tuple(sorted(documents, key=lambda document: document.key))


def render_protocol(package: Package, site: Site) -> Iterator[Document]:
    """What clients read of a package: its listing, and the leaf documents of versions that caches may still list."""
    served = (facts for facts in package.versions if not facts.withdrawn or facts.withdrawn.stage is _UNLISTED)
    versions = sorted(served, key=lambda facts: facts.version)
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
