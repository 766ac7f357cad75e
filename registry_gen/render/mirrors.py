"""Provider Network Mirror Protocol: the listing, and one document for each version.

The tree is a packed ``filesystem_mirror`` too, which is why zips lie beside the documents under the clients' own names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from registry_gen import paths
from registry_gen.render.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.model.address import MirrorAddress
    from registry_gen.model.facts import MirrorVersion, ProviderPackage


def render_mirror(address: MirrorAddress, versions: Sequence[MirrorVersion]) -> Iterator[Document]:
    """A document for each version, and the listing of those that are not withdrawn, in the order of ``versions``."""
    for facts in versions:
        archives = {
            str(package.platform): {
                "url": package.url or paths.zip_name(address.type, facts.version, package.platform),
                "hashes": _hashes(package),
            }
            for package in sorted(facts.packages, key=lambda package: package.platform)
        }
        yield Document(paths.mirror_version(address, facts.version), orjson.dumps({"archives": archives}))
    listed: dict[str, object] = {str(facts.version): {} for facts in versions if facts.withdrawn is None}
    yield Document(paths.mirror_index(address), orjson.dumps({"versions": listed}))


def _hashes(package: ProviderPackage) -> list[str]:
    """The h1 first, which lock files keep for a mirror, then the zip's own digest, which locks made elsewhere hold."""
    zh = f"zh:{package.zh}"
    return [zh] if package.h1 is None else [package.h1, zh]
