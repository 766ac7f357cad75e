"""How long an answer may be kept by what it says of itself (RFC 9111; stale answers: RFC 5861)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_DIRECTIVE: Final = re.compile(r'\s*([A-Za-z-]+)\s*(?:=\s*"?([0-9]{1,18})"?)?[^,]*')
_NEVER: Final = ("no-store", "no-cache")
_STALE: Final = ("stale-while-revalidate", "stale-if-error")


@dataclass(frozen=True, slots=True)
class Kept:
    """The longest time, in seconds, for which some cache may show an answer, stale or not."""

    seconds: int


def kept(headers: Mapping[str, str], now: datetime) -> Kept | None:
    """By Cache-Control or else Expires, names of headers in lower case; None where nothing is said: caches guess."""
    said = dict(_directive(part) for part in headers.get("cache-control", "").split(","))
    if any(name in said for name in _NEVER):
        return Kept(0)
    fresh = [said[name] for name in ("max-age", "s-maxage") if said.get(name) is not None]
    stale = [said.get(name) or 0 for name in _STALE]
    if fresh:
        return Kept(max(each or 0 for each in fresh) + (sum(stale) if any(stale) else 0))
    return _expires(headers.get("expires", ""), now)


def _directive(text: str) -> tuple[str, int | None]:
    found = _DIRECTIVE.fullmatch(text)
    return (found[1].lower(), int(found[2]) if found[2] else None) if found else ("", None)


def _expires(text: str, now: datetime) -> Kept | None:
    if not text:
        return None
    try:
        return Kept(max(0, int((parsedate_to_datetime(text).astimezone(UTC) - now).total_seconds())))
    except (ValueError, OverflowError):
        return Kept(0)  # what cannot be read is in the past (RFC 9111, 5.3)
