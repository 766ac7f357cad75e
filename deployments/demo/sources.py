"""Everything that the sample catalog publishes, made on the spot: the same bytes on every run and machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen.demo.releases import make_release
from registry_gen.demo.sources import make_demo_sources

WIDGET_VERSIONS: Final = ("1.0.0", "1.1.0")

_HERE: Final = Path(__file__).parent
_CATALOG: Final = _HERE.parents[1] / "catalog"


def make_sources(folder: Path) -> None:
    """Fill ``folder`` with ``sources/`` (git repositories and releases) and ``upstream/`` (files of a registry).

    What was there under these names is made anew. Raises FileNotFoundError where git is missing, CalledProcessError
    where it fails, OSError where the disk does.
    """
    remove_sources(folder)
    make_demo_sources(folder / "sources", _HERE / "repositories")
    make_signed_sources(folder)


def remove_sources(folder: Path) -> None:
    """Take away what an earlier run made."""
    for old in (folder / "sources", folder / "upstream"):
        if old.exists():
            shutil.rmtree(old)


def make_signed_sources(folder: Path) -> None:
    """What 'registry-gen init --demo' does not make: a provider that its publisher signs, and the other registry."""
    publisher = read_signer(_HERE / "release-key.asc")
    for version in WIDGET_VERSIONS:
        make_release(folder / "sources/releases/widget" / version, "widget", version, "6.0", publisher)
    public_key = (_CATALOG / "keys/mirrors/sprocket.asc").read_text(encoding="ascii")
    make_upstream(folder / "upstream", read_signer(_HERE / "upstream-key.asc"), public_key)
