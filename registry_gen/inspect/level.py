"""How much a finding matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_gen.errors import RegistryError


class Level(StrEnum):
    """Worst first; the words are SARIF's."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    def at_least(self, other: Level) -> bool:
        """Whether this is as bad as the other, or worse."""
        order = list(Level)
        return order.index(self) <= order.index(other)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at; what it is and where is said by the ``problem``, which was not raised."""

    level: Level
    problem: RegistryError
