"""A catalog's file in the one form that ``fmt`` gives it: lines are moved and indented, never written anew.

Keys stand in the order of docs/configuration.md, what is inside of a key two spaces deeper, with single blank lines,
without spaces at ends of lines, and with one line break at the end. A comment goes along with the key right below it;
one with a blank line below it, or above an editor's modeline, stays at the top. Nothing here is trusted to be right:
a new text is taken only where every line of the old one is in it and reading it gives the same values.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes
from registry_gen.catalog.key_order import Order
from registry_gen.catalog.problems import ProblemsError
from registry_gen.catalog.yaml_reader import read_yaml
from registry_gen.errors import InputError, Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.catalog.yaml_reader import Node

_BREAK = re.compile(r"\r\n|\r")
_ASIDE = re.compile(r"\s*(?:#.*)?|\.\.\.\s*(?:#.*)?")
"""A line without a value: blank, a comment, or the end of a document."""
_TOP = re.compile(r"#\s*yaml-language-server:|%|---")
_STEP: Final = 2
_ROUNDS: Final = 8
_NO_ORDER: Final = Order()


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and whether it belongs to a text over several lines, whose spaces may mean something."""

    text: str
    fixed: bool

    @property
    def is_aside(self) -> bool:
        """Whether it says nothing to the registry."""
        return not self.fixed and _ASIDE.fullmatch(self.text) is not None

    @property
    def column(self) -> int:
        """How many spaces it begins with."""
        return len(self.text) - len(self.text.lstrip(" "))

    def moved(self, by: int) -> Line:
        """The line so many columns further right; one that says nothing goes left as far as it can."""
        if not self.text.strip():
            return self
        return Line(" " * max(self.column + by, 0) + self.text.lstrip(" "), self.fixed)


@dataclass(frozen=True, slots=True)
class Piece:
    """A key of a mapping with its value, and the lines above that belong to it."""

    key: str
    above: tuple[Line, ...]
    lines: tuple[Line, ...]


def format_file(data: bytes, path: str, order: Order) -> bytes:
    """The file's bytes in that form; ``path`` is how people know it. To format the result changes nothing.

    Raises ProblemsError where it is not YAML of ours, InputError CAT040 where no way was found that ends.
    """
    for _ in range(_ROUNDS):
        formed = _once(data, path, order)
        if formed == data:
            return data
        data = formed
    raise InputError(codes.NOT_FORMATTED, position=Position(path), hint=codes.NOT_FORMATTED.fix)


def _once(data: bytes, path: str, order: Order) -> bytes:
    """The best of the texts that say the same: in order, else as ordered as it was, else the very same."""
    document = read_yaml(data, path)
    if document.root is None or document.problems:
        raise ProblemsError(document.problems)
    text = _BREAK.sub("\n", data.decode())
    for proposal in _proposals(text, document.root, order):
        formed = proposal.encode()
        if formed == data:
            return data
        found = read_yaml(formed, path)
        same = found.root is not None and not found.problems and found.root.data == document.root.data
        if same and _words(proposal) == _words(text):
            return formed
    return data


def _words(text: str) -> list[str]:
    """What no formatting may lose: each line without the spaces around it."""
    return sorted(line.strip() for line in text.split("\n") if line.strip())


def _proposals(text: str, root: Node, order: Order) -> Iterator[str]:
    if root.form == "block" and root.entries:
        lines = _lines(text, root)
        yield _joined(_arranged(lines, 0, root, order, 0))
        yield _joined(_arranged(lines, 0, root, _NO_ORDER, 0))
        yield _joined(lines)
    yield text.lstrip("\n").rstrip(" \n") + "\n" if text.strip() else ""
    yield text  # a folded text at the very end says something else with a line break behind it


def _joined(lines: Sequence[Line]) -> str:
    """One text, with single blank lines, and without spaces where they mean nothing."""
    kept: list[Line] = []
    for line in lines:
        text = line.text if line.fixed else line.text.rstrip(" \t")
        if text or line.fixed or (kept and (kept[-1].text or kept[-1].fixed)):
            kept.append(Line(text, line.fixed))
    while kept and not kept[-1].text and not kept[-1].fixed:
        kept.pop()
    return "".join(f"{line.text}\n" for line in kept)


def _lines(text: str, root: Node) -> list[Line]:
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    fixed = {line for node in _texts(root) for line in _range(starts, node)}
    lines = [Line(line, number in fixed) for number, line in enumerate(text.split("\n"))]
    return lines[:-1] if not lines[-1].text else lines


def _range(starts: Sequence[int], node: Node) -> range:
    """The lines of a text over several lines, without the last where the text ends before it."""
    first, last = bisect_right(starts, node.start) - 1, bisect_right(starts, max(node.end - 1, node.start)) - 1
    return range(first, last + 1) if last > first else range(0)


def _texts(node: Node) -> Iterator[Node]:
    if node.form == "scalar":
        yield node
    elif node.form != "alias":
        for child in (*node.items, *(value for _, value in node.entries.values())):
            yield from _texts(child)


def _arranged(lines: Sequence[Line], first: int, node: Node, order: Order, column: int) -> list[Line]:
    """The lines of a mapping, the first of which is the file's line ``first``, with its keys in order at a column."""
    starts = [(position.line - 1 - first, position.column - 1) for position, _ in node.entries.values()]
    if not _is_plain(lines, starts):
        return list(lines)
    above, begins = _head(lines, starts[0][0])
    ends = [*(_aside_start(lines, here, after, at) for (here, at), (after, _) in pairwise(starts)), len(lines)]
    below = _aside_start(lines, starts[-1][0], len(lines), starts[-1][1])
    pieces = {}
    for (name, (_, value)), (start, at), begin, end in zip(
        node.entries.items(), starts, [begins, *ends[:-1]], [*ends[:-1], below], strict=True
    ):
        inner = _value(lines[start:end], first + start, value, order.inside.get(name, _NO_ORDER), at)
        by = column - at
        pieces[name] = Piece(
            name,
            tuple(line.moved(by) for line in lines[begin:start]),
            tuple(line.moved(by) for line in inner),
        )
    by = column - starts[0][1]
    made = [line for name in order.sorted(pieces) for line in (*pieces[name].above, *pieces[name].lines)]
    while not made[0].text.strip():
        made.pop(0)
    return [*(line.moved(by) for line in above), *made, *(line.moved(by) for line in lines[below:])]


def _value(lines: Sequence[Line], first: int, value: Node, order: Order, column: int) -> list[Line]:
    """The lines of one key, with what is inside of it in order and two spaces deeper."""
    if value.form != "block" or value.position.line - 1 <= first:
        return list(lines)
    head = value.position.line - 1 - first
    while head > 1 and lines[head - 1].is_aside:
        head -= 1
    inside = lines[head:]
    at = value.position.column - 1
    if value.entries:
        return [*lines[:head], *_arranged(inside, first + head, value, order, column + _STEP)]
    return [*lines[:head], *(line.moved(column + _STEP - at) for line in inside)]


def _is_plain(lines: Sequence[Line], starts: Sequence[tuple[int, int]]) -> bool:
    """Whether each key begins a line of its own, all at one column."""
    columns = {at for _, at in starts}
    return (
        bool(starts)
        and len(columns) == 1
        and all(here < after for (here, _), (after, _) in pairwise(starts))
        and all(lines[start].column == at for start, at in starts)
    )


def _head(lines: Sequence[Line], start: int) -> tuple[Sequence[Line], int]:
    """The lines that stay at the top, and where the first key's comments begin."""
    begin = start
    while begin and lines[begin - 1].text.strip() and not _TOP.match(lines[begin - 1].text):
        begin -= 1
    return lines[:begin], begin


def _aside_start(lines: Sequence[Line], start: int, end: int, column: int) -> int:
    """Where the comments and blank lines begin that stand before line ``end`` and are not inside of a key's value."""
    begin = end
    while begin - 1 > start and lines[begin - 1].is_aside:
        begin -= 1
    while begin < end and lines[begin].text.strip() and lines[begin].column > column:
        begin += 1
    return begin
