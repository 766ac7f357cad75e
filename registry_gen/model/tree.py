"""Files of a module's tree, as git or an archive gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileKind = Literal["file", "executable", "symlink"]


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file: ``path`` relative with '/', ``data`` its bytes, or the target (UTF-8) of a symlink."""

    path: str
    kind: FileKind
    data: bytes
