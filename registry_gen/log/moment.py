"""A point in the past of the log, as a person names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time

from registry_gen.errors import InputError
from registry_gen.log import codes

_COUNT = re.compile(r"[0-9]{1,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    rf"{_DAY.pattern}[Tt ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """After the first ``entries`` of the log, or before its first entry that was recorded after ``at``; one is None."""

    entries: int | None
    at: datetime | None

    def __str__(self) -> str:
        return f"log position {self.entries}" if self.at is None else self.at.isoformat().replace("+00:00", "Z")


def parse_moment(text: str) -> Moment:
    """Read a number of entries, a day (up to its end in UTC), or a time with its zone (RFC 3339).

    Raises InputError LOG010 for anything else.
    """
    try:
        if _COUNT.fullmatch(text):
            return Moment(int(text), None)
        if _DAY.fullmatch(text):
            return Moment(None, datetime.combine(datetime.fromisoformat(text).date(), time.max, UTC))
        if _INSTANT.fullmatch(text):
            return Moment(None, datetime.fromisoformat(text.upper()).astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    expected = "a number of log entries, a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z"
    raise InputError(codes.BAD_MOMENT, expected=expected, found=repr(text[:80]))
