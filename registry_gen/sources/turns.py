"""Turns: how many requests one host gets at the same time, whoever makes them."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.sources.deadline import Deadline


class Turns:
    """At most ``most`` turns at once for each host. Safe to use from several threads; remembers only busy hosts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self, host: str, deadline: Deadline) -> Iterator[None]:
        """Wait for a turn, with the deadline stopped, and hold it for the block.

        Whoever has one must not ask for another meanwhile: two hosts that lead to each other would wait for ever.
        """
        with deadline.stopped(), self._changed:
            self._changed.wait_for(lambda: self._taken[host] < self._most)
            self._taken[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken[host] -= 1
                if not self._taken[host]:
                    del self._taken[host]
                self._changed.notify_all()
