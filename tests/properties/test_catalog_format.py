"""However a package's file is written, formatting it keeps what it says and every line of it, and comes to an end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from registry_gen.catalog.format import format_file
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import InputError
from tests.properties.test_catalog_edit import read, valid_files
from tests.unit.test_catalog_format import fmt

ORDER = ORDERS["module"]


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
