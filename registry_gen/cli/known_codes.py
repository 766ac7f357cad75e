"""Every code that a person may meet, with an example of each: what ``explain`` and docs/troubleshooting.md tell.

A room has its codes in ``codes.py``, and beside them ``examples.txt``: messages as a person sees them, an empty line
between two. The first code in a message's first line is the one that it is an example of.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import registry_gen
from registry_gen.errors import Code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ID: Final = re.compile(r"\b[A-Z]{3}\d{3}\b")


@dataclass(frozen=True, slots=True)
class Page:
    """A code and all that is told of it; ``example`` is a message as a person sees it, "" where there is none yet."""

    code: Code
    example: str


def all_pages() -> Mapping[str, Page]:
    """A page for each code of every room, by id. Raises ValueError where two codes or two examples are called alike."""
    pages: dict[str, Page] = {}
    for room in _rooms():
        examples = read_examples(files(room).joinpath("examples.txt").read_text(encoding="utf-8"))
        for code in _codes(room):
            if pages.setdefault(code.id, page := Page(code, examples.get(code.id, ""))).code is not code:
                raise ValueError(f"two codes are called {page.code.id}")
    return pages


def all_codes() -> Mapping[str, Code]:
    """Every code of every room by id. Raises ValueError as ``all_pages`` does."""
    return {name: page.code for name, page in all_pages().items()}


def read_examples(text: str) -> Mapping[str, str]:
    """The messages of an ``examples.txt`` by their codes; raises ValueError for one without a code or two of one."""
    found: dict[str, str] = {}
    for block in text.strip("\n").split("\n\n") if text else ():
        id_ = _ID.search(block.partition("\n")[0])
        if id_ is None or id_[0] in found:
            raise ValueError(f"no code of its own in the first line of the example: {block}")
        found[id_[0]] = block.strip("\n")
    return found


def _rooms() -> Iterator[str]:
    for room in pkgutil.iter_modules(registry_gen.__path__, "registry_gen."):
        if room.ispkg and importlib.util.find_spec(f"{room.name}.codes") is not None:
            yield room.name


def _codes(room: str) -> Iterator[Code]:
    values = vars(importlib.import_module(f"{room}.codes")).values()
    return (value for value in values if isinstance(value, Code))
