"""A package's file with one rule more or one less, everything else as it was.

Nothing here is trusted to be right: a new text is taken only when reading it gives the old values and the new rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from registry_gen.catalog import codes
from registry_gen.catalog.check import check
from registry_gen.catalog.fields import message
from registry_gen.catalog.format import format_file
from registry_gen.catalog.problems import ProblemsError
from registry_gen.catalog.rule_shapes import RulesAlone
from registry_gen.catalog.rules import deprecations, say_versions, withdrawals
from registry_gen.catalog.yaml_edit import open_page, with_item, without_item
from registry_gen.catalog.yaml_reader import read_yaml
from registry_gen.errors import InputError, Position, RegistryError
from registry_gen.model.entries import WithdrawalRule
from registry_gen.model.facts import Deprecation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.catalog.key_order import Order
    from registry_gen.catalog.yaml_reader import Data, Node
    from registry_gen.model.version import Constraints

_Key = Literal["deprecated", "withdrawn"]
_Rule = Deprecation | WithdrawalRule


@dataclass(frozen=True, slots=True)
class Edit:
    """A file's new bytes, and how its lines differ: ``removed`` were, and ``added`` are, at ``line`` (from 1)."""

    data: bytes
    line: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


def deprecate_edit(data: bytes, path: str, rules: Iterable[Deprecation]) -> Edit:
    """Add warnings at the end of ``deprecated``; ``path`` is how people know the file.

    Raises ProblemsError where the file's rules cannot be read, InputError CAT008 for a message that is none, CAT031
    where there is a warning about these very versions, CAT034 where no way was found to write it.
    """
    edited = data
    for rule in rules:
        edited = _add(edited, path, "deprecated", replace(rule, message=message(rule.message)))
    return compare(data, edited)


def withdraw_edit(data: bytes, path: str, rules: Iterable[WithdrawalRule]) -> Edit:
    """Add withdrawals at the end of ``withdrawn``; raises as ``deprecate_edit`` does."""
    edited = data
    for rule in rules:
        edited = _add(edited, path, "withdrawn", replace(rule, reason=message(rule.reason)))
    return compare(data, edited)


def undo_deprecate_edit(data: bytes, path: str, versions: Constraints | None) -> Edit:
    """Remove the warning about exactly these versions (None: every one).

    Raises ProblemsError where the file's rules cannot be read, InputError CAT033 where there is no such warning, CAT034
    where no way was found to write it.
    """
    return compare(data, _remove(data, path, "deprecated", versions))


def undo_withdraw_edit(data: bytes, path: str, versions: Constraints | None) -> Edit:
    """Remove the withdrawal of exactly these versions (None: every one); raises as ``undo_deprecate_edit`` does."""
    return compare(data, _remove(data, path, "withdrawn", versions))


def exchange_edit(data: bytes, path: str, undo: Iterable[_Rule], rules: Iterable[_Rule]) -> Edit:
    """Remove some rules and then add others, warnings and withdrawals alike; raises as those for one of them do."""
    edited = data
    for rule in undo:
        edited = _remove(edited, path, _key(rule), rule.versions)
    for rule in rules:
        edited = _add(edited, path, _key(rule), rule)
    return compare(data, edited)


def in_form(data: bytes, edit: Edit, path: str, order: Order) -> Edit:
    """The edit of a file, in the form that ``fmt`` gives where the file had it before: no check fails for it."""
    try:
        if format_file(data, path, order) != data:
            return edit
        return compare(data, format_file(edit.data, path, order))
    except RegistryError:
        return edit


def _key(rule: _Rule) -> _Key:
    return "deprecated" if isinstance(rule, Deprecation) else "withdrawn"


_Rules = dict[_Key, tuple[_Rule, ...]]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a file says: its text, its rules, and its other values."""

    text: str
    root: Node
    rules: _Rules
    others: dict[str, Data]


def _read(data: bytes, path: str) -> _Said:
    checked = check(read_yaml(data, path), RulesAlone, None)
    root, values = checked.document.root, checked.values
    if checked.problems or root is None or not isinstance(root.data, dict) or values is None:
        raise ProblemsError(checked.problems)
    rules: _Rules = {"deprecated": deprecations(values.deprecated), "withdrawn": withdrawals(values.withdrawn)}
    return _Said(data.decode(), root, rules, {name: value for name, value in root.data.items() if name not in rules})


def _add(data: bytes, path: str, key: _Key, rule: _Rule) -> bytes:
    said = _read(data, path)
    rules = said.rules[key]
    if any(each.versions == rule.versions for each in rules):
        detail = f"{key} has a rule about {say_versions(rule.versions)} already"
        raise InputError(codes.TWO_RULES, detail, where=path, hint="Undo that one first (--undo), or edit the file.")
    proposals = with_item(open_page(said.text, said.root), key, _item(rule), "message")
    return _first_that_says(proposals, said, path, ({key: (*rules, rule)}, {key: (rule, *rules)}))


def _remove(data: bytes, path: str, key: _Key, versions: Constraints | None) -> bytes:
    said = _read(data, path)
    rules = said.rules[key]
    index = next((index for index, rule in enumerate(rules) if rule.versions == versions), None)
    if index is None:
        found = "; ".join(say_versions(rule.versions) for rule in rules) or "none"
        detail = f"{key} has no rule about {say_versions(versions)}"
        raise InputError(codes.NO_SUCH_RULE, detail, where=path, found=found, hint=codes.NO_SUCH_RULE.fix)
    proposals = without_item(open_page(said.text, said.root), key, index)
    return _first_that_says(proposals, said, path, ({key: rules[:index] + rules[index + 1 :]},))


def _first_that_says(proposals: Iterator[str], said: _Said, path: str, changes: Iterable[_Rules]) -> bytes:
    """The first proposal whose rules are those of the file but for one of these changes, and nothing else differs."""
    wanted = [said.rules | change for change in changes]
    for text in proposals:
        data = text.encode()
        try:
            found = _read(data, path)
        except ProblemsError:
            continue
        if found.others == said.others and found.rules in wanted:
            return data
    raise InputError(codes.NOT_EDITABLE, position=Position(path), hint=codes.NOT_EDITABLE.fix)


def _item(rule: _Rule) -> dict[str, str]:
    versions = {"versions": _written(rule.versions)} if rule.versions else {}
    if isinstance(rule, WithdrawalRule):
        return {**versions, "reason": rule.reason}
    replacement = {"replacement": rule.replacement} if rule.replacement else {}
    return {"message": rule.message, **replacement, **versions}


def _written(versions: Constraints) -> str:
    """As a person would write it: one version alone has no operator."""
    return str(versions).removeprefix("= ") if len(versions.clauses) == 1 else str(versions)


def compare(old: bytes, new: bytes) -> Edit:
    """How the lines of two texts in UTF-8 differ."""
    before, after = old.decode().splitlines(), new.decode().splitlines()
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    rest = 0
    while rest < min(len(before), len(after)) - same and before[-1 - rest] == after[-1 - rest]:
        rest += 1
    return Edit(new, same + 1, tuple(before[same : len(before) - rest]), tuple(after[same : len(after) - rest]))
