"""A point in the past of the log, as people write it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry_gen.errors import InputError
from registry_gen.log.moment import Moment, parse_moment

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_number_counts_entries() -> None:
    assert parse_moment("42") == Moment(42, None)
    assert parse_moment("0") == Moment(0, None)
    assert parse_moment("20260131") == Moment(20_260_131, None)


def test_a_day_counts_to_its_end() -> None:
    assert parse_moment("2026-01-31") == Moment(None, datetime(2026, 1, 31, 23, 59, 59, 999_999, UTC))


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.000z", "2026-01-31 12:00:00Z", "2026-01-31T14:30:00+02:30"]
)
def test_a_time_is_that_moment_in_any_zone(text: str) -> None:
    assert parse_moment(text) == Moment(None, NOON)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "1.5",
        "9" * 19,
        "٣",
        "yesterday",
        "2026-1-31",
        "2026-02-30",
        "2026-W05-1",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:60Z",
        "0001-01-01T00:00:00+23:59",
        " 1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_moment(text)
    assert caught.value.code.id == "LOG010"


def test_a_moment_is_told_as_it_was_meant() -> None:
    assert str(parse_moment("42")) == "log position 42"
    assert str(parse_moment("2026-01-31T14:30:00+02:30")) == "2026-01-31T12:00:00Z"
