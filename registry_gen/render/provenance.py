"""Where a module's archive came from, as an in-toto statement (in-toto/attestation, spec/v1) with SLSA provenance v1.

It is unsigned here; the registry signs it with the key of its log. What its members mean: docs/reproducibility.md.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from registry_gen.render.records import canonical
from registry_gen.render.version_documents import rfc3339, without_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.address import ModuleAddress
    from registry_gen.model.digest import H1
    from registry_gen.model.facts import ModuleVersion

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"

BUILD_TYPE: Final = "https://registry-gen.invalid/module-archive/v1"
"""How archives are made, version 1. A name and no address: the domain .invalid belongs to nobody (RFC 6761)."""

# What RFC 3986 has in a path; git's names of tags may hold more, such as '%' and letters of any language.
_PLAIN: Final = "/!$&'()*+,;=:@-._~"


@dataclass(frozen=True, slots=True)
class Builder:
    """Who makes archives: the ``name`` of the log whose key signs, and the ``version`` of registry-gen.

    ``run_url`` shows the pipeline's run, None where there is none.
    """

    name: str
    version: str
    run_url: str | None


def module_provenance(
    address: ModuleAddress, facts: ModuleVersion, filename: str | None, builder: Builder, catalog_commit: str | None
) -> bytes:
    """The statement about the archive of a copied version, as canonical JSON: the same for the same arguments.

    ``filename`` is that of the archive at the source, None where the source is git. Raises ValueError for a link, and
    for a source with credentials: the catalog lets none in, and what is signed stays for good.
    """
    parameters = {
        "address": str(address),
        "version": str(facts.version),
        "source": _without_credentials(facts.source),
        "path": facts.path or None,
        "tag": facts.tag,
        "archive": filename,
    }
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": without_none(parameters),
        "internalParameters": {"catalogCommit": catalog_commit} if catalog_commit else None,
        "resolvedDependencies": [_dependency(facts, filename)],
    }
    run = {
        "builder": {"id": f"https://{builder.name}", "version": {"registry-gen": builder.version}},
        "metadata": without_none({"invocationId": builder.run_url, "startedOn": rfc3339(facts.recorded_at)}),
    }
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [subject(address, facts)],
            "predicateType": PREDICATE,
            "predicate": {"buildDefinition": without_none(definition), "runDetails": run},
        }
    )


def subject(address: ModuleAddress, facts: ModuleVersion) -> Mapping[str, object]:
    """What a statement is about: the archive, its SHA-256 and the h1 of its files. Raises ValueError for a link."""
    if facts.archive is None or facts.tree is None:
        raise ValueError(f"{address} {facts.version} has no archive")
    name = f"{address}/{facts.version}/module.tar.gz"
    return {"name": name, "digest": {"sha256": facts.archive, "dirHash": dir_hash(facts.tree)}}


def dir_hash(tree: H1) -> str:
    """An h1 as in-toto writes it: ``dirHash``, in hexadecimal digits (in-toto/attestation, spec/v1/digest_set.md)."""
    return base64.b64decode(tree.removeprefix("h1:")).hex()


def _dependency(facts: ModuleVersion, filename: str | None) -> Mapping[str, object]:
    """What was fetched, pinned by its digest. A tag stands in the address as SPDX writes it, and decides nothing."""
    if filename is None:
        tag = quote(f"refs/tags/{facts.tag}", safe=_PLAIN)
        return {"uri": f"git+{_uri(facts.source)}@{tag}", "digest": {"gitCommit": facts.commit}}
    uri = f"{_uri(facts.source).rstrip('/')}/{quote(filename, safe=_PLAIN)}"
    return {"uri": uri, "digest": {"sha256": facts.evidence}}


def _uri(source: str) -> str:
    """A folder or URL as a URI, its scheme and host in lower case (in-toto/attestation, spec/v1/field_types.md)."""
    if source.startswith("/"):
        return f"file://{quote(source, safe=_PLAIN)}"
    parts = urlsplit(source)
    user, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user}{at}{host.lower()}{parts.path}"


def _without_credentials(source: str) -> str:
    """Only ssh has a user, and none has a password, a query or a fragment: see ``catalog.location``."""
    parts = urlsplit(source)
    secret = parts.password is not None or (parts.username is not None and parts.scheme != "ssh")
    if not source.startswith("/") and (secret or "?" in source or "#" in source):
        raise ValueError("a source that may hold credentials")
    return source
