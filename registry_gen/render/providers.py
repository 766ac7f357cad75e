"""Provider Registry Protocol: the listing, and one document for each platform of each version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from registry_gen import paths
from registry_gen.render.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_gen.model.address import ProviderAddress
    from registry_gen.model.facts import Deprecation, PackageState, ProviderPackage, ProviderVersion

# From the folder of VERSION/download/OS/ARCH to the folder VERSION, where a version's artifacts are.
_UP = "../../"


def render_provider(
    address: ProviderAddress, versions: Sequence[ProviderVersion], state: PackageState
) -> Iterator[Document]:
    """A document for each platform, and the listing of what is not withdrawn, in the order of ``versions``.

    URLs are relative to the document that holds them, except those of artifacts that are not stored here.
    """
    keys = [{"key_id": key.key_id, "ascii_armor": key.armor} for key in sorted(state.signing_keys)]
    signing_keys = orjson.Fragment(orjson.dumps({"gpg_public_keys": keys}))
    listed: list[dict[str, object]] = []
    for facts in versions:
        packages = sorted(facts.packages, key=lambda package: package.platform)
        yield from _leaves(address, facts, packages, signing_keys)
        if facts.withdrawn:
            continue
        listed.append(
            {
                "version": str(facts.version),
                "protocols": facts.protocols,
                "platforms": [{"os": found.platform.os, "arch": found.platform.arch} for found in packages],
            }
        )
    listing: dict[str, object] = {"versions": listed}
    if state.deprecated:
        listing["warnings"] = [_warning(warning) for warning in state.deprecated]
    yield Document(paths.provider_versions(address), orjson.dumps(listing))


def _warning(warning: Deprecation) -> str:
    """A sentence for everyone who selects the provider: clients show all warnings, whatever version they take."""
    about = f"Versions {warning.versions}: " if warning.versions else ""
    instead = f" Use {warning.replacement} instead." if warning.replacement else ""
    return f"{about}{warning.message}{instead}"


def _leaves(
    address: ProviderAddress,
    facts: ProviderVersion,
    packages: Sequence[ProviderPackage],
    signing_keys: orjson.Fragment,
) -> Iterator[Document]:
    version, sums = facts.version, facts.sums
    sums_url = sums.sums_url or _beside(paths.provider_sums(address, version, sums.sums))
    signature_url = sums.signature_url or _beside(paths.provider_signature(address, version, sums.signature))
    hashes = _hashes(packages)
    for package in packages:
        platform = package.platform
        leaf: dict[str, object] = {
            "protocols": facts.protocols,
            "os": platform.os,
            "arch": platform.arch,
            "filename": package.filename,
            "download_url": package.url or _UP + paths.zip_name(address.type, version, platform),
            "shasum": package.zh,
            "shasums_url": sums_url,
            "shasums_signature_url": signature_url,
            "signing_keys": signing_keys,
        }
        if hashes is not None:
            leaf["packages"] = hashes
        yield Document(paths.provider_download(address, version, platform), orjson.dumps(leaf))


def _hashes(packages: Sequence[ProviderPackage]) -> orjson.Fragment | None:
    """What OpenTofu 1.12 and later locks for every platform at once, or None where any of it is unknown.

    The client refuses a wrong size, and a member that leaves out its own platform, so nothing is better than a part.
    """
    found: dict[str, dict[str, object]] = {}
    for package in packages:
        if package.h1 is None or package.size is None:
            return None
        found[str(package.platform)] = {"hashes": [f"zh:{package.zh}", package.h1], "package_size": package.size}
    return orjson.Fragment(orjson.dumps(found))


def _beside(key: str) -> str:
    return _UP + key.rpartition("/")[2]
