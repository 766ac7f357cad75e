"""Which withdrawn versions are due for their next stage, and what goes with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry_gen import paths
from registry_gen.log.entries import platform_added, published, withdrawn
from registry_gen.log.promised import Promised, promised
from registry_gen.model.facts import Package, Withdrawal, WithdrawalStage
from registry_gen.model.intent import Run
from registry_gen.model.version import parse_version
from registry_gen.plan.collect import Collection, Extent, collect, gone_documents
from tests.support.published_facts import (
    MIRROR,
    MODULE,
    PROVIDER,
    SITE,
    digest_of,
    mirror_version,
    module_version,
    package_of,
    provider_version,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RUN = Run("ada", "https://ci.example.com/7", "c0ffee", NOW)
SECOND = timedelta(seconds=1)
V1 = parse_version("1.0.0")


def at(stage: WithdrawalStage, since: datetime) -> Withdrawal:
    return Withdrawal("It leaked.", "ada", NOW, stage, since)


def visible(package: Package) -> Package:
    return replace(package, head=replace(package.head, visible=package.head.revision))


def module(*versions: object) -> Package:
    return visible(package_of(MODULE, *versions))  # type: ignore[arg-type]


def decided(package: Package, extent: Extent | None = None, **more: object) -> Collection:
    return collect([package], extent or Extent(), RUN, **{"named": {}, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stage", "window", "then"),
    [
        (WithdrawalStage.UNLISTED, paths.LISTING_WINDOW, WithdrawalStage.UNLINKED),
        (WithdrawalStage.UNLINKED, paths.LEAF_WINDOW, WithdrawalStage.COLLECTED),
    ],
)
def test_a_stage_lasts_as_long_as_caches_remember_the_one_before(
    stage: WithdrawalStage, window: timedelta, then: WithdrawalStage
) -> None:
    early = decided(module(module_version("1.0.0", withdrawn=at(stage, NOW - window + SECOND))))
    assert (early.intents, early.steps) == ((), ())
    assert [(step.stage, step.due) for step in early.waiting] == [(then, NOW + SECOND)]

    due = decided(module(module_version("1.0.0", withdrawn=at(stage, NOW - window))))
    (intent,) = due.intents
    assert [facts.withdrawn for facts in intent.versions] == [at(then, NOW)]
    assert [step.stage for step in due.steps] == [then]


def test_what_is_listed_and_what_is_collected_has_no_next_step() -> None:
    package = module(module_version("1.0.0"), module_version("1.1.0", withdrawn=at(WithdrawalStage.COLLECTED, NOW)))
    assert decided(package, Extent(at_once=True)) == Collection()


def test_a_package_with_a_revision_that_is_not_visible_waits() -> None:
    package = package_of(MODULE, module_version("1.0.0", withdrawn=at(WithdrawalStage.UNLISTED, NOW)))
    assert decided(package, Extent(at_once=True)) == Collection()


def test_an_intent_takes_nothing_but_the_stage() -> None:
    package = module(module_version("0.9.0"), module_version("1.0.0", withdrawn=at(WithdrawalStage.UNLINKED, NOW)))
    (intent,) = decided(package, Extent(at_once=True)).intents
    assert (intent.base, intent.state, intent.due_at) == (1, package.head.state, package.head.due_at)
    assert (intent.artifacts, intent.entries, intent.inputs) == ((), (), None)
    assert [facts.version for facts in intent.versions] == [V1]
    assert intent.removes == (paths.module_archive(MODULE, V1),)
    assert (intent.audit.actor, intent.audit.action, intent.audit.run_url) == ("ada", "collect", RUN.run_url)
    assert intent.audit.after == {"revision": 2, "collected": ["1.0.0"], "objects": 1}


def test_first_documents_go_and_then_objects() -> None:
    unlisted = module(module_version("1.0.0", withdrawn=at(WithdrawalStage.UNLISTED, NOW - paths.LISTING_WINDOW)))
    (first,) = decided(unlisted).intents
    assert first.removes == ()
    assert gone_documents(unlisted, first, SITE) == (
        paths.module_download(MODULE, V1),
        paths.module_hop(MODULE, V1),
    )

    unlinked = module(module_version("1.0.0", withdrawn=at(WithdrawalStage.UNLINKED, NOW - paths.LEAF_WINDOW)))
    (second,) = decided(unlinked).intents
    assert gone_documents(unlinked, second, SITE) == ()
    assert second.removes == (paths.module_archive(MODULE, V1),)


def test_at_once_goes_to_the_end_in_one_intent() -> None:
    package = module(module_version("1.0.0", withdrawn=at(WithdrawalStage.UNLISTED, NOW)))
    (intent,) = decided(package, Extent(at_once=True)).intents
    assert [facts.withdrawn for facts in intent.versions] == [at(WithdrawalStage.COLLECTED, NOW)]
    assert intent.removes == (paths.module_archive(MODULE, V1),)
    assert len(gone_documents(package, intent, SITE)) == 2


def test_only_the_versions_that_were_named_are_touched() -> None:
    gone = at(WithdrawalStage.UNLISTED, NOW)
    package = module(module_version("1.0.0", withdrawn=gone), module_version("1.1.0", withdrawn=gone))
    found = decided(package, Extent(at_once=True, among={(MODULE, V1)}))
    assert [facts.version for facts in found.intents[0].versions] == [V1]
    assert found.waiting == ()


def test_former_sums_and_signatures_that_the_log_has_named_go_too() -> None:
    old = Promised(frozenset({"records/old"}), frozenset({"v1/old_SHA256SUMS", "v1/old_SHA256SUMS.sig"}))
    facts = provider_version("1.0.0", "linux_amd64", withdrawn=at(WithdrawalStage.UNLINKED, NOW))
    (intent,) = decided(visible(package_of(PROVIDER, facts)), Extent(at_once=True), named={(PROVIDER, V1): old}).intents
    assert old.artifacts < set(intent.removes)
    assert len(intent.removes) == 2 + 3
    assert not any(key.startswith("records/") for key in intent.removes)


def test_records_go_only_where_they_are_asked_for_and_no_other_version_has_the_same() -> None:
    gone = at(WithdrawalStage.UNLINKED, NOW)
    record = paths.record(digest_of("record 1.0.0"))
    package = module(module_version("1.0.0", withdrawn=gone), module_version("1.1.0"))
    assert record not in decided(package, Extent(at_once=True)).intents[0].removes
    assert record in decided(package, Extent(at_once=True, records=True)).intents[0].removes

    shared = replace(module_version("1.1.0"), record=digest_of("record 1.0.0"))
    package = module(module_version("1.0.0", withdrawn=gone), shared)
    assert record not in decided(package, Extent(at_once=True, records=True)).intents[0].removes


def test_a_record_that_an_earlier_collection_left_goes_if_it_is_there() -> None:
    package = module(module_version("1.0.0", withdrawn=at(WithdrawalStage.COLLECTED, NOW)))
    record = paths.record(digest_of("record 1.0.0"))
    assert decided(package, Extent(records=True)) == Collection()
    found = decided(package, Extent(records=True), stored_records={record})
    assert found.intents[0].removes == (record,)
    assert (found.intents[0].versions, found.steps) == ((), ())
    assert decided(package, Extent(records=True, among=set()), stored_records={record}) == Collection()


def test_a_link_moves_on_and_removes_nothing() -> None:
    facts = mirror_version("1.0.0", "linux_amd64", linked=True, withdrawn=at(WithdrawalStage.UNLINKED, NOW))
    (intent,) = decided(visible(package_of(MIRROR, facts)), Extent(at_once=True)).intents
    assert (len(intent.versions), intent.removes) == (1, ())


def test_the_log_remembers_every_record_sums_and_archive_of_a_version() -> None:
    small, grown = provider_version("1.0.0", "linux_amd64"), provider_version("1.0.0", "darwin_arm64", "linux_amd64")
    grown = replace(
        grown,
        record=digest_of("another record"),
        sums=replace(grown.sums, sums=digest_of("other sums"), signature=digest_of("another signature")),
    )
    made = [
        published(PROVIDER, small, 1, None),
        platform_added(PROVIDER, grown, 2, None),
        withdrawn(PROVIDER, grown, "Why.", 3, None, NOW),
        published(MODULE, module_version("1.0.0"), 1, None),
        published(MIRROR, mirror_version("1.0.0", "linux_amd64", linked=True), 1, None),
    ]
    found = promised((index, entry.payload) for index, entry in enumerate(made))
    assert found[PROVIDER, V1].records == {paths.record(small.record), paths.record(grown.record)}
    assert found[PROVIDER, V1].artifacts == {
        *(paths.provider_zip(PROVIDER, V1, package.platform) for package in grown.packages),
        *(paths.provider_sums(PROVIDER, V1, each.sums.sums) for each in (small, grown)),
        *(paths.provider_signature(PROVIDER, V1, each.sums.signature) for each in (small, grown)),
    }
    assert found[MODULE, V1].artifacts == {paths.module_archive(MODULE, V1), paths.module_provenance(MODULE, V1)}
    assert found[MIRROR, V1].artifacts == frozenset()
