"""Which versions and platforms of a provider are published, from the releases that were seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from registry_gen.errors import InputError, RefusalError
from registry_gen.model.address import Platform, parse_platform
from registry_gen.model.facts import Hosting, ProviderVersion, VersionFacts
from registry_gen.model.plan import Note, ProviderSighting, PublishProvider, Refusal, ReleaseSeen
from registry_gen.paths import zip_name
from registry_gen.plan import codes
from registry_gen.plan.limits import spoken, within_limits
from registry_gen.plan.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry_gen.model.digest import Sha256
    from registry_gen.model.entries import ProviderEntry
    from registry_gen.model.version import Version

Digests = Mapping["Version", Mapping[Platform, "Sha256"]]


def decide_provider(
    entry: ProviderEntry, sighting: ProviderSighting, published: Sequence[VersionFacts], imported: Digests
) -> Outcome:
    """New releases and newly wanted platforms become actions; a release replaced in place is a violation.

    ``imported`` are digests that another registry named: a release must have them, and is not fetched then to be
    linked to.
    """
    known = {facts.version: facts for facts in published if isinstance(facts, ProviderVersion)}
    actions: list[PublishProvider] = []
    refusals = [Refusal(entry.address, None, problem) for problem in sighting.problems]
    notes: list[Note] = []
    for release in sorted(sighting.releases, key=lambda found: found.version):
        facts = known.get(release.version)
        said = imported.get(release.version, {})
        refusal = _refuse(entry, release, facts, said)
        if refusal:
            refusals.append(refusal)
            continue
        if not entry.wants(release.version):
            continue
        offered = platforms_in(entry.address.type, release)
        wanted = [platform for platform in offered if not entry.platforms or platform in entry.platforms]
        missing = [str(platform) for platform in entry.platforms if platform not in offered]
        if missing and wanted and not facts:
            notes.append(Note(entry.address, f"release {release.version} has no zip for {', '.join(missing)}"))
        if not wanted:
            refusals.append(_no_platform(entry, release, offered))
            continue
        held = {package.platform for package in facts.packages} if facts else set()
        new = tuple(platform for platform in wanted if platform not in held)
        if facts and facts.hosting is not entry.hosting and facts.withdrawn is None:
            everything = tuple(sorted(held.union(new)))
            actions.append(PublishProvider(entry.address, release.version, release, everything, True, rehost=True))
        elif new:
            known_by_import = tuple(each for each in new if each in said) if entry.hosting is Hosting.LINK else ()
            added = facts is not None
            actions.append(
                PublishProvider(entry.address, release.version, release, new, added, unfetched=known_by_import)
            )
    notes += _gone(entry, sighting, known.values())
    return within_limits(entry.address, Outcome(tuple(actions), tuple(refusals), tuple(notes)))


def platforms_in(type_: str, release: ReleaseSeen) -> tuple[Platform, ...]:
    """The platforms that a release's sums name a zip for, sorted."""
    prefix = f"terraform-provider-{type_}_{release.version}_"
    names = (
        name[len(prefix) : -len(".zip")] for name in release.files if name.startswith(prefix) and name.endswith(".zip")
    )
    return tuple(sorted(_platforms(names)))


def _platforms(names: Iterable[str]) -> Iterable[Platform]:
    for name in names:
        try:
            yield parse_platform(name)
        except InputError:
            continue


def _contradiction(entry: ProviderEntry, release: ReleaseSeen, facts: ProviderVersion) -> Refusal | None:
    """What a release says now that it did not say when it was published: sums, signature, sizes."""
    code, expected, found = codes.EVIDENCE_CHANGED, "", ""
    sizes = {package.filename: package.size for package in facts.packages}
    other = [name for name, size in sorted(release.sizes.items()) if size != (sizes.get(name) or size)]
    if facts.evidence != release.sums:
        expected, found = f"SHA256SUMS with SHA-256 {facts.evidence}, as published", release.sums
    elif _signed_by_publisher(entry, facts) and facts.sums.signature != release.signature:
        code = codes.SIGNATURE_CHANGED
        expected = f"SHA256SUMS.sig with SHA-256 {facts.sums.signature}, as published"
        found = release.signature or "no SHA256SUMS.sig"
    elif other:
        expected, found = f"{other[0]} with {sizes[other[0]]} bytes, as published", f"{release.sizes[other[0]]} bytes"
    else:
        return None
    error = RefusalError(
        code, where=f"{entry.address} {release.version}", expected=expected, found=found, hint=code.fix
    )
    return Refusal(entry.address, release.version, error, violation=True)


def _signed_by_publisher(entry: ProviderEntry, facts: ProviderVersion) -> bool:
    return entry.signature == "publisher" and facts.sums.signer in {key.fingerprint for key in entry.signing_keys}


def _gone(entry: ProviderEntry, sighting: ProviderSighting, listed: Iterable[ProviderVersion]) -> list[Note]:
    """Releases that a folder has no more; one that cannot be read is told of already, and a URL cannot be searched."""
    if sighting.problems or entry.source.versions:
        return []
    offered = {release.version for release in sighting.releases}
    return [
        Note(entry.address, f"the release of published version {facts.version} is gone from the source")
        for facts in sorted(listed, key=lambda facts: facts.version)
        if facts.version not in offered and facts.withdrawn is None and entry.wants(facts.version)
    ]


def _unlike_import(
    entry: ProviderEntry, release: ReleaseSeen, facts: ProviderVersion | None, said: Mapping[Platform, Sha256]
) -> Refusal | None:
    """A zip that has another digest than the import named, or is gone; of a published version only what it lacks."""
    held = {package.platform for package in facts.packages} if facts else set()
    for platform, zh in sorted(said.items()):
        name = zip_name(entry.address.type, release.version, platform)
        if release.files.get(name) == zh or platform in held or (facts and name not in release.files):
            continue
        error = RefusalError(
            codes.IMPORTED_OTHERWISE,
            where=f"{entry.address} {release.version}",
            expected=f"{name} with SHA-256 {zh}, as imported",
            found=release.files.get(name, "no such zip"),
            hint=codes.IMPORTED_OTHERWISE.fix,
        )
        return Refusal(entry.address, release.version, error, violation=True)
    return None


def _refuse(
    entry: ProviderEntry, release: ReleaseSeen, facts: ProviderVersion | None, said: Mapping[Platform, Sha256]
) -> Refusal | None:
    where = f"{entry.address} {release.version}"
    contradiction = _contradiction(entry, release, facts) if facts else None
    if contradiction or not entry.wants(release.version):
        return contradiction
    contradiction = _unlike_import(entry, release, facts, said)
    if contradiction or facts:
        return contradiction
    if release.version.build:
        error = RefusalError(codes.BUILD_METADATA, where=where, found=str(release.version))
        return Refusal(entry.address, release.version, error)
    if entry.signature == "publisher" and release.signature is None:
        error = RefusalError(
            codes.NOT_SIGNED, where=where, expected="SHA256SUMS.sig beside SHA256SUMS", hint=codes.NOT_SIGNED.fix
        )
        return Refusal(entry.address, release.version, error)
    protocols = entry.protocols or release.protocols
    if not spoken(protocols):
        found = ", ".join(protocols) or "none"
        error = RefusalError(
            codes.BAD_PROTOCOLS, where=where, expected="5.0 or 6.0", found=found, hint=codes.BAD_PROTOCOLS.fix
        )
        return Refusal(entry.address, release.version, error)
    return None


def _no_platform(entry: ProviderEntry, release: ReleaseSeen, offered: Sequence[Platform]) -> Refusal:
    error = RefusalError(
        codes.NO_PLATFORM,
        where=f"{entry.address} {release.version}",
        expected=", ".join(map(str, entry.platforms)) or "any platform",
        found=", ".join(map(str, offered)) or "none",
        hint=codes.NO_PLATFORM.fix,
    )
    return Refusal(entry.address, release.version, error)
