"""Module Registry Protocol: the listing, and for each version what OpenTofu and Terraform follow to the archive.

OpenTofu reads ``location`` from the body of ``download``. Terraform reads only a header there; the site answers one
constant header for all modules, which names the page ``get.html`` beside it, and the page names the archive.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import orjson

from registry_gen import paths
from registry_gen.render.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.model.address import ModuleAddress
    from registry_gen.model.config import Site
    from registry_gen.model.facts import ModuleVersion


def render_module(address: ModuleAddress, versions: Sequence[ModuleVersion], site: Site) -> Iterator[Document]:
    """Two documents for each version, and the listing of those that are not withdrawn, in the order of ``versions``.

    The listing has no place for a deprecation notice: neither client reads one for modules.
    """
    for facts in versions:
        relative, absolute = _locations(address, facts, site)
        yield Document(paths.module_download(address, facts.version), orjson.dumps({"location": relative}))
        yield Document(paths.module_hop(address, facts.version), _hop(absolute, unpinned=facts.unpinned))
    listed = [{"version": str(facts.version)} for facts in versions if facts.withdrawn is None]
    yield Document(paths.module_versions(address), orjson.dumps({"modules": [{"versions": listed}]}))


def _locations(address: ModuleAddress, facts: ModuleVersion, site: Site) -> tuple[str, str]:
    """Where the archive is, as ``download`` and as the page say it.

    A location is taken as a relative URL only where it begins with ``./``; the page's must be absolute. The checksum
    is the only thing that ties what a client installs to what was published, since no lock file covers modules.
    """
    if facts.location is not None:
        return facts.location, facts.location
    if facts.archive is None:
        raise ValueError(f"neither archive nor location: {address} {facts.version}")
    archive = f"{paths.module_archive(address, facts.version)}?checksum=sha256:{facts.archive}"
    return f"./{archive.rpartition('/')[2]}", site.url + archive


def _hop(location: str, *, unpinned: bool) -> bytes:
    # Clients read the page as lenient XML and stop at the end of the head: what they look for comes first.
    source = escape(location)
    mark = "<p>Unpinned: a tag, whose commit this registry has not seen yet.</p>" if unpinned else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta name="terraform-get" content="{source}">'
        f'<meta charset="utf-8"><title>Module source</title></head><body><p><code>{source}</code></p>{mark}'
        "</body></html>\n"
    ).encode()
