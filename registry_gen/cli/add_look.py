"""Looking at the source of a package that is to be added: what was asked for, and what is there, make its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from registry_gen.catalog.load import places_of
from registry_gen.catalog.location import base_location, git_url, is_folder
from registry_gen.catalog.new_package import NewMirror, NewModule, NewProvider
from registry_gen.cli import codes
from registry_gen.cli.add_key import NewKey, Signed, given_keys, key_that_signed, offered_keys
from registry_gen.errors import InputError, Position, RefusalError, RegistryError
from registry_gen.model.address import ModuleAddress, ProviderAddress, mirror_address, parse_platform
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import MirrorEntry, ProviderEntry, ReleaseSource
from registry_gen.model.facts import Hosting
from registry_gen.model.version import ANY
from registry_gen.model.words import counted
from registry_gen.plan.modules import match_tags
from registry_gen.plan.propose import (
    USUAL,
    choose_tags,
    common_platforms,
    line_of,
    named_address,
    newest,
    range_of,
    tag_patterns,
)
from registry_gen.policy.upstreams import usable_upstream
from registry_gen.sources.releases import SIGNATURE_BYTES, SUMS_BYTES, signature_name, sums_name

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.catalog.new_package import NewPackage
    from registry_gen.model.address import Address, MirrorAddress, Platform
    from registry_gen.model.config import Config
    from registry_gen.model.plan import ReleaseSeen
    from registry_gen.model.version import Version
    from registry_gen.publish.look import Sources
    from registry_gen.sources.upstream import Upstream

_LOOKED_AT: Final = 5
"""Releases under a URL that are looked at where nobody says which: each takes some requests."""
_TOLD: Final = 10
_UNTAGGED: Final = "Tag what is to be published, such as v1.0.0; or say with --tags which tags are versions."
_RELEASE_PAGES: Final = "/releases/download/v{version}"
"""Where GitHub, Gitea and Forgejo have the files of a release, below the repository's URL."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person said; empty for what is to be proposed."""

    source: str
    address: Address | None = None
    folder: str = ""
    tags: tuple[str, ...] = ()
    listed: tuple[Version, ...] = ()
    versions: str = ""
    hosting: str = "copy"
    platforms: tuple[Platform, ...] = ()
    key_files: tuple[Path, ...] = ()
    keys_from: str = ""
    keys_of_namespace: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be written: the package, and its publisher's key where one is new."""

    package: NewPackage
    key: NewKey | None = None


def module_asked(config: Config, asked: Asked) -> ModuleAddress:
    """The address of the module that was asked for; raises InputError CLI942, CAT020 and CAT021."""
    git_url(asked.source, places_of(config))
    address = asked.address or named_address(asked.source, "module")
    if not isinstance(address, ModuleAddress):
        raise InputError(codes.ADDRESS_NEEDED, where=asked.source, hint=codes.ADDRESS_NEEDED.fix)
    return address


def look_at_module(config: Config, sources: Sources, asked: Asked, address: ModuleAddress) -> Found:
    """Propose a module from the tags of its repository.

    Raises InputError CLI943 and CLI944, and what listing tags raises.
    """
    tags = sources.git.tags(git_url(asked.source, places_of(config)))
    patterns = tag_patterns(tags)
    chosen = asked.tags or choose_tags(patterns, asked.folder)
    if not chosen and patterns:
        found = ", ".join(f"{pattern} ({count})" for pattern, count in list(patterns.items())[:_TOLD])
        raise InputError(codes.TAGS_NEEDED, where=asked.source, found=found, hint=codes.TAGS_NEEDED.fix)
    matched, _ = match_tags(address, chosen, tags)
    seen = sorted(version for version in matched if not version.build)
    if not seen:
        raise _nothing(asked.source, f"{counted(len(tags), 'tag')}, none of them a version", _UNTAGGED)
    written = () if set(chosen) <= set(USUAL) else chosen
    versions = asked.versions or range_of(seen)
    return Found(NewModule(address, asked.source, asked.folder, written, versions, asked.hosting, seen))


def provider_asked(config: Config, asked: Asked) -> tuple[ProviderAddress, str]:
    """The address of the provider that was asked for, and where its releases are.

    Raises InputError CLI942, CAT020 and CAT021.
    """
    base_location(asked.source, places_of(config), template=True)
    page = named_address(asked.source, "provider")
    address = asked.address or page
    if not isinstance(address, ProviderAddress):
        raise InputError(codes.ADDRESS_NEEDED, where=asked.source, hint=codes.ADDRESS_NEEDED.fix)
    releases = asked.source.rstrip("/").removesuffix(".git") + _RELEASE_PAGES if page else asked.source
    return address, releases


def look_at_provider(config: Config, sources: Sources, asked: Asked, address: ProviderAddress, releases: str) -> Found:
    """Propose a provider from its newest releases.

    Raises InputError CLI943 and CLI945, RefusalError CLI946, and what reading releases raises.
    """
    location = base_location(releases, places_of(config), template=True)
    listed = () if is_folder(location) else asked.listed or _tagged(config, sources, asked, releases)
    found = sources.releases.sight(_provider_entry(address, ReleaseSource(location, listed)))
    if not found.releases:
        raise next(iter(found.problems), _nothing(asked.source, f"no terraform-provider-{address.type}_…_SHA256SUMS"))
    seen = [release.version for release in found.releases]
    latest = max(found.releases, key=lambda release: release.version == newest(seen))
    offered = _platforms(latest, address)
    key = None
    if latest.signature is None:
        _require_no_key(asked, f"{address} {latest.version}")
    elif not asked.keys_of_namespace:
        key = _provider_key(config, sources, asked, address, latest)
    package = NewProvider(
        address,
        releases,
        tuple(seen) if listed else (),
        asked.versions or range_of(seen),
        latest.signature is not None,
        (key.path,) if key else (),
        asked.platforms,
        asked.hosting,
        seen,
        offered,
    )
    return Found(package, key)


def look_at_mirror(config: Config, sources: Sources, asked: Asked, address: MirrorAddress) -> Found:
    """Propose a mirror from what its registry offers.

    Raises InputError CLI943 and CLI945, RefusalError CLI946, and what asking a registry raises.
    """
    entry = _mirror_entry(config, address)
    sighting = {each.version: each for each in sources.upstream.sight(entry).versions}
    seen = sorted(version for version in sighting if not version.build)
    latest = newest(seen)
    if latest is None or not sighting[latest].platforms:
        raise _nothing(str(address), "no version, or none for any platform")
    offered = sighting[latest].platforms
    signed, armors = _offer(sources.upstream, entry, latest, offered[0])
    keys = given_keys(asked.key_files) if asked.key_files else offered_keys(armors, address.hostname)
    key = key_that_signed(address, keys, signed, datetime.now(UTC))
    chosen = asked.platforms or common_platforms(offered)
    versions = asked.versions or line_of(latest)
    return Found(NewMirror(address, versions, (key.path,), chosen, asked.hosting, seen, offered), key)


def _tagged(config: Config, sources: Sources, asked: Asked, releases: str) -> tuple[Version, ...]:
    """The newest versions that the repository of a release page has tags of."""
    if not releases.endswith(_RELEASE_PAGES):
        raise _nothing(asked.source, "a URL, which cannot be searched")
    repository = releases.removesuffix(_RELEASE_PAGES)
    matched, _ = match_tags(
        ModuleAddress("a", "a", "a"), ("v{version}",), sources.git.tags(git_url(repository, places_of(config)))
    )
    found = sorted(version for version in matched if not version.build and not version.is_prerelease)
    if not found:
        raise _nothing(asked.source, "no tag such as v1.0.0")
    return tuple(found[-_LOOKED_AT:])


def _require_no_key(asked: Asked, where: str) -> None:
    """Whoever names a key expects signatures: where they are gone, the registry does not sign in their place."""
    if asked.key_files or asked.keys_from:
        hint = codes.KEY_DOES_NOT_SIGN.fix
        raise RefusalError(codes.KEY_DOES_NOT_SIGN, where=where, found="a release without a signature", hint=hint)


def _provider_key(
    config: Config, sources: Sources, asked: Asked, address: ProviderAddress, release: ReleaseSeen
) -> NewKey:
    sums = sources.releases.small(release, sums_name(address.type, release.version), SUMS_BYTES)
    signature = sources.releases.small(release, signature_name(address.type, release.version), SIGNATURE_BYTES)
    keys = given_keys(asked.key_files)
    if asked.keys_from:
        entry = _mirror_entry(config, mirror_address(asked.keys_from, address.namespace, address.type))
        platform = next(iter(_platforms(release, address)))
        _, armors = _offer(sources.upstream, entry, release.version, platform)
        keys += offered_keys(armors, asked.keys_from)
    return key_that_signed(address, keys, Signed(sums, signature, f"{address} {release.version}"), datetime.now(UTC))


def _offer(
    upstream: Upstream, entry: MirrorEntry, version: Version, platform: Platform
) -> tuple[Signed, tuple[str, ...]]:
    """The signed sums of a version as a registry names them, and the keys that it gives with them."""
    package = upstream.package(usable_upstream(entry), entry.address, version, platform)
    sums = upstream.small(package.sums_url, SUMS_BYTES)
    signature = upstream.small(package.signature_url, SIGNATURE_BYTES)
    return Signed(sums, signature, f"{entry.address} {version}"), package.keys


def _platforms(release: ReleaseSeen, address: ProviderAddress) -> tuple[Platform, ...]:
    before = f"terraform-provider-{address.type}_{release.version}_"
    found = set()
    for name in release.files:
        if name.startswith(before) and name.endswith(".zip"):
            try:
                found.add(parse_platform(name[len(before) : -len(".zip")]))
            except RegistryError:
                continue
    if not found:
        raise _nothing(f"{address} {release.version}", "sums that name no zip of a platform")
    return tuple(sorted(found))


def _provider_entry(address: ProviderAddress, source: ReleaseSource) -> ProviderEntry:
    """As much of an entry as looking at releases takes: prereleases too, and nothing about keys."""
    return ProviderEntry(
        address,
        Position(""),
        Sha256(""),
        source,
        ANY,
        Hosting.COPY,
        (),
        "registry",
        (),
        (),
        (),
        prereleases=True,
    )


def _mirror_entry(config: Config, address: MirrorAddress) -> MirrorEntry:
    upstream = (config.network.upstreams or {}).get(address.hostname, f"https://{address.hostname}")
    return MirrorEntry(address, Position(""), Sha256(""), upstream, ANY, Hosting.COPY, (), ())


def _nothing(where: str, found: str, hint: str = codes.NOTHING_TO_ADD.fix) -> InputError:
    return InputError(codes.NOTHING_TO_ADD, where=where, found=found, hint=hint)
