"""Protocol documents as clients read them: the members they use, with their types; others are ignored, as clients do.

Sources: Module Registry Protocol, Provider Registry Protocol, Provider Network Mirror Protocol, Remote Service
Discovery; for ``packages`` OpenTofu 1.12's internal/getproviders/registry_client.go.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Discovery(_Shape):
    """.well-known/terraform.json."""

    modules: str = Field(alias="modules.v1")
    providers: str = Field(alias="providers.v1")


class ListedModule(_Shape):
    """One version in a module's listing."""

    version: str


class ModuleVersions(_Shape):
    """The versions of one module."""

    versions: tuple[ListedModule, ...]


class ModuleListing(_Shape):
    """``versions`` of a module: clients read the first element only."""

    modules: tuple[ModuleVersions, ...] = Field(min_length=1, max_length=1)


class KnownVersion(_Shape):
    """What is known of one version."""

    kind: str
    address: str
    version: str
    status: str
    record: str
    unpinned: bool = False


class ModuleDownload(_Shape):
    """``download`` of a module's version."""

    location: str


class ListedPlatform(_Shape):
    """One platform of a version in a provider's listing."""

    os: str
    arch: str


class ListedProvider(_Shape):
    """One version in a provider's listing."""

    version: str
    protocols: tuple[str, ...]
    platforms: tuple[ListedPlatform, ...]


class ProviderListing(_Shape):
    """``versions`` of a provider."""

    versions: tuple[ListedProvider, ...]
    warnings: tuple[str, ...] = ()


class PublicKey(_Shape):
    """One signing key."""

    key_id: str
    ascii_armor: str


class SigningKeys(_Shape):
    """The keys of which one must have signed."""

    gpg_public_keys: tuple[PublicKey, ...]


class PackageHashes(_Shape):
    """Digests and size in bytes of one platform's zip."""

    hashes: tuple[str, ...]
    package_size: int


class ProviderDownload(_Shape):
    """The document of one platform of a provider's version."""

    protocols: tuple[str, ...]
    os: str
    arch: str
    filename: str
    download_url: str
    shasum: str
    shasums_url: str
    shasums_signature_url: str
    signing_keys: SigningKeys
    packages: dict[str, PackageHashes] | None = None


class Empty(_Shape):
    """An object whose members nobody reads."""


class MirrorListing(_Shape):
    """``index.json`` of a mirrored provider."""

    versions: dict[str, Empty]


class MirrorArchive(_Shape):
    """Where one platform's zip is, and its digests."""

    url: str
    hashes: tuple[str, ...]


class MirrorArchives(_Shape):
    """``VERSION.json`` of a mirrored provider."""

    archives: dict[str, MirrorArchive]
