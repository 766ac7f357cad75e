"""Quotas of organizations: what would go beyond is refused, version by version, and all else goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.model.address import MirrorAddress
from registry_gen.model.facts import Hosting, Stock
from registry_gen.model.plan import MirrorProvider, PublishModule, PublishProvider, Refusal
from registry_gen.plan import codes
from registry_gen.render.artifacts import known_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import PackagePlan, Staged
    from registry_gen.model.version import Version


class Quotas:
    """What organizations take up, and more of it with everything that is taken. Mirrors belong to nobody here."""

    def __init__(self, catalog: Catalog, stock: Mapping[str, Stock]) -> None:
        """``stock`` is what is published, by namespace; those that are left out have nothing."""
        self._owners = {name: each for each in catalog.organizations if each.quota for name in each.namespaces}
        self._used = {
            each.name: sum((stock.get(name, Stock()) for name in each.namespaces), Stock())
            for each in self._owners.values()
        }

    def take(self, address: Address, version: Version, asked: Stock) -> Refusal | None:
        """Take up more, or say why not; nothing is taken then."""
        owner = None if isinstance(address, MirrorAddress) else self._owners.get(address.namespace)
        if owner is None or owner.quota is None:
            return None
        used, quota = self._used[owner.name], owner.quota
        if quota.size is not None and asked.size and used.size + asked.size > quota.size:
            return _refusal(address, version, owner.name, used.size, quota.size, asked.size, "bytes")
        if quota.versions is not None and asked.versions and used.versions + asked.versions > quota.versions:
            return _refusal(address, version, owner.name, used.versions, quota.versions, asked.versions, "versions")
        self._used[owner.name] = used + asked
        return None

    def fitting(
        self, address: Address, staged: Sequence[Staged], package: Package | None
    ) -> tuple[tuple[Staged, ...], tuple[Refusal, ...]]:
        """The staged versions that there is room for, and a refusal for each of the others; in order of versions."""
        known = {facts.version: facts for facts in package.versions} if package else {}
        good: list[Staged] = []
        refusals: list[Refusal] = []
        for item in sorted(staged, key=lambda item: item.facts.version):
            version = item.facts.version
            held = known_sizes(known[version]) if version in known else {}
            zips = {found for found in item.artifacts if paths.wave(found.key) == 0 and found.sha256 not in held}
            asked = Stock(sum(found.size for found in zips), int(version not in known))
            refusal = self.take(address, version, asked)
            if refusal:
                refusals.append(refusal)
            else:
                good.append(item)
        return tuple(good), tuple(refusals)


def within_quotas(
    planned: Sequence[PackagePlan], catalog: Catalog, packages: Mapping[Address, Package], stock: Mapping[str, Stock]
) -> tuple[list[PackagePlan], list[Refusal]]:
    """The packages without the actions that there is no room for (PLN025), as far as sizes are known before fetching.

    ``packages`` are the published ones among them. Addresses come in order, and versions in theirs.
    """
    quotas = Quotas(catalog, stock)
    kept: list[PackagePlan] = []
    refusals: list[Refusal] = []
    for package in planned:
        entry = catalog.entries[package.address]
        published = packages.get(package.address)
        known = {facts.version for facts in published.versions} if published else set()
        refused = []
        for action in package.actions:
            if isinstance(action, PublishModule | PublishProvider | MirrorProvider):
                size = _known_size(entry, action) if isinstance(action, PublishProvider) else 0
                asked = Stock(size, int(action.version not in known))
                refused += [(action, found) for found in [quotas.take(package.address, action.version, asked)] if found]
        dropped = [action for action, _ in refused]
        actions = tuple(action for action in package.actions if action not in dropped)
        kept.append(replace(package, actions=actions, inputs=None) if dropped else package)
        refusals += [refusal for _, refusal in refused]
    return kept, refusals


def _known_size(entry: Entry, action: PublishProvider) -> int:
    """The bytes of the zips that would be stored, as far as their source tells their sizes."""
    if entry.hosting is not Hosting.COPY:
        return 0
    names = (paths.zip_name(action.address.type, action.version, platform) for platform in action.platforms)
    return sum(action.release.sizes.get(name, 0) for name in names)


def _refusal(address: Address, version: Version, owner: str, used: int, allowed: int, asked: int, unit: str) -> Refusal:
    error = RefusalError(
        codes.OVER_QUOTA,
        where=f"{address} {version}",
        expected=f"at most {allowed} {unit} of the organization {owner}",
        found=f"{used} used, {asked} more asked",
        hint=codes.OVER_QUOTA.fix,
    )
    return Refusal(address, version, error)
