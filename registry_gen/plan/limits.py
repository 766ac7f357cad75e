"""Bounds on what one source may have published, so that none can fill the registry or hold up everything else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.model.plan import PackagePlan, Refusal, Withdraw
from registry_gen.plan import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.address import Address
    from registry_gen.plan.outcome import Outcome

MAX_NEW_VERSIONS: Final = 5_000
"""Versions of one package in one run; the largest module of the public registry has some 2,500 in all."""

MAX_PLATFORMS: Final = 100
"""Platforms of one version. Go has some fifty; each has a document that names all others."""

VALVE_FROM: Final = 10
VALVE_PERCENT: Final = 30
"""A run that takes back more than this share of a registry that lists ten versions or more is asked twice."""

LAST_FROM: Final = 4
LAST_PERCENT: Final = 75
"""So is one that takes back four versions or more which are more than this share of all: the last ones of a registry
that was larger do not go unasked because few enough are left.
"""

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


def is_mass_withdrawal(asked: int, listed: int) -> bool:
    """Whether so many withdrawals at once are more than is likely to be meant, where so many versions are listed.

    Runs are judged one by one: several that stay below it each can empty a registry, and each of them was reviewed.
    """
    much = listed >= VALVE_FROM and asked * 100 > listed * VALVE_PERCENT
    return much or (asked >= LAST_FROM and asked * 100 > listed * LAST_PERCENT)


def valve(packages: Sequence[PackagePlan], listed: int) -> tuple[list[PackagePlan], list[Refusal]]:
    """The packages, without those that withdraw (PLN014) where all withdrawals together are more than a share.

    ``listed`` counts the versions of the whole registry. A slip in a constraint must not empty it. Nothing at all is
    done about such a package: its new state may be good only for what would be left, as where a key goes with all that
    it signed.
    """
    asked = [action for package in packages for action in package.actions if isinstance(action, Withdraw)]
    if not is_mass_withdrawal(len(asked), listed):
        return list(packages), []
    share = VALVE_PERCENT if listed >= VALVE_FROM else LAST_PERCENT
    kept: list[PackagePlan] = []
    refusals: list[Refusal] = []
    for package in packages:
        here = sum(isinstance(action, Withdraw) for action in package.actions)
        if not here:
            kept.append(package)
            continue
        error = RefusalError(
            codes.MASS_WITHDRAWAL,
            where=str(package.address),
            expected=f"at most {share}% of the {listed} listed versions of this registry",
            found=f"{len(asked)}, {here} of them here",
            hint=codes.MASS_WITHDRAWAL.fix,
        )
        refusals.append(Refusal(package.address, None, error))
    return kept, refusals


def spoken(protocols: Sequence[str]) -> bool:
    """Whether a client of today (plugin protocols 5 and 6) speaks one of these, such as "5.0"."""
    return any(_CLIENTS.fullmatch(text) for text in protocols)
