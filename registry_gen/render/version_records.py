"""The immutable record of a version: everything that rendering, pages and proofs will ever need of it.

A record is canonical JSON with ``schema`` 1. It says what the facts say, and what was read from the artifact.
"""

from __future__ import annotations

import base64
from datetime import UTC
from typing import TYPE_CHECKING

from registry_gen.model.facts import MirrorVersion, ModuleVersion, ProviderVersion, VersionFacts
from registry_gen.render.records import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.extract.module import ModuleContents
    from registry_gen.model.address import Address
    from registry_gen.model.facts import SigningKey

SCHEMA = 1


def module_record(
    address: Address,
    facts: ModuleVersion,
    contents: ModuleContents,
    left_out: Sequence[str],
    attestation: bytes | None,
    catalog_commit: str | None,
) -> bytes:
    """The record of a module's version; ``facts.record`` is not part of it.

    ``left_out`` are the links to nothing ("link -> target") that the source has and the archive lacks;
    ``attestation`` is the text whose digest ``facts.provenance`` is, kept to be had again. A version of which nothing
    was fetched says so, and has no contents.
    """
    fields: dict[str, object] = {
        "source": {
            "url": facts.source,
            "path": facts.path,
            "tag": facts.tag,
            "commit": facts.commit,
            "archive": facts.evidence,
        },
        "archive": {"sha256": facts.archive, "size": facts.archive_size},
        "location": facts.location,
        "tree": facts.tree,
        "provenance": facts.provenance,
        "attestation": attestation.decode() if attestation else None,
        "left_out": list(left_out),
        **contents.as_json(),
    }
    if facts.tree is None:
        fields |= {"fetched": False, "unpinned": facts.unpinned}
    return _record(address, facts, catalog_commit, fields)


def provider_record(
    address: Address,
    facts: ProviderVersion | MirrorVersion,
    sums: bytes,
    signature: bytes,
    catalog_commit: str | None,
    keys: Sequence[SigningKey] = (),
) -> bytes:
    """The record of a provider's version: ``sums`` and ``signature`` are the documents that vouched for the zips.

    ``keys`` are all that clients get with the version when it is recorded; none for a mirror.
    """
    fields: dict[str, object] = {
        "origin": facts.origin,
        "evidence": facts.evidence if isinstance(facts, ProviderVersion) else facts.sums.sums,
        "protocols": list(facts.protocols),
        "signer": facts.sums.signer,
        "keys": [{"fingerprint": key.fingerprint, "armor": key.armor} for key in sorted(keys)],
        "sums_url": facts.sums.sums_url,
        "signature_url": facts.sums.signature_url,
        "sums": sums.decode("utf-8", "replace"),
        "signature": base64.b64encode(signature).decode(),
        "packages": [_package(facts, index) for index in range(len(facts.packages))],
    }
    return _record(address, facts, catalog_commit, fields)


def _package(facts: ProviderVersion | MirrorVersion, index: int) -> Mapping[str, object]:
    package = facts.packages[index]
    return {
        "os": package.platform.os,
        "arch": package.platform.arch,
        "filename": package.filename,
        "zh": package.zh,
        "h1": package.h1,
        "size": package.size,
        "url": package.url,
    }


def _record(address: Address, facts: VersionFacts, catalog_commit: str | None, fields: Mapping[str, object]) -> bytes:
    return canonical(
        {
            "schema": SCHEMA,
            "kind": address.kind,
            "address": str(address),
            "version": str(facts.version),
            "hosting": facts.hosting.value,
            "recorded_at": facts.recorded_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "catalog_commit": catalog_commit,
            **fields,
        }
    )
