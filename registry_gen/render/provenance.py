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
    from registry_gen.model.digest import H1, Sha256
    from registry_gen.model.facts import ModuleVersion

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"

BUILD_TYPE: Final = "https://registry-gen.invalid/module-archive/v1"
"""How archives are made, version 1. A name and no address: the domain .invalid belongs to nobody (RFC 6761)."""

# What RFC 3986 allows in a path. Git's names of tags may hold more, such as '%' and letters of any language.
_PLAIN: Final = "/!$&'()*+,;=:@-._~"


@dataclass(frozen=True, slots=True)
class Builder:
    """Who makes archives: the ``name`` of the log whose key signs, the ``version`` of registry-gen.

    ``run_url`` shows the pipeline's run, None where there is none.
    """

    name: str
    version: str
    run_url: str | None


def module_provenance(
    address: ModuleAddress, facts: ModuleVersion, archive: Sha256, builder: Builder, catalog_commit: str | None
) -> bytes:
    """The statement about the ``archive`` of one version, as canonical JSON: the same for the same arguments.

    Raises ValueError for a source with credentials; the catalog has none, and what is signed stays for good.
    """
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": _parameters(address, facts),
        "internalParameters": {"catalogCommit": catalog_commit} if catalog_commit else None,
        "resolvedDependencies": [_dependency(facts)],
    }
    run = {
        "builder": {"id": f"https://{builder.name}", "version": {"registry-gen": builder.version}},
        "metadata": without_none({"invocationId": builder.run_url, "startedOn": rfc3339(facts.recorded_at)}),
    }
    subject = {"name": subject_name(address, facts), "digest": {"dirHash": _dir_hash(facts.tree), "sha256": archive}}
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [subject],
            "predicateType": PREDICATE,
            "predicate": {"buildDefinition": without_none(definition), "runDetails": run},
        }
    )
