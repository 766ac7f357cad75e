"""The objects of a bucket in order of keys, taken a stretch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.storage import Stored


class Listed:
    """A listing on its way: what was taken is counted, and never seen again."""

    def __init__(self, found: Iterator[Stored]) -> None:
        self._found = found
        self._next = next(found, None)
        self.objects = 0
        self.size = 0

    def each_before(self, bound: str | None) -> Iterator[Stored]:
        """All that was not taken yet and whose key is smaller; None for all that is left."""
        while self._next and (bound is None or self._next.key < bound):
            stored, self._next = self._next, next(self._found, None)
            self.objects += 1
            self.size += stored.size
            yield stored

    def before(self, bound: str | None) -> dict[str, Stored]:
        """The same, by key."""
        return {stored.key: stored for stored in self.each_before(bound)}


def after(folder: str) -> str:
    """The smallest key that comes after every key in a folder, whose name ends in "/"."""
    return folder[:-1] + chr(ord("/") + 1)
