"""The end of a call's time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Deadline:
    """``seconds`` from now, by ``clock`` (monotonic seconds). One call's own, so never shared between threads."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self._end - self._clock()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """What the block takes does not count: waiting for other calls says nothing about the host."""
        began = self._clock()
        try:
            yield
        finally:
            self._end += self._clock() - began
