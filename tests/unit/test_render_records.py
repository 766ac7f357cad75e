from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from registry_gen.model.facts import Hosting
from registry_gen.render.records import canonical


@dataclass
class _Point:
    x: int


def test_members_are_sorted_at_every_depth_and_nothing_is_added() -> None:
    value = {"b": [{"z": 1, "y": None}, True], "a": "ü\n", "B": (1, 2), "\U0001f600": 1, "\uffee": 2}

    assert canonical(value) == ('{"B":[1,2],"a":"ü\\n","b":[{"y":null,"z":1},true],"\uffee":2,"\U0001f600":1}'.encode())


def test_equal_objects_have_equal_texts() -> None:
    assert canonical(OrderedDict(a=1, b=2)) == canonical({"b": 2, "a": 1})


def test_an_enumeration_is_its_text() -> None:
    assert canonical({"hosting": Hosting.COPY}) == b'{"hosting":"copy"}'


@pytest.mark.parametrize(
    "value",
    [1.0, [0.5], {"deep": (1, {"deeper": 1e3})}, b"bytes", datetime(2026, 1, 1, tzinfo=UTC), _Point(1), 2**53, {1: 2}],
)
def test_what_has_no_single_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical({"value": value})


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical({"value": "\ud800"})
