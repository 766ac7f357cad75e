"""Whatever the bytes are, reading ends with nodes or problems, and every problem has a place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry_gen.catalog.yaml_reader import Node, Unquoted, read_yaml
from registry_gen.errors import InputError
from tests.support.catalogs import load

_PIECES = st.sampled_from(
    [
        *("source", "git", "versions", "pins", "hosting", "https://h.x/y", "1.0.0", "copy", "a", "&a", "*a", "!!str"),
        *(": ", ":\n  ", "\n", "- ", "? ", "[", "]", "{", "}", ",", "'", '"', "#", "|", ">", "---", "...", "%YAML 1.2"),
        *("\t", " ", "\r", "\x00", "\ufeff", "\u2028", "é", "~", "null", "1e999999", "9" * 5000, "0x" + "f" * 400),
    ]
)
_TEXTS = st.lists(_PIECES, max_size=60).map("".join) | st.text(max_size=200)
_BYTES = _TEXTS.map(str.encode) | st.binary(max_size=200)

_WORDS = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=8)
_VALUES = st.recursive(
    _WORDS,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=12,
)


@given(_BYTES)
def test_any_bytes_become_nodes_or_problems(data: bytes) -> None:
    document = read_yaml(data, "a.yaml")

    assert document.root is not None or document.problems
    lines = data.count(b"\n") + data.count(b"\r") + 2
    for problem in document.problems:
        assert isinstance(problem, InputError)
        assert problem.position is not None
        assert problem.position.path == "a.yaml"
        assert 1 <= problem.position.line <= lines
        assert problem.position.column >= 1


@given(
    st.sampled_from(["modules/a/b/c.yaml", "providers/a/b.yaml", "mirrors/a.b/c/d.yaml", "namespaces/a.yaml"]), _BYTES
)
def test_any_bytes_in_any_file_become_an_entry_or_a_problem(path: str, data: bytes) -> None:
    loaded = load({path: data})

    assert loaded.problems or loaded.catalog.entries or path.startswith("namespaces/")
    assert all(problem.position is not None for problem in loaded.problems)


@given(st.text(max_size=60))
def test_any_path_is_an_identity_or_a_problem_or_ignored(path: str) -> None:
    load({path: b"", "modules/" + path + ".yaml": b""})


def _write(value: object) -> str:
    """Flow style with every scalar in single quotes: JSON's shape, YAML's quoting."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_write, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_write(key)}: {_write(inner)}" for key, inner in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"


@given(_VALUES)
def test_what_is_written_is_read_back_with_its_size_and_places(value: object) -> None:
    text = _write(value)
    document = read_yaml(text.encode(), "a.yaml")

    assert document.problems == ()
    assert document.root is not None
    assert document.root.data == value
    assert document.root.size == _size(value)
    _check_places(document.root, text)


def _size(value: object) -> int:
    if isinstance(value, tuple):
        return 1 + sum(map(_size, value))
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(_size, value.values()))
    return 1


def _check_places(node: Node, text: str) -> None:
    """Each node starts where its own text starts."""
    assert not isinstance(node.data, Unquoted)
    assert text[node.position.column - 1 :].startswith(_write(node.data))
    for item in node.items:
        _check_places(item, text)
    for _, inner in node.entries.values():
        _check_places(inner, text)
