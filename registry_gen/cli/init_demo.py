"""``init --demo``: a part of the sample catalog that one machine can publish, and the sources that it names."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.codes import LINK_IN_CATALOG
from registry_gen.catalog.scaffold import demo_scaffold
from registry_gen.cli import codes
from registry_gen.cli.packaged import packaged, packaged_folder
from registry_gen.demo.sources import make_demo_sources
from registry_gen.errors import InputError, SourceError, StorageError
from registry_gen.sources import codes as source_codes

if TYPE_CHECKING:
    from pathlib import Path

_SAMPLES: Final = (
    "modules/acme/network-link/aws.yaml",
    "modules/acme/network/aws.yaml",
    "modules/acme/queue/aws.yaml",
    "organizations/acme.yaml",
    "policies/approvals.yaml",
    "providers/acme/gadget.yaml",
)
"""Of the sample catalog, what needs no publisher's key and no other registry."""
_SOURCES: Final = ".demo/sources"
_INSIDE: Final = ("releases", "releases/gadget", "network.git", "monorepo.git")


def demo_files() -> dict[str, bytes]:
    """Every file of the demo's repository, by its path."""
    samples = {f"catalog/{path}": data for path, data in packaged("catalog") if path in _SAMPLES}
    return demo_scaffold() | samples


def make_sources(folder: Path) -> list[str]:
    """Make what is missing of the sources, below ``folder``; their paths.

    Raises InputError CAT012 for a link on the way, SourceError GIT012 and GIT005 where git is missing or fails,
    StorageError CLI003 where the disk does.
    """
    target = folder / _SOURCES
    for path in (target.parent, target, *(target / name for name in _INSIDE)):
        if path.is_symlink():
            raise InputError(LINK_IN_CATALOG, where=str(path), hint=LINK_IN_CATALOG.fix)
    try:
        made = make_demo_sources(target, packaged_folder("deployments/demo/repositories"))
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise SourceError(source_codes.GIT_FAILED, where=str(target), found=said[:500]) from None
    except OSError as error:
        if error.filename == "git":
            raise SourceError(source_codes.NO_GIT, hint=source_codes.NO_GIT.fix) from None
        raise StorageError(codes.CANNOT_WRITE, where=str(target), found=error.strerror or str(error)) from None
    return [f"{_SOURCES}/{name}" for name in made]
