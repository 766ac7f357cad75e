"""A package made again from the log, its records, and what the bucket holds of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.extract.module import Collector
from registry_gen.log import entries
from registry_gen.log.history import replay
from registry_gen.model.digest import sha256
from registry_gen.model.facts import Deprecation, PackageState, SigningKey, WithdrawalStage
from registry_gen.plan.inputs import Context
from registry_gen.plan.restore import Held, named_entry, restored
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.document import stamp
from registry_gen.render.package import render_package
from registry_gen.render.version_records import module_record, provider_record
from tests.support.openpgp_keys import make_key
from tests.support.published_facts import MODULE, PROVIDER, SITE, module_version, package_of, provider_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.facts import ModuleVersion, Package, ProviderVersion
    from registry_gen.model.intent import Entry
    from registry_gen.plan.restore import Restored

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
FIRST, SECOND = make_key("first"), make_key("second")
FIRST_KEY, SECOND_KEY = (SigningKey(key.fingerprint, key.armor) for key in (FIRST, SECOND))
RENDERING = Context(SITE.url, None, NOW).rendering


def module_at(version: str, index: int) -> tuple[ModuleVersion, bytes]:
    facts = module_version(version)
    record = module_record(MODULE, facts, Collector().contents(), (), None, None)
    return replace(facts, record=sha256(record), log_index=index), record


def provider_at(version: str, index: int, *keys: SigningKey) -> tuple[ProviderVersion, bytes]:
    facts = provider_version(version, "linux_amd64")
    facts = replace(facts, sums=replace(facts.sums, signer=FIRST_KEY.fingerprint))
    record = provider_record(PROVIDER, facts, b"sums", b"signature", None, keys)
    return replace(facts, record=sha256(record), log_index=index), record


def held(package: Package, *records: bytes, revision: int = 3) -> Held:
    """What the bucket holds where every document was put at ``revision``."""
    documents = {
        document.key: (stamp(document.key, document.content, revision), f"etag of {document.key}")
        for document in render_package(package, SITE)
    }
    address = package.head.address
    artifacts = {key for facts in package.versions for key in version_artifacts(address, facts)}
    return Held(documents, artifacts, {sha256(record): record for record in records})


def again(log: Sequence[Entry], bucket: Held, by: dict[tuple[str, datetime], str] | None = None) -> Restored:
    """Restore the only package of a log."""
    (package,) = replay([entry.payload for entry in log]).packages.values()
    return restored(package, bucket, SITE, NOW, by or {})


def test_a_package_comes_back_with_its_state_and_at_the_revision_of_its_documents() -> None:
    facts, record = module_at("1.0.0", 0)
    warnings = (Deprecation("Old.", "acme/vpc/aws"),)
    package = package_of(MODULE, facts)
    package = replace(package, head=replace(package.head, state=PackageState(warnings, (), RENDERING)))
    log = [entries.published(MODULE, facts, 1, None), entries.deprecated(MODULE, warnings, 2, None, NOW)]
    found = again(log, held(package, record))
    assert found.differences == ()
    assert found.package.versions == (facts,)
    head = found.package.head
    assert (head.state, head.listed) == (package.head.state, 1)
    assert (head.revision, head.visible) == (3, 3), "a change that needs no entry was the last"
    assert {document.revision for document in found.documents} == {3}
    assert [document.etag for document in found.documents] == [f"etag of {each.key}" for each in found.documents]


def test_what_differs_is_named_and_left_for_the_next_run() -> None:
    facts, record = module_at("1.0.0", 0)
    bucket = held(package_of(MODULE, facts), record)
    hop = paths.module_hop(MODULE, facts.version)
    listing = paths.module_versions(MODULE)
    documents = {
        **bucket.documents,
        hop: (b"<html></head></html>", "x"),
        "v1/modules/acme/network/aws/0/download": (b"{}", "y"),
    }
    del documents[listing]
    found = again([entries.published(MODULE, facts, 1, None)], replace(bucket, documents=documents))
    assert found.differences == (
        "v1/modules/acme/network/aws/0/download: nothing in the log leads to it",
        f"{hop}: other content",
        f"{listing}: missing",
    )
    assert found.package.head.state.rendering == ""
    assert found.package.head.visible == found.package.head.revision - 1
    assert {each.key for each in found.documents} == documents.keys(), "so that the next run compares and swaps them"


def test_a_stamp_that_nobody_reaches_is_other_content() -> None:
    facts, record = module_at("1.0.0", 0)
    found = again(
        [entries.published(MODULE, facts, 1, None)], held(package_of(MODULE, facts), record, revision=10**9 + 1)
    )
    assert len(found.differences) == 4
    assert found.package.head.revision == 1


def with_keys(package: Package, *keys: SigningKey) -> Package:
    return replace(package, head=replace(package.head, state=PackageState((), tuple(sorted(keys)), RENDERING)))


def test_the_keys_of_a_provider_are_those_on_record_until_the_log_names_others() -> None:
    facts, record = provider_at("1.0.0", 0, FIRST_KEY)
    published = entries.published(PROVIDER, facts, 1, None)
    package = with_keys(package_of(PROVIDER, facts), FIRST_KEY)
    found = again([published], held(package, record))
    assert (found.differences, found.package.head.state.signing_keys) == ((), (FIRST_KEY,))
    changed = entries.key_changed(PROVIDER, (FIRST_KEY.fingerprint, SECOND_KEY.fingerprint), 2, None, NOW)
    package = with_keys(package, FIRST_KEY, SECOND_KEY)
    found = again([published, changed], held(package, record))
    assert (found.differences, found.package.head.state) == ((), package.head.state)


def test_a_key_that_documents_give_and_the_log_does_not_is_not_believed() -> None:
    facts, record = provider_at("1.0.0", 0, FIRST_KEY)
    package = with_keys(package_of(PROVIDER, facts), FIRST_KEY, SECOND_KEY)
    found = again([entries.published(PROVIDER, facts, 1, None)], held(package, record))
    assert found.package.head.state.signing_keys == (FIRST_KEY,)
    assert found.differences == ("v1/providers/acme/widget/1.0.0/download/linux/amd64: other content",)


def test_a_key_that_no_document_gives_any_more_is_taken_from_the_record() -> None:
    facts, record = provider_at("1.0.0", 0, FIRST_KEY)
    log = [entries.published(PROVIDER, facts, 1, None), entries.withdrawn(PROVIDER, facts, "Old.", 2, None, NOW)]
    gone = held(with_keys(package_of(PROVIDER, facts), FIRST_KEY), record)
    found = again(log, replace(gone, documents={}))
    assert found.package.head.state.signing_keys == (FIRST_KEY,)


def test_the_newest_armor_of_a_key_counts_and_a_broken_one_does_not() -> None:
    """A key's owner prolongs its life, and packages learn of it one document at a time."""
    facts, record = provider_at("1.0.0", 0, FIRST_KEY)
    longer = make_key("first", expires=datetime(2030, 1, 1, tzinfo=UTC))
    assert longer.fingerprint == FIRST.fingerprint
    prolonged = SigningKey(longer.fingerprint, longer.armor)
    package = with_keys(package_of(PROVIDER, facts), prolonged)
    bucket = held(package, record)
    broken = orjson.dumps({"signing_keys": {"gpg_public_keys": [{"ascii_armor": "nonsense"}, 5, {}]}, "revision": 9})
    stale = orjson.dumps({"signing_keys": {"gpg_public_keys": [{"ascii_armor": FIRST.armor}]}, "revision": 2})
    leaf = "v1/providers/acme/widget/{}/download/linux/amd64"
    documents = {leaf.format("0.8.0"): (stale, "y"), **bucket.documents, leaf.format("0.9.0"): (broken, "x")}
    found = again([entries.published(PROVIDER, facts, 1, None)], replace(bucket, documents=documents))
    assert found.package.head.state.signing_keys == (prolonged,)


@pytest.mark.parametrize("stage", WithdrawalStage)
def test_the_stage_of_a_withdrawal_is_what_is_left_of_the_version(stage: WithdrawalStage) -> None:
    facts, record = module_at("1.0.0", 0)
    log = [
        entries.published(MODULE, facts, 1, None),
        entries.withdrawn(MODULE, facts, "Old.", 2, None, NOW - timedelta(1)),
    ]
    bucket = held(package_of(MODULE, facts), record)
    if stage is not WithdrawalStage.UNLISTED:
        bucket = replace(bucket, documents={})
    if stage is WithdrawalStage.COLLECTED:
        bucket = replace(bucket, artifacts=frozenset())
    (found,) = again(log, bucket, {("1.0.0", NOW - timedelta(1)): "ada"}).package.versions
    assert found.withdrawn
    assert (found.withdrawn.stage, found.withdrawn.by, found.withdrawn.reason) == (stage, "ada", "Old.")
    assert (found.withdrawn.at, found.withdrawn.since) == (NOW - timedelta(1), NOW)
    assert found.log_index == 1


def test_a_record_may_be_gone_only_where_all_the_rest_is() -> None:
    facts, record = module_at("1.0.0", 0)
    published = entries.published(MODULE, facts, 1, None)
    gone = entries.withdrawn(MODULE, facts, "Old.", 2, None, NOW)
    whole = replace(held(package_of(MODULE, facts), record), records={})
    nothing = replace(whole, documents={}, artifacts=frozenset())
    for log, bucket in (
        ([published], nothing),
        ([published, gone], whole),
        ([published, gone], replace(whole, documents={})),
        ([published, gone], replace(whole, artifacts=frozenset())),
    ):
        with pytest.raises(RefusalError) as caught:
            again(log, bucket)
        assert caught.value.code.id == "PLN020"
    (found,) = again([published, gone], nothing).package.versions
    assert found.withdrawn
    assert found.withdrawn.stage is WithdrawalStage.COLLECTED


def test_a_version_s_document_names_its_entry() -> None:
    facts, _ = module_at("1.0.0", 7)
    numbers = {
        document.key: named_entry(document.key, document.content)
        for document in render_package(package_of(MODULE, facts), SITE)
    }
    assert {key: number for key, number in numbers.items() if number is not None} == {
        paths.version_document(MODULE, facts.version): 7
    }
    assert named_entry("modules/a/b/c/1.0.0/index.json", b"[]") is None
    assert named_entry("modules/a/b/c/1.0.0/index.json", b'{"log_index":true}') is None
    assert named_entry("modules/a/b/c/1.0.0/index.json", b'{"log_index":"7"}') is None
