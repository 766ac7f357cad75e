from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry_gen.model.facts import WithdrawalStage
from registry_gen.render.lint import lint
from tests.support.published_facts import (
    MIRROR,
    digest_of,
    h1_of,
    mirror_version,
    package_of,
    protocol_documents,
    withdrawal,
)

if TYPE_CHECKING:
    from registry_gen.model.facts import MirrorVersion

_ROOT = "v1/mirror/registry.terraform.io/hashicorp/random"


def _rendered(*versions: MirrorVersion) -> Any:
    documents = protocol_documents(package_of(MIRROR, *versions))
    assert lint(documents) == ()
    return {document.key: json.loads(document.content) for document in documents}


def test_a_mirror_is_an_index_and_a_document_for_each_version() -> None:
    documents = _rendered(mirror_version("3.1.0", "windows_386", "linux_amd64"))

    linux, windows = (f"terraform-provider-random_3.1.0_{name}.zip" for name in ("linux_amd64", "windows_386"))
    assert documents == {
        f"{_ROOT}/3.1.0.json": {
            "archives": {
                "linux_amd64": {
                    "url": linux,
                    "hashes": [h1_of(linux), f"zh:{digest_of(linux)}"],
                },
                "windows_386": {
                    "url": windows,
                    "hashes": [h1_of(windows), f"zh:{digest_of(windows)}"],
                },
            }
        },
        f"{_ROOT}/index.json": {"versions": {"3.1.0": {}}},
    }
    assert list(documents[f"{_ROOT}/3.1.0.json"]["archives"]) == ["linux_amd64", "windows_386"]


def test_a_linked_zip_is_named_by_its_upstream_url() -> None:
    documents = _rendered(mirror_version("3.1.0", "linux_amd64", linked=True))

    archive = documents[f"{_ROOT}/3.1.0.json"]["archives"]["linux_amd64"]
    assert archive["url"] == "https://releases.example.net/3.1.0/terraform-provider-random_3.1.0_linux_amd64.zip"


def test_a_zip_that_was_never_opened_has_its_own_digest_only() -> None:
    version = mirror_version("3.1.0", "linux_amd64", linked=True)
    unopened = replace(version, packages=(replace(version.packages[0], h1=None),))

    archive = _rendered(unopened)[f"{_ROOT}/3.1.0.json"]["archives"]["linux_amd64"]
    assert archive["hashes"] == [f"zh:{version.packages[0].zh}"]


def test_a_withdrawn_version_is_not_in_the_index() -> None:
    kept = mirror_version("3.1.0", "linux_amd64")
    gone = mirror_version("3.2.0", "linux_amd64", withdrawn=withdrawal(WithdrawalStage.UNLINKED))

    assert _rendered(kept, gone) == _rendered(kept)
