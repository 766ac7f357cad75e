"""Entries, sightings and facts with sensible values, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime

from registry_gen.errors import Position
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress
from registry_gen.model.digest import H1, Commit, Sha256, sha256
from registry_gen.model.entries import (
    ArchiveSource,
    Catalog,
    Entry,
    GitSource,
    MirrorEntry,
    ModuleEntry,
    ProviderEntry,
    ReleaseSource,
    SignatureRule,
)
from registry_gen.model.facts import (
    Deprecation,
    Hosting,
    MirrorVersion,
    ModuleVersion,
    Package,
    PackageHead,
    PackageState,
    ProviderPackage,
    ProviderVersion,
    SigningKey,
    Sums,
    VersionFacts,
)
from registry_gen.model.plan import ReleaseSeen, Tag, UpstreamSeen
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.plan import Context

NETWORK = ModuleAddress("acme", "network", "aws")
WIDGET = ProviderAddress("acme", "widget")
RANDOM = MirrorAddress("registry.terraform.io", "hashicorp", "random")
LINUX = Platform("linux", "amd64")
DARWIN = Platform("darwin", "arm64")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
H1_ZERO = H1("h1:" + "A" * 43 + "=")
REGISTRY_KEY = SigningKey(
    "F" * 40, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nregistry\n-----END PGP PUBLIC KEY BLOCK-----\n"
)
RELEASE_KEY = SigningKey(
    "A" * 40, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nrelease\n-----END PGP PUBLIC KEY BLOCK-----\n"
)
CONTEXT = Context("https://registry.example.com/", REGISTRY_KEY, NOW)


def commit(name: str) -> Commit:
    """A commit that stands for ``name``."""
    return Commit(sha256(name.encode())[:40])


def tag(name: str, at: str | None = None) -> Tag:
    """A tag at the commit that stands for ``at``, or for the tag itself."""
    return Tag(name, commit(at or name))


def warnings(message: str) -> tuple[Deprecation, ...]:
    """One warning for the whole package, none for an empty message."""
    return (Deprecation(message),) if message else ()


def module(
    *,
    versions: str = "",
    patterns: tuple[str, ...] = ("v{version}", "{version}"),
    pins: dict[str, str] | None = None,
    archives: bool = False,
    deprecated: str = "",
    hosting: Hosting = Hosting.COPY,
) -> ModuleEntry:
    """An entry for acme/network/aws."""
    source: GitSource | ArchiveSource = GitSource(
        "https://git.example.com/network.git",
        "",
        patterns,
        {parse_version(version): commit(at) for version, at in (pins or {}).items()},
    )
    if archives:
        source = ArchiveSource("https://builds.example.com/network/", "network-{version}.tar.gz")
    position = Position("catalog/modules/acme/network/aws.yaml")
    constraints = parse_constraints(versions or ">= 0.0.0")
    return ModuleEntry(NETWORK, position, sha256(b"entry"), source, constraints, hosting, warnings(deprecated))


def provider(
    *,
    versions: str = "",
    platforms: tuple[Platform, ...] = (),
    signature: SignatureRule = "publisher",
    keys: tuple[SigningKey, ...] = (RELEASE_KEY,),
    deprecated: str = "",
) -> ProviderEntry:
    """An entry for acme/widget."""
    return ProviderEntry(
        WIDGET,
        Position("catalog/providers/acme/widget.yaml"),
        sha256(b"entry"),
        ReleaseSource("/releases/widget", ()),
        parse_constraints(versions or ">= 0.0.0"),
        Hosting.COPY,
        warnings(deprecated),
        signature,
        keys,
        platforms,
        (),
    )


def mirror(*, versions: str = "", platforms: tuple[Platform, ...] = ()) -> MirrorEntry:
    """An entry for registry.terraform.io/hashicorp/random."""
    return MirrorEntry(
        RANDOM,
        Position("catalog/mirrors/registry.terraform.io/hashicorp/random.yaml"),
        sha256(b"entry"),
        "https://registry.terraform.io",
        parse_constraints(versions or ">= 0.0.0"),
        Hosting.COPY,
        platforms,
        (RELEASE_KEY,),
    )


def catalog(*entries: Entry) -> Catalog:
    """A catalog of these entries."""
    return Catalog({entry.address: entry for entry in entries}, "c" * 40)


def release(version: str, *platforms: Platform, content: str = "", signed: bool = True) -> ReleaseSeen:
    """A release of acme/widget; another ``content`` makes other sums."""
    files = {
        f"terraform-provider-widget_{version}_{platform}.zip": sha256(f"{version}{platform}{content}".encode())
        for platform in platforms
    }
    sums = sha256(repr((version, content)).encode())
    signature = sha256(b"signature") if signed else None
    return ReleaseSeen(parse_version(version), "/releases/widget", sums, signature, files, ("5.0",))


def upstream(version: str, *platforms: Platform) -> UpstreamSeen:
    """A version that the upstream of the mirror lists."""
    return UpstreamSeen(parse_version(version), ("5.0",), platforms)


def module_facts(version: str, at: str | None = None, evidence: Sha256 | None = None) -> ModuleVersion:
    """A published version of acme/network/aws, from the tag v``version`` or from an archive."""
    return ModuleVersion(
        version=parse_version(version),
        source="https://git.example.com/network.git",
        path="",
        tag=None if evidence else f"v{version}",
        commit=None if evidence else commit(at or f"v{version}"),
        tree=H1_ZERO,
        hosting=Hosting.COPY,
        archive=sha256(version.encode()),
        archive_size=1234,
        location=None,
        record=sha256(f"record {version}".encode()),
        recorded_at=NOW,
        evidence=evidence,
    )


def _packages(type_: str, version: str, platforms: tuple[Platform, ...]) -> tuple[ProviderPackage, ...]:
    return tuple(
        ProviderPackage(
            platform,
            f"terraform-provider-{type_}_{version}_{platform}.zip",
            sha256(f"{version}{platform}".encode()),
            H1_ZERO,
            4321,
        )
        for platform in sorted(platforms)
    )


def provider_facts(version: str, *platforms: Platform, content: str = "") -> ProviderVersion:
    """A published version of acme/widget, as ``release`` of the same content gives it."""
    sums = release(version, *platforms, content=content).sums
    return ProviderVersion(
        version=parse_version(version),
        origin="/releases/widget",
        evidence=sums,
        protocols=("5.0",),
        packages=_packages("widget", version, platforms),
        sums=Sums(sums, sha256(b"signature"), RELEASE_KEY.fingerprint),
        hosting=Hosting.COPY,
        record=sha256(f"record {version}".encode()),
        recorded_at=NOW,
    )


def mirror_facts(version: str, *platforms: Platform, sums: str = "sums") -> MirrorVersion:
    """A mirrored version of hashicorp/random."""
    return MirrorVersion(
        version=parse_version(version),
        origin="https://registry.terraform.io",
        protocols=("5.0",),
        packages=_packages("random", version, platforms),
        sums=Sums(sha256(sums.encode()), sha256(b"signature"), RELEASE_KEY.fingerprint),
        hosting=Hosting.COPY,
        record=sha256(f"record {version}".encode()),
        recorded_at=NOW,
    )


def package(entry: Entry, *versions: VersionFacts, state: PackageState, inputs: Sha256 | None = None) -> Package:
    """A package at revision 3 with these versions."""
    return Package(PackageHead(entry.address, 3, 3, inputs, None, state), versions)
