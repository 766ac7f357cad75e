"""Everything that the sample catalog publishes, made on the spot: the same bytes on every run and machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from deployments.demo.releases import make_release
from deployments.demo.repositories import make_repositories
from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream

WIDGET_VERSIONS: Final = ("1.0.0", "1.1.0")
GADGET_VERSIONS: Final = ("0.3.0",)

_HERE: Final = Path(__file__).parent
_CATALOG: Final = _HERE.parents[1] / "catalog"


def make_sources(folder: Path) -> None:
    """Fill ``folder`` with ``sources/`` (git repositories and releases) and ``upstream/`` (files of a registry).

    What was there under these names is made anew. Raises FileNotFoundError where git is missing, CalledProcessError
    where it fails, OSError where the disk does.
    """
    sources, upstream = folder / "sources", folder / "upstream"
    for old in (sources, upstream):
        if old.exists():
            shutil.rmtree(old)
    make_repositories(sources)
    publisher = read_signer(_HERE / "release-key.asc")
    for version in WIDGET_VERSIONS:
        make_release(sources / "releases/widget" / version, "widget", version, "6.0", publisher)
    for version in GADGET_VERSIONS:
        make_release(sources / "releases/gadget" / version, "gadget", version, "5.0", None)
    public_key = (_CATALOG / "keys/mirrors/sprocket.asc").read_text(encoding="ascii")
    make_upstream(upstream, read_signer(_HERE / "upstream-key.asc"), public_key)
