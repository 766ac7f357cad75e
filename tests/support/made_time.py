"""Time that passes only while somebody sleeps.

time = MadeTime()
Hosts(Limits().per_host, clock=time.clock, sleep=time.sleep)
time.pauses     # every sleep, in seconds
"""

from __future__ import annotations

import threading


class MadeTime:
    """A clock and a sleep that belong together. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 1000.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            self.pauses.append(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let time pass without anybody's sleep."""
        with self._lock:
            self._now += seconds
