"""A document against a shape: every problem with its place, or the checked values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from registry_gen.catalog import codes
from registry_gen.catalog.problems import at, nearest, shorten
from registry_gen.catalog.shapes import Shape
from registry_gen.catalog.yaml_reader import Data, Document, Node, Unquoted
from registry_gen.errors import Code, InputError, Position, RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

_Shape = TypeVar("_Shape", bound=Shape)
_Loc = tuple[int | str, ...]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:+-]{1,80}")
_KEY = "[key]"  # pydantic's last step for a mapping's key
_EXPECTED = {
    "model_type": "a mapping of keys and values",
    "dict_type": "a mapping of keys and values",
    "tuple_type": "a list",
    "too_short": "at least one",
    "not_text": "text",
}


@dataclass(frozen=True, slots=True)
class Checked(Generic[_Shape]):
    """What a file says.

    ``values`` is None where nothing can be said. With ``problems`` the values are what is left without them: good
    for finding more problems, never for use.
    """

    document: Document
    values: _Shape | None
    problems: tuple[RegistryError, ...]
    removed: tuple[tuple[int | str, ...], ...] = ()

    def lost(self, *loc: int | str) -> bool:
        """Whether the value at ``loc``, or a part of it, was removed because of a problem."""
        return any(steps[: len(loc)] == loc for steps in self.removed)

    def position(self, *loc: int | str) -> Position:
        """The place of a value, or of what holds it where it was left out."""
        return place(self.document, loc)


def check(document: Document, shape: type[_Shape], context: object) -> Checked[_Shape]:
    """Check a document against a shape; ``context`` is what fields are read against."""
    if document.root is None:
        return Checked(document, None, document.problems)
    data = document.root.data
    try:
        return Checked(document, shape.model_validate(data, context=context), document.problems)
    except ValidationError as error:
        # A list is "too short" for pydantic too when all its items are wrong, which is told already.
        errors = [each for each in error.errors(include_url=False) if each["type"] != "too_short" or not each["input"]]
    problems = tuple(_problem(document, shape, each) for each in errors)
    removed = tuple(_walk(document, each["loc"])[2] for each in errors)
    return Checked(document, _rest(shape, _without(data, removed), context), document.problems + problems, removed)


def _rest(shape: type[_Shape], left: Data, context: object) -> _Shape | None:
    """The values of what is left, without those that need what is gone; None where nothing can be said."""
    while True:
        try:
            return shape.model_validate(left, context=context)
        except ValidationError as error:
            holders = [_held(left, each["loc"]) for each in error.errors(include_url=False)]
        if () in holders:
            return None
        left = _without(left, holders)


def _held(data: Data, loc: _Loc) -> tuple[int | str, ...]:
    """The steps of ``loc`` that the data has: where a key is missing, the way to what should hold it."""
    steps: list[int | str] = []
    for step in loc:
        if isinstance(data, dict) and step in data:
            data = data[str(step)]
        elif isinstance(data, tuple) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            continue
        steps.append(step)
    return tuple(steps)


def place(document: Document, loc: _Loc) -> Position:
    """Where the value at ``loc`` stands; steps that the file does not have are left out."""
    key, value, _ = _walk(document, loc)
    return key if loc and loc[-1] == _KEY else value


def _key_place(document: Document, loc: _Loc) -> Position:
    """Where the key at the end of ``loc`` stands, or the nearest key above it."""
    return _walk(document, loc)[0]


def _walk(document: Document, loc: _Loc) -> tuple[Position, Position, tuple[int | str, ...]]:
    """Follow ``loc`` as far as the file has it: the places of the last key and of its value, and the steps taken.

    pydantic's steps also name the form of a key that has two, and ``[key]``; the file has neither.
    """
    key = value = Position(document.path)
    steps: list[int | str] = []
    node = document.root
    for step in loc:
        child = _child(node, step) if node else None
        if child:
            key, node = child
            value = node.position
            steps.append(step)
    return key, value, tuple(steps)


def _child(node: Node, step: int | str) -> tuple[Position, Node] | None:
    if isinstance(step, int):
        return (node.items[step].position, node.items[step]) if step < len(node.items) else None
    return node.entries.get(step)


def _without(data: Data, locs: Sequence[tuple[int | str, ...]]) -> Data:
    """The same data without the values at ``locs``."""
    if () in locs:
        return {}
    heads = {loc[0] for loc in locs}

    def rest(step: int | str, value: Data) -> Data:
        return _without(value, [loc[1:] for loc in locs if loc[0] == step]) if step in heads else value

    gone = {loc[0] for loc in locs if len(loc) == 1}
    if isinstance(data, dict):
        left = {key: rest(key, value) for key, value in data.items() if key not in gone}
        # A list that lost all its items would only be a problem of its own.
        return {key: value for key, value in left.items() if value != () or data[key] == ()}
    if isinstance(data, tuple):
        return tuple(rest(index, value) for index, value in enumerate(data) if index not in gone)
    return data


def _problem(document: Document, shape: type[Shape], error: ErrorDetails) -> RegistryError:
    loc, kind, value = error["loc"], error["type"], error["input"]
    name = str(loc[-1]) if loc else ""
    match kind:
        case "registry":
            return at(error["ctx"]["error"], place(document, loc))
        case "extra_forbidden":
            known = _keys(shape, loc[:-1])
            hint = nearest(name, known) or f"Known keys: {', '.join(known)}."
            return _input(codes.UNKNOWN_KEY, f"unknown key {shorten(name)}", _key_place(document, loc), hint=hint)
        case "missing":
            return _input(codes.MISSING_KEY, f"the key {name} is missing", _key_place(document, loc))
        case "no_source":
            return _no_source(document, loc, value)
        case "no_url":
            return _input(codes.MISSING_KEY, f"{name} needs the key url", _key_place(document, loc))
        case "no_kind":
            return _no_kind(document, loc, error)
        case "literal_error":
            return _wrong_word(document, loc, error)
        case _:
            expected = _EXPECTED.get(kind) or error["msg"]
            hint = "Put it in quotes." if kind == "not_text" and isinstance(value, Unquoted) and value.text else ""
            return _input(codes.WRONG_VALUE, _named(loc), place(document, loc), expected, _found(value), hint)


def _no_source(document: Document, loc: _Loc, value: Any) -> RegistryError:
    if not isinstance(value, dict):
        expected = "a mapping with the key git or archives"
        return _input(codes.WRONG_VALUE, _named(loc), place(document, loc), expected, _found(value))
    near = [nearest(str(key), ("git", "archives")) for key in value]
    hint = next(filter(None, near), "")
    return _input(codes.MISSING_KEY, "source needs the key git or archives", _key_place(document, loc), hint=hint)


def _no_kind(document: Document, loc: _Loc, error: ErrorDetails) -> RegistryError:
    value, kinds = error["input"], error["msg"].split(", ")
    expected = " or ".join(kinds)
    if not isinstance(value, dict):
        # What stands here may be a secret.
        return _input(codes.WRONG_VALUE, _named(loc), place(document, loc), "a mapping with the key kind")
    if "kind" not in value:
        return _input(codes.MISSING_KEY, f"{loc[-1]} needs the key kind", _key_place(document, loc), expected)
    kind = value["kind"]
    hint = nearest(kind, kinds) if isinstance(kind, str) else ""
    loc = (*loc, "kind")
    return _input(codes.WRONG_VALUE, _named(loc), place(document, loc), expected, hint=hint)


def _wrong_word(document: Document, loc: _Loc, error: ErrorDetails) -> RegistryError:
    words = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
    value = error["input"]
    hint = nearest(value, words) if isinstance(value, str) else ""
    return _input(codes.WRONG_VALUE, _named(loc), place(document, loc), " or ".join(words), _found(value), hint)


def _keys(shape: type[Shape], loc: _Loc) -> list[str]:
    for step in loc:
        shape = shape.inside.get(str(step), shape)
    return sorted(shape.model_fields)


def _named(loc: _Loc) -> str:
    names = [str(step) for step in loc if isinstance(step, str) and " " not in step]
    if not names:
        return ""
    return f"not a value for {names[-1] if _PLAIN_NAME.fullmatch(names[-1]) else shorten(names[-1])}"


def _found(value: object) -> str:
    match value:
        case Unquoted(kind="null"):
            return "nothing"
        case Unquoted():
            return f"the {value.kind} {value.text[:40]}"
        case dict():
            return "a mapping"
        case tuple():
            return "a list" if value else "an empty list"
        case _:
            return shorten(str(value))


def _input(
    code: Code, detail: str, position: Position, expected: str = "", found: str = "", hint: str = ""
) -> InputError:
    return InputError(code, detail, expected=expected, found=found, hint=hint or code.fix, position=position)
