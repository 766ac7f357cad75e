"""Reading HCL (native syntax) with tree-sitter: it keeps positions, goes on behind mistakes, and runs nothing."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import tree_sitter
import tree_sitter_hcl

from registry_gen.extract.configuration import MAX_BYTES, MAX_DEPTH, Asked, CodeFile, Expression, Local, NotCodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_BRACKETS = re.compile(rb"[{(\[]|[})\]]")
_ESCAPE = re.compile(r'\\(?:([nrt"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|([$%])\4(?=\{)')
_PLAIN: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_LAST_CHARACTER: Final = 0x10FFFF


def read_hcl(data: bytes) -> CodeFile:
    """Modules, required providers and locals of one file; raises NotCodeError for what is too large, or no UTF-8."""
    require_bounds(data)
    root = _parser().parse(data).root_node
    modules: list[Asked] = []
    providers: list[Asked] = []
    known: dict[str, Expression] = {}
    for kind, block in _blocks(_body(root)):
        match kind:
            case "module":
                modules.append(_module(block, data))
            case "terraform":
                for inner, requirements in _blocks(_body(block)):
                    if inner == "required_providers":
                        providers += [
                            _requirement(name, value, data) for name, value in _attributes(_body(requirements))
                        ]
            case "locals":
                known |= {name: _expression(value, data) for name, value in _attributes(_body(block))}
    return CodeFile(tuple(modules), tuple(providers), known, _trouble(root) if root.has_error else None)


def require_bounds(data: bytes) -> None:
    """Raise NotCodeError where a file has more bytes or deeper brackets than is read, or is not UTF-8."""
    if len(data) > MAX_BYTES:
        raise NotCodeError(f"at most {MAX_BYTES} bytes", "more")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise NotCodeError("UTF-8", "other bytes", data.count(b"\n", 0, error.start) + 1) from None
    depth = 0
    for found in _BRACKETS.finditer(data):
        depth = depth + 1 if found[0] in b"{([" else max(depth - 1, 0)
        if depth > MAX_DEPTH:
            line = data.count(b"\n", 0, found.start()) + 1
            raise NotCodeError(f"brackets at most {MAX_DEPTH} deep", "deeper ones", line)


@cache
def _language() -> tree_sitter.Language:
    return tree_sitter.Language(tree_sitter_hcl.language())


def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(_language())


def _body(node: Node) -> Node | None:
    return next((each for each in node.named_children if each.type == "body"), None)


def _blocks(body: Node | None) -> Iterator[tuple[str, Node]]:
    """Each block and its type."""
    for node in body.named_children if body else ():
        if node.type == "block":
            yield _text(node.named_children[0]), node


def _attributes(body: Node | None) -> Iterator[tuple[str, Node]]:
    """Each attribute's name and its expression."""
    for node in body.named_children if body else ():
        if node.type == "attribute" and len(node.named_children) > 1:
            yield _text(node.named_children[0]), node.named_children[-1]


def _module(block: Node, data: bytes) -> Asked:
    labels = [each for each in block.named_children[1:] if each.type in ("string_lit", "identifier")]
    name = _text(labels[0]).strip('"') if labels else ""
    found = dict(_attributes(_body(block)))
    source, version = (_maybe(found.get(each), data) for each in ("source", "version"))
    return Asked(name, source, version, *_place(block))


def _requirement(name: str, value: Node, data: bytes) -> Asked:
    """``name = { source = …, version = … }``, or a version alone as Terraform 0.12 had it."""
    elements = _object(value)
    if elements is None:
        return Asked(name, None, _expression(value, data), *_place(value))
    found: dict[str, Node] = {}
    for element in elements:
        key, inner = (element.child_by_field_name(each) for each in ("key", "val"))
        if key is not None and inner is not None:
            found[_text(key).strip('"')] = inner
    source, version = (_maybe(found.get(each), data) for each in ("source", "version"))
    return Asked(name, source, version, *_place(value))


def _object(expression: Node) -> list[Node] | None:
    """The elements of an object; None where the expression is none."""
    node = expression
    for kind in ("collection_value", "object"):
        if len(node.named_children) != 1 or node.named_children[0].type != kind:
            return None
        node = node.named_children[0]
    return [each for each in node.named_children if each.type == "object_elem"]


def _maybe(node: Node | None, data: bytes) -> Expression | None:
    return _expression(node, data) if node is not None else None


def _expression(node: Node, data: bytes) -> Expression:
    return Expression(None if node.has_error else _parts(node, data), *_place(node))


def _parts(expression: Node, data: bytes) -> tuple[str | Local, ...] | None:
    local = _local(expression)
    if local is not None:
        return (local,)
    node = expression
    while len(node.named_children) == 1 and node.type in ("expression", "literal_value", "template_expr"):
        node = node.named_children[0]
    return _template(node, data) if node.type in ("string_lit", "quoted_template") else None


def _local(expression: Node) -> Local | None:
    match [(each.type, _text(each)) for each in expression.named_children[:3]]:
        case [("variable_expr", "local"), ("get_attr", name)]:
            return Local(name.lstrip(". \t"))
    return None


def _template(node: Node, data: bytes) -> tuple[str | Local, ...] | None:
    """Texts and locals between the quotes. The texts are cut from the bytes, for the tree leaves blanks out."""
    parts: list[str | Local] = []
    first, *inner, last = node.named_children
    at = first.end_byte
    for each in inner:
        if each.type == "template_literal":
            continue
        if each.type != "template_interpolation":
            return None
        found = [_local(value) for value in each.named_children if value.type == "expression"]
        if len(found) != 1 or found[0] is None:
            return None
        parts += [unescaped(data[at : each.start_byte].decode()), found[0]]
        at = each.end_byte
    return (*parts, unescaped(data[at : last.start_byte].decode()))


def unescaped(text: str) -> str:
    """What a quoted text means (HCL syntax specification, "Template Literals")."""
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    plain, short, long, sign = found.groups()
    if plain:
        return _PLAIN[plain]
    if sign:
        return sign
    number = int(short or long, 16)
    return chr(number) if number <= _LAST_CHARACTER else "\N{REPLACEMENT CHARACTER}"


def _trouble(root: Node) -> tuple[int, int]:
    """The first place that was not understood."""
    node: Node | None = root
    last = root
    while node is not None:
        last = node
        if node.is_error or node.is_missing:
            break
        node = next((each for each in node.children if each.has_error or each.is_missing), None)
    return _place(last)


def _place(node: Node) -> tuple[int, int]:
    return node.start_point.row + 1, node.start_point.column + 1


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
