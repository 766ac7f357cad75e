"""A ledger whose state is in a bucket: whose turn it is, what another machine gets of it, and what is not believed."""

from __future__ import annotations

import json
import threading
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen import paths
from registry_gen.errors import Code, LedgerError, StorageError
from registry_gen.ledger import Violation, codes
from registry_gen.ledger.bucket import Sizes
from registry_gen.ledger.bucket_clean import GRACE
from registry_gen.ledger.bucket_lease import Timing
from registry_gen.ledger.bucket_tables import TABLES, read_tables
from registry_gen.ledger.migrate import shipped
from registry_gen.log.note import checkpoint_body, note
from registry_gen.log.tree import root
from registry_gen.model.digest import sha256
from registry_gen.model.facts import PublishedDocument
from registry_gen.model.intent import AuditRow
from registry_gen.storage.file import FileStorage
from tests.support.bucket_ledger import STILL, Machines, bucket_ledger, contents, same
from tests.support.command_line import until
from tests.support.faults import Fault, fails, faulty_storage, loses_answer
from tests.support.intents import NOW, intent_of
from tests.support.made_time import MadeTime
from tests.support.published_facts import MODULE, PROVIDER, digest_of, module_version, provider_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.ledger import Ledger, Publication
    from registry_gen.ledger.bucket import BucketLedger
    from tests.support.postgres import Postgres

pytestmark = pytest.mark.long

LOG = "registry.example.com/log"
ROW = AuditRow("ada", "test", "", {}, {}, None, None, NOW)
SMALL = Sizes(changes=4, bytes=1 << 20, kept=2)
CHANGES = 4
"""Of one ``publish``: intents, log, checkpoint, and all that only tells of what was done."""


@pytest.fixture
def time() -> MadeTime:
    return MadeTime()


@pytest.fixture
def timing(time: MadeTime) -> Timing:
    """A clock that stands still until somebody sleeps."""
    return Timing(clock=lambda: NOW + timedelta(seconds=time.clock()), sleep=time.sleep, renews=False)


@pytest.fixture
def machines(postgres: Postgres, tmp_path: Path, timing: Timing) -> Iterator[Machines]:
    made = Machines(postgres, tmp_path / "private", timing)
    yield made
    made.close()


def publish(ledger: Ledger, base: int = 0) -> None:
    """A version of a module and one of a provider, all the way."""
    module = intent_of(MODULE, module_version(f"1.{base}.0"), base=base)
    provider = intent_of(PROVIDER, provider_version(f"2.{base}.0", "linux_amd64", "darwin_arm64"), base=base)
    with ledger.publication(0) as publication:
        run = publication.start_run(None, "ada", NOW + timedelta(seconds=base))
        begun = publication.begin([module, provider])
        head = publication.log(begun)
        body = checkpoint_body(LOG, head.tail.size, root(head.tail))
        publication.checkpoint_signed(head.tail.size, note(body, LOG, b"keys", b"s" * 64))
        publication.checkpoint_stored(head.tail.size, f"etag of {head.tail.size}")
        publication.documents_stored({MODULE: [document("leaf", base)], None: [document("site", base)]})
        publication.finish(begun, NOW)
        publication.violation([Violation(MODULE, "1.0.0", "PLN001", "one", f"other {base}")], NOW)
        publication.finish_run(run, "succeeded", {"versions": 2}, NOW + timedelta(days=1))


def document(key: str, revision: int) -> PublishedDocument:
    return PublishedDocument(key, digest_of(f"{key} {revision}"), revision, f"etag {revision}")


def refused(call: Callable[[], object], code: Code, found: str = "") -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        call()
    assert caught.value.code is code, caught.value
    assert found in str(caught.value)
    return caught.value


def acquire(ledger: Ledger, wait: float = 0) -> Callable[[], None]:
    def enter() -> None:
        with ledger.publication(wait):
            pass

    return enter


def head_of(machines: Machines) -> Any:
    return json.loads((machines.private / paths.STATE_HEAD).read_bytes())


def write_head(machines: Machines, **changes: object) -> None:
    path = machines.private / paths.STATE_HEAD
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


def test_what_two_machines_publish_in_turns_each_of_them_and_a_third_one_holds(machines: Machines) -> None:
    one, two = machines("one"), machines("two")
    for base, ledger in enumerate((one, two, two, one)):
        publish(ledger, base)

    machines.same("one", "two")
    machines.same("one", "three")
    assert machines("three").heads()[MODULE].revision == 4
    machines("three").verify_audit()


def test_snapshots_hold_what_the_journal_held_and_are_written_in_the_parts_that_changed(machines: Machines) -> None:
    one, two = machines("one", sizes=SMALL), machines("two", sizes=SMALL)
    publish(one)
    first = head_of(machines)
    publish(two, 1)
    publish(one, 2)
    head = head_of(machines)

    assert first["snapshot"]["number"] == len(first["changes"]) + first["first"]
    assert len(head["changes"]) == SMALL.kept
    assert head["snapshot"]["number"] == head["first"] + SMALL.kept
    machines.same("one", "three")
    machines.same("one", "two")
    publish(machines("three"), 3)
    machines.same("three", "one")
    listed = json.loads((machines.private / snapshot_key(head)).read_bytes())["parts"]
    writers = {part["table"]: part["generation"] for part in listed}
    assert writers["log_entries"] == head["snapshot"]["generation"]
    assert writers["signing_keys" if "signing_keys" in writers else "providers"] == first["snapshot"]["generation"]


def test_a_snapshot_holds_what_its_writer_read_from_the_journal(machines: Machines) -> None:
    publish(machines("one", sizes=SMALL))
    publish(machines("two"), 1)
    before = head_of(machines)["snapshot"]
    three = machines("three", sizes=SMALL)
    three.bring()
    with three.publication(0) as publication:
        publication.audit([ROW])
    assert head_of(machines)["snapshot"] != before
    machines.same("three", "four")


def snapshot_key(head: Any) -> str:
    return paths.state_snapshot(head["snapshot"]["generation"], head["snapshot"]["sha256"])


def test_a_machine_that_is_a_little_behind_reads_only_what_it_lacks(machines: Machines) -> None:
    counted = Fault()
    one = machines("one", sizes=replace(SMALL, kept=20))
    two = machines("two", store=faulty_storage(FileStorage(machines.private), counted))
    publish(one)
    two.bring()
    publish(one, 1)
    before = len(counted.names)

    two.bring()

    changes = [name for name in counted.names[before:] if name.startswith("get state/journal/")]
    assert len(changes) == CHANGES
    assert not [name for name in counted.names[before:] if "parts" in name]
    same(machines.dsn("one"), machines.dsn("two"))
    two.bring()
    assert counted.names[-1] == "get state/head"


def test_a_folder_of_another_registrys_ledger_is_made_anew(machines: Machines, tmp_path: Path) -> None:
    publish(machines("one"))
    elsewhere = bucket_ledger(machines.dsn("one"), tmp_path / "other", timing=machines.timing)
    foreign = bucket_ledger(machines.dsn("one"), FileStorage(machines.private), timing=machines.timing)
    other = Machines(machines._postgres, tmp_path / "other", machines.timing)
    publish(other("stranger"), 0)
    elsewhere.bring()
    assert elsewhere.head() != foreign.head()
    same(other.dsn("stranger"), machines.dsn("one"))
    foreign.bring()
    assert foreign.heads()[MODULE].revision == 1
    for ledger in (elsewhere, foreign):
        ledger.close()
    other.close()


def test_a_lease_is_one_holders_who_is_named_with_the_time_of_its_end(machines: Machines, time: MadeTime) -> None:
    with machines("one").publication(0):
        error = refused(acquire(machines("two")), codes.LOCK_HELD, "generation 1 of 'one', until 2026-01-01 12:47:55")
    assert "unlock --force" in error.hint
    acquire(machines("two"))()
    assert head_of(machines)["lease"] is None
    assert time.pauses == []


def test_whoever_waits_gets_a_lease_that_is_given_back(machines: Machines, timing: Timing) -> None:
    held = machines("one").publication(0)
    held.__enter__()

    def sleep(seconds: float) -> None:
        assert seconds == 1.0
        held.__exit__(None, None, None)

    machines.timing = replace(timing, sleep=sleep)
    with machines("two").publication(60) as publication:
        assert publication.generation == 2


def test_whoever_waits_in_vain_is_told_after_the_time_that_it_gave(machines: Machines, time: MadeTime) -> None:
    with machines("one").publication(0):
        refused(acquire(machines("two"), 7.5), codes.LOCK_HELD, "after 7.5 s")
    assert sum(time.pauses) == 7.5


def test_an_expired_lease_is_taken_once_the_clocks_may_not_differ_any_more(
    machines: Machines, time: MadeTime, timing: Timing
) -> None:
    abandoned = machines("one").publication(0)
    abandoned.__enter__()
    time.pass_by((timing.holds + timing.margin).total_seconds() - 1)
    refused(acquire(machines("two")), codes.LOCK_HELD)
    time.pass_by(1)
    with machines("two").publication(0) as publication:
        assert publication.generation == 2


WRITES: dict[str, Callable[[Publication], object]] = {
    "begin": lambda publication: publication.begin([intent_of(MODULE, module_version("9.0.0"))]),
    "log_head": lambda publication: publication.log_head(),
    "packages": lambda publication: publication.packages([MODULE]),
    "audit": lambda publication: publication.audit([ROW]),
}


@pytest.mark.parametrize("call", WRITES)
def test_whoever_slept_through_the_end_of_its_lease_does_nothing_more(
    machines: Machines, time: MadeTime, call: str
) -> None:
    with machines("one").publication(0) as asleep:
        time.pass_by(100)
        publish(machines("two"))
        kept = head_of(machines)
        for _ in range(2):
            refused(lambda: WRITES[call](asleep), codes.LOCK_LOST, "expected generation 1; found generation 2")
    assert head_of(machines) == kept
    machines.same("two", "three")


def test_an_expired_lease_that_nobody_took_goes_on(machines: Machines, time: MadeTime) -> None:
    with machines("one").publication(0) as publication:
        time.pass_by(1_000)
        publication.audit([ROW])
        refused(acquire(machines("two")), codes.LOCK_HELD)
    machines.same("one", "two")


def test_a_lease_is_renewed_while_its_holder_does_something_else(machines: Machines) -> None:
    machines.timing = Timing(holds=timedelta(seconds=0.3))
    with machines("one").publication(0):
        ends = [head_of(machines)["lease"]["expires_at"]]

        def renewed() -> bool:
            return bool(head_of(machines)["lease"]["expires_at"] > ends[0])

        until(renewed, "a renewed lease")
    assert head_of(machines)["lease"] is None


def test_two_that_begin_a_ledger_at_once_begin_one(machines: Machines) -> None:
    machines.timing = STILL
    together = threading.Barrier(2)
    ledgers = [machines("one"), machines("two")]

    def begin(ledger: BucketLedger) -> None:
        together.wait()
        with ledger.publication(60) as publication:
            publication.audit([replace(ROW, actor=ledger._owner)])

    threads = [threading.Thread(target=begin, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    machines.same("one", "two")
    assert sorted(row.actor for row in machines("one").audit_rows(None, 9)) == ["one", "two"]


HEAD_PUTS = {"the lease": 0, "the first change": 1, "the second change": 2}


@pytest.mark.parametrize("at", HEAD_PUTS)
def test_a_move_that_was_done_and_said_to_have_failed_is_found_and_gone_on_from(machines: Machines, at: str) -> None:
    fault = Fault(None, loses_answer)
    store = Nth(fault, "put_if", HEAD_PUTS[at])
    one = machines("one", store=store.around(FileStorage(machines.private)))
    publish(one)
    assert store.met
    machines.same("one", "two")


class Nth:
    """A storage whose call number ``at`` of a method meets a trouble."""

    def __init__(self, fault: Fault, method: str, at: int) -> None:
        self._fault = fault
        self._method = method
        self._at = at
        self._calls = 0
        self.met = False

    def around(self, storage: FileStorage) -> Any:
        outer = self

        class Around:
            def __getattr__(self, name: str) -> Any:
                method = getattr(storage, name)
                if name != outer._method:
                    return method

                def call(*args: Any) -> Any:
                    outer._calls += 1
                    if outer._calls - 1 != outer._at:
                        return method(*args)
                    outer.met = True
                    return outer._fault.trouble(lambda: method(*args), StorageError(BROKEN))

                return call

        return Around()


BROKEN = Code("TST009", "a fault that the test made", "", "")


def test_a_put_that_is_stored_after_it_was_said_to_have_failed_is_the_next_holders_to_go_on_from(
    machines: Machines,
) -> None:
    path = machines.private / paths.STATE_HEAD
    late: list[bytes] = []

    def stored_late(operation: Callable[[], object], error: Exception) -> None:
        before = path.read_bytes()
        operation()
        late.append(path.read_bytes())
        path.write_bytes(before)
        raise error

    store = Nth(Fault(None, stored_late), "put_if", 1)
    with machines("one", store=store.around(FileStorage(machines.private))).publication(0) as publication:
        refused(lambda: publication.audit([ROW]), codes.BUCKET_FAILED)
        path.write_bytes(late[0])
        refused(lambda: publication.audit([replace(ROW, action="another")]), codes.BUCKET_FAILED)
    assert head_of(machines)["lease"] is None
    publish(machines("two"))
    assert [row.action for row in machines("two").audit_rows(None, 9)] == ["publish", "publish", "test"]
    machines.same("two", "one")


@pytest.mark.parametrize("method", ["put_if", "put_new"])
def test_a_publisher_that_cannot_write_to_the_bucket_does_nothing_more_and_leaves_nothing(
    machines: Machines, method: str
) -> None:
    store = Nth(Fault(None, fails), method, 2)
    one = machines("one", store=store.around(FileStorage(machines.private)))
    refused(lambda: publish(one), codes.BUCKET_FAILED, "a fault that the test made")
    assert store.met
    machines.same("one", "two")
    assert head_of(machines)["lease"] is None
    with machines("two").publication(0) as publication:
        assert [item.logged for item in publication.open_intents()] == [method == "put_new"] * 2


def test_a_head_of_before_is_not_gone_on_from(machines: Machines) -> None:
    """Somebody put an old version back: what was published since would be taken back."""
    one = machines("one")
    publish(one)
    old = (machines.private / paths.STATE_HEAD).read_bytes()
    publish(one, 1)
    (machines.private / paths.STATE_HEAD).write_bytes(old)

    for call in (one.bring, acquire(one)):
        refused(call, codes.HEAD_CHANGED, f"expected change {2 * CHANGES}")
    assert one.heads()[MODULE].revision == 2


def test_a_head_that_is_gone_is_not_begun_again_where_somebody_remembers(machines: Machines) -> None:
    publish(machines("one"))
    (machines.private / paths.STATE_HEAD).unlink()

    for call in (machines("one").bring, acquire(machines("one"))):
        refused(call, codes.HEAD_CHANGED, "found nothing")
    assert not (machines.private / paths.STATE_HEAD).exists()


def test_a_head_that_somebody_edits_ends_the_run(machines: Machines) -> None:
    with machines("one").publication(0) as publication:
        publication.audit([ROW])
        write_head(machines, changes=[])
        refused(lambda: publication.audit([ROW]), codes.HEAD_CHANGED)


def test_a_head_under_another_etag_is_the_same_head(machines: Machines) -> None:
    """A store may give an object another etag when its labels are set right."""
    fault = Fault()
    store = faulty_storage(FileStorage(machines.private), fault)
    one = machines("one", store=store)
    with one.publication(0) as publication:
        publication.audit([ROW])
        lease = publication._lease  # type: ignore[attr-defined]
        lease._etag = "another"
        publication.audit([replace(ROW, action="more")])
    machines.same("one", "two")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": 2, "ledger": 7}', "format 2"),
        ("[]", "should be an object"),
        ("{", "unexpected end"),
        ("", "empty document"),
        ("x" * 5_000_000, "5000000 bytes"),
    ],
)
def test_a_head_that_is_none_is_refused(machines: Machines, text: str, said: str) -> None:
    path = machines.private / paths.STATE_HEAD
    path.parent.mkdir(parents=True)
    path.write_text(text)
    for call in (machines("one").bring, acquire(machines("one"))):
        refused(call, codes.HEAD_UNREADABLE, said)


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": "7"},
        {"generation": -1},
        {"changes": [{"sha256": "../../x", "size": 1}]},
        {"lease": {"owner": "x" * 2_000, "since": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T00:00:00Z"}},
        {"lease": {"owner": "x", "since": "2026-01-01T00:00:00", "expires_at": "2026-01-01T00:00:00Z"}},
        {"first": 3},
        {"first": 0, "snapshot": {"sha256": "0" * 64, "generation": 1, "number": 99}},
        {"first": 5, "snapshot": {"sha256": "0" * 64, "generation": 1, "number": 2}},
        {"more": 1},
    ],
)
def test_a_head_with_a_value_that_is_none_is_refused(machines: Machines, changes: dict[str, object]) -> None:
    publish(machines("one"))
    write_head(machines, **changes)
    refused(machines("two").bring, codes.HEAD_UNREADABLE)


def test_a_lease_until_the_end_of_time_is_held_and_can_be_taken_away(machines: Machines) -> None:
    publish(machines("one"))
    ages = {"since": "2026-01-01T00:00:00Z", "expires_at": "9999-12-31T23:59:59Z"}
    write_head(machines, lease={"owner": "mallory", **ages})
    refused(acquire(machines("two")), codes.LOCK_HELD, "'mallory', until 9999-12-31 23:59:59 UTC")
    machines("two").unlock(ROW, force=True)
    publish(machines("two"), 1)


def test_a_newer_registry_gens_ledger_is_refused(machines: Machines) -> None:
    publish(machines("one"))
    write_head(machines, migration="9999_later")
    refused(machines("two").bring, codes.SCHEMA_NEWER, "migration 9999_later")


def journal(machines: Machines, number: int) -> Path:
    return next((machines.private / "state/journal").glob(f"{number:010d}-*"))


@pytest.mark.parametrize("folder", ["journal", "parts", "snapshots"])
@pytest.mark.parametrize("how", ["gone", "altered"])
def test_what_is_missing_or_altered_in_the_bucket_is_named_and_nothing_is_kept(
    machines: Machines, folder: str, how: str
) -> None:
    publish(machines("one", sizes=replace(SMALL, changes=CHANGES, kept=0)))
    with machines("one").publication(0) as publication:
        publication.audit([ROW])
    (machines("two")).migrate()
    empty = contents(machines.dsn("two"))
    path = journal(machines, CHANGES) if folder == "journal" else max((machines.private / "state" / folder).iterdir())
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"x")
    error = refused(machines("two").bring, codes.STATE_DAMAGED, "found nothing" if how == "gone" else "found SHA-256")
    assert path.name in error.where
    assert contents(machines.dsn("two")) == empty


def forged(machines: Machines, number: int, data: bytes) -> None:
    """Another object in a change's place, and a head that names it: by somebody who may write to the bucket."""
    digest = sha256(data)
    (machines.private / paths.state_change(number, digest)).write_bytes(data)
    head = head_of(machines)
    head["changes"][number] = {"sha256": digest, "size": len(data)}
    write_head(machines, **head)


@pytest.mark.parametrize(
    "make",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text + b"more",
        lambda _: b"no zlib",
        lambda text: zlib.compress(zlib.decompress(text).replace(b'"number":1', b'"number":2')),
        lambda text: zlib.compress(zlib.decompress(text) + b'["pg_authid",0,false,"(x)"]\n'),
        lambda text: zlib.compress(zlib.decompress(text) + b'["packages",0,"no","(x)"]\n'),
        lambda text: zlib.compress(zlib.decompress(text) + b"{\n"),
    ],
    ids=["cut", "longer", "other", "another number", "a foreign table", "a wrong type", "no JSON"],
)
def test_a_change_that_is_none_is_not_applied(machines: Machines, make: Callable[[bytes], bytes]) -> None:
    publish(machines("one"))
    forged(machines, 1, make(journal(machines, 1).read_bytes()))
    refused(machines("two").bring, codes.STATE_DAMAGED)


def test_a_row_that_the_schema_forbids_is_not_applied(machines: Machines) -> None:
    publish(machines("one"))
    text = zlib.decompress(journal(machines, 1).read_bytes())
    forged(machines, 1, zlib.compress(text + b'["packages",0,false,"(99,other,x,0,0,,,,[],0)"]\n'))
    with pytest.raises(LedgerError):
        machines("two").bring()


def test_objects_that_nothing_names_go_after_a_day(machines: Machines, time: MadeTime) -> None:
    one = machines("one", sizes=SMALL)
    publish(one)
    before = set(machines.private.rglob("state/*/*"))
    publish(one, 1)
    assert before < set(machines.private.rglob("state/*/*")), "whoever read the head of before still needs them"
    left = machines.private / paths.state_part(1, digest_of("of a run that was killed"))
    left.write_bytes(b"x")
    somebodys = machines.private / "state/head.before-the-move"
    somebodys.write_bytes(b"x")
    real = (left.stat().st_mtime) - NOW.timestamp()

    time.pass_by(real + GRACE.total_seconds() + 60)
    publish(one, 2)

    gone = before - set(machines.private.rglob("state/*/*"))
    assert {path.parent.name for path in gone} == {"journal", "snapshots", "parts"}
    assert not left.exists()
    assert somebodys.exists(), "what is not ours stays, and stops nobody"
    machines.same("one", "two")


def test_a_ledger_of_an_older_schema_is_brought_up_and_saved_whole(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(machines("one", sizes=SMALL))
    later = replace(
        shipped()[-1], name="0099_later", sql=b"ALTER TABLE providers ADD COLUMN more text NOT NULL DEFAULT 'more'"
    )
    for module in ("bucket", "bucket_sync", "postgres"):
        monkeypatch.setattr(f"registry_gen.ledger.{module}.shipped", lambda: (*shipped(), later))
    two = machines("two")
    two.bring()
    two.migrate()
    assert head_of(machines)["migration"] == shipped()[-1].name, "who only reads changes nothing"
    publish(two, 1)
    head = head_of(machines)
    assert head["migration"] == "0099_later"
    assert head["snapshot"]["number"] == head["first"] == CHANGES
    machines.same("two", "three")
    monkeypatch.undo()
    refused(machines("one").bring, codes.SCHEMA_NEWER)


def test_a_restored_backup_is_a_snapshot_that_every_machine_gets(machines: Machines, tmp_path: Path) -> None:
    publish(machines("one"))
    machines("one").backup(tmp_path / "backup", overwrite=False)
    moved = Machines(machines._postgres, tmp_path / "moved", machines.timing)
    new = moved("new")
    new.migrate()
    assert new.restore(tmp_path / "backup").versions == 2
    same(machines.dsn("one"), moved.dsn("new"))
    publish(new, 1)
    moved.same("new", "other")
    moved.close()


def test_keys_that_wait_to_be_purged_reach_a_machine_that_comes_with_nothing(machines: Machines) -> None:
    dsn = machines._postgres.create("machine_noting")
    noting = bucket_ledger(dsn, machines.private, "noting", timing=machines.timing, notes_purges=True)
    try:
        publish(noting)
        publish(noting, 1)
        with noting.publication(0) as publication:
            publication.purged(["leaf"], publication.pending_purges(9).last)
        machines("new").bring()
        assert contents(dsn)["pending_purges"]
        same(dsn, machines.dsn("new"))
    finally:
        noting.close()
        machines._postgres.drop("machine_noting")


def test_a_person_keeps_publishers_away_until_the_lock_is_ended(machines: Machines) -> None:
    ada, ci = machines("ada"), machines("ci")
    ada.lock(machines.timing.clock() + timedelta(hours=4), "moving house", ROW)
    refused(acquire(ci), codes.LOCK_HELD, "moving house")
    refused(acquire(ada), codes.LOCK_HELD, "'ada'")
    refused(lambda: ci.unlock(ROW, force=False), codes.LEASE_OF_ANOTHER, "'ada'")
    held = ada.unlock(replace(ROW, action="unlock"), force=False)
    assert held
    assert held.reason == "moving house"
    publish(ci)
    assert [row.action for row in ci.audit_rows(None, 9)] == ["publish", "publish", "unlock", "test"]
    assert ada.unlock(ROW, force=True) is None


def test_nobody_waits_for_a_lock_of_a_person_that_ends_later_than_he_would_wait(
    machines: Machines, time: MadeTime
) -> None:
    ada, ci = machines("ada"), machines("ci")
    ada.lock(machines.timing.clock() + timedelta(hours=4), "moving house", ROW)
    before = machines.timing.clock()
    refused(acquire(ci, 600), codes.LOCK_HELD, "somebody keeps publishers away")
    assert machines.timing.clock() == before
    time.pass_by(timedelta(hours=4, seconds=-30).total_seconds())
    with ci.publication(600) as publication:
        assert publication.generation


def test_a_lock_of_a_person_ends_by_itself(machines: Machines, time: MadeTime) -> None:
    machines("ada").lock(machines.timing.clock() + timedelta(hours=4), "", ROW)
    time.pass_by(timedelta(hours=4, seconds=10).total_seconds())
    publish(machines("ci"))


def test_a_run_whose_lease_is_taken_away_by_force_ends_where_it_is(machines: Machines) -> None:
    with machines("ci").publication(0) as publication:
        refused(lambda: machines("ada").unlock(ROW, force=False), codes.LEASE_OF_ANOTHER)
        machines("ada").unlock(ROW, force=True)
        refused(lambda: publication.audit([ROW]), codes.LOCK_LOST)
    publish(machines("three"))


def test_processes_of_one_machine_take_turns_too(machines: Machines) -> None:
    one = machines("one")
    second = bucket_ledger(machines.dsn("one"), machines.private, "second", timing=machines.timing)
    with one.publication(0) as publication:
        refused(acquire(second), codes.LOCK_HELD)
        second.bring()  # who only reads does not wait
        publication.audit([ROW])
        assert len(second.audit_rows(None, 9)) == 1
    second.close()


def test_every_table_is_kept_in_the_bucket_or_tells_of_one_database_alone(database: str) -> None:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {name for (name,) in found}
        triggers = {
            table: bytes(arguments).removesuffix(b"\0").decode()
            for table, arguments in connection.execute(
                "SELECT tgrelid::regclass::text, min(tgargs) FROM pg_trigger"
                " WHERE tgname IN ('keep_inserted', 'keep_updated', 'keep_deleted') AND tgenabled = 'D'"
                " GROUP BY 1 HAVING count(*) = 3 AND count(DISTINCT tgargs) = 1"
            )
        }
        kept = read_tables(connection)
    assert tables - TABLES.keys() == {"publication", "schema_migrations", "bucket_position", "bucket_unsaved"}
    assert triggers == TABLES
    assert all(table.key for table in kept.values())
