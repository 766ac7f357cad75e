"""A module's file with more pins, everything else as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.edit import Edit, compare
from registry_gen.catalog.problems import ProblemsError
from registry_gen.catalog.yaml_edit import open_page, with_pair
from registry_gen.catalog.yaml_reader import read_yaml
from registry_gen.errors import InputError, Position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.catalog.yaml_reader import Data, Node
    from registry_gen.model.digest import Commit
    from registry_gen.model.version import Version


def pins_edit(data: bytes, path: str, pins: Mapping[Version, Commit]) -> Edit:
    """Add pins at the end of ``source.pins``, in the order of their versions; ``path`` is how people know the file.

    Raises ProblemsError where the file is not YAML of ours, InputError CAT034 where it has no pins yet, has one of
    these, or no way was found to write them.
    """
    edited = data
    for version, commit in sorted(pins.items()):
        edited = _with_pin(edited, path, str(version), commit)
    return compare(data, edited)


def _with_pin(data: bytes, path: str, version: str, commit: str) -> bytes:
    root = _root(data, path)
    pins = _pins(root)
    if pins is None or version in pins.entries:
        raise _not_editable(path)
    wanted = _said(root) | {version: commit}
    for text in with_pair(open_page(data.decode(), root), pins, version, commit):
        made = text.encode()
        try:
            found = _root(made, path)
        except ProblemsError:
            continue
        if _said(found) == wanted and _others(found) == _others(root):
            return made
    raise _not_editable(path)


def _root(data: bytes, path: str) -> Node:
    document = read_yaml(data, path)
    if document.root is None or document.problems:
        raise ProblemsError(document.problems)
    return document.root


def _pins(root: Node) -> Node | None:
    """The mapping of pins, where it is written in the file itself and not behind an alias."""
    node = root
    for key in ("source", "pins"):
        if key not in node.entries or node.form == "alias":
            return None
        node = node.entries[key][1]
    return node if node.entries and node.form != "alias" else None


def _said(root: Node) -> dict[str, Data]:
    pins = _pins(root)
    return {key: value.data for key, (_, value) in pins.entries.items()} if pins else {}


def _others(root: Node) -> Data:
    """All that the file says but its pins."""
    assert isinstance(root.data, dict)  # noqa: S101 - narrows for the type checker
    source = root.data["source"]
    assert isinstance(source, dict)  # noqa: S101 - as above
    return {**root.data, "source": {key: value for key, value in source.items() if key != "pins"}}


def _not_editable(path: str) -> InputError:
    return InputError(codes.NOT_EDITABLE, position=Position(path), hint=codes.NOT_EDITABLE.fix)
