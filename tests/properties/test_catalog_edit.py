"""However a package's file is written, an edit adds exactly the new rule to its values, and undo gives them back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from registry_gen.catalog.edit import (
    Edit,
    deprecate_edit,
    undo_deprecate_edit,
    undo_withdraw_edit,
    withdraw_edit,
)
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import ModuleEntry, WithdrawalRule
from registry_gen.model.facts import Deprecation
from registry_gen.model.version import parse_constraints
from tests.support.catalogs import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.model.version import Constraints

PATH = "modules/acme/network/aws.yaml"
PLAIN = ["Old.", "Use the other one", "été 👍", "a-b"]
SENTENCES = [
    *PLAIN,
    "Use: this",
    "It's # 1",
    'Say "no".',
    "true",
    "1.0",
    "- x",
    "[a",
    "b\\n",
    "a\xa0b",
    "{c}, d",
    "&e *f !g",
]
RANGES = ["1.0.0", "< 2.0.0", ">= 1.0.0, < 1.5.0", "2.0.0-rc1"]
NEW = parse_constraints("~> 7.1.0")

Value = str | list["Value"] | dict[str, "Value"]


@dataclass
class Writer:
    """Writes a package's file, each part of it in a way that is drawn."""

    draw: st.DrawFn
    count: int = 0

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def comment(self) -> str:
        """A comment at the end of a line, or nothing; no two are alike."""
        self.count += 1
        return self.one_of("", f" # comment {self.count}.")

    def comment_line(self, indent: int) -> str:
        self.count += 1
        return self.one_of("", "", f"{' ' * indent}# comment {self.count}.\n", "\n")

    def scalar(self, value: str) -> str:
        """On one line."""
        single, double = "'" + value.replace("'", "''") + "'", json.dumps(value, ensure_ascii=False)
        return self.one_of(single, double, *([value] if value in PLAIN else []))

    def in_braces(self, value: Value) -> str:
        match value:
            case str():
                return self.scalar(value)
            case list():
                return "[" + ", ".join(map(self.in_braces, value)) + self.one_of("", ",", " , ") + "]"
            case dict():
                inner = ", ".join(
                    f"{self.one_of(key, json.dumps(key))}: {self.in_braces(v)}" for key, v in value.items()
                )
                return "{" + inner + self.one_of("", ", ") + "}"

    def on_lines(self, parts: list[str], brackets: str, indent: int) -> str:
        """Something in brackets, each part on a line of its own, with or without a comma behind the last."""
        commas = [","] * (len(parts) - 1) + [self.one_of("", ",")]
        lines = [
            f"{self.comment_line(indent + 2)}{' ' * (indent + 2)}{part}{comma}{self.comment()}\n"
            for part, comma in zip(parts, commas, strict=True)
        ]
        return f"{brackets[0]}{self.comment()}\n{''.join(lines)}{self.comment_line(indent)}{' ' * indent}{brackets[1]}"

    def block_text(self, value: str, indent: int) -> str:
        """What follows the colon of a key of a block, with the line's end."""
        margin = " " * (indent + self.draw(st.integers(1, 4)))
        loose = (">", "|", ">+", "|+", f"|{len(margin) - indent}") if value in SENTENCES else ()
        head = self.one_of(">-", "|-", *loose)
        ways = [
            f" {self.scalar(value)}{self.comment()}\n",
            f"{self.comment()}\n{margin}{self.scalar(value)}{self.comment()}\n",
            f" {head}{self.comment()}\n{margin}{value}\n{self.one_of('', chr(10), margin + chr(10))}",
        ]
        if value in PLAIN:
            ways.append(" " + value.replace(" ", f"\n{margin}") + f"{self.comment()}\n")
            ways.append(' "' + value.replace(" ", f"\n\n{margin}\\ ").replace("\n\n", "\\\n") + '"\n')
            ways.append(f" &anchor{self.count} {value}\n")
        return self.one_of(*ways)

    def block(self, value: dict[str, Value], indent: int) -> str:
        """A mapping, its first key without the margin before it."""
        written = []
        for key, inner in value.items():
            name = self.one_of(f"{key}:", f"{key}:", f'"{key}":', f"? {key}\n{' ' * indent}:")
            written.append(name + self.value(inner, indent))
        return "".join(
            ("" if number == 0 else self.comment_line(indent) + " " * indent) + each
            for number, each in enumerate(written)
        )

    def value(self, value: Value, indent: int) -> str:
        """What follows the colon of a key, with the line's end."""
        if isinstance(value, str):
            return self.block_text(value, indent)
        form = self.one_of("block", "braces", "lines")
        if form == "braces":
            return f" {self.in_braces(value)}{self.comment()}\n"
        if isinstance(value, dict):
            if form == "lines":
                parts = [f"{key}: {self.in_braces(inner)}" for key, inner in value.items()]
                return f" {self.on_lines(parts, '{}', indent + 2)}{self.comment()}\n"
            deeper = indent + self.draw(st.integers(1, 4))
            return f"{self.comment()}\n{' ' * deeper}{self.block(value, deeper)}"
        if form == "lines":
            return f" {self.on_lines([self.in_braces(each) for each in value], '[]', indent + 2)}{self.comment()}\n"
        return self.comment() + "\n" + self.block_list(value, indent + self.draw(st.integers(0, 3)))

    def block_list(self, value: list[Value], indent: int) -> str:
        written = ""
        for each in value:
            gap = self.draw(st.integers(1, 3))
            inner = indent + 1 + gap
            assert isinstance(each, dict)
            body = self.one_of(f"{self.in_braces(each)}{self.comment()}\n", self.block(each, inner))
            written += self.comment_line(indent) + " " * indent + "-" + " " * gap + body
            written += self.comment_line(inner)
        return written

    def file(self, value: dict[str, Value]) -> str:
        form = self.one_of("block", "block", "block", "indented", "braces", "lines", "json")
        if form == "json":
            text = json.dumps(value, indent=self.draw(st.sampled_from([None, 2])), ensure_ascii=False)
        elif form == "braces":
            text = self.in_braces(value)
        elif form == "lines":
            text = self.on_lines([f"{key}: {self.in_braces(inner)}" for key, inner in value.items()], "{}", 0)
        else:
            indent = 2 if form == "indented" else 0
            text = " " * indent + self.block(value, indent)
        if form.startswith("block") and self.draw(st.booleans()):
            text = text.removesuffix("\n")
        elif form != "json":
            text = text.removesuffix("\n") + self.one_of(
                "\n", "\n\n\n", "\n# the end", "\n# the end\n", "\n...\n", "\n  \n"
            )
        head = self.one_of("", "# the head\n", "---\n", "%YAML 1.2\n---\n", "\n") if form != "json" else ""
        return (head + text).replace("\n", self.one_of("\n", "\n", "\r\n", "\r"))


def rules(values: st.SearchStrategy[dict[str, Value]]) -> st.SearchStrategy[list[Value]]:
    listed = st.lists(values, min_size=1, max_size=3, unique_by=lambda rule: str(rule.get("versions")))
    return listed.map(list)


def fields(needed: str, *others: tuple[str, list[str]]) -> st.SearchStrategy[dict[str, Value]]:
    """A mapping with some of these keys in any order."""
    optional = {name: st.sampled_from(values) for name, values in others}
    made = st.fixed_dictionaries({needed: st.sampled_from(SENTENCES)}, optional=optional)
    return made.flatmap(lambda found: st.permutations(list(found.items())).map(dict))


DEPRECATED = fields("message", ("replacement", ["acme/vpc/aws"]), ("versions", RANGES))
WITHDRAWN = fields("reason", ("versions", RANGES))
REST: dict[str, st.SearchStrategy[Value]] = {
    "versions": st.sampled_from([">= 1.0.0", "~> 1.2"]),
    "hosting": st.just("copy"),
    "retention": st.just({"latest": "5"}),
    "deprecated": st.sampled_from(SENTENCES) | rules(DEPRECATED),
    "withdrawn": rules(WITHDRAWN),
}


@st.composite
def valid_files(draw: st.DrawFn) -> bytes:
    source: st.SearchStrategy[Value] = st.just({"git": "https://h.x/y"})
    chosen = draw(st.fixed_dictionaries({"source": source}, optional=REST))
    pairs = draw(st.permutations(list(chosen.items())))
    data = Writer(draw).file(dict(pairs)).encode()
    assume(load({PATH: data}).problems == ())  # spaces at the end of a file may belong to a block of text
    return data


def read(data: bytes) -> ModuleEntry:
    """The entry that a file makes, without the digest of its bytes."""
    loaded = load({PATH: data})
    assert loaded.problems == (), data.decode()
    [entry] = loaded.catalog.entries.values()
    assert isinstance(entry, ModuleEntry)
    return replace(entry, digest=Sha256(""))


def keeps(old: bytes, new: bytes) -> None:
    """Every mark of the old text is in the new one, in order; so is every comment, and the way that lines end."""
    rest = iter(new.decode())
    assert all(each in rest for each in old.decode() if not each.isspace())
    for comment in (line[line.index("# comment") :] for line in old.decode().splitlines() if "# comment" in line):
        assert comment in new.decode()
    for newline in (b"\r\n", b"\r", b"\n"):
        if newline in old:
            assert new.replace(newline, b"").count(b"\n") == old.replace(newline, b"").count(b"\n")
            assert new.replace(newline, b"").count(b"\r") == old.replace(newline, b"").count(b"\r")
            break


def says_what_changed(old: bytes, edit: Edit) -> None:
    """Its lines turn the old file's lines into the new one's."""
    lines, first = old.decode().splitlines(), edit.line - 1
    assert tuple(lines[first : first + len(edit.removed)]) == edit.removed
    lines[first : first + len(edit.removed)] = edit.added
    assert lines == edit.data.decode().splitlines()


@settings(max_examples=400)
@given(valid_files(), st.sampled_from(SENTENCES), st.sampled_from([None, NEW]))
def test_a_withdrawal_adds_itself_and_nothing_else(data: bytes, reason: str, versions: Constraints | None) -> None:
    before = read(data)
    rule = WithdrawalRule(versions, reason)
    if any(each.versions == versions for each in before.withdrawn):
        return
    edit = withdraw_edit(data, "a.yaml", [rule])
    after = read(edit.data)

    assert after.withdrawn in ((*before.withdrawn, rule), (rule, *before.withdrawn))
    assert replace(after, withdrawn=before.withdrawn) == before
    keeps(data, edit.data)
    says_what_changed(data, edit)
    assert undo_withdraw_edit(edit.data, "a.yaml", versions).data == data


@settings(max_examples=400)
@given(valid_files(), st.sampled_from(SENTENCES), st.sampled_from(["", "acme/vpc/aws"]))
def test_a_deprecation_adds_itself_and_nothing_else(data: bytes, message: str, replacement: str) -> None:
    before = read(data)
    rule = Deprecation(message, replacement, NEW)
    edit = deprecate_edit(data, "a.yaml", [rule])
    after = read(edit.data)
    undone = read(undo_deprecate_edit(edit.data, "a.yaml", NEW).data)

    assert after.deprecated in ((*before.deprecated, rule), (rule, *before.deprecated))
    assert replace(after, deprecated=before.deprecated) == before
    keeps(data, edit.data)
    says_what_changed(data, edit)
    assert undone == before


@settings(max_examples=400)
@given(valid_files(), st.data())
def test_any_rule_can_be_undone_and_no_other_value_changes(data: bytes, chosen: st.DataObject) -> None:
    before = read(data)
    undo: list[tuple[Callable[[bytes, str, Constraints | None], Edit], Constraints | None]] = [
        *((undo_withdraw_edit, rule.versions) for rule in before.withdrawn),
        *((undo_deprecate_edit, rule.versions) for rule in before.deprecated),
    ]
    if not undo:
        return
    make, versions = chosen.draw(st.sampled_from(undo))
    edit = make(data, "a.yaml", versions)
    after = read(edit.data)

    key = "withdrawn" if make is undo_withdraw_edit else "deprecated"
    left = tuple(rule for rule in getattr(before, key) if rule.versions != versions)
    assert getattr(after, key) == left
    assert replace(after, **{key: getattr(before, key)}) == before
    keeps(edit.data, data)
    says_what_changed(data, edit)
