"""Problems of files, gathered: one mistake never hides another."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from registry_gen.errors import InputError, Position, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable


class ProblemsError(InputError):
    """All problems of one run, sorted by place. Prints each on lines of its own."""

    def __init__(self, problems: Iterable[RegistryError]) -> None:
        self.problems = in_order(problems)
        first = self.problems[0]
        super().__init__(first.code, first.detail, where=first.where, position=first.position)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def in_order(problems: Iterable[RegistryError]) -> tuple[RegistryError, ...]:
    """Sort by path, line and column, then by code and text."""
    return tuple(sorted(problems, key=lambda p: (p.position or Position(p.where), p.code.id, p.message)))


def at(error: RegistryError, position: Position) -> RegistryError:
    """The same error, of the same class, at a place in a file."""
    return type(error)(
        error.code,
        error.detail,
        where=error.where,
        expected=error.expected,
        found=error.found,
        hint=error.hint or error.code.fix,
        position=position,
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """ "Did you mean X?" where a known word is close to what was written, else ""."""
    close = difflib.get_close_matches(word[:80].lower(), list(known), n=1)
    return f"Did you mean {close[0]}?" if close else ""


def shorten(text: str) -> str:
    """Quote what was written for a message, at most 60 characters of it."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
