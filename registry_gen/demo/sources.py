"""The sources that a demo on one machine publishes: two repositories, and a provider that nobody signs."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.demo.releases import make_release
from registry_gen.demo.repositories import MONOREPO, NETWORK, make_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GADGET: Final = "0.3.0"


def make_demo_sources(folder: Path, trees: Path) -> tuple[str, ...]:
    """Make what is missing of ``network.git``, ``monorepo.git`` and ``releases/gadget``; the names of what was made.

    ``trees`` has a folder for each repository and tag. Raises FileNotFoundError where git is missing,
    CalledProcessError where it fails, OSError where the disk does; each appears whole or not at all.
    """
    makers: Mapping[str, Callable[[Path], None]] = {
        "network.git": partial(make_repository, trees=trees / "network", tags=NETWORK),
        "monorepo.git": partial(make_repository, trees=trees / "monorepo", tags=MONOREPO),
        "releases/gadget": _make_gadget,
    }
    missing = [name for name in makers if not (folder / name).exists()]
    for name in missing:
        _make_whole(folder / name, makers[name])
    return tuple(missing)


def _make_gadget(folder: Path) -> None:
    make_release(folder / GADGET, "gadget", GADGET, "5.0", None)


def _make_whole(path: Path, make: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        make(beside / "made")
        (beside / "made").rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
