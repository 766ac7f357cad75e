"""Files that travel with the package: inside of it where it was installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE: Final = Path(__file__).parents[1]


def packaged_folder(name: str) -> Path:
    """A folder such as ``workflows/github``, named as in a checkout."""
    inside = _PACKAGE / "_data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def packaged(name: str) -> Iterator[tuple[str, bytes]]:
    """The files of such a folder, by their paths below it with '/', in order."""
    folder = packaged_folder(name)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
