"""The time during a run: it goes on from the moment that the run was given."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

Clock = Callable[[], "datetime"]


def clock_from(now: datetime) -> Clock:
    """A clock that shows ``now`` at this moment, whatever the system's own shows, and never goes back."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)
