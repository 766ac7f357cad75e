"""Which versions and platforms of another registry's provider are mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.model.facts import MirrorVersion, VersionFacts
from registry_gen.model.plan import MirrorProvider, MirrorSighting, Note
from registry_gen.plan.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.entries import MirrorEntry


def decide_mirror(entry: MirrorEntry, sighting: MirrorSighting, published: Sequence[VersionFacts]) -> Outcome:
    """Versions that the constraint allows and platforms that are wanted and offered, less what is mirrored already.

    A mirror without a list of platforms takes all that upstream offers. A version with build metadata is left
    out with a note, since its name upstream cannot be changed by us.
    """
    known = {facts.version: facts for facts in published if isinstance(facts, MirrorVersion)}
    actions: list[MirrorProvider] = []
    notes: list[Note] = []
    for seen in sorted(sighting.versions):
        if not entry.versions.allows(seen.version):
            continue
        if seen.version.build:
            notes.append(Note(entry.address, f"{seen.version} has build metadata and is left out"))
            continue
        facts = known.get(seen.version)
        wanted = sorted(platform for platform in seen.platforms if not entry.platforms or platform in entry.platforms)
        if not wanted and not facts:
            notes.append(Note(entry.address, f"{seen.version} has no wanted platform upstream and is left out"))
            continue
        held = {package.platform for package in facts.packages} if facts else set()
        new = tuple(platform for platform in wanted if platform not in held)
        if new:
            protocols = facts.protocols if facts else seen.protocols
            actions.append(MirrorProvider(entry.address, seen.version, protocols, new, added=facts is not None))
    offered = {seen.version for seen in sighting.versions}
    notes += [
        Note(entry.address, f"mirrored version {version} is gone upstream")
        for version in sorted(known)
        if version not in offered
    ]
    return Outcome(tuple(actions), (), tuple(notes))
