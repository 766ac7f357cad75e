"""Files that travel with the package: inside of it where it was installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE: Final = Path(__file__).parents[1]


def packaged(name: str) -> Iterator[tuple[str, bytes]]:
    """The files of a folder such as ``workflows/github``, by their paths below it with '/', in order."""
    inside = _PACKAGE / "_data" / name
    folder = inside if inside.is_dir() else _PACKAGE.parent / name
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
