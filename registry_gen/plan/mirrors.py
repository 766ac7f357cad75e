"""Which versions and platforms of another registry's provider are mirrored."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.model.facts import MirrorVersion, VersionFacts
from registry_gen.model.plan import MirrorProvider, MirrorSighting, Note, Refusal, UpstreamAnswer, UpstreamSeen
from registry_gen.plan import codes
from registry_gen.plan.limits import MAX_PLATFORMS, spoken, within_limits
from registry_gen.plan.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.model.address import Platform
    from registry_gen.model.entries import MirrorEntry
    from registry_gen.model.version import Version
    from registry_gen.plan.providers import Digests

_NO_DIGESTS: Final[Digests] = MappingProxyType({})


def decide_mirror(
    entry: MirrorEntry, sighting: MirrorSighting, published: Sequence[VersionFacts], imported: Digests = _NO_DIGESTS
) -> Outcome:
    """Versions that the constraint allows and platforms that are wanted and offered, less what is mirrored already.

    ``imported`` are digests of another copy: the actions carry them, for only fetching shows what the upstream has.

    A mirror without a list of platforms takes all that upstream offers. A version with build metadata or
    of a protocol that no client speaks is left out with a note, since nobody here can change it upstream.
    """
    known = {facts.version: facts for facts in published if isinstance(facts, MirrorVersion)}
    actions: list[MirrorProvider] = []
    refusals: list[Refusal] = []
    notes: list[Note] = []
    for seen in sorted(sighting.versions):
        if not entry.wants(seen.version):
            continue
        facts = known.get(seen.version)
        wanted = sorted(platform for platform in seen.platforms if not entry.platforms or platform in entry.platforms)
        why = None if facts else _why_left_out(seen, wanted)
        if why:
            notes.append(Note(entry.address, f"{seen.version} {why} and is left out"))
            continue
        held = {package.platform for package in facts.packages} if facts else set()
        if len(held.union(wanted)) > MAX_PLATFORMS:
            refusals.append(_too_many(entry, seen.version, len(held.union(wanted))))
            continue
        new = tuple(platform for platform in wanted if platform not in held)
        protocols = facts.protocols if facts else seen.protocols
        if facts and facts.hosting is not entry.hosting and facts.withdrawn is None:
            everything = tuple(sorted(held.union(new)))
            actions.append(MirrorProvider(entry.address, seen.version, protocols, everything, True, rehost=True))
        elif new:
            said = tuple(sorted(imported.get(seen.version, {}).items()))
            actions.append(
                MirrorProvider(entry.address, seen.version, protocols, new, facts is not None, imported=said)
            )
    for answer in sighting.answers:
        facts = known.get(answer.version)
        if facts:
            refusals += _contradictions(entry, facts, answer)
            notes += _notes_on(entry, facts, answer)
    offered = {seen.version for seen in sighting.versions}
    notes += [
        Note(entry.address, f"mirrored version {version} is gone upstream")
        for version in sorted(known)
        if version not in offered
    ]
    return within_limits(entry.address, Outcome(tuple(actions), tuple(refusals), tuple(notes)))


def _why_left_out(seen: UpstreamSeen, wanted: Sequence[Platform]) -> str | None:
    if seen.version.build:
        return "has build metadata"
    if not wanted:
        return "has no wanted platform upstream"
    if seen.protocols and not spoken(seen.protocols):
        return f"speaks plugin protocols that no client does ({', '.join(seen.protocols[:5])})"
    return None


def _contradictions(entry: MirrorEntry, facts: MirrorVersion, answer: UpstreamAnswer) -> Iterator[Refusal]:
    """What was mirrored stays, and clients that lock the upstream's own hashes would be told of a mismatch."""
    changed = [package for package in facts.packages if answer.files.get(package.filename) != package.zh]
    if answer.error is None and changed:
        package = changed[0]
        error = RefusalError(
            codes.EVIDENCE_CHANGED,
            where=f"{entry.address} {facts.version}",
            expected=f"{package.filename} with SHA-256 {package.zh}, as mirrored",
            found=answer.files.get(package.filename, "no such line in SHA256SUMS"),
            hint=codes.EVIDENCE_CHANGED.fix,
        )
        yield Refusal(entry.address, facts.version, error, violation=True)
    elif answer.error is None and facts.sums.signer not in answer.keys:
        error = RefusalError(
            codes.SIGNER_GONE,
            where=f"{entry.address} {facts.version}",
            expected=f"the key {facts.sums.signer}, which signed what was mirrored",
            found=", ".join(sorted(answer.keys)) or "no key",
            hint=codes.SIGNER_GONE.fix,
        )
        yield Refusal(entry.address, facts.version, error, violation=True)


def _notes_on(entry: MirrorEntry, facts: MirrorVersion, answer: UpstreamAnswer) -> Iterator[Note]:
    if answer.error:
        yield Note(entry.address, f"{facts.version} could not be compared with upstream: {answer.error.message}")


def _too_many(entry: MirrorEntry, version: Version, platforms: int) -> Refusal:
    error = RefusalError(
        codes.TOO_MANY_PLATFORMS,
        where=f"{entry.address} {version}",
        expected=f"at most {MAX_PLATFORMS}",
        found=f"{platforms}",
        hint=codes.TOO_MANY_PLATFORMS.fix,
    )
    return Refusal(entry.address, version, error)
