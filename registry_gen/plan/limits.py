"""Bounds on what one source may have published, so that none can fill the registry or hold up everything else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.model.plan import Refusal
from registry_gen.plan import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.address import Address
    from registry_gen.plan.outcome import Outcome

MAX_NEW_VERSIONS: Final = 5_000
"""Versions of one package in one run; the largest module of the public registry has some 2,500 in all."""

MAX_PLATFORMS: Final = 100
"""Platforms of one version. Go has some fifty; each has a document that names all others."""

_CLIENTS: Final = re.compile(r"[56](?:\.[0-9]+)?")


def within_limits(address: Address, outcome: Outcome) -> Outcome:
    """The outcome, or PLN013 in place of all its actions where there are too many; refusals and notes stay.

    Taking some of the versions would be choosing for the people who wrote the catalog.
    """
    if len(outcome.actions) <= MAX_NEW_VERSIONS:
        return outcome
    error = RefusalError(
        codes.TOO_MANY_VERSIONS,
        where=str(address),
        expected=f"at most {MAX_NEW_VERSIONS} in one run",
        found=f"{len(outcome.actions)}",
        hint=codes.TOO_MANY_VERSIONS.fix,
    )
    return replace(outcome, actions=(), refusals=(*outcome.refusals, Refusal(address, None, error)))


def spoken(protocols: Sequence[str]) -> bool:
    """Whether a client of today (plugin protocols 5 and 6) speaks one of these, such as "5.0"."""
    return any(_CLIENTS.fullmatch(text) for text in protocols)
