"""Changes of a YAML file that leave every other character as it is.

A file's top is a mapping, and a key of it may hold a list of small mappings, written in any way that YAML has: blocks,
braces, several lines, comments anywhere. Each function here proposes new texts, the one that reads best first. One may
be wrong, where the end of a value depends on what follows it: the caller reads each and takes the first that says what
it should.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from registry_gen.catalog.yaml_reader import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.catalog.yaml_reader import Node

    Item = Mapping[str, str]
    Span = tuple[int, int]

_BREAK = re.compile(r"\r\n|\r|\n")
_LAST_BREAK = re.compile(r"(?:\r\n|\r|\n)\Z")
_COMMENT = re.compile(r"[ \t\r\n]*(#)[^\r\n]*")
_NOTHING_MORE = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_BLANK: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Page:
    """A file's text, what it says, and the offsets at which the keys, items of blocks and commas begin."""

    text: str
    root: Node
    newline: str
    keys: tuple[int, ...]
    dashes: tuple[int, ...]
    commas: tuple[int, ...]


def open_page(text: str, root: Node) -> Page:
    """The page of a text that was read without a problem; ``root`` is a mapping with at least one key."""
    found = _BREAK.search(text)
    tokens = [(type(token), token.start_mark.index) for token in yaml.scan(text, yaml.CSafeLoader)]
    keys, dashes, commas = (
        tuple(offset for kind, offset in tokens if kind is wanted)
        for wanted in (yaml.KeyToken, yaml.BlockEntryToken, yaml.FlowEntryToken)
    )
    return Page(text, root, found[0] if found else "\n", keys, dashes, commas)


def with_item(page: Page, key: str, item: Item, alone: str) -> Iterator[str]:
    """The text with ``item`` at the end of the list at ``key``.

    The list is made where there is none. Text in its place becomes the first item's value at the key ``alone``.
    """
    value = page.root.entries[key][1] if key in page.root.entries else None
    if value is None:
        yield from _with_key(page, key, item)
    elif not isinstance(value.data, tuple):
        yield from _as_list(page, value, item, alone)
    elif value.form == "flow":
        quoted = _is_quoted(page, value)
        spans = [(each.start, each.end) for each in value.items]
        yield from _longer(page, value.end, spans, _flow(item, quoted=quoted))
    else:
        yield from _with_block(page, value, item)


def with_pair(page: Page, mapping: Node, key: str, value: str) -> Iterator[str]:
    """The text with one more pair at the end of a ``mapping`` of the page that has one already."""
    text = page.text
    spans = _pairs(page, mapping)
    if mapping.form == "flow":
        yield from _longer(page, mapping.end, spans, f"{_quoted(key)}: {_quoted(value)}")
        return
    first, last = spans[0][0], spans[-1][1]
    column = first - _line_start(text, first)
    pair = f"{_quoted(key)}: {_plain(key, value)}"
    yield _below(page, _with_comments(text, _content_end(text, last), column), " " * column + pair)
    yield text[:first] + pair + page.newline + " " * column + text[first:]


def without_item(page: Page, key: str, index: int) -> Iterator[str]:
    """The text without an item of the list at ``key``, or without the key where it was the only one."""
    value = page.root.entries[key][1]
    if not isinstance(value.data, tuple) or len(value.items) == 1:
        yield from _without_key(page, key)
    elif value.form == "flow":
        yield from _shorter(page, value.end, [(each.start, each.end) for each in value.items], index)
    else:
        yield from _without_block(page, value, index)


def _with_key(page: Page, key: str, item: Item) -> Iterator[str]:
    text, newline = page.text, page.newline
    spans = _pairs(page, page.root)
    if page.root.form == "flow":
        quoted = text[spans[-1][0]] == '"'
        written = f"{_key(key, quoted=quoted)}: [{_flow(item, quoted=quoted)}]"
        yield from _longer(page, page.root.end, spans, written)
        return
    first = _line_start(text, spans[0][0])
    margin = " " * (spans[0][0] - first)
    block = newline.join(margin + line for line in (f"{key}:", *(f"  {line}" for line in _block(item))))
    yield _below(page, len(text.rstrip(_BLANK)), block)
    # Blank lines at the end may be a part of the last value, and a file may go on behind its end ("...").
    yield text + block + newline
    yield _below(page, _with_comments(text, _content_end(text, spans[-1][1]), len(margin)), block)
    yield text[:first] + block + newline + text[first:]


def _with_block(page: Page, value: Node, item: Item) -> Iterator[str]:
    text = page.text
    first = _before(page.dashes, value.items[0])
    column = first - _line_start(text, first)
    margin = page.newline + " " * column
    lines = list(_block(item))
    end = _with_comments(text, _content_end(text, value.end), column)
    yield _below(page, end, margin.join(["", *lines]).removeprefix(page.newline))
    yield text[:first] + margin.join([*lines, ""]) + text[first:]


def _as_list(page: Page, value: Node, item: Item, alone: str) -> Iterator[str]:
    text, newline = page.text, page.newline
    start, end = value.start, _content_end(text, value.end)
    if page.root.form == "flow":
        quoted = _is_quoted(page, value)
        only = f"{{{_key(alone, quoted=quoted)}: {text[start:end]}}}"
        yield f"{text[:start]}[{only}, {_flow(item, quoted=quoted)}]{text[end:]}"
        return
    key = _before(page.keys, value)
    margin = " " * (key - _line_start(text, key) + 2)
    head = text[:start].rstrip(" \t")
    if head and head[-1] not in "\r\n":
        head += newline
    # Its other lines are moved as far as the first, which keeps what they mean.
    lines = text[start:end].splitlines(keepends=True)
    moved = "".join([lines[0], *("    " + line if line.strip(_BLANK) else line for line in lines[1:])])
    added = newline.join(margin + line for line in _block(item))
    rest = _line_end(text, end)
    yield f"{head}{margin}- {alone}: {moved}{text[end:rest]}{newline}{added}{text[rest:]}"


def _without_key(page: Page, key: str) -> Iterator[str]:
    text = page.text
    value = page.root.entries[key][1]
    spans = _pairs(page, page.root)
    start = _before(page.keys, value)
    if page.root.form == "flow":
        yield from _shorter(page, page.root.end, spans, [begin for begin, _ in spans].index(start))
        return
    yield from _without_lines(text, start, value.end)
    yield text[: _line_start(text, start)] + text[value.end :]  # with the blank lines that belong to its text


def _without_block(page: Page, value: Node, index: int) -> Iterator[str]:
    text = page.text
    dash = _before(page.dashes, value.items[index])
    if not text[_line_start(text, dash) : dash].strip(" "):
        yield from _without_lines(text, dash, value.items[index].end)
    if index + 1 < len(value.items):
        yield text[:dash] + text[_before(page.dashes, value.items[index + 1]) :]


def _without_lines(text: str, start: int, end: int) -> Iterator[str]:
    """Without the lines of the characters from ``start`` to ``end``, and the comments that belong to them."""
    first = _line_start(text, start)
    last = _line_end(text, _with_comments(text, _content_end(text, end), start - first))
    if last == len(text):
        yield _LAST_BREAK.sub("", text[:first])
    rest = text[_next_line(text, last) :]
    yield text[:first] + rest
    if not rest.strip(_BLANK):
        yield text[:first]  # spaces at the end would belong to the text above


def _longer(page: Page, end: int, spans: Sequence[Span], written: str) -> Iterator[str]:
    """A list or mapping in brackets, which end at ``end``, with one more part."""
    text = page.text
    first, last = spans[-1]
    comma = _comma(page, last, end)
    if _stands_alone(page, first, comma or last, end):
        margin = text[_line_start(text, first) : first]
        rest = _line_end(text, comma or last)
        between = text[last:rest] if comma else "," + text[last:rest]
        yield text[:last] + between + page.newline + margin + written + ("," if comma else "") + text[rest:]
    yield f"{text[:last]}, {written}{text[last:]}"


def _shorter(page: Page, end: int, spans: Sequence[Span], index: int) -> Iterator[str]:
    """A list or mapping in brackets, which end at ``end``, without one of its parts."""
    text = page.text
    first, last = spans[index]
    following = spans[index + 1][0] if index + 1 < len(spans) else end
    comma = _comma(page, last, following)
    if _stands_alone(page, first, comma or last, end):
        begin, rest = _line_start(text, first), _next_line(text, _line_end(text, comma or last))
        before = _comma(page, spans[index - 1][1], first) if index and not comma else None
        yield (text[: before - 1] + text[before:begin] if before else text[:begin]) + text[rest:]
    if index + 1 < len(spans):
        yield text[:first] + text[following:]
    else:
        yield text[: spans[index - 1][1]] + text[last:]


def _stands_alone(page: Page, first: int, last: int, end: int) -> bool:
    """Whether lines hold this part of something in brackets, perhaps a comment, and nothing else."""
    text = page.text
    rest = _NOTHING_MORE.match(text, last)
    alone = rest is not None and rest.end() == _line_end(text, last) < end
    return alone and not text[_line_start(text, first) : first].strip(" \t")


def _comma(page: Page, start: int, end: int) -> int | None:
    """Where the first comma between two offsets ends."""
    index = bisect_left(page.commas, start)
    return page.commas[index] + 1 if index < len(page.commas) and page.commas[index] < end else None


def _pairs(page: Page, mapping: Node) -> list[Span]:
    """Where each key of a mapping and its value stand."""
    return [(_before(page.keys, value), value.end) for _, value in mapping.entries.values()]


def _before(offsets: Sequence[int], node: Node) -> int:
    """The last of the offsets before a node: of its key, or of its dash."""
    return offsets[bisect_left(offsets, node.start) - 1]


def _is_quoted(page: Page, value: Node) -> bool:
    """Whether keys are written as in JSON where this value stands."""
    return page.text[_before(page.keys, value)] == '"'


def _below(page: Page, offset: int, block: str) -> str:
    """The text with lines below the line of an offset."""
    end = _line_end(page.text, offset)
    return page.text[:end] + page.newline + block + page.text[end:]


def _content_end(text: str, end: int) -> int:
    """Where a value ends without the blank lines that a block of text ends with."""
    return len(text[:end].rstrip(_BLANK))


def _with_comments(text: str, end: int, column: int) -> int:
    """The end of an item or key with the comments below it that are indented deeper than it, as its values are."""
    while True:
        below = _next_line(text, _line_end(text, end))
        comment = _COMMENT.match(text, below)
        if comment is None or comment.start(1) - _line_start(text, comment.start(1)) <= column:
            return end
        end = comment.end()


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _line_end(text: str, offset: int) -> int:
    found = _BREAK.search(text, offset)
    return found.start() if found else len(text)


def _next_line(text: str, offset: int) -> int:
    found = _BREAK.match(text, offset)
    return found.end() if found else offset


def _block(item: Item) -> Iterator[str]:
    mark = "- "
    for key, value in item.items():
        yield f"{mark}{key}: {_plain(key, value)}"
        mark = "  "


def _flow(item: Item, *, quoted: bool) -> str:
    return "{" + ", ".join(f"{_key(key, quoted=quoted)}: {_quoted(value)}" for key, value in item.items()) + "}"


def _key(key: str, *, quoted: bool) -> str:
    return _quoted(key) if quoted else key


def _plain(key: str, value: str) -> str:
    """Without quotes where it is read as the same text without them; versions always have them."""
    if key != "versions" and value.isprintable():
        document = read_yaml(f"key: {value}".encode(), "")
        if document.root and not document.problems and document.root.data == {"key": value}:
            return value
    return _quoted(value)


def _quoted(value: str) -> str:
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(each: str) -> str:
    if each in '"\\':
        return "\\" + each
    if each.isprintable():
        return each
    return f"\\u{ord(each):04x}" if ord(each) < 0x10000 else f"\\U{ord(each):08x}"
