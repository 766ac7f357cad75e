"""Every code that a person may see is unique, belongs to its room, is raised, and has a page that says all of it."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import registry_gen
from registry_gen.cli.known_codes import all_codes, all_pages, read_examples
from registry_gen.cli.troubleshooting import SUBJECTS, all_as_markdown
from registry_gen.errors import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.cli.known_codes import Page

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(registry_gen.__path__[0])
PREFIXES: Final = {
    "catalog": {"CAT", "CFG", "IMP"},
    "model": {"ADR", "VER"},
    "verify": {"ARC", "SUM", "SIG", "ATT"},
    "render": {"DOC"},
    "plan": {"PLN"},
    "log": {"LOG"},
    "sources": {"GIT", "IMP", "NET", "SRC"},
    "ledger": {"LED"},
    "storage": {"STO"},
    "signing": {"KEY"},
    "edge": {"EDG"},
    "publish": {"PUB"},
    "inspect": {"INS"},
    "doctor": {"DIA"},
    "shim": {"SRV"},
    "cli": {"CLI"},
}
LONGEST_EXAMPLE: Final = 16
WIDEST_EXAMPLE: Final = 200


def _declared() -> list[tuple[str, str, Code]]:
    """Every code of every room's ``codes`` module: room, name and code."""
    rooms = [path.parent.name for path in sorted(PACKAGE.glob("*/codes.py"))]
    return [
        (room, name, value)
        for room in rooms
        for name, value in vars(importlib.import_module(f"registry_gen.{room}.codes")).items()
        if isinstance(value, Code)
    ]


DECLARED: Final = _declared()
PAGES: Final = all_pages()


def used_names(source: str) -> Iterator[tuple[str, str]]:
    """Each code that one file's text names, as room and name, wherever it was imported from a room's ``codes``."""
    tree = ast.parse(source)
    modules: dict[str, str] = {}
    names: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("registry_gen."):
            room, _, rest = node.module.removeprefix("registry_gen.").partition(".")
            for each in node.names:
                if not rest and each.name == "codes":
                    modules[each.asname or each.name] = room
                elif rest == "codes":
                    names[each.asname or each.name] = (room, each.name)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in modules and name.isupper():
                yield modules[module], name
            case ast.Name(id=name) if name in names and name.isupper():
                yield names[name]


def _values(room: str, name: str) -> set[object]:
    """What a name of a ``codes`` module stands for: a code, or several, or texts that codes share, which are none."""
    value = getattr(importlib.import_module(f"registry_gen.{room}.codes"), name, None)
    if value is None or isinstance(value, Code):
        return {value}
    return {each for each in value if not isinstance(each, str)}


def made_codes(source: str) -> list[int]:
    """The lines on which one file's text makes a code."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Code"
    ]


def _texts() -> dict[Path, str]:
    """Every file of the package that declares no codes."""
    return {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.name != "codes.py"}


def test_the_search_for_codes_finds_them_under_every_name() -> None:
    source = """
from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.codes import LIMIT, SYNTAX as BROKEN
from registry_gen.publish import codes, run
raise InputError(catalog_codes.TEXT if x else codes.OVERTAKEN, hint=codes.OVERTAKEN.fix)
table = {LIMIT: run.OTHER, "x": BROKEN}
"""
    assert set(used_names(source)) == {
        ("catalog", "TEXT"),
        ("catalog", "LIMIT"),
        ("catalog", "SYNTAX"),
        ("publish", "OVERTAKEN"),
    }
    assert made_codes("x = 1\ny = Code('ABC001', '', '', '')") == [2]


def test_explain_knows_every_code_that_anything_raises() -> None:
    known = set(all_codes().values())
    unknown = [
        f"{path.relative_to(ROOT)}: {room}.codes.{name}"
        for path, text in _texts().items()
        for room, name in used_names(text)
        if not _values(room, name) <= known
    ]
    assert unknown == [], "each code is declared in the codes.py of its room"
    elsewhere = {path.relative_to(ROOT).as_posix(): made_codes(text) for path, text in _texts().items()}
    assert {path: lines for path, lines in elsewhere.items() if lines} == {}, "codes are made in a codes.py only"


def test_no_code_is_declared_that_nothing_raises() -> None:
    used = {pair for text in _texts().values() for pair in used_names(text)}
    assert [code.id for room, name, code in DECLARED if (room, name) not in used] == []


def test_no_two_problems_share_a_code() -> None:
    assert len({code.id for _, _, code in DECLARED}) == len({id(code) for _, _, code in DECLARED})


@pytest.mark.parametrize(("room", "name", "code"), DECLARED, ids=str)
def test_a_code_carries_the_prefix_of_its_room_and_plain_sentences(room: str, name: str, code: Code) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", code.id)
    assert code.id[:3] in PREFIXES[room]
    assert not code.title.endswith(".")
    assert code.title
    assert code.why.endswith(".")
    assert code.fix  # may end with a command to copy


def test_every_code_has_an_example() -> None:
    without = [code.id for room, name, code in DECLARED if not PAGES[code.id].example]
    assert without == [], "add to examples.txt beside its codes.py what a person sees, after an empty line"


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.code.id)
def test_an_example_is_short_and_names_nobody(page: Page) -> None:
    lines = page.example.splitlines()
    assert len(lines) <= LONGEST_EXAMPLE
    assert max(map(len, lines), default=0) <= WIDEST_EXAMPLE
    assert all(map(str.isprintable, lines))
    assert not re.search(r"/tmp/|/home/|/root/|pytest|\b127\.0\.0\.1:\d{5}\b", page.example)
    assert [host for host in re.findall(r"https?://([A-Za-z0-9.-]+)", page.example) if not _is_sample(host)] == []


def _is_sample(host: str) -> bool:
    """RFC 2606's names, this machine, words that stand for a host, and hosts of vendors."""
    vendors = ("amazonaws.com", "azure.com", "github.com", "googleapis.com", "opentofu.org")
    return host.lower() in ("127.0.0.1", "host") or host.endswith((".example", "example.com", "example.org", *vendors))


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/codes.py")), ids=lambda path: path.parent.name)
def test_the_examples_of_a_room_are_in_the_order_of_their_codes_and_of_no_others(path: Path) -> None:
    examples = list(read_examples(path.with_name("examples.txt").read_text(encoding="utf-8")))
    assert examples == sorted(examples)
    assert set(examples) <= {code.id for room, _, code in DECLARED if room == path.parent.name}


@pytest.mark.parametrize("text", ["it is wrong\n", "a: ABC001 x\n\nb: ABC001 y\n"])
def test_an_example_without_a_code_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no code of its own"):
        read_examples(text)


def test_the_page_of_troubleshooting_is_made_from_the_codes() -> None:
    kept = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    if kept != f"{all_as_markdown(list(PAGES.values()))}\n":  # too long to be shown as a difference
        pytest.fail("run: registry-gen explain --markdown > docs/troubleshooting.md")


def test_the_page_has_an_anchor_for_each_code_and_a_subject_for_each_prefix() -> None:
    text = all_as_markdown(list(PAGES.values()))
    assert sorted(re.findall(r"^### ([A-Z]{3}\d{3})$", text, re.MULTILINE)) == sorted(PAGES)
    assert set(SUBJECTS) == {prefix for prefixes in PREFIXES.values() for prefix in prefixes}
