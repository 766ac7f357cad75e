"""Facts of small packages, for rooms that take facts and return documents.

    package_of(MODULE, module_version("1.0.0"))
    package_of(PROVIDER, provider_version("1.0.0", "linux_amd64", "darwin_arm64"), keys=(KEY,))
    package_of(MIRROR, mirror_version("3.1.0", "linux_amd64", linked=True))

Digests are made from the words that name what they are of: they are valid and all differ.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry_gen import paths
from registry_gen.model.address import mirror_address, module_address, parse_platform, provider_address
from registry_gen.model.config import Site
from registry_gen.model.digest import H1, Commit, Sha256, dirhash, sha256
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
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.model.version import parse_version
from registry_gen.render.package import render_package

if TYPE_CHECKING:
    from registry_gen.model.address import Address
    from registry_gen.model.facts import VersionFacts
    from registry_gen.render.document import Document

MODULE = module_address("acme", "network", "aws")
PROVIDER = provider_address("acme", "widget")
MIRROR = mirror_address("registry.terraform.io", "hashicorp", "random")
SITE = Site("registry.example.com", "https://registry.example.com/")
KEY = SigningKey(
    "0123456789ABCDEF0123456789ABCDEF01234567",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEXgvhgBYJ\n=AbCd\n-----END PGP PUBLIC KEY BLOCK-----\n",
)
COMMIT = Commit("c0ffee" + "0" * 34)

_UPSTREAM = "https://releases.example.net/"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def digest_of(words: str) -> Sha256:
    """A digest that belongs to these words."""
    return sha256(words.encode())


def h1_of(filename: str) -> H1:
    """The h1 of the zip of this name."""
    return dirhash([("terraform-provider", digest_of(filename))])


def package_of(
    address: Address, *versions: VersionFacts, deprecated: str = "", keys: tuple[SigningKey, ...] = ()
) -> Package:
    """A package at revision 1 with these versions, in the order given."""
    state = PackageState((Deprecation(deprecated),) if deprecated else (), keys)
    return Package(PackageHead(address, 1, 0, None, None, state), versions)


def module_version(version: str, *, location: str | None = None, withdrawn: Withdrawal | None = None) -> ModuleVersion:
    """A version from git: a copy, or a link where a location is given."""
    return ModuleVersion(
        version=parse_version(version),
        source="https://git.example.com/network.git",
        path="",
        tag=f"v{version}",
        commit=COMMIT,
        tree=dirhash([("main.tf", digest_of(version))]),
        hosting=Hosting.LINK if location else Hosting.COPY,
        archive=None if location else digest_of(f"archive {version}"),
        archive_size=None if location else 1000,
        location=location,
        withdrawn=withdrawn,
        **_recorded(version),
    )


def provider_version(
    version: str,
    *platforms: str,
    linked: bool = False,
    protocols: tuple[str, ...] = ("5.0", "6.0"),
    withdrawn: Withdrawal | None = None,
) -> ProviderVersion:
    """A version with these platforms, in the order given."""
    return ProviderVersion(
        version=parse_version(version),
        evidence=digest_of(f"sums {version}"),
        protocols=protocols,
        packages=tuple(_zip("widget", version, platform, linked) for platform in platforms),
        sums=_sums(version, linked),
        hosting=Hosting.LINK if linked else Hosting.COPY,
        withdrawn=withdrawn,
        **_origin(version),
    )


def mirror_version(
    version: str, *platforms: str, linked: bool = False, withdrawn: Withdrawal | None = None
) -> MirrorVersion:
    """A mirrored version with these platforms, in the order given."""
    return MirrorVersion(
        version=parse_version(version),
        protocols=("5.0",),
        packages=tuple(_zip("random", version, platform, linked) for platform in platforms),
        sums=_sums(version, linked),
        hosting=Hosting.LINK if linked else Hosting.COPY,
        withdrawn=withdrawn,
        **_origin(version),
    )


def protocol_documents(package: Package, site: Site = SITE) -> tuple[Document, ...]:
    """What clients read of a package: all documents but those of what is known of each version."""
    return tuple(document for document in render_package(package, site) if document.key.startswith("v1/"))


def withdrawal(stage: WithdrawalStage = WithdrawalStage.UNLISTED) -> Withdrawal:
    """A withdrawal that came so far."""
    return Withdrawal("It leaked a token.", "ada", _NOW, stage, _NOW)


def _zip(type_: str, version: str, platform: str, linked: bool) -> ProviderPackage:
    filename = paths.zip_name(type_, parse_version(version), parse_platform(platform))
    return ProviderPackage(
        platform=parse_platform(platform),
        filename=filename,
        zh=digest_of(filename),
        h1=h1_of(filename),
        size=len(filename),
        url=f"{_UPSTREAM}{version}/{filename}" if linked else None,
    )


def _sums(version: str, linked: bool) -> Sums:
    return Sums(
        sums=digest_of(f"sums {version}"),
        signature=digest_of(f"signature {version}"),
        signer=KEY.fingerprint,
        sums_url=f"{_UPSTREAM}{version}/SHA256SUMS" if linked else None,
        signature_url=f"{_UPSTREAM}{version}/SHA256SUMS.sig" if linked else None,
    )


def _origin(version: str) -> dict[str, Any]:
    return {"origin": f"{_UPSTREAM}{version}/", **_recorded(version)}


def _recorded(version: str) -> dict[str, Any]:
    return {"record": digest_of(f"record {version}"), "recorded_at": _NOW}
