"""YAML 1.2 text -> nodes that know their place.

PyYAML's C parser gives events; everything that YAML 1.1 and 1.2 read differently, and everything hostile, is decided
here. The events are folded without recursion, so depth costs no stack, and an alias shares the node it names, so a
"billion laughs" costs no memory: its expanded size is only counted.

Sources: YAML 1.2.2 sections 5.1 (characters) and 10.3.2 (core schema's tag resolution).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import yaml

from registry_gen.catalog import codes
from registry_gen.catalog.problems import shorten
from registry_gen.errors import Code, InputError, Position, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES: Final = 512 * 1024
MAX_DEPTH: Final = 16
MAX_NODES: Final = 20_000

# YAML's printable characters without: the next-line and line and paragraph separators, which YAML 1.1 counts as line
# breaks and 1.2 does not; the byte order mark; and the controls that change the direction of text.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)

ScalarKind = Literal["null", "boolean", "number"]


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A plain scalar that YAML 1.2's core schema does not read as text, kept as it was written."""

    text: str
    kind: ScalarKind


Form = Literal["scalar", "alias", "flow", "block"]

Data = str | Unquoted | tuple["Data", ...] | dict[str, "Data"]
"""What a node means: text, another scalar, a list, or a mapping."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place. ``data`` is the whole value beneath it.

    ``size`` counts values and keys, ``height`` levels of lists and mappings, both with aliases expanded.
    ``form`` is how it is written, from the character ``start`` of the text up to ``end``, which is behind it; a block's
    end is that of its last value.
    """

    position: Position
    data: Data
    size: int = 1
    height: int = 0
    items: tuple[Node, ...] = ()
    entries: dict[str, tuple[Position, Node]] = field(default_factory=dict)
    form: Form = "scalar"
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A file as read. ``root`` is None where nothing could be made of it; an empty file is an empty mapping."""

    path: str
    root: Node | None
    problems: tuple[RegistryError, ...]


def read_yaml(data: bytes, path: str) -> Document:
    """Read one YAML document; ``path`` is how people know the file. Never raises: problems are in the result."""
    try:
        text = _decode(data, path)
    except InputError as error:
        return Document(path, None, (error,))
    builder = _Builder(path, text)
    try:
        root = builder.build()
    except InputError as error:
        return Document(path, None, (*builder.problems, error))
    return Document(path, root, tuple(builder.problems))


def _decode(data: bytes, path: str) -> str:
    if len(data) > MAX_BYTES:
        raise _problem(codes.LIMIT, Position(path), expected=f"at most {MAX_BYTES} bytes", found=str(len(data)))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        found = f"byte 0x{data[error.start]:02x}"
        raise _problem(codes.TEXT, _position(path, before, len(before)), found=found) from None
    bad = _FORBIDDEN.search(text)
    if bad:
        found = "a byte order mark" if bad[0] == "\ufeff" else f"the character U+{ord(bad[0]):04X}"
        raise _problem(codes.TEXT, _position(path, text, bad.start()), found=found)
    return text


def _position(path: str, text: str, offset: int) -> Position:
    line_start = text.rfind("\n", 0, offset) + 1
    return Position(path, text.count("\n", 0, offset) + 1, offset - line_start + 1)


def _problem(
    code: Code, position: Position, detail: str = "", *, expected: str = "", found: str = "", hint: str = ""
) -> InputError:
    return InputError(code, detail, expected=expected, found=found, hint=hint or code.fix, position=position)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been seen. ``key`` is the mapping's key that waits for its value."""

    position: Position
    anchor: str | None
    is_mapping: bool
    form: Form
    start: int
    items: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[Position, Node]] = field(default_factory=dict)
    key: Node | None = None


class _Builder:
    """Folds events into nodes. ``problems`` holds those after which reading goes on; the others are raised."""

    def __init__(self, path: str, text: str) -> None:
        self.problems: list[RegistryError] = []
        self._path = path
        self._text = text
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._nodes = 0
        self._root: Node | None = None

    def build(self) -> Node:
        """Read to the end. Raises InputError CAT001, CAT003 or CAT004 where reading cannot go on."""
        try:
            for event in self._events():
                self._take(event)
        except yaml.YAMLError as error:
            raise self._syntax(error) from None
        return self._root or Node(Position(self._path), {})

    def _events(self) -> Iterable[yaml.Event]:
        events: Iterable[yaml.Event] = yaml.parse(self._text, yaml.CSafeLoader)
        return events

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._refuse_tag(event)
                self._count(1, self._place(event))
                start, end = _span(event)
                self._finish(Node(self._place(event), _scalar(event), start=start, end=end), event.anchor)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_tag(event)
                self._start(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                opened = self._open.pop()
                self._finish(_close(opened, event), opened.anchor)
            case yaml.AliasEvent():
                self._finish(self._alias(event), None)
            case yaml.DocumentStartEvent():
                self._start_document(event)
            case _:
                pass

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        if self._root is not None:
            raise _problem(codes.FEATURE, self._place(event), "a second document in one file")
        if event.tags or event.version not in (None, (1, 2)):
            self.problems.append(_problem(codes.FEATURE, self._place(event), "a directive; files are YAML 1.2"))

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        place = self._place(event)
        self._count(1, place)
        if len(self._open) >= MAX_DEPTH:
            raise self._too_deep(place)
        if event.anchor:
            # Until it is finished the name means nothing: an alias to it from within would never end.
            self._anchors.pop(event.anchor, None)
        form: Form = "flow" if event.flow_style else "block"
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(place, event.anchor, is_mapping, form, _span(event)[0]))

    def _alias(self, event: yaml.AliasEvent) -> Node:
        place = self._place(event)
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            inside = any(opened.anchor == name for opened in self._open)
            why = "names what it is a part of" if inside else "names no anchor above it"
            raise _problem(codes.FEATURE, place, f"the alias *{name[:40]} {why}")
        if len(self._open) + node.height > MAX_DEPTH:
            raise self._too_deep(place)
        self._count(node.size, place)
        return Node(place, node.data, node.size, node.height, node.items, node.entries, "alias", *_span(event))

    def _finish(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            self._add(parent, parent.key, node)
            parent.key = None

    def _add(self, parent: _Open, key: Node, value: Node) -> None:
        if isinstance(key.data, Unquoted):
            name = key.data.text
        elif isinstance(key.data, str):
            name = key.data
        else:
            self.problems.append(_problem(codes.FEATURE, key.position, "a key that is not text"))
            return
        if name in parent.entries:
            first = parent.entries[name][0]
            self.problems.append(
                _problem(
                    codes.DUPLICATE_KEY,
                    key.position,
                    f"the key {shorten(name)} is there twice",
                    hint=f"It is first on line {first.line}. {codes.DUPLICATE_KEY.fix}",
                )
            )
            return
        parent.entries[name] = (key.position, value)

    def _count(self, size: int, place: Position) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            expected = f"at most {MAX_NODES} values, those behind an alias counted each time"
            raise _problem(codes.LIMIT, place, expected=expected)

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self.problems.append(_problem(codes.FEATURE, self._place(event), f"the tag {shorten(event.tag)}"))

    def _place(self, event: yaml.Event) -> Position:
        mark = event.start_mark
        return Position(self._path, mark.line + 1, mark.column + 1) if mark else Position(self._path)

    def _too_deep(self, place: Position) -> InputError:
        return _problem(codes.LIMIT, place, expected=f"at most {MAX_DEPTH} levels")

    def _syntax(self, error: yaml.YAMLError) -> InputError:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            return _problem(codes.SYNTAX, Position(self._path))
        place = Position(self._path, mark.line + 1, mark.column + 1)
        said = getattr(error, "problem", None) or codes.SYNTAX.title
        line = self._text.splitlines()[mark.line : mark.line + 1]
        hint = ""
        if "\t" in "".join(line)[: mark.column + 1]:
            hint = "Indent with spaces: YAML allows no tabs there."
        elif "mapping values are not allowed" in said:
            hint = "Text that holds a colon and a space belongs in quotes; or the line is indented too far."
        return _problem(codes.SYNTAX, place, f"not valid YAML: {said}", hint=hint)


def _scalar(event: yaml.ScalarEvent) -> Data:
    """Resolve a scalar by the core schema; only plain ones can be anything but text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if _NULL.fullmatch(text):
        return Unquoted(text, "null")
    if _BOOLEAN.fullmatch(text):
        return Unquoted(text, "boolean")
    if _NUMBER.fullmatch(text):
        return Unquoted(text, "number")
    return text


def _span(event: yaml.Event) -> tuple[int, int]:
    """Where the event stands in the text; nowhere where the parser has no marks."""
    start, end = event.start_mark, event.end_mark
    return (start.index, end.index) if start and end else (0, 0)


def _close(opened: _Open, event: yaml.Event) -> Node:
    if opened.is_mapping:
        children = tuple(node for _, node in opened.entries.values())
        data: Data = {name: node.data for name, (_, node) in opened.entries.items()}
    else:
        children = tuple(opened.items)
        data = tuple(node.data for node in children)
    size = 1 + len(opened.entries) + sum(child.size for child in children)
    height = 1 + max((child.height for child in children), default=0)
    items = () if opened.is_mapping else children
    bracket, end = _span(event)
    if end == bracket:  # the end of a block, and of a mapping without braces in a list, is seen at what follows
        end = max((child.end for child in children), default=end)
    return Node(opened.position, data, size, height, items, opened.entries, opened.form, opened.start, end)
