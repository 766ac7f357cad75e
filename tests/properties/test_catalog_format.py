"""However a package's file is written, ``fmt`` keeps what it says and every line of it, and ``update`` all else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from registry_gen.catalog.format import format_file
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.pin_edit import pins_edit
from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import InputError
from registry_gen.model.digest import Commit
from registry_gen.model.entries import GitSource
from registry_gen.model.version import parse_version
from tests.properties.test_catalog_edit import PATH, Value, Writer, keeps, read, valid_files
from tests.support.catalogs import load
from tests.unit.test_catalog_format import fmt

ORDER = ORDERS["module"]
NEW, COMMIT = parse_version("1.2.0"), Commit("cd" * 20)


def words(data: bytes) -> list[str]:
    return sorted(line.strip() for line in data.decode().splitlines() if line.strip())


@settings(max_examples=400)
@given(valid_files())
def test_formatting_keeps_values_and_lines_and_doing_it_again_changes_nothing(data: bytes) -> None:
    formed = format_file(data, "a.yaml", ORDER)

    assert format_file(formed, "a.yaml", ORDER) == formed
    assert read(formed) == read(data)
    assert words(formed) == words(data)
    assert b"\r" not in formed


@settings(max_examples=400)
@given(st.text(alphabet="ab:-#|>'\"{}[],&*!%?. \n\t\r", max_size=60))
def test_any_text_at_all_is_formatted_for_good_or_refused(text: str) -> None:
    try:
        formed = format_file(text.encode(), "a.yaml", ORDER)
    except (InputError, ProblemsError):
        return
    assert fmt(formed.decode()) == formed.decode()


@st.composite
def files_with_pins(draw: st.DrawFn) -> tuple[bytes, dict[str, str]]:
    pins = draw(st.dictionaries(st.sampled_from(["1.0.0", "1.10.0", "2.0.0-rc1"]), st.just("ab" * 20), min_size=1))
    source: dict[str, Value] = {"git": "https://h.x/y", "pins": dict(pins)}
    ordered: Value = dict(draw(st.permutations(list(source.items()))))
    pairs: list[tuple[str, Value]] = [("source", ordered), ("versions", ">= 1.0.0")]
    data = Writer(draw).file(dict(draw(st.permutations(pairs)))).encode()
    assume(load({PATH: data}).problems == ())
    return data, pins


@settings(max_examples=300)
@given(files_with_pins())
def test_a_pin_adds_itself_and_nothing_else(found: tuple[bytes, dict[str, str]]) -> None:
    data, pins = found
    before = read(data)
    edit = pins_edit(data, "a.yaml", {NEW: COMMIT})
    after = read(edit.data)

    assert isinstance(before.source, GitSource)
    assert after == replace(before, source=replace(before.source, pins={**before.source.pins, NEW: COMMIT}))
    assert len(before.source.pins) == len(pins)
    keeps(data, edit.data)
