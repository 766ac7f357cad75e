"""Problems of files, gathered: one mistake never hides another."""

from __future__ import annotations

import difflib
from itertools import groupby
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.codes import LIMIT
from registry_gen.errors import Code, InputError, Position, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_PROBLEMS: Final = 100
"""Of one file; a person mends the first ones and looks again."""


class ProblemsError(InputError):
    """All problems of one run, sorted by place. Prints each on lines of its own."""

    def __init__(self, problems: Iterable[RegistryError]) -> None:
        self.problems = in_order(problems)
        first = self.problems[0]
        super().__init__(first.code, first.detail, where=first.where, position=first.position)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def problem(code: Code, position: Position, detail: str = "", hint: str = "") -> InputError:
    """A problem at a place, by default with the code's own words."""
    return InputError(code, detail, hint=hint or code.fix, position=position)


def in_order(problems: Iterable[RegistryError]) -> tuple[RegistryError, ...]:
    """Sort by path, line and column, then by code and text; of each file the first hundred, and how many more."""
    ordered = sorted(problems, key=lambda p: (_place(p), p.code.id, p.message))
    files = groupby(ordered, key=lambda p: _place(p).path)
    return tuple(problem for _, of_file in files for problem in _first(tuple(of_file)))


def _first(problems: tuple[RegistryError, ...]) -> Iterator[RegistryError]:
    yield from problems[:MAX_PROBLEMS]
    more = problems[MAX_PROBLEMS:]
    if more:
        count = f"{len(more)} more {'problem' if len(more) == 1 else 'problems'} in this file"
        yield InputError(LIMIT, count, hint="Mend those above and look again.", position=_place(more[0]))


def _place(problem: RegistryError) -> Position:
    return problem.position or Position(problem.where)


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
