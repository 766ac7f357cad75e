"""How long work tells what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener; methods may be called from several threads."""

    def begin(self, phase: str, total: int) -> None:
        """A phase such as "Fetching" starts, with so many steps."""

    def step(self, phase: str, detail: str) -> None:
        """One step of the phase is done."""


class Silent:
    """Nobody listens."""

    def begin(self, phase: str, total: int) -> None:
        """Ignore it."""

    def step(self, phase: str, detail: str) -> None:
        """Ignore it."""
