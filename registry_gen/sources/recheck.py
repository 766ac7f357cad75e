"""Asking an upstream again about versions that were mirrored from it: it must say what it said then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.errors import RegistryError
from registry_gen.model.plan import UpstreamAnswer
from registry_gen.policy.upstreams import usable_upstream
from registry_gen.sources.releases import SUMS_BYTES
from registry_gen.verify.openpgp import parse_key
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from registry_gen.model.entries import MirrorEntry
    from registry_gen.model.facts import MirrorVersion
    from registry_gen.sources.upstream import Upstream


def ask_again(
    upstream: Upstream,
    entry: MirrorEntry,
    published: Sequence[MirrorVersion],
    executor: Executor,
) -> tuple[UpstreamAnswer, ...]:
    """What the upstream's document and SHA256SUMS say now of each version: two requests a version.

    ``executor`` works on several versions at a time. What cannot be read becomes an answer's ``error``.
    """

    def ask(facts: MirrorVersion) -> UpstreamAnswer:
        where = f"{entry.address} {facts.version}"
        try:
            platform = facts.packages[0].platform
            offer = upstream.package(usable_upstream(entry), entry.address, facts.version, platform)
            files = parse_sums(upstream.small(offer.sums_url, SUMS_BYTES), where)
        except RegistryError as error:
            return UpstreamAnswer(facts.version, {}, (), error)
        return UpstreamAnswer(facts.version, files, tuple(_fingerprints(offer.keys, where)))

    return tuple(executor.map(ask, published))


def _fingerprints(keys: Iterable[str], where: str) -> Iterable[str]:
    """Of the keys that can be read; the others are the upstream's affair."""
    for armor in keys:
        try:
            yield parse_key(armor, where).fingerprint
        except RegistryError:
            continue
