"""How often a ledger in a bucket moves its head, what may wait for the next move, and a bucket too busy to take one.

A server of a bucket lets nobody write one object often: Google's about once a second.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths
from registry_gen.errors import Code, LedgerError, StorageError
from registry_gen.ledger import codes
from registry_gen.ledger.bucket_lease import Timing
from registry_gen.model.intent import AuditRow
from registry_gen.storage.file import FileStorage
from registry_gen.storage.s3 import S3Storage
from tests.support.bucket_ledger import Machines, bucket_ledger
from tests.support.faults import Fault, faulty_storage
from tests.support.intents import NOW, intent_of
from tests.support.made_time import MadeTime
from tests.support.misbehaving import Fault as Answer
from tests.support.misbehaving import Misbehaving
from tests.support.published_facts import MODULE, PROVIDER, module_version, provider_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.ledger.bucket import BucketLedger
    from registry_gen.model.places import S3Place
    from tests.support.postgres import Postgres
    from tests.support.seaweedfs import SeaweedFS

ROW = AuditRow("ada", "test", "", {}, {}, None, None, NOW)
GADGET = provider_version("2.0.0", "linux_amd64")
MOVE = f"put_if {paths.STATE_HEAD}"
TOO_BUSY = Code("TST017", "too busy", "", "", passing=True)


@pytest.fixture
def time() -> MadeTime:
    return MadeTime()


@pytest.fixture
def timing(time: MadeTime) -> Timing:
    return Timing(clock=lambda: NOW + timedelta(seconds=time.clock()), sleep=time.sleep, renews=False)


@pytest.fixture
def machines(postgres: Postgres, tmp_path: Path, timing: Timing) -> Iterator[Machines]:
    made = Machines(postgres, tmp_path / "private", timing)
    yield made
    made.close()


@pytest.fixture
def seen() -> Fault:
    """What was asked of the bucket of machine one."""
    return Fault()


@pytest.fixture
def one(machines: Machines, seen: Fault) -> BucketLedger:
    return machines("one", store=faulty_storage(FileStorage(machines.private, durable=False), seen))


def moves(seen: Fault) -> int:
    return seen.names.count(MOVE)


def journal(seen: Fault) -> int:
    return len([name for name in seen.names if name.startswith("put_new state/journal/")])


def test_what_only_tells_of_the_run_is_put_when_the_lease_ends_and_in_the_same_move(
    machines: Machines, one: BucketLedger, seen: Fault
) -> None:
    with one.publication(0) as publication:
        run = publication.start_run(None, "ada", NOW)
        publication.settle_inputs([])
        publication.finish_run(run, "succeeded", {"versions": 2}, NOW)
        assert (moves(seen), journal(seen)) == (1, 0)
    assert (moves(seen), journal(seen)) == (2, 1)
    held = one.head()
    assert held
    assert held.lease is None
    machines.same("one", "two")


def test_what_the_public_bucket_depends_on_is_put_at_once_with_all_that_waited(
    machines: Machines, one: BucketLedger, seen: Fault
) -> None:
    with one.publication(0) as publication:
        publication.start_run(None, "ada", NOW)
        begun = publication.begin([intent_of(MODULE, module_version("1.0.0"))])
        assert (moves(seen), journal(seen)) == (2, 1)
        machines.same("one", "two")
        publication.settle_place("here")
        publication.log(begun)
        assert (moves(seen), journal(seen)) == (3, 2)
        publication.finish(begun, NOW)
        assert (moves(seen), journal(seen)) == (3, 2)
    assert (moves(seen), journal(seen)) == (4, 3)
    machines.same("one", "two")


def test_what_is_given_up_logged_or_signed_waits_for_nothing(
    machines: Machines, one: BucketLedger, seen: Fault
) -> None:
    with one.publication(0) as publication:
        kept, given_up = publication.begin([intent_of(MODULE, module_version("1.0.0")), intent_of(PROVIDER, GADGET)])
        steps: list[Callable[[], object]] = [
            lambda: publication.abandon([given_up.id]),
            lambda: publication.collected([given_up.id]),
            lambda: publication.log([kept]),
            lambda: publication.checkpoint_signed(publication.log_head().tail.size, b"signed"),
        ]
        for number, step in enumerate(steps, start=3):
            step()
            assert moves(seen) == number
            machines.same("one", "two")


def test_a_call_that_fails_takes_nothing_back_but_its_own(machines: Machines, one: BucketLedger, seen: Fault) -> None:
    with one.publication(0) as publication:
        publication.start_run(None, "ada", NOW)
        begun = publication.begin([intent_of(MODULE, module_version("1.0.0"))])
        publication.settle_place("here")
        with pytest.raises(LedgerError) as refused:
            publication.finish(begun, NOW)  # not logged
        assert refused.value.code is codes.FROZEN
        assert publication.log_head().place == "here"
    assert one.log_head().place == "here"
    assert moves(seen) == 3
    machines.same("one", "two")


def test_who_reads_while_its_process_publishes_reads_what_waits_too(
    machines: Machines, one: BucketLedger, seen: Fault
) -> None:
    with one.publication(0) as publication:
        publication.settle_place("here")
        assert one.log_head().place == "here"
        assert moves(seen) == 2
        one.heads()
        assert moves(seen) == 2
    machines.same("one", "two")


def test_what_was_done_before_a_run_failed_is_kept(machines: Machines, one: BucketLedger, seen: Fault) -> None:
    def run() -> None:
        with one.publication(0) as publication:
            publication.settle_place("here")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert one.log_head().place == "here"
    assert moves(seen) == 2
    machines.same("one", "two")


def test_a_machine_that_dies_with_what_waits_is_not_ahead_of_the_bucket(machines: Machines, time: MadeTime) -> None:
    dies = machines("one").publication(0)
    publication: Any = dies.__enter__()
    publication.begin([intent_of(MODULE, module_version("1.0.0"))])
    publication.settle_place("there")
    publication._connection.close()
    time.pass_by(100)
    with machines("two").publication(0) as next_one:
        assert next_one.log_head().place is None
        next_one.settle_place("here")
    machines.same("one", "two")


def test_whoever_lost_the_lease_puts_nothing_of_what_waits(
    machines: Machines, one: BucketLedger, seen: Fault, time: MadeTime
) -> None:
    def sleep_over_it() -> None:
        with one.publication(0) as asleep:
            asleep.settle_place("there")
            time.pass_by(100)
            with machines("two").publication(0) as publication:
                publication.settle_place("here")

    with pytest.raises(LedgerError) as refused:
        sleep_over_it()
    assert refused.value.code is codes.LOCK_LOST
    assert journal(seen) == 0
    machines.same("one", "two")
    assert machines("one").log_head().place == "here"


class Busy:
    """A store that is too busy to take the head so many times, after it took it so many times."""

    def __init__(self, store: FileStorage, after: int, times: int, *, stores_first: bool = False) -> None:
        self._store = store
        self._after = after
        self._times = times
        self._stores_first = stores_first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_if(self, key: str, body: bytes, expected: str | None) -> Any:
        self._after -= 1
        if self._after < 0 < self._times:
            self._times -= 1
            if self._stores_first:
                self._stores_first = False
                self._store.put_if(key, body, expected)
            raise StorageError(TOO_BUSY)
        return self._store.put_if(key, body, expected)


CALLS = {"the lease": 0, "a change": 1, "the end": 2}


@pytest.mark.parametrize("stores_first", [False, True], ids=["refused", "stored all the same"])
@pytest.mark.parametrize("at", CALLS)
def test_a_head_that_the_bucket_is_too_busy_to_take_is_put_again_after_longer_and_longer_pauses(
    machines: Machines, time: MadeTime, at: str, *, stores_first: bool
) -> None:
    store = Busy(FileStorage(machines.private, durable=False), CALLS[at], 3, stores_first=stores_first)
    with machines("one", store=store).publication(0) as publication:
        publication.audit([ROW])
        publication.settle_place("here")
    assert time.pauses == [1.0, 2.0, 4.0]
    machines.same("one", "two")
    assert machines("two").log_head().place == "here"


def test_a_bucket_that_stays_too_busy_ends_the_run_while_the_lease_still_holds(
    machines: Machines, time: MadeTime, timing: Timing
) -> None:
    store = Busy(FileStorage(machines.private, durable=False), 1, 1_000)
    with pytest.raises(LedgerError) as refused, machines("one", store=store).publication(0) as publication:
        publication.audit([ROW])
    assert refused.value.code is codes.BUCKET_FAILED
    assert "too busy" in refused.value.found
    assert time.pauses == [1.0, 2.0, 4.0, 8.0] * 2, "for the change, and to give the lease back"
    assert sum(time.pauses) <= timing.patience.total_seconds() < timing.holds.total_seconds()


@pytest.fixture
def proxy(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with Misbehaving(seaweedfs.endpoint) as proxy:
        yield proxy


def test_a_server_that_answers_429_is_waited_for(
    postgres: Postgres, s3_place: S3Place, proxy: Misbehaving, timing: Timing, time: MadeTime
) -> None:
    """Once the client's own patience has come to its end, the ledger's is left."""
    storage = S3Storage(replace(s3_place, endpoint=proxy.url), attempts=2)
    ledgers = [
        bucket_ledger(postgres.create(name), store, name, timing=timing)
        for name, store in (("throttled", storage), ("another", S3Storage(s3_place)))
    ]
    try:
        with ledgers[0].publication(0) as publication:
            proxy.fail("PUT", Answer.forwarded(), *[Answer.says(429, "TooManyRequests")] * 5)
            publication.audit([ROW])
        assert time.pauses == [1.0, 2.0]
        assert [row.action for row in _brought(ledgers[1]).audit_rows(None, 9)] == ["test"]
    finally:
        for ledger, name in zip(ledgers, ("throttled", "another"), strict=True):
            ledger.close()
            postgres.drop(name)


def _brought(ledger: BucketLedger) -> BucketLedger:
    ledger.bring()
    return ledger
