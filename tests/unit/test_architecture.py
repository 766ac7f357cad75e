"""Rules of the house that neither the linter nor import-linter can see; each is first shown to catch its breach."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "registry_gen"
PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

FORBIDDEN_FUNCTIONS: Final = {"breakpoint", "eval", "exec", "input", "open", "print", "__import__"}
CLOCK_AND_DISK: Final = {
    *("now", "today", "utcnow"),
    *("absolute", "chmod", "cwd", "exists", "expanduser", "glob", "home", "is_dir", "is_file", "iterdir", "lstat"),
    *("mkdir", "read_bytes", "read_text", "rglob", "rmdir", "stat", "symlink_to", "touch", "unlink", "urlopen"),
    *("write_bytes", "write_text"),
}
NOT_PURE_MODULES: Final = {"importlib", "io.open", "urllib.request"}
SQL_METHODS: Final = {"copy", "execute", "executemany", "stream"}
LONGEST_FILE: Final = 420


def _layers() -> list[str]:
    layers = next(rule for rule in PYPROJECT["tool"]["importlinter"]["contracts"] if rule["type"] == "layers")["layers"]
    return [layer.strip("()") for layer in layers]


def _pure_rooms() -> set[str]:
    """The rooms from plan on down that exist."""
    layers = _layers()
    rooms = layers[layers.index("plan") :]
    return {room for room in rooms if (PACKAGE / room / "__init__.py").exists() or (PACKAGE / f"{room}.py").exists()}


def _files(room: str) -> list[Path]:
    return [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else sorted((PACKAGE / room).rglob("*.py"))


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node except those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _runtime_nodes(node)


def impurities(source: str) -> list[str]:
    """What a pure room must not do, as "LINE: what", for one file's text."""
    found = []
    for node in _runtime_nodes(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_FUNCTIONS:
                found.append(f"{node.lineno}: {name}()")
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCK_AND_DISK:
                found.append(f"{node.lineno}: .{name}()")
            case ast.Import(names=names):
                found += [f"{node.lineno}: import {name.name}" for name in names if name.name in NOT_PURE_MODULES]
            case ast.ImportFrom(module=module, names=names):
                whole = {f"{module}", *(f"{module}.{name.name}" for name in names)}
                found += [f"{node.lineno}: import {name}" for name in sorted(whole & NOT_PURE_MODULES)]
    return found


def composed_sql(source: str) -> list[str]:
    """Calls that run SQL which is not a literal, a constant, a migration, or made by psycopg.sql, as "LINE: call"."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=method), args=[statement, *_]) if method in SQL_METHODS:
                if not _is_fixed(statement):
                    found.append(f"{node.lineno}: {method}({ast.unparse(statement)})")
    return found


def _is_fixed(statement: ast.expr) -> bool:
    match statement:
        case ast.Constant():
            return True
        case ast.Attribute(value=ast.Name(id="migration"), attr="sql"):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case ast.Call(func=ast.Attribute(value=ast.Call(func=function), attr="format")) | ast.Call(func=function):
            return ast.unparse(function) in {"sql.SQL", "SQL"}
    return False


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("from datetime import datetime\nx = datetime.now(tz)", "2: .now()"),
        ("def f(p):\n    return open(p)", "2: open()"),
        ("x = p.read_text()", "1: .read_text()"),
        ("x = Path(p).stat()", "1: .stat()"),
        ("from io import open", "1: import io.open"),
        ("import urllib.request", "1: import urllib.request"),
        ("from urllib.request import urlopen", "1: import urllib.request"),
        ("from urllib import request", "1: import urllib.request"),
    ],
)
def test_the_scan_for_impurity_finds(source: str, what: str) -> None:
    assert impurities(source) == [what]


def test_types_alone_make_nothing_impure_and_a_path_is_only_a_name() -> None:
    assert impurities("if TYPE_CHECKING:\n    import importlib\nfrom pathlib import Path\nx = Path('a') / 'b'") == []


def test_the_pure_rooms_read_no_clock_and_touch_no_disk() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{what}"
        for room in _pure_rooms()
        for path in _files(room)
        for what in impurities(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "statement", ['f"SELECT {name}"', '"SELECT %s" % name', '"SELECT " + name', "statement", 'sql_text.format("x")']
)
def test_the_scan_for_sql_finds_a_statement_that_was_put_together(statement: str) -> None:
    assert composed_sql(f"connection.execute({statement}, values)") == [
        f"1: execute({ast.unparse(ast.parse(statement))})"
    ]


@pytest.mark.parametrize(
    "statement", ['"SELECT %s"', "_HEADS", "queries.HEADS", "migration.sql", 'sql.SQL("{}").format(name)']
)
def test_the_scan_for_sql_accepts_fixed_statements(statement: str) -> None:
    assert composed_sql(f"connection.execute({statement}, values)") == []


def test_every_sql_statement_is_fixed_and_its_values_are_parameters() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{what}"
        for path in _files("ledger")
        for what in composed_sql(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_every_pure_room_stands_in_the_contract_of_purity_and_in_the_coverage_gate() -> None:
    contract = next(rule for rule in PYPROJECT["tool"]["importlinter"]["contracts"] if rule["type"] == "forbidden")
    gate = re.search(r"^pure := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert gate

    assert _pure_rooms() <= {module.removeprefix("registry_gen.") for module in contract["source_modules"]}
    assert _pure_rooms() <= {pattern.removesuffix("/*").removesuffix(".py") for pattern in gate[1].split()}


def test_no_file_has_outgrown_its_room() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_bytes().splitlines()) for path in PACKAGE.rglob("*.py")}

    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_file_is_named_for_having_no_subject() -> None:
    vague = re.compile(r"(.*_)?(utils?|helpers?|managers?|misc|common)")

    assert [path for path in PACKAGE.rglob("*") if vague.fullmatch(path.stem)] == []
