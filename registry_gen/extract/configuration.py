"""What Terraform code asks registries for: modules and providers, with the place where each is asked for.

Nothing is evaluated but texts and the locals that they name. Sources: Terraform's language documentation ("Module
Blocks", "Provider Requirements", "JSON Configuration Syntax"); OpenTofu also takes locals in sources and versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES: Final = 1_000_000
"""Of one file."""

MAX_DEPTH: Final = 500
"""Brackets in brackets."""

_MAX_PARTS: Final = 100
_MAX_TEXT: Final = 4096


@dataclass(frozen=True, slots=True)
class Local:
    """``local.NAME`` in a text."""

    name: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A value, from which column of which line; ``parts`` is None where only running the code would tell it."""

    parts: tuple[str | Local, ...] | None
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A module that is called, or a provider that is required, by the name that the code gives it.

    ``source`` and ``version`` are None where they are not written.
    """

    name: str
    source: Expression | None
    version: Expression | None
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One file. ``trouble`` is line and column of what was not understood, None where all was."""

    modules: tuple[Asked, ...] = ()
    providers: tuple[Asked, ...] = ()
    locals: Mapping[str, Expression] = field(default_factory=dict)
    trouble: tuple[int, int] | None = None


class NotCodeError(Exception):
    """A file that is not read: where, and in words what was ``expected`` and ``found``."""

    def __init__(self, expected: str, found: str, line: int = 1, column: int = 1) -> None:
        super().__init__(found)
        self.expected = expected
        self.found = found
        self.line = line
        self.column = column


def resolved(expression: Expression, known: Mapping[str, Expression]) -> str | None:
    """The text of a value, with the locals of its folder put in; None where it is not known or has no end."""
    if expression.parts is None:
        return None
    text = ""
    waiting = list(reversed(expression.parts))
    for _ in range(_MAX_PARTS):
        if not waiting:
            return text
        part = waiting.pop()
        if isinstance(part, str):
            text += part
            if len(text) > _MAX_TEXT:
                return None
            continue
        inner = known.get(part.name)
        if inner is None or inner.parts is None or len(inner.parts) > _MAX_PARTS:
            return None
        waiting.extend(reversed(inner.parts))
    return None
