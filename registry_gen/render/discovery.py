"""Service discovery (remote service discovery protocol): where a host's registry protocols are.

Relative service URLs are resolved against the URL that finally answered, so they begin with a slash; both end in one,
because the provider client does not add it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from registry_gen import paths
from registry_gen.render.document import Document

if TYPE_CHECKING:
    from registry_gen.model.config import Site


def render_site(site: Site) -> tuple[Document, ...]:
    """The documents that belong to no package: the discovery document.

    Services are named by path, so that the tree can be served elsewhere; where people write another host than the one
    that serves the bucket, they are named by URL, for the document may then be copied to that host.
    """
    url = urlsplit(site.url)
    base = url.path if url.netloc.lower() == site.host.lower() else site.url
    services = {"modules.v1": base + paths.MODULES, "providers.v1": base + paths.PROVIDERS}
    return (Document(paths.DISCOVERY, orjson.dumps(services)),)
