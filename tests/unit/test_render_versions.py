"""What is known of one version, and which documents a withdrawn one keeps for how long."""

from __future__ import annotations

import json
from dataclasses import replace

from registry_gen import paths
from registry_gen.model.facts import Deprecation, WithdrawalStage
from registry_gen.model.version import parse_constraints
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package
from tests.support.published_facts import (
    COMMIT,
    KEY,
    MIRROR,
    MODULE,
    PROVIDER,
    SITE,
    mirror_version,
    module_version,
    package_of,
    provider_version,
    withdrawal,
)

LISTING = "v1/modules/acme/network/aws/versions"


def test_a_version_says_where_the_log_proves_it_and_what_pins_it() -> None:
    facts = replace(module_version("1.0.0"), log_index=7)
    documents = {document.key: document.content for document in render_package(package_of(MODULE, facts), SITE)}
    known = json.loads(documents["modules/acme/network/aws/1.0.0/index.json"])
    assert known == {
        "kind": "module",
        "address": "acme/network/aws",
        "version": "1.0.0",
        "status": "published",
        "hosting": "copy",
        "recorded_at": "2026-01-01T00:00:00Z",
        "record": facts.record,
        "log_index": 7,
        "digests": {"archive": facts.archive, "h1": facts.tree},
        "tag": "v1.0.0",
        "commit": COMMIT,
    }


def test_each_kind_has_its_documents_beside_the_pages_to_come() -> None:
    provider, mirror = provider_version("1.0.0", "linux_amd64"), mirror_version("3.1.0", "linux_amd64")
    for address, facts, key in (
        (PROVIDER, provider, "providers/acme/widget/1.0.0/index.json"),
        (MIRROR, mirror, "mirror/registry.terraform.io/hashicorp/random/3.1.0/index.json"),
    ):
        documents = render_package(package_of(address, facts, keys=(KEY,)), SITE)
        known = {document.key: json.loads(document.content) for document in documents}[key]
        package = facts.packages[0]
        assert known["digests"] == {"linux_amd64": {"zh": package.zh, "h1": package.h1, "size": package.size}}
        assert known["sums"]["signer"] == facts.sums.signer
        assert key == paths.version_document(address, facts.version)
        assert not paths.is_listing(key)
        assert lint(documents) == ()


def test_only_the_versions_that_a_warning_is_about_carry_it() -> None:
    package = package_of(MODULE, module_version("1.0.0"), module_version("2.0.0"))
    warning = Deprecation("Old.", "acme/vpc/aws", parse_constraints("< 2.0.0"))
    state = replace(package.head.state, deprecated=(warning, Deprecation("Odd.")))
    package = replace(package, head=replace(package.head, state=state))
    documents = {document.key: document.content for document in render_package(package, SITE)}
    old = json.loads(documents["modules/acme/network/aws/1.0.0/index.json"])
    new = json.loads(documents["modules/acme/network/aws/2.0.0/index.json"])
    assert old["deprecated"] == [
        {"message": "Old.", "replacement": "acme/vpc/aws", "versions": "< 2.0.0"},
        {"message": "Odd."},
    ]
    assert new["deprecated"] == [{"message": "Odd."}]


def test_a_withdrawn_version_keeps_its_leaves_until_no_cache_offers_it_and_its_history_for_good() -> None:
    kept = module_version("1.0.0")
    leaf = "v1/modules/acme/network/aws/2.0.0/download"
    known = "modules/acme/network/aws/2.0.0/index.json"
    for stage, has_leaf in (
        (WithdrawalStage.UNLISTED, True),
        (WithdrawalStage.UNLINKED, False),
        (WithdrawalStage.COLLECTED, False),
    ):
        gone = module_version("2.0.0", withdrawn=withdrawal(stage))
        documents = render_package(package_of(MODULE, kept, gone), SITE)
        content = {document.key: document.content for document in documents}
        assert json.loads(content[LISTING])["modules"][0]["versions"] == [{"version": "1.0.0"}]
        assert (leaf in content) == has_leaf
        said = json.loads(content[known])
        assert said["status"] == "withdrawn"
        assert said["withdrawn"] == {"reason": "It leaked a token.", "at": "2026-01-01T00:00:00Z"}
        assert b"ada" not in content[known], "who did it is not for the internet"
        assert lint(documents) == ()


def test_a_package_that_lists_nothing_has_an_empty_listing() -> None:
    """It stays, so that a publisher who slept since it was first put finds it changed, and not gone."""
    for address, facts, empty in (
        (MODULE, module_version("1.0.0", withdrawn=withdrawal()), b'{"modules":[{"versions":[]}]}'),
        (PROVIDER, provider_version("1.0.0", "linux_amd64", withdrawn=withdrawal()), b'{"versions":[]}'),
        (MIRROR, mirror_version("1.0.0", "linux_amd64", withdrawn=withdrawal()), b'{"versions":{}}'),
    ):
        documents = render_package(package_of(address, facts), SITE)
        listings = [document for document in documents if paths.is_listing(document.key)]
        assert [document.content for document in listings] == [empty]
        assert lint(listings) == ()
