from __future__ import annotations

import pytest

from registry_gen.catalog.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document, Unquoted, read_yaml


def read(text: str | bytes) -> Document:
    return read_yaml(text.encode() if isinstance(text, str) else text, "a.yaml")


def data(text: str | bytes) -> object:
    document = read(text)
    assert document.problems == ()
    assert document.root is not None
    return document.root.data


def told(text: str | bytes) -> list[str]:
    """Line, column and code of each problem."""
    return [f"{p.position.line}:{p.position.column} {p.code}" for p in read(text).problems if p.position]


def number(text: str) -> Unquoted:
    return Unquoted(text, "number")


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        *(
            (text, text)
            for text in ("yes", "No", "on", "y", "2024-01-01", "1_000", "0b1", "190:20:30", "1.2.3", "TrUe")
        ),
        *((text, number(text)) for text in ("1.10", "010", "-1", "0x1F", "0o17", "1e3", ".5", "-.inf", ".NaN", "+12.")),
        *((text, Unquoted(text, "boolean")) for text in ("true", "True", "FALSE")),
        *((text, Unquoted(text, "null")) for text in ("null", "Null", "~", "")),
        ("'1.10'", "1.10"),
        ('"true"', "true"),
        ('""', ""),
        ("|\n  12", "12"),
        ("<<", "<<"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_and_kept_as_written(scalar: str, expected: object) -> None:
    assert data(f"key: {scalar}") == {"key": expected}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert data("") == {}
    assert data("# only a comment\n") == {}


def test_nodes_know_their_line_and_column() -> None:
    document = read("one: 1\nlist:\n  - a\n  - bé: c\n")

    assert document.root is not None
    key, items = document.root.entries["list"]
    inner_key, inner = items.items[1].entries["bé"]
    assert (key.line, key.column) == (2, 1)
    assert (inner_key.line, inner_key.column, inner.position.line, inner.position.column) == (4, 5, 4, 9)


def test_a_key_that_is_there_twice_is_told_at_its_second_place_and_reading_goes_on() -> None:
    document = read("a: 1\n1.0: x\nb: {c: 1, c: 2}\n'1.0': y\na: 2\na: 3\n")

    assert [str(p.position) for p in document.problems] == ["a.yaml:3:11", "a.yaml:4:1", "a.yaml:5:1", "a.yaml:6:1"]
    assert {p.code.id for p in document.problems} == {"CAT005"}
    assert "line 2" in document.problems[1].hint
    assert document.root is not None
    assert document.root.data == {"a": number("1"), "1.0": "x", "b": {"c": number("1")}}


def test_an_alias_stands_for_what_it_names() -> None:
    assert data("a: &x [1]\nb: *x\nc: *x\n") == {"a": (number("1"),), "b": (number("1"),), "c": (number("1"),)}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("&a [*a]", "1:5"),
        ("&a {b: *a}", "1:8"),
        ("a: &x [&y [*x]]", "1:12"),
        ("a: *nowhere", "1:4"),
        ("a: &x 1\nb: &x [*x]", "2:8"),
    ],
)
def test_an_alias_to_what_holds_it_or_to_nothing_is_refused(text: str, place: str) -> None:
    assert told(text) == [f"{place} CAT004"]


@pytest.mark.parametrize("width", [3, 9, 30])
def test_a_billion_laughs_is_refused_by_counting_alone(width: int) -> None:
    lines = ["a0: &a0 [" + ",".join(["x"] * width) + "]"]
    for level in range(1, 12):
        inner = ",".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} [{inner}]")

    document = read("\n".join(lines))

    assert document.root is None
    [problem] = document.problems
    assert "CAT003" in str(problem)
    assert "values, those behind an alias counted each time" in str(problem)


def test_aliases_cannot_add_up_to_more_depth_than_brackets() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 30)]

    # Line n holds n lists within the mapping, one level more than the line's number.
    [problem] = told("\n".join(lines))
    assert problem.startswith(f"{MAX_DEPTH}:")
    assert problem.endswith("CAT003")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{", "- ? "])
def test_deep_nesting_is_refused_without_going_down(opening: str) -> None:
    assert [line.split()[1] for line in told(opening * 10_000)] == ["CAT003"]


def test_as_much_depth_and_as_many_values_as_allowed_are_read() -> None:
    assert data("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert data("[" + "x," * (MAX_NODES - 1) + "]")
    assert told("[" + "x," * MAX_NODES + "]")[0].endswith("CAT003")


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    assert told(b"#" * MAX_BYTES) == []
    assert told(b"#" * (MAX_BYTES + 1)) == ["1:1 CAT003"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\xef\xbb\xbfa: b", "1:1 CAT002"),
        ("a: b".encode("utf-16"), "1:1 CAT002"),
        (b"a: b\nc: \xc3\x28", "2:4 CAT002"),
        (b"a: \xed\xa0\x80", "1:4 CAT002"),
        (b"a: b\x00", "1:5 CAT002"),
        (b"a: \x1b[31m", "1:4 CAT002"),
        ("a: b\u2028c: d", "1:5 CAT002"),
        ("a: b\x85c: d", "1:5 CAT002"),
        ("ok: 1\na: é\u202ereversed", "2:5 CAT002"),
        ("a: \ufeffb", "1:4 CAT002"),
    ],
)
def test_text_that_is_not_plain_utf_8_is_refused_at_the_character(text: str | bytes, expected: str) -> None:
    assert told(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: c", "2:1 CAT001"),
        ("a: b: c", "1:5 CAT001"),
        ("[a", "2:1 CAT001"),
        ("a: 'x", "1:6 CAT001"),
        ("a: @x", "1:4 CAT001"),
        ("%YAML 1.3\n---\na: b", "1:1 CAT001"),
        ("--- a\n--- b", "2:1 CAT004"),
        ("%YAML 1.1\n---\na: b", "1:1 CAT004"),
        ("%TAG ! tag:x\n---\na: b", "1:1 CAT004"),
        ("a: !!python/object/apply:os.system [id]", "1:4 CAT004"),
        ("a: !!str 1", "1:4 CAT004"),
        ("!!map {a: b}", "1:1 CAT004"),
        ("? [a]\n: b", "1:3 CAT004"),
        ("{a: b}: c", "1:1 CAT004"),
    ],
)
def test_what_catalogs_do_not_use_is_refused_at_its_place(text: str, expected: str) -> None:
    assert told(text) == [expected]


def test_yaml_1_2_may_be_named() -> None:
    assert data("%YAML 1.2\n---\na: b\n...\n") == {"a": "b"}


@pytest.mark.parametrize(("text", "word"), [("a:\n\tb: c", "spaces"), ("a: b: c", "quotes")])
def test_common_mistakes_get_a_hint_of_their_own(text: str, word: str) -> None:
    assert word in read(text).problems[0].hint


def test_problems_before_a_syntax_error_are_told_too() -> None:
    assert told("a: 1\na: 2\nb: [\n") == ["2:1 CAT005", "4:1 CAT001"]
