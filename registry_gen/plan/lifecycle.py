"""Which versions are taken back, by the catalog's word or by a retention policy, and which are listed again.

Nothing here looks at a source: a version can be withdrawn while its source is out of reach, or gone for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from registry_gen.model.plan import Note, Relist, Withdraw
from registry_gen.plan.collect import is_collected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from registry_gen.model.entries import Entry, Retention
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class TakenBack:
    """``reasons`` by version: of those that are published, and of those that would be published now and are not.

    ``due_at`` is when the next prerelease is to be withdrawn, None for never.
    """

    reasons: Mapping[Version, str]
    due_at: datetime | None


def taken_back(entry: Entry, published: Sequence[VersionFacts], new: Iterable[Version], now: datetime) -> TakenBack:
    """What the entry's rules and retention take back of the published versions and of the ``new`` ones.

    A listed version makes room for newer ones only when these are listed, so that a newest version which turns out to
    be bad, or is not to be had, costs nothing.
    """
    new = list(new)
    reasons: dict[Version, str] = {}
    for version in (*(facts.version for facts in published), *new):
        rule = next((rule for rule in entry.withdrawn if rule.concerns(version)), None)
        if rule:
            reasons[version] = rule.reason
    if entry.retention is None:
        return TakenBack(reasons, None)
    reasons |= _old_prereleases(entry.retention, published, reasons, now)
    reasons |= _beyond_latest(entry, entry.retention, published, new, reasons)
    ends = [end for facts in published if facts.version not in reasons for end in _end(entry.retention, facts)]
    return TakenBack(reasons, min(ends, default=None))


def changes(entry: Entry, published: Sequence[VersionFacts], back: TakenBack) -> Iterator[Withdraw | Relist]:
    """What must be done so that exactly the versions in ``back`` are withdrawn, sorted by version.

    What was collected stays withdrawn, and what the entry's ``versions`` leave out is not listed again.
    """
    for facts in sorted(published, key=lambda facts: facts.version):
        reason = back.reasons.get(facts.version)
        if reason is not None and facts.withdrawn is None:
            yield Withdraw(entry.address, facts.version, reason)
        elif reason is None and can_return(entry, facts):
            yield Relist(entry.address, facts.version)


def notes_on_collected(entry: Entry, published: Sequence[VersionFacts], back: TakenBack) -> Iterator[Note]:
    """Versions that the catalog wants again and that cannot come back."""
    if entry.retention:
        return
    for facts in published:
        wanted = facts.version not in back.reasons and entry.wants(facts.version)
        if wanted and is_collected(facts):
            text = f"{facts.version} stays withdrawn: its artifacts were deleted; publish a new version instead"
            yield Note(entry.address, text)


def can_return(entry: Entry, facts: VersionFacts) -> bool:
    """Whether a withdrawn version may be listed again: its artifacts are there, and the entry wants it."""
    return facts.withdrawn is not None and not is_collected(facts) and entry.wants(facts.version)


def _end(retention: Retention, facts: VersionFacts) -> Iterator[datetime]:
    if retention.prerelease_days is not None and facts.version.is_prerelease:
        yield facts.recorded_at + timedelta(days=retention.prerelease_days)


def _old_prereleases(
    retention: Retention, published: Sequence[VersionFacts], known: Mapping[Version, str], now: datetime
) -> dict[Version, str]:
    return {
        facts.version: f"retention: prereleases are listed for {retention.prerelease_days} days"
        for facts in published
        for end in _end(retention, facts)
        if facts.version not in known and end <= now
    }


def _beyond_latest(
    entry: Entry,
    retention: Retention,
    published: Sequence[VersionFacts],
    new: Sequence[Version],
    known: Mapping[Version, str],
) -> dict[Version, str]:
    """Releases older than the newest: clients choose among these, and prereleases end by their age."""
    if retention.latest is None:
        return {}
    listed = {facts.version for facts in published if facts.withdrawn is None}
    returning = {facts.version for facts in published if can_return(entry, facts)}
    here, offered = (
        {version for version in versions if version not in known and not version.is_prerelease}
        for versions in (listed, listed.union(returning, new))
    )
    kept = set(sorted(here, reverse=True)[: retention.latest])
    wanted = set(sorted(offered, reverse=True)[: retention.latest])
    reason = f"retention: of releases the newest {retention.latest} are listed"
    return {version: reason for version in offered if version not in (kept if version in here else wanted)}
