"""Every code that a person may see is unique, belongs to its room, and says why and what to do."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

import registry_gen
from registry_gen.errors import Code

PREFIXES: Final = {
    "catalog": {"CAT", "CFG", "IMP"},
    "model": {"ADR", "VER"},
    "verify": {"ARC", "SUM", "SIG", "ATT"},
    "render": {"DOC"},
    "plan": {"PLN"},
    "log": {"LOG"},
    "sources": {"GIT", "NET", "SRC"},
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


def _codes() -> list[tuple[str, Code]]:
    """Every code of every room's ``codes`` module, with the room's name."""
    found = []
    for info in pkgutil.walk_packages(registry_gen.__path__, "registry_gen."):
        if info.name.endswith(".codes"):
            room = info.name.split(".")[1]
            values = vars(importlib.import_module(info.name)).values()
            found += [(room, value) for value in values if isinstance(value, Code)]
    return found


CODES: Final = _codes()


def test_no_two_problems_share_a_code() -> None:
    counted = Counter(code.id for _, code in CODES)

    assert {id_ for id_, times in counted.items() if times > 1} == set()


@pytest.mark.parametrize(("room", "code"), CODES, ids=str)
def test_a_code_carries_the_prefix_of_its_room_and_plain_sentences(room: str, code: Code) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", code.id)
    assert code.id[:3] in PREFIXES[room]
    assert not code.title.endswith(".")
    assert code.title
    assert code.why.endswith(".")
    assert code.fix  # may end with a command to copy


def test_no_code_is_declared_that_nothing_raises() -> None:
    package = Path(registry_gen.__path__[0])
    texts = {path: path.read_text() for path in package.rglob("*.py") if path.name != "codes.py"}
    unused = []
    for room in PREFIXES:
        users = [
            text
            for path, text in texts.items()
            if path.is_relative_to(package / room) or re.search(rf"registry_gen\.{room}(\.codes| import codes)", text)
        ]
        used = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", "\n".join(users)))
        declared = vars(importlib.import_module(f"registry_gen.{room}.codes"))
        unused += [code.id for name, code in declared.items() if isinstance(code, Code) and name not in used]
    assert unused == []
