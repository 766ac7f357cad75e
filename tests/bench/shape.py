"""A registry of the shape that OpenTofu's had in January 2025: so many packages, versions and platforms, so spread.

The counts are facts of that registry; between the largest package and the many small ones, sizes fall by a power of the
rank, which is what the real ones nearly do. The same seed makes the same registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

MODULES: Final = 23_545
MODULE_VERSIONS: Final = 201_026
LARGEST_MODULE: Final = 2_504
PROVIDERS: Final = 3_934
PROVIDER_VERSIONS: Final = 51_069
TARGETS: Final = 597_935
LARGEST_PROVIDER: Final = 390
"""Versions of the provider with the most targets, 5,455."""

_PLATFORMS: Final = (1, 5, 10, 10, 11, 12, 12, 12, 12, 12, 13, 13, 14, 14, 14, 14, 14)
"""Platforms of a version, as often as each occurs: the median is 12."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Versions of each module, and the platforms of each version of each provider; the largest come first."""

    modules: tuple[int, ...]
    providers: tuple[tuple[int, ...], ...]

    @property
    def packages(self) -> int:
        """How many packages."""
        return len(self.modules) + len(self.providers)

    @property
    def versions(self) -> int:
        """How many versions of all packages."""
        return sum(self.modules) + sum(map(len, self.providers))

    @property
    def targets(self) -> int:
        """How many zips."""
        return sum(map(sum, self.providers))


def shape(packages: int, seed: int = 1) -> Shape:
    """The whole registry, or every so manieth package of it, to have about ``packages``."""
    modules = _spread(MODULES, MODULE_VERSIONS, LARGEST_MODULE)
    providers = _spread(PROVIDERS, PROVIDER_VERSIONS, LARGEST_PROVIDER)
    platforms = _targets(providers, Random(seed))  # noqa: S311 - the same for everybody
    step = max(1, (MODULES + PROVIDERS) // packages)
    return Shape(tuple(modules[::step]), tuple(platforms[::step]))


def _spread(count: int, total: int, largest: int) -> list[int]:
    """Sizes that fall by a power of the rank from ``largest``, at least 1 each, ``total`` in all."""
    low, high = 0.0, 2.0
    for _ in range(60):
        power = (low + high) / 2
        made = sum(max(1, round(largest * rank**-power)) for rank in range(1, count + 1))
        low, high = (power, high) if made > total else (low, power)
    sizes = [max(1, round(largest * rank**-high)) for rank in range(1, count + 1)]
    for rank in range(total - sum(sizes)):
        sizes[1 + rank] += 1
    return sizes


def _targets(providers: list[int], chance: Random) -> list[tuple[int, ...]]:
    made = [
        [14 if rank == 0 else chance.choice(_PLATFORMS) for _ in range(size)] for rank, size in enumerate(providers)
    ]
    left = TARGETS - sum(map(sum, made))
    for versions in reversed(made):
        for index, platforms in enumerate(versions):
            if left > 0 and platforms < 14:
                versions[index] += 1
                left -= 1
            elif left < 0 and platforms > 1:
                versions[index] -= 1
                left += 1
    return [tuple(versions) for versions in made]
