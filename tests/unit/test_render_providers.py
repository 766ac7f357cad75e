from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from registry_gen import paths
from registry_gen.model.address import parse_platform
from registry_gen.model.facts import SigningKey, WithdrawalStage
from registry_gen.model.version import parse_version
from registry_gen.render.lint import lint
from tests.support.published_facts import (
    KEY,
    MODULE,
    PROVIDER,
    SITE,
    digest_of,
    h1_of,
    package_of,
    protocol_documents,
    provider_version,
    withdrawal,
)

if TYPE_CHECKING:
    from registry_gen.model.facts import ProviderVersion

_LEAF = "v1/providers/acme/widget/1.2.0/download/linux/amd64"
_LISTING = "v1/providers/acme/widget/versions"


def _rendered(*versions: ProviderVersion, deprecated: str = "", keys: tuple[SigningKey, ...] = (KEY,)) -> Any:
    documents = protocol_documents(package_of(PROVIDER, *versions, deprecated=deprecated, keys=keys))
    assert lint(documents) == ()
    return {document.key: json.loads(document.content) for document in documents}


def test_a_provider_is_a_listing_and_a_document_for_each_platform() -> None:
    documents = _rendered(provider_version("1.2.0", "darwin_arm64", "linux_amd64"))

    linux, darwin = (f"terraform-provider-widget_1.2.0_{name}.zip" for name in ("linux_amd64", "darwin_arm64"))
    assert list(documents) == [_LEAF.replace("linux/amd64", "darwin/arm64"), _LEAF, _LISTING]
    assert documents[_LISTING] == {
        "versions": [
            {
                "version": "1.2.0",
                "protocols": ["5.0", "6.0"],
                "platforms": [{"os": "darwin", "arch": "arm64"}, {"os": "linux", "arch": "amd64"}],
            }
        ]
    }
    assert documents[_LEAF] == {
        "protocols": ["5.0", "6.0"],
        "os": "linux",
        "arch": "amd64",
        "filename": linux,
        "download_url": f"../../{linux}",
        "shasum": digest_of(linux),
        "shasums_url": f"../../{digest_of('sums 1.2.0')}_SHA256SUMS",
        "shasums_signature_url": f"../../{digest_of('signature 1.2.0')}_SHA256SUMS.sig",
        "signing_keys": {"gpg_public_keys": [{"key_id": "89ABCDEF01234567", "ascii_armor": KEY.armor}]},
        "packages": {
            "darwin_arm64": {
                "hashes": [f"zh:{digest_of(darwin)}", h1_of(darwin)],
                "package_size": len(darwin),
            },
            "linux_amd64": {
                "hashes": [f"zh:{digest_of(linux)}", h1_of(linux)],
                "package_size": len(linux),
            },
        },
    }


def test_relative_urls_lead_from_the_document_to_the_artifacts() -> None:
    version = provider_version("1.2.0", "linux_amd64")
    leaf = _rendered(version)[_LEAF]

    def target(member: str) -> str:
        return urljoin(SITE.url + _LEAF, str(leaf[member])).removeprefix(SITE.url)

    number, platform = parse_version("1.2.0"), parse_platform("linux_amd64")
    assert target("download_url") == paths.provider_zip(PROVIDER, number, platform)
    assert target("shasums_url") == paths.provider_sums(PROVIDER, number, version.sums.sums)
    assert target("shasums_signature_url") == paths.provider_signature(PROVIDER, number, version.sums.signature)


def test_a_link_names_the_upstream_artifacts() -> None:
    leaf = _rendered(provider_version("1.2.0", "linux_amd64", linked=True))[_LEAF]

    upstream = "https://releases.example.net/1.2.0/"
    assert leaf["download_url"] == f"{upstream}terraform-provider-widget_1.2.0_linux_amd64.zip"
    assert leaf["shasums_url"] == f"{upstream}SHA256SUMS"
    assert leaf["shasums_signature_url"] == f"{upstream}SHA256SUMS.sig"


def test_sums_that_the_registry_signed_are_its_own_even_where_the_zips_are_linked() -> None:
    version = provider_version("1.2.0", "linux_amd64", linked=True)
    own = replace(version, sums=replace(version.sums, sums_url=None, signature_url=None))
    leaf = _rendered(own)[_LEAF]

    assert leaf["download_url"].startswith("https://")
    assert leaf["shasums_url"] == f"../../{version.sums.sums}_SHA256SUMS"


def test_hashes_of_all_platforms_are_left_out_where_one_is_unknown() -> None:
    version = provider_version("1.2.0", "darwin_arm64", "linux_amd64")
    first, second = version.packages
    for partial in (replace(first, h1=None), replace(first, size=None)):
        documents = _rendered(replace(version, packages=(partial, second)))

        assert "packages" not in documents[_LEAF]
        assert "packages" not in documents[_LEAF.replace("linux/amd64", "darwin/arm64")]


def test_a_deprecation_notice_is_a_warning_of_the_listing() -> None:
    listing = _rendered(provider_version("1.2.0", "linux_amd64"), deprecated="Use acme/gadget.")[_LISTING]

    assert listing["warnings"] == ["Use acme/gadget."]


def test_every_signing_key_is_given_in_the_order_of_fingerprints() -> None:
    other = SigningKey("0" * 40, KEY.armor)
    leaf = _rendered(provider_version("1.2.0", "linux_amd64"), keys=(KEY, other))[_LEAF]

    assert [key["key_id"] for key in leaf["signing_keys"]["gpg_public_keys"]] == ["0" * 16, KEY.key_id]


def test_a_withdrawn_version_is_neither_listed_nor_installable() -> None:
    kept = provider_version("1.2.0", "linux_amd64")
    gone = provider_version("1.3.0", "linux_amd64", withdrawn=withdrawal(WithdrawalStage.UNLINKED))

    assert _rendered(kept, gone) == _rendered(kept)


def test_facts_of_another_kind_are_not_skipped() -> None:
    with pytest.raises(TypeError, match="ModuleVersion"):
        protocol_documents(package_of(MODULE, provider_version("1.2.0", "linux_amd64")))
