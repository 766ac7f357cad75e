"""What every ledger does: one suite for a server, for the embedded one, and for one whose state is in a bucket."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger import Acknowledgement, Violation
from registry_gen.ledger.embedded import DATABASE
from registry_gen.ledger.postgres import open_embedded, open_server
from registry_gen.log.tree import Tail, append
from registry_gen.model.address import ModuleAddress, module_address
from registry_gen.model.digest import dirhash
from registry_gen.model.facts import (
    Deprecation,
    Hosting,
    PackageHead,
    PackageState,
    PublishedDocument,
    SigningKey,
    WithdrawalStage,
)
from registry_gen.model.intent import AuditRow, Run
from registry_gen.model.version import parse_constraints
from tests.support.bucket_ledger import bucket_ledger, same
from tests.support.intents import NOW, intent_of, logged
from tests.support.published_facts import (
    KEY,
    MIRROR,
    MODULE,
    PROVIDER,
    digest_of,
    mirror_version,
    module_version,
    provider_version,
    withdrawal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry_gen.ledger import Alarm, Ledger, Publication
    from registry_gen.ledger.postgres import PostgresLedger
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.intent import Intent, OpenIntent
    from tests.support.postgres import Postgres

LATER = NOW + timedelta(hours=1)


def run_of(actor: str, at: datetime) -> Run:
    return Run(actor, "https://ci/1", None, at)


def violation_of(alarm: Alarm) -> Violation:
    return Violation(alarm.address, alarm.version, alarm.kind, alarm.published, alarm.seen)


@pytest.fixture(params=["server", "embedded", "bucket"])
def ledger(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> Iterator[PostgresLedger]:
    """A migrated, empty ledger of each kind; the embedded one joins the server that the tests run on.

    Whatever a test does to the one in a bucket, another machine has all of it in the end.
    """
    if request.param == "bucket":
        dsn = request.getfixturevalue("database")
        yield from brought_elsewhere(dsn, tmp_path / "private", postgres)
        return
    if request.param == "server":
        opened = open_server(request.getfixturevalue("database"))
    else:
        postgres.drop(DATABASE)
        postgres.create(DATABASE)
        opened = open_embedded(postgres.folder)
    yield opened
    opened.close()


def brought_elsewhere(dsn: str, private: Path, postgres: Postgres) -> Iterator[PostgresLedger]:
    opened = bucket_ledger(dsn, private)
    yield opened
    opened.close()
    there = postgres.create("elsewhere")
    elsewhere = bucket_ledger(there, private)
    try:
        elsewhere.bring()
        same(dsn, there)
    finally:
        elsewhere.close()
        postgres.drop("elsewhere")


@pytest.fixture
def publication(ledger: Ledger) -> Iterator[Publication]:
    with ledger.publication(0) as held:
        yield held


def test_an_empty_ledger_knows_nothing(ledger: Ledger, publication: Publication) -> None:
    assert ledger.heads() == {}
    assert ledger.packages([MODULE]) == {}
    assert ledger.violations() == ()
    assert publication.open_intents() == ()
    assert publication.packages([MODULE]).get(MODULE) is None
    assert publication.documents(MODULE) == {}
    assert publication.documents(None) == {}
    head = publication.log_head()
    assert (head.tail, head.checkpoint, head.etag, head.stored_size) == (Tail(), None, None, 0)


def test_packages_of_all_kinds_come_back_as_they_were_logged(ledger: Ledger, publication: Publication) -> None:
    linked = module_version("1.10.0", location="git::https://git.example.com/network.git?ref=abc")
    archived = dataclasses.replace(
        module_version("1.9.0-rc.1"), tag=None, commit=None, evidence=digest_of("archive upstream")
    )
    modules = intent_of(MODULE, linked, module_version("1.2.0"), archived, deprecated='It\'s "gone" \\')
    providers = intent_of(PROVIDER, provider_version("2.0.0", "darwin_arm64", "linux_amd64"), keys=(KEY,))
    mirrors = intent_of(MIRROR, mirror_version("3.1.0", "linux_amd64", linked=True), due_at=LATER)

    publication.finish(publish(publication, modules, providers, mirrors), NOW)

    found = ledger.packages([MODULE, PROVIDER, MIRROR, module_address("acme", "absent", "aws")])
    assert {address: package.versions for address, package in found.items()} == {
        MODULE: (named(module_version("1.2.0"), 1), named(archived, 2), named(linked, 0)),
        PROVIDER: (named(providers.versions[0], 3),),
        MIRROR: (named(mirrors.versions[0], 4),),
    }
    assert {address: package.head for address, package in found.items()} == ledger.heads()
    assert ledger.heads() == {
        MODULE: PackageHead(MODULE, 1, 1, modules.inputs, None, modules.state, 3),
        PROVIDER: PackageHead(PROVIDER, 1, 1, providers.inputs, None, providers.state, 1),
        MIRROR: PackageHead(MIRROR, 1, 1, mirrors.inputs, LATER, mirrors.state, 1),
    }
    assert publication.packages([PROVIDER]).get(PROVIDER) == found[PROVIDER]


def test_open_intents_come_back_whole_and_oldest_first(publication: Publication) -> None:
    first = publication.begin(
        [intent_of(PROVIDER, provider_version("1.0.0", "linux_amd64"), keys=(KEY,)), intent_of(MODULE)]
    )
    second = publication.begin([intent_of(MIRROR, mirror_version("1.0.0", "linux_amd64"), due_at=LATER)])
    publication.log(second)

    assert publication.open_intents() == (*first, *map(logged, second))


def test_times_come_back_in_utc(publication: Publication) -> None:
    east = datetime(2026, 1, 1, 2, 0, tzinfo=timezone(timedelta(hours=3)))
    facts = dataclasses.replace(module_version("1.0.0"), recorded_at=east)

    publish(publication, intent_of(MODULE, facts))

    package = publication.packages([MODULE]).get(MODULE)
    assert package is not None
    assert package.versions[0].recorded_at.isoformat() == "2025-12-31T23:00:00+00:00"


def test_a_time_without_a_zone_is_refused(publication: Publication) -> None:
    naive = dataclasses.replace(module_version("1.0.0"), recorded_at=datetime(2026, 1, 1))  # noqa: DTZ001

    with pytest.raises(ValueError, match="without a time zone"):
        publication.begin([intent_of(MODULE, naive)])


def test_a_repeated_begin_returns_the_same_intents(publication: Publication) -> None:
    intents = [intent_of(MODULE, module_version("1.0.0")), intent_of(MIRROR)]

    first = publication.begin(intents)
    again = publication.begin(intents)

    assert again == first
    assert publication.open_intents() == first


def test_a_begin_that_is_repeated_after_logging_says_that_it_is_logged(publication: Publication) -> None:
    intent = intent_of(MODULE, module_version("1.0.0"))
    publish(publication, intent)

    (again,) = publication.begin([intent])

    assert again.logged


def test_an_intent_on_another_revision_is_refused(publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)

    with pytest.raises(LedgerError, match=r"LED005 .*expected revision 0; found revision 1"):
        publication.begin([intent_of(PROVIDER), intent_of(MODULE, module_version("1.1.0"), base=0)])

    assert publication.open_intents() == ()


def test_a_second_change_of_a_package_waits_for_the_first(publication: Publication) -> None:
    publication.begin([intent_of(MODULE, module_version("1.0.0"))])

    with pytest.raises(LedgerError, match=r"LED005 .*not finished"):
        publication.begin([intent_of(MODULE, module_version("1.1.0"))])


def test_an_abandoned_intent_makes_room_for_another(publication: Publication) -> None:
    (opened,) = publication.begin([intent_of(MODULE, module_version("1.0.0"))])

    publication.abandon([opened.id])
    publication.abandon([opened.id])
    (again,) = publication.begin([intent_of(MODULE, module_version("1.0.0"))])

    assert again.id != opened.id
    assert publication.open_intents() == (again,)
    with pytest.raises(LedgerError, match=r"LED006 .*abandoned"):
        publication.log([opened])


def test_a_logged_intent_is_not_abandoned(publication: Publication) -> None:
    opened = publish(publication, intent_of(MODULE, module_version("1.0.0")))

    with pytest.raises(LedgerError, match="LED006"):
        publication.abandon([opened[0].id])

    assert publication.open_intents() == opened


def test_an_intent_that_is_not_logged_is_not_finished(publication: Publication) -> None:
    opened = publication.begin([intent_of(MODULE, module_version("1.0.0"))])

    with pytest.raises(LedgerError, match=r"LED006 .*not logged"):
        publication.finish(opened, NOW)


def test_logging_appends_entries_in_order_and_once(ledger: Ledger, publication: Publication) -> None:
    modules = intent_of(MODULE, module_version("1.0.0"), module_version("2.0.0"))
    opened = publication.begin([modules, intent_of(MIRROR, mirror_version("3.0.0", "linux_amd64"))])

    head = publication.log([opened[1], opened[0]])
    again = publication.log(opened)

    payloads = [entry.payload for entry in (*opened[1].intent.entries, *modules.entries)]
    *logged_now, audit_head = publication.log_entries(0, 10)
    assert logged_now == payloads
    assert head.tail == append(Tail(), [*payloads, audit_head])
    assert (head.checkpoint, head.etag, head.stored_size) == (None, None, 0)
    assert again == head == publication.log_head()
    assert publication.log_entries(1, 2) == (payloads[1],)
    assert ledger.heads()[MODULE].revision == 1
    assert ledger.heads()[MODULE].visible == 0
    assert ledger.heads()[MODULE].inputs is None


def test_the_last_entry_of_what_is_logged_names_the_head_of_the_audit_log(
    ledger: PostgresLedger, publication: Publication
) -> None:
    modules = intent_of(MODULE, module_version("1.0.0"))
    publish(publication, modules, intent_of(MIRROR, mirror_version("3.0.0", "linux_amd64")))

    said = json.loads(publication.log_entries(2, 3)[0])
    head = ledger.verify_audit()

    assert (said["type"], said["seq"], said["hash"]) == ("audit-head", 2, head.hash)
    assert head.seq == 2
    publication.log(publication.begin([modules]))
    assert ledger.verify_audit() == head, "what is logged again is not done again"


def test_a_collected_version_is_never_listed_again(publication: Publication) -> None:
    facts = module_version("1.0.0", withdrawn=withdrawal(WithdrawalStage.COLLECTED))
    publication.finish(publish(publication, intent_of(MODULE, facts)), NOW)

    for back in (None, withdrawal(WithdrawalStage.UNLINKED)):
        opened = publication.begin([intent_of(MODULE, dataclasses.replace(facts, withdrawn=back), base=1)])
        with pytest.raises(LedgerError, match=r"LED006 .*1\.0\.0"):
            publication.log(opened)
        publication.abandon([opened[0].id])


def test_a_stage_of_a_withdrawal_begins_when_readers_see_it(publication: Publication) -> None:
    """A run may stage for hours between the time that it gives everything and the shorter listing."""
    gone, other = module_version("1.0.0", withdrawn=withdrawal()), module_version("1.1.0", withdrawn=withdrawal())
    publication.finish(publish(publication, intent_of(MODULE, gone, other)), NOW)
    again = publish(publication, intent_of(MODULE, dataclasses.replace(gone, withdrawn=withdrawal()), base=1))

    def begun() -> list[datetime | None]:
        versions = publication.packages([MODULE])[MODULE].versions
        return [facts.withdrawn.since if facts.withdrawn else None for facts in versions]

    assert begun() == [withdrawal().since, NOW], "logged is not seen yet"
    publication.finish(again, LATER)
    assert begun() == [LATER, NOW], "what the intent did not touch is as it was"
    publication.finish(again, LATER + timedelta(hours=1))
    assert begun() == [LATER, NOW], "what is finished again is not done again"
    earlier = publish(publication, intent_of(MODULE, dataclasses.replace(gone, withdrawn=withdrawal()), base=2))
    publication.finish(earlier, withdrawal().since - timedelta(days=1))
    assert begun() == [withdrawal().since, NOW], "never before its own time"


def test_what_an_intent_says_is_read_back_whole(publication: Publication) -> None:
    facts = module_version("1.0.0", withdrawn=withdrawal())
    audit = dataclasses.replace(intent_of(MODULE).audit, before={"a": [1, None]}, run_url="https://ci.example.com/7")
    warned = (Deprecation("Old.", "acme/vpc/aws", parse_constraints("< 2.0.0")), Deprecation("Odd."))
    intent = dataclasses.replace(
        intent_of(MODULE, facts), removes=("v1/x", "v1/y"), audit=audit, state=PackageState(warned)
    )

    publication.begin([intent])

    assert publication.open_intents()[0].intent == intent
    publication.log(publication.open_intents())
    assert publication.packages([MODULE])[MODULE].head.state.deprecated == warned
    assert publication.packages([MODULE])[MODULE].head.listed == 0


def test_a_removed_document_is_forgotten_by_its_owner_only(publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)
    document = PublishedDocument("key", digest_of("a"), 1, "etag")
    publication.documents_stored({MODULE: [document]})

    publication.document_removed(PROVIDER, ["key"])
    assert publication.documents(MODULE) == {"key": document}
    publication.document_removed(MODULE, ["key", "other"])
    assert publication.documents(MODULE) == {}


def test_a_change_without_entries_leaves_the_log_as_it_is(ledger: Ledger, publication: Publication) -> None:
    publication.finish(
        publish(publication, intent_of(PROVIDER, provider_version("1.0.0", "linux_amd64"), keys=(KEY,))), NOW
    )
    publication.checkpoint_signed(2, b"one")
    head = publication.log_head()

    assert publication.log(publication.begin([intent_of(PROVIDER, base=1, deprecated="Gone.")])) == head

    found = ledger.heads()[PROVIDER]
    assert (found.revision, found.visible, found.state) == (
        2,
        1,
        PackageState((Deprecation("Gone."),), (), "renderer 1"),
    )


def test_the_log_goes_on_where_it_stood(publication: Publication) -> None:
    first = intent_of(MODULE, *(module_version(f"1.{minor}.0") for minor in range(300)))
    publication.finish(publish(publication, first), NOW)
    second = intent_of(MODULE, module_version("2.0.0"), base=1)

    head = publication.log(publication.begin([second]))

    assert head.tail == append(Tail(), publication.log_entries(0, 303))
    assert publication.log_entries(301, 302) == (second.entries[0].payload,)


def test_a_stale_intent_is_not_logged(publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)
    (opened,) = publication.begin([intent_of(MODULE, module_version("1.1.0"), base=1)])
    stranger = dataclasses.replace(opened, id=opened.id + 100)

    with pytest.raises(LedgerError, match=r"LED006 .*unknown"):
        publication.log([opened, stranger])

    assert publication.log_head().tail.size == 2


def test_a_finished_intent_may_be_finished_and_logged_again(ledger: Ledger, publication: Publication) -> None:
    opened = publish(publication, intent_of(MODULE, module_version("1.0.0")))
    publication.finish(opened, NOW)
    heads = ledger.heads()

    publication.finish(opened, NOW)
    publication.log(opened)

    assert ledger.heads() == heads
    assert publication.log_head().tail.size == 2


def test_a_version_that_would_change_its_contents_is_refused(ledger: Ledger, publication: Publication) -> None:
    facts = module_version("1.0.0")
    publication.finish(publish(publication, intent_of(MODULE, facts)), NOW)
    other_tree = dataclasses.replace(facts, tree=dirhash([("main.tf", digest_of("changed"))]))
    other_archive = dataclasses.replace(facts, archive=digest_of("other gzip"))

    for changed in (other_tree, other_archive):
        opened = publication.begin([intent_of(MODULE, changed, base=1)])
        with pytest.raises(LedgerError, match=r"LED006 .*1\.0\.0"):
            publication.log(opened)
        publication.abandon([opened[0].id])

    assert ledger.packages([MODULE])[MODULE].versions == (named(facts, 0),)
    assert publication.log_head().tail.size == 2


def test_the_hosting_of_a_version_and_its_record_may_change(publication: Publication) -> None:
    facts = module_version("1.0.0")
    publication.finish(publish(publication, intent_of(MODULE, facts)), NOW)
    moved = dataclasses.replace(
        facts, hosting=Hosting.LINK, archive=None, archive_size=None, location="git::x", record=digest_of("other")
    )

    publish(publication, intent_of(MODULE, dataclasses.replace(moved, withdrawn=withdrawal()), base=1))

    package = publication.packages([MODULE]).get(MODULE)
    assert package is not None
    assert package.versions == (named(dataclasses.replace(moved, withdrawn=withdrawal()), 2),)


def test_a_platform_is_added_with_new_sums_and_none_is_lost_or_changed(publication: Publication) -> None:
    small = provider_version("1.0.0", "linux_amd64")
    publication.finish(publish(publication, intent_of(PROVIDER, small, keys=(KEY,))), NOW)
    grown = provider_version("1.0.0", "darwin_arm64", "linux_amd64")
    grown = dataclasses.replace(grown, sums=dataclasses.replace(grown.sums, sums=digest_of("grown")))
    publication.finish(publish(publication, intent_of(PROVIDER, grown, base=1, keys=(KEY,))), NOW)
    package = publication.packages([PROVIDER]).get(PROVIDER)
    assert package is not None
    assert package.versions == (named(grown, 2),)

    flipped = tuple(dataclasses.replace(package, zh=digest_of("flipped")) for package in grown.packages)
    for changed in (small, dataclasses.replace(grown, packages=flipped)):
        opened = publication.begin([intent_of(PROVIDER, changed, base=2, keys=(KEY,))])
        with pytest.raises(LedgerError, match="LED006"):
            publication.log(opened)
        publication.abandon([opened[0].id])

    assert publication.packages([PROVIDER]).get(PROVIDER) == package


def test_facts_that_contradict_themselves_are_kept_out_by_the_database(publication: Publication) -> None:
    no_archive = dataclasses.replace(module_version("1.0.0"), archive=None)

    with pytest.raises(LedgerError, match=r"LED015 .*a_copy_has_an_archive"):
        publication.log(publication.begin([intent_of(MODULE, no_archive)]))


def test_a_key_that_was_extended_is_changed_for_one_package_alone(ledger: Ledger, publication: Publication) -> None:
    other = dataclasses.replace(PROVIDER, type="gadget")
    extended = SigningKey(KEY.fingerprint, KEY.armor + "extended\n")
    publication.finish(publish(publication, intent_of(PROVIDER, keys=(KEY,)), intent_of(other, keys=(KEY,))), NOW)

    publication.finish(publish(publication, intent_of(PROVIDER, base=1, keys=(extended,))), NOW)

    heads = ledger.heads()
    assert heads[PROVIDER].state.signing_keys == (extended,)
    assert heads[other].state.signing_keys == (KEY,)


def test_a_checkpoint_is_kept_for_the_size_it_signs(publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)

    publication.checkpoint_signed(2, b"signed 2")
    publication.checkpoint_signed(2, b"signed 2")
    assert publication.log_head().checkpoint == b"signed 2"
    assert publication.log_head().stored_size == 0
    publication.checkpoint_stored(2, '"etag 2"')
    assert (publication.log_head().etag, publication.log_head().stored_size) == ('"etag 2"', 2)

    for size, note in ((2, b"another"), (1, b"signed 1"), (3, b"signed 3")):
        with pytest.raises(LedgerError, match="LED006"):
            publication.checkpoint_signed(size, note)
    assert publication.log_head().checkpoint == b"signed 2"


def test_a_growing_log_keeps_what_the_bucket_holds(publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)
    publication.checkpoint_signed(2, b"signed 2")
    publication.checkpoint_stored(2, "etag 2")

    head = publication.log(publication.begin([intent_of(MODULE, module_version("1.1.0"), base=1)]))

    assert (head.checkpoint, head.etag, head.stored_size) == (None, "etag 2", 2)
    for size in (0, 4, 5):
        with pytest.raises(LedgerError, match="LED006"):
            publication.checkpoint_stored(size, "etag")
    publication.checkpoint_signed(4, b"signed 4")
    publication.checkpoint_stored(2, "etag 2 as found in the bucket")
    assert publication.log_head().etag == "etag 2 as found in the bucket"


def test_documents_are_kept_by_owner_and_key(publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)
    listing = PublishedDocument("v1/modules/versions", digest_of("listing"), 1, '"e1"')
    leaf = PublishedDocument('v1/modules/it\'s/"download"', digest_of("leaf"), 1, '"e2"')
    discovery = PublishedDocument(".well-known/terraform.json", digest_of("discovery"), 0, "e")

    publication.documents_stored({MODULE: [listing, leaf]})
    publication.documents_stored({None: [discovery]})
    newer = dataclasses.replace(listing, revision=2, etag='"e3"')
    publication.documents_stored({MODULE: [newer]})
    publication.documents_stored({MODULE: [newer]})
    publication.documents_stored({MODULE: []})

    assert publication.documents(MODULE) == {newer.key: newer, leaf.key: leaf}
    assert publication.documents(None) == {discovery.key: discovery}
    assert publication.documents(PROVIDER) == {}


def test_a_document_keeps_its_owner_and_never_goes_back(publication: Publication) -> None:
    document = PublishedDocument("v1/key", digest_of("content"), 2, "etag")
    publication.documents_stored({MODULE: [document]})

    for owner, changed in ((PROVIDER, document), (None, document), (MODULE, dataclasses.replace(document, revision=1))):
        with pytest.raises(LedgerError, match="LED006"):
            publication.documents_stored({owner: [changed]})

    assert publication.documents(MODULE) == {"v1/key": document}


def test_inputs_are_settled_where_the_package_did_not_move(ledger: Ledger, publication: Publication) -> None:
    publication.finish(publish(publication, intent_of(MODULE, module_version("1.0.0"))), NOW)
    before = ledger.heads()[MODULE]

    settled = dataclasses.replace(before, inputs=digest_of("settled"), due_at=LATER)
    fresh = PackageHead(PROVIDER, 0, 0, digest_of("fresh"), None, PackageState())
    publication.settle_inputs([settled, fresh])
    assert ledger.heads() == {MODULE: settled, PROVIDER: fresh}

    publication.settle_inputs([dataclasses.replace(before, revision=0, inputs=digest_of("stale"))])
    assert ledger.heads()[MODULE] == settled
    assert ledger.packages([PROVIDER]) == {}
    assert publication.packages([PROVIDER]).get(PROVIDER) is None


def test_a_violation_that_is_known_is_only_seen_again(ledger: Ledger, publication: Publication) -> None:
    moved = Violation(MODULE, "1.0.0", "tag-moved", "a" * 40, "b" * 40)
    moved_again = dataclasses.replace(moved, seen="c" * 40)
    quoted = Violation(MIRROR, "1.0.0'; DROP TABLE packages; --", "sums-changed", "x" * 9000, '"%s"')

    publication.violation([moved, quoted, moved], NOW)
    publication.violation([moved, moved_again], LATER)
    publication.violation([], LATER)

    alarms = ledger.violations()
    assert [violation_of(alarm) for alarm in alarms] == [moved, quoted, moved_again]
    assert [(alarm.first_seen, alarm.last_seen) for alarm in alarms] == [(NOW, LATER), (NOW, NOW), (LATER, LATER)]


def test_an_acknowledged_violation_rests_until_another_value_is_seen(ledger: Ledger, publication: Publication) -> None:
    moved = Violation(MODULE, "1.0.0", "PLN001", "a" * 40, "b" * 40)
    publication.violation([moved], NOW)
    (alarm,) = ledger.violations()

    (known,) = publication.acknowledge([alarm.id], "asked the team", run_of("eve", LATER))

    assert known == dataclasses.replace(alarm, acknowledged=Acknowledgement("eve", "asked the team", LATER))
    publication.violation([moved], LATER)
    assert ledger.violations() == ()
    assert ledger.violations(acknowledged=True) == (dataclasses.replace(known, last_seen=LATER),)
    again = dataclasses.replace(moved, seen="c" * 40)
    publication.violation([moved, again], LATER)
    assert [violation_of(alarm) for alarm in ledger.violations()] == [again]


def test_an_acknowledgement_is_a_row_of_the_audit_log_and_is_made_once(
    ledger: Ledger, publication: Publication
) -> None:
    publication.violation([Violation(MODULE, "1.0.0", "PLN001", "a" * 40, "b" * 40)], NOW)
    (alarm,) = ledger.violations()

    first = publication.acknowledge([alarm.id, alarm.id], "asked", run_of("eve", LATER))
    assert publication.acknowledge([alarm.id], "another reason", run_of("mallory", LATER)) == first

    (row,) = ledger.audit_rows(None, 10)
    assert (row.actor, row.action, row.address, row.run_url) == ("eve", "acknowledge", str(MODULE), "https://ci/1")
    violation = {"violation": alarm.id, "version": "1.0.0", "code": "PLN001", "published": "a" * 40, "seen": "b" * 40}
    assert json.loads(row.before) == {**violation, "acknowledged": False}
    assert json.loads(row.after) == {**violation, "acknowledged": True, "reason": "asked"}


def test_an_unknown_violation_is_named_and_none_is_acknowledged(ledger: Ledger, publication: Publication) -> None:
    publication.violation([Violation(MODULE, "1.0.0", "PLN001", "a" * 40, "b" * 40)], NOW)
    (alarm,) = ledger.violations()

    with pytest.raises(LedgerError, match=rf"LED032 .*violation {alarm.id + 1}"):
        publication.acknowledge([alarm.id, alarm.id + 1], "asked", run_of("eve", LATER))

    assert ledger.violations() == (alarm,)
    assert ledger.audit_rows(None, 10) == ()


def test_the_newest_rows_of_the_audit_log_come_first(ledger: Ledger, publication: Publication) -> None:
    other = dataclasses.replace(audit_row("two"), address=str(MIRROR))
    publication.audit([audit_row("one"), other, audit_row("three")])

    assert [row.action for row in ledger.audit_rows(None, 2)] == ["three", "two"]
    assert [row.action for row in ledger.audit_rows(str(MODULE), 9)] == ["three", "one"]
    assert [row.seq for row in ledger.audit_log()] == [1, 2, 3]


def test_runs_are_numbered_and_a_repeated_start_is_the_same_run(publication: Publication) -> None:
    first = publication.start_run("c0ffee", "ada", NOW)

    assert publication.start_run("c0ffee", "ada", NOW) == first
    publication.finish_run(first, "failed", {"versions": 3, "refused": 1}, LATER)
    publication.finish_run(first, "failed", {"versions": 3, "refused": 1}, LATER)
    assert publication.start_run(None, "ada", LATER) > first


def test_the_audit_log_is_a_chain(ledger: PostgresLedger, publication: Publication) -> None:
    assert ledger.verify_audit().seq == 0

    publication.audit([audit_row("one"), audit_row("two")])
    publication.audit([audit_row("three")])
    publication.audit([])
    head = ledger.verify_audit()

    assert head.seq == 3
    publication.audit([audit_row("three")])
    assert ledger.verify_audit() == head, "a repeated write is not a second row"
    publication.audit([audit_row("one"), audit_row("two")])
    assert ledger.verify_audit().seq == 5


def test_names_full_of_quotes_are_only_names(ledger: PostgresLedger, publication: Publication) -> None:
    hostile = "'; DROP TABLE packages; -- \" \\ %s {} $1 $$ \N{SNOWMAN} \U0001f600"
    facts = dataclasses.replace(module_version("1.0.0"), source=hostile, path=hostile, tag=hostile)
    address = ModuleAddress(hostile.replace("/", ""), "x", "y")

    publish(publication, intent_of(MODULE, facts, deprecated=hostile))
    publication.audit([dataclasses.replace(audit_row(hostile), before={hostile: [hostile, 1.5e300, None]})])
    publication.settle_inputs([PackageHead(address, 0, 0, None, None, PackageState())])

    found = ledger.packages([MODULE])[MODULE]
    assert (found.versions, found.head.state.deprecated) == ((named(facts, 0),), (Deprecation(hostile),))
    assert address in ledger.heads()
    assert ledger.verify_audit().seq == 2


def test_a_batch_of_five_hundred_packages_goes_through(ledger: Ledger, publication: Publication) -> None:
    intents = [
        intent_of(module_address("acme", f"module{number}", "aws"), *(module_version(f"1.{v}.0") for v in range(3)))
        for number in range(500)
    ]

    opened = publish(publication, *intents)
    publication.finish(opened, NOW)

    assert len(ledger.heads()) == 500
    assert len(ledger.packages([intent.address for intent in intents])) == 500
    assert publication.log_head().tail.size == 1501


def test_many_packages_are_read_in_few_queries(ledger: PostgresLedger) -> None:
    with ledger.publication(0) as held:
        owner = intent_of(MODULE, module_version("1.0.0"))
        publish(held, owner)
        document = PublishedDocument("key", digest_of("content"), 1, "etag")
        held.documents_stored({MODULE: [document]})

        assert held.packages([MODULE, PROVIDER]) == ledger.packages([MODULE])
        assert held.documents_of([MODULE, PROVIDER]) == {MODULE: {"key": document}}


def test_documents_are_read_of_one_folder_where_no_others_are_wanted(ledger: PostgresLedger) -> None:
    served, known = (PublishedDocument(key, digest_of(key), 1, "etag") for key in ("v1/modules/a", "modules/a"))
    with ledger.publication(0) as held:
        publish(held, intent_of(MODULE, module_version("1.0.0")))
        held.documents_stored({MODULE: [served, known]})

    with ledger.inspection() as books:
        assert books.documents_of([MODULE], "modules/") == {MODULE: {"modules/a": known}}
        assert books.documents_of([MODULE], "providers/") == {}
        assert books.documents_of([MODULE]) == {MODULE: {"modules/a": known, "v1/modules/a": served}}


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    assert ledger.migrate() == ()


def publish(publication: Publication, *intents: Intent) -> tuple[OpenIntent, ...]:
    """Begin and log intents; returns them as logged."""
    opened = publication.begin(intents)
    publication.log(opened)
    return tuple(map(logged, opened))


def named(facts: VersionFacts, index: int) -> VersionFacts:
    """The version as the ledger knows it once the log has named it."""
    return dataclasses.replace(facts, log_index=index)


def audit_row(action: str) -> AuditRow:
    return AuditRow("ada", action, str(MODULE), {}, {"version": "1.0.0"}, None, None, datetime(2026, 1, 1, tzinfo=UTC))
