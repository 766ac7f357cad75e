"""Which versions of a module are published, from the tags or archives that were seen."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen.errors import InputError, RefusalError
from registry_gen.model.entries import ArchiveSource, GitSource, ModuleEntry
from registry_gen.model.facts import ModuleVersion, VersionFacts
from registry_gen.model.plan import ArchiveSeen, ModuleSighting, Note, PublishModule, Refusal, Tag
from registry_gen.model.version import Version, parse_version
from registry_gen.plan import codes
from registry_gen.plan.limits import within_limits
from registry_gen.plan.outcome import Outcome
from registry_gen.plan.unpinned import from_elsewhere, missing_tags, own_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry_gen.model.address import ModuleAddress
    from registry_gen.model.digest import Commit


def decide_module(
    entry: ModuleEntry, sighting: ModuleSighting, published: Sequence[VersionFacts], imported: Mapping[Version, str]
) -> Outcome:
    """New versions become actions; a published version whose source now says something else is a violation.

    ``imported`` are the tags that another registry named for versions.
    """
    known = {facts.version: facts for facts in published if isinstance(facts, ModuleVersion)}
    if isinstance(entry.source, ArchiveSource):
        outcome = _from_archives(entry, sighting.archives, known)
    else:
        outcome = _from_tags(entry, entry.source, sighting.tags, known, imported)
    outcome = replace(outcome, notes=(*outcome.notes, *_from_elsewhere(entry, known.values())))
    return within_limits(entry.address, outcome)


def _from_elsewhere(entry: ModuleEntry, known: Iterable[ModuleVersion]) -> list[Note]:
    """Tags cannot be held against archives, nor archives against tags."""
    kind = "git" if isinstance(entry.source, GitSource) else "archives"
    others = [facts for facts in known if (facts.tag is None) == (kind == "git")]
    if not others:
        return []
    count = f"{len(others)} published version{'s' if len(others) > 1 else ''}"
    return [Note(entry.address, f"{count} did not come from {kind}, so the source is not compared with them")]


def _from_tags(
    entry: ModuleEntry,
    source: GitSource,
    tags: Sequence[Tag],
    known: Mapping[Version, ModuleVersion],
    imported: Mapping[Version, str],
) -> Outcome:
    matched, notes = match_tags(entry.address, source.tag_patterns, tags)
    matched = {version: own for version in matched if (own := own_tags(matched[version], known.get(version)))}
    actions: list[PublishModule] = []
    refusals: list[Refusal] = []
    for version in sorted(matched):
        if not entry.wants(version) and version not in known:
            continue
        pin = source.pins.get(version)
        facts = known.get(version)
        refusal = from_elsewhere(entry, source, facts) or _refuse(entry.address, version, matched[version], pin, facts)
        if refusal:
            refusals.append(refusal)
        elif facts is None or _rehosts(entry, facts) or facts.unpinned:
            held = facts.commit if facts else pin
            tag = next(tag for tag in matched[version] if held in (None, tag.commit))
            actions.append(_publish(entry, version, tag, facts, imported.get(version)))
    for version in sorted(source.pins.keys() - matched.keys() - known.keys()):
        error = RefusalError(
            codes.PIN_WITHOUT_TAG, where=f"{entry.address} {version}", expected=f"a tag at {source.pins[version]}"
        )
        refusals.append(Refusal(entry.address, version, error))
    refusals += missing_tags(entry, imported, matched, known)
    refused = {refusal.version for refusal in refusals}
    notes += _two_versions(entry, {version: found for version, found in matched.items() if version not in refused})
    notes += _gone(entry.address, known, matched)
    return Outcome(tuple(actions), tuple(refusals), tuple(notes))


def _publish(
    entry: ModuleEntry, version: Version, tag: Tag, facts: ModuleVersion | None, named: str | None
) -> PublishModule:
    """What is to be hosted otherwise is fetched; else nothing of what is unpinned, or would be, ever is."""
    if facts and facts.unpinned and facts.hosting is entry.hosting:
        return PublishModule(entry.address, version, tag, None, named=facts.tag)
    unfetched = named if entry.allow_unpinned and facts is None else None
    return PublishModule(entry.address, version, tag, None, rehost=facts is not None, named=unfetched)


def match_tags(
    address: ModuleAddress, patterns: Sequence[str], tags: Iterable[Tag]
) -> tuple[dict[Version, list[Tag]], list[Note]]:
    """Tags by the version they name, in the order of the patterns; notes tell of tags that almost are versions."""
    grammars = [re.compile(re.escape(pattern).replace(re.escape("{version}"), "(.+)")) for pattern in patterns]
    ranked: dict[Version, list[tuple[int, Tag]]] = defaultdict(list)
    notes: list[Note] = []
    for tag in sorted(tags):
        for rank, grammar in enumerate(grammars):
            found = grammar.fullmatch(tag.name)
            if not found:
                continue
            version = _version(found[1])
            if version:
                ranked[version].append((rank, tag))
                break
            if found[1][0].isdigit():
                notes.append(Note(address, f"tag {tag.name} is not MAJOR.MINOR.PATCH and is left out"))
                break
    return {version: [tag for _, tag in sorted(found)] for version, found in ranked.items()}, notes


def _version(text: str) -> Version | None:
    try:
        return parse_version(text)
    except InputError:
        return None


def _refuse(
    address: ModuleAddress,
    version: Version,
    tags: Sequence[Tag],
    pin: Commit | None,
    facts: ModuleVersion | None,
) -> Refusal | None:
    where = f"{address} {version}"
    commits = sorted({tag.commit for tag in tags})
    if facts and facts.commit and facts.commit not in commits:
        error = RefusalError(
            codes.TAG_MOVED,
            where=where,
            expected=f"tag {facts.tag} at {facts.commit}, as published",
            found=f"tag {tags[0].name} at {tags[0].commit}",
            hint=codes.TAG_MOVED.fix,
        )
        return Refusal(address, version, error, violation=True)
    if len(commits) > 1 and not pin:
        found = ", ".join(f"{tag.name} at {tag.commit}" for tag in tags)
        return Refusal(
            address, version, RefusalError(codes.TWO_COMMITS, where=where, found=found, hint=codes.TWO_COMMITS.fix)
        )
    if pin and pin not in ([facts.commit] if facts and facts.commit else commits):
        found = f"{facts.commit}, as published" if facts and facts.commit else f"tag {tags[0].name} at {tags[0].commit}"
        error = RefusalError(codes.PIN_MISMATCH, where=where, expected=pin, found=found, hint=codes.PIN_MISMATCH.fix)
        return Refusal(address, version, error)
    if facts:
        return None
    if version.build:
        error = RefusalError(codes.BUILD_METADATA, where=where, found=str(version), hint=codes.BUILD_METADATA.fix)
        return Refusal(address, version, error)
    return None


def _rehosts(entry: ModuleEntry, facts: ModuleVersion) -> bool:
    """Whether a listed version is to be hosted otherwise, and comes from the kind of source that the entry has."""
    same_kind = (facts.tag is not None) == isinstance(entry.source, GitSource)
    return facts.hosting is not entry.hosting and facts.withdrawn is None and same_kind


def _two_versions(entry: ModuleEntry, matched: Mapping[Version, Sequence[Tag]]) -> list[Note]:
    """One commit as two releases; that a candidate becomes the release is what candidates are for."""
    versions: dict[Commit, list[Version]] = defaultdict(list)
    for version in sorted(matched):
        if entry.wants(version) and not version.is_prerelease:
            versions[matched[version][0].commit].append(version)
    return [
        Note(entry.address, f"commit {commit} is published under {len(found)} versions: {', '.join(map(str, found))}")
        for commit, found in versions.items()
        if len(found) > 1
    ]


def _gone(
    address: ModuleAddress, known: Mapping[Version, ModuleVersion], matched: Mapping[Version, Sequence[Tag]]
) -> list[Note]:
    return [
        Note(address, f"tag {known[version].tag} of published version {version} is gone from the source")
        for version in sorted(known)
        if known[version].tag and version not in matched
    ]


def _from_archives(
    entry: ModuleEntry, archives: Sequence[ArchiveSeen], known: Mapping[Version, ModuleVersion]
) -> Outcome:
    actions: list[PublishModule] = []
    refusals: list[Refusal] = []
    published = {facts.evidence for facts in known.values() if facts.evidence}
    others = bool(published) and published.isdisjoint(seen.sha256 for seen in archives)
    for seen in sorted(archives):
        facts = known.get(seen.version)
        where = f"{entry.address} {seen.version}"
        if facts and facts.evidence and facts.evidence != seen.sha256:
            error = RefusalError(
                codes.EVIDENCE_CHANGED,
                where=where,
                expected=f"SHA-256 {facts.evidence}, as published",
                found=f"{seen.sha256} for {seen.filename}",
                hint=codes.EVIDENCE_CHANGED.fix,
            )
            refusals.append(Refusal(entry.address, seen.version, error, violation=True))
        elif facts and _rehosts(entry, facts):
            actions.append(PublishModule(entry.address, seen.version, None, seen, rehost=True))
        elif facts or not entry.wants(seen.version):
            continue
        elif seen.version.build:
            error = RefusalError(codes.BUILD_METADATA, where=where, found=str(seen.version))
            refusals.append(Refusal(entry.address, seen.version, error))
        else:
            actions.append(PublishModule(entry.address, seen.version, None, seen, other_archives=others))
    offered = {seen.version for seen in archives}
    notes = tuple(
        Note(entry.address, f"the archive of published version {version} is gone from the source")
        for version in sorted(known)
        if known[version].evidence and known[version].withdrawn is None
        if version not in offered and entry.wants(version)
    )
    return Outcome(tuple(actions), tuple(refusals), notes)
