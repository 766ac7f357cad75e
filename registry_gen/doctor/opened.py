"""Something that is opened when it is first needed, once: whether it works or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

_Thing = TypeVar("_Thing")


class Opened(Generic[_Thing]):
    """Calls ``open_it`` once; each call gives what that gave, or raises what that raised."""

    def __init__(self, open_it: Callable[[], _Thing]) -> None:
        self._open_it = open_it
        self._made: list[_Thing] = []
        self._error: RegistryError | None = None

    def __call__(self) -> _Thing:
        """The thing; raises RegistryError."""
        if self._error is not None:
            raise self._error
        if not self._made:
            try:
                self._made.append(self._open_it())
            except RegistryError as error:
                self._error = error
                raise
        return self._made[0]
