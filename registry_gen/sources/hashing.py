"""SHA-256 in a thread of its own: whoever inflates a file goes on while it is hashed. hashlib lets go of the GIL."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

_AHEAD: Final = 4
"""Pieces that may wait to be hashed: memory is bounded by them."""


@contextmanager
def hashing_beside() -> Iterator[Callable[[], HasherBeside]]:
    """What makes new digests, all worked at by one other thread, which ends with the block."""
    with ThreadPoolExecutor(1, "hash") as thread:
        yield lambda: HasherBeside(thread)


class HasherBeside:
    """A running SHA-256. ``update`` returns before the bytes are hashed, but waits where too many are in hand."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._digest = hashlib.sha256()
        self._waiting: deque[Future[None]] = deque()

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes, which must not change any more."""
        self._waiting.append(self._thread.submit(self._digest.update, data))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def hexdigest(self) -> str:
        """The digest of all that was taken in."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._digest.hexdigest()
