"""Patience with hosts: which pauses are made between attempts, and what a host asks for by Retry-After."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry_gen.sources.http_failures import RetryableError

ATTEMPTS: Final = 4
PAUSE: Final = 0.5
"""Seconds before the second attempt; doubled before each further one."""
LONGEST_PAUSE: Final = 60.0
"""Seconds. A host that asks for more (Retry-After) is left for the next run."""


def pause_after(failure: RetryableError, attempt: int) -> float | None:
    """Seconds until another attempt may be made after this one, None where none should be made."""
    wait = PAUSE * 2.0 ** (attempt - 1) if failure.wait is None else failure.wait
    return None if attempt >= ATTEMPTS or wait > LONGEST_PAUSE else wait


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: seconds or a date), None where there is none."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, OverflowError):  # nonsense, or a year, day or zone beyond what dates can hold
        return None
