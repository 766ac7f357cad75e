"""Problems as the forges want them: with a path from the root of the checkout, and a fingerprint that stays."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry_gen.errors import Position, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry_gen.errors import Code, RegistryError


@dataclass(frozen=True, slots=True)
class Placed:
    """One problem. All of its texts are printable, each of them one line; ``hint`` says what to do.

    ``fingerprint`` is the same in every run in which the problem is there, wherever in its file: forges tell by it
    which problems are new. ``level`` is SARIF's: "error", "warning" or "note".
    """

    code: Code
    path: str
    line: int
    column: int
    message: str
    hint: str
    fingerprint: str
    level: str = "error"


def placed(
    problems: Iterable[RegistryError], config: Path, here: Path, root: Path, level: str = "error"
) -> list[Placed]:
    """Every problem by its place below ``root``, the checkout's folder; outside of it paths are absolute.

    ``config`` is registry.yaml, relative to the folder ``here``: to its folder the paths of the catalog are relative,
    and a problem without a place is put there.
    """
    seen: Counter[str] = Counter()
    found = []
    for problem in problems:
        at = problem.position or Position(str(config))
        whole = here / config if at.path == str(config) else here / config.parent / at.path
        path = printable(_below(root, whole))
        known = "\0".join((path, problem.code.id, problem.message))
        seen[known] += 1
        found.append(
            Placed(
                problem.code,
                path,
                at.line,
                at.column,
                problem.message,
                printable(problem.hint or problem.code.fix),
                hashlib.sha256(f"{known}\0{seen[known]}".encode()).hexdigest(),
                level,
            )
        )
    return found


def _below(root: Path, path: Path) -> str:
    # Links are not followed, since a link in the catalog is a problem of its own: but the root may be reached by one.
    known = Path(os.path.normpath(path))
    inside = next((folder for folder in (root, root.resolve()) if known.is_relative_to(folder)), None)
    return known.relative_to(inside).as_posix() if inside else known.as_posix()
