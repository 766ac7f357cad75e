"""What deciding about one package gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_gen.model.plan import MirrorProvider, Note, PublishModule, PublishProvider, Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """Actions sorted by version, refusals and notes of one package."""

    actions: tuple[PublishModule | PublishProvider | MirrorProvider, ...]
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()
