"""The tree of errors: each one says where, what was expected, what was found and what to do.

A room declares its codes in its own ``codes.py``; ``explain`` reads them from there.
Codes are stable: a code that was ever released keeps its meaning for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def printable(text: str) -> str:
    """Text of anybody as it may be shown: what is not printable is escaped (``\\x1b``, ``\\u202e``), newlines too.

    Control characters would steer a terminal, a newline would forge a line of ours, others hide or turn text; a lone
    surrogate cannot be written at all. For machines texts stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem: a stable id (``ARC003``), a one-line title, why it is refused, how to mend it.

    ``passing``: the very same request may well succeed in a moment.
    """

    id: str
    title: str
    why: str
    fix: str
    passing: bool = False

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text file: path as the person knows it, line and column counted from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class RegistryError(Exception):
    """The root of every error that a person may see.

    ``where`` is an address, URL, key or path; ``position`` a place in the catalog where one is known.
    ``detail`` is used instead of the code's title where a sentence can say more.
    Nothing given here may hold a secret. It may hold text of strangers: what is shown went through ``printable``,
    as ``message`` and ``str`` have.
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        where: str = "",
        expected: str = "",
        found: str = "",
        hint: str = "",
        position: Position | None = None,
    ) -> None:
        self.code = code
        self.detail = detail
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint
        self.position = position
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One line without position and hint: what is wrong, what was expected, what was found."""
        text = self.detail or self.code.title
        if self.expected:
            text += f"; expected {self.expected}"
        if self.found:
            text += f"; found {self.found}"
        return printable(text)

    def as_json(self) -> Mapping[str, object]:
        """Plain values for machines: the code, where it is, what was expected and found, and what to do."""
        place = self.position
        return {
            "code": self.code.id,
            "message": self.detail or self.code.title,
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
            "hint": self.hint or self.code.fix,
            "position": {"path": place.path, "line": place.line, "column": place.column} if place else None,
        }

    def __str__(self) -> str:
        place = printable(str(self.position) if self.position else self.where)
        head = f"{place}: " if place else ""
        tail = f"\n  hint: {printable(self.hint)}" if self.hint else ""
        return f"{head}{self.code.id} {self.message}{tail}"


class InputError(RegistryError):
    """The catalog, the configuration or an argument must be changed by a person."""


class SourceError(RegistryError):
    """Something outside could not be read; trying again later may help."""


class RefusalError(RegistryError):
    """Bytes, a signature, a tag or a document broke a rule; nothing of it is published."""


class ConflictError(RegistryError):
    """An immutable key holds other bytes, or a compare-and-swap was lost."""


class StorageError(RegistryError):
    """The object storage did not do what it was asked to."""


class LedgerError(RegistryError):
    """PostgreSQL is out of reach, refuses us, or holds something it must not."""


class EdgeError(RegistryError):
    """A CDN did not do what it was asked to; what is published stays published."""
