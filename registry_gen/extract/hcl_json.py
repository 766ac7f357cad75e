"""Reading Terraform's JSON syntax: objects may stand for blocks, and lists of objects for several of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from registry_gen.extract.configuration import Asked, CodeFile, Expression, Local, NotCodeError
from registry_gen.extract.hcl import require_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\n')
_LOCAL = re.compile(r"(?<!\$)\$\{\s*local\.([A-Za-z_][A-Za-z0-9_-]*)\s*\}")
_OTHER = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


class _Object(list[tuple[str, object]]):
    """Members in their order. A name may come twice: each then is a block of its own, and none may hide another."""


def read_json(data: bytes) -> CodeFile:
    """Modules, required providers and locals of one file; raises NotCodeError for what is too large, or no JSON.

    A place is the line in which the name stands first, since JSON readers keep none.
    """
    require_bounds(data)
    try:
        root = json.loads(data, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise NotCodeError("JSON", "something else", line) from None
    lines = _lines(data.decode())
    modules: list[Asked] = []
    providers: list[Asked] = []
    known: dict[str, Expression] = {}
    for kind, value in _members(root):
        match kind:
            case "module":
                modules += [_asked(name, body, lines) for name, each in _members(value) for body in _bodies(each)]
            case "terraform":
                for inner, requirements in _members(value):
                    if inner == "required_providers":
                        providers += [_asked(name, spec, lines) for name, spec in _members(requirements)]
            case "locals":
                known |= {name: _expression(each, lines.get(name, 1)) for name, each in _members(value)}
    return CodeFile(tuple(modules), tuple(providers), known)


def _bodies(value: object) -> Iterator[_Object]:
    for each in value if isinstance(value, list) and not isinstance(value, _Object) else [value]:
        if isinstance(each, _Object):
            yield each


def _members(value: object) -> Iterator[tuple[str, object]]:
    for body in _bodies(value):
        yield from body


def _asked(name: str, spec: object, lines: Mapping[str, int]) -> Asked:
    line = lines.get(name, 1)
    if not isinstance(spec, _Object):
        return Asked(name, None, _expression(spec, line), line)
    found = dict(spec)
    source, version = (_expression(found[each], line) if each in found else None for each in ("source", "version"))
    return Asked(name, source, version, line)


def _expression(value: object, line: int) -> Expression:
    if not isinstance(value, str):
        return Expression(None, line)
    pieces = _LOCAL.split(value)
    if any(_OTHER.search(piece) for piece in pieces[::2]):
        return Expression(None, line)
    parts = [Local(piece) if number % 2 else _literal(piece) for number, piece in enumerate(pieces)]
    return Expression(tuple(parts), line)


def _literal(text: str) -> str:
    return text.replace("$${", "${").replace("%%{", "%{")


def _lines(text: str) -> dict[str, int]:
    """The line in which each text stands first."""
    found: dict[str, int] = {}
    line = 1
    for each in _STRING.finditer(text):
        if each[1] is None:
            line += 1
        else:
            found.setdefault(each[1], line)
    return found
