"""CI runners with nothing but a bucket: each has an empty state folder, and any of them may be gone at any moment.

Whatever happens to one of them at any operation of the private bucket, or of the public one, the next one finishes it
from what the buckets hold, and no reader sees a hole meanwhile. FAULTS=all takes every operation and every trouble.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import threading
import warnings
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry_gen import wiring
from registry_gen.errors import LedgerError, RegistryError
from registry_gen.ledger import codes
from registry_gen.ledger.bucket import Sizes
from registry_gen.ledger.bucket_lease import Timing
from registry_gen.publish.fsck import fsck
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import Report, publish
from registry_gen.storage.file import FileStorage
from tests.faults.scenarios import ACME, KEYS
from tests.support.bucket_ledger import STILL, bucket_ledger, same
from tests.support.faults import (
    Fault,
    fails,
    faulty_registry,
    faulty_storage,
    killed_after,
    killed_before,
    loses_answer,
    method_of,
)
from tests.support.git_repo import GitRepo
from tests.support.made_time import MadeTime
from tests.support.reader import check_reachable, check_versions, listed, watched
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry_gen.ledger.bucket import BucketLedger
    from registry_gen.publish.registry import Registry
    from tests.support.faults import Trouble
    from tests.support.postgres import Postgres

pytestmark = pytest.mark.long

EVERYTHING: Final = os.environ.get("FAULTS") == "all"
SHARE: Final = 30
"""One operation in so many is tried each day."""
PATIENCE: Final = 120.0
OFTEN: Final = Sizes(changes=3, kept=2)
"""Snapshots at the end of nearly every publication."""
AFTERWARDS: Final = timedelta(minutes=5)
"""When the lease of a runner that is gone has expired."""
GRIPS: Final = frozenset({"put_new", "put_if", "delete_if", "delete", "delete_found"})


NUMBERS: Final = itertools.count()


class Sources:
    """A module's repository and a provider's releases."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._repo = GitRepo(root / "network.git")
        self.release("1.0.0")

    def release(self, version: str) -> None:
        """A version more of both."""
        self._repo.tag(f"v{version}", self._repo.commit({"main.tf": f"# {version}\n"}))
        make_release(self.root / "widget" / version, "widget", version, key=ACME, platforms=("linux_amd64",))


class Bucket:
    """A catalog, its sources and the two buckets; runners come and go."""

    def __init__(self, root: Path, postgres: Postgres, sources: Sources) -> None:
        self.root = root
        self.work = Workspace(root, "embedded")
        self._postgres = postgres
        self._sources = sources
        self.now = NOW
        self.work.write("catalog/keys/acme.asc", ACME.armor)
        self.work.module("acme/network/aws", str(sources.root / "network.git"))
        more = "signing_keys: [acme.asc]\nplatforms: [linux_amd64]\n"
        releases = f"source:\n  releases: {sources.root / 'widget'}\n{more}"
        self.work.write("catalog/providers/acme/widget.yaml", releases)

    @property
    def private(self) -> Path:
        return self.root / "private"

    def release(self, version: str) -> None:
        """A version more of the module and of the provider."""
        self._sources.release(version)

    def copied(self, root: Path) -> Bucket:
        """Another pair of buckets that hold the same, over the same sources."""
        shutil.copytree(self.root, root)
        made = Bucket(root, self._postgres, self._sources)
        made.now = self.now
        return made

    def runner(self, timing: Timing = STILL, sizes: Sizes | None = None) -> Runner:
        """A machine that has nothing."""
        return Runner(self, self._postgres, f"runner_{next(NUMBERS)}", timing, sizes)

    def later(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now

    def versions(self) -> list[str]:
        return sorted(version for _, _, version in listed(self.work.public))


class Runner:
    """A machine with a state folder and a database of its own."""

    def __init__(self, bucket: Bucket, postgres: Postgres, name: str, timing: Timing, sizes: Sizes | None) -> None:
        self._bucket = bucket
        self._postgres = postgres
        self.name = name
        self._timing = timing
        self._sizes = sizes
        self.state = bucket.root / name
        self.dsn = postgres.create(name)
        self._ledger: BucketLedger | None = None

    def run(self, work: Callable[[Registry], Any], fault: Fault | None = None, lock_seconds: float = 0.0) -> Any:
        """Do something with a registry whose ledger is in the bucket; gives an error of the whole run back."""
        storage: Any = FileStorage(self._bucket.private, durable=False)
        ledger = bucket_ledger(
            self.dsn,
            faulty_storage(storage, fault) if fault else storage,
            self.name,
            timing=self._timing,
            sizes=self._sizes,
        )
        workspace = wiring.read_workspace(self._bucket.root / "registry.yaml")
        config = replace(workspace.config, state=self.state, ledger=self.dsn)
        try:
            with wiring.open_registry(replace(workspace, config=config)) as registry:
                ledger.bring()
                made = replace(registry, ledger=ledger, lock_seconds=lock_seconds)
                return work(faulty_registry(made, fault) if fault else made)
        except RegistryError as error:
            return error
        finally:
            ledger.close()

    def publish(self, fault: Fault | None = None, now: datetime | None = None, lock_seconds: float = 0.0) -> Any:
        """Publish the catalog."""
        at = now or self._bucket.later()

        def whole(registry: Registry) -> Report:
            workspace = wiring.read_workspace(self._bucket.root / "registry.yaml")
            catalog = replace(workspace.catalog, commit=None)
            return publish(registry, KEYS, catalog, at, Silent())

        return self.run(whole, fault, lock_seconds)

    def close(self) -> None:
        self._postgres.drop(self.name)
        shutil.rmtree(self.state, ignore_errors=True)


@pytest.fixture
def bucket(tmp_path: Path, postgres: Postgres, calm: None) -> Bucket:
    del calm
    return Bucket(tmp_path / "bucket", postgres, Sources(tmp_path / "sources"))


def good(outcome: Any) -> Report:
    assert isinstance(outcome, Report), outcome
    assert not outcome.refusals, outcome.refusals
    return outcome


def check(bucket: Bucket, runner: Runner) -> None:
    """Readers find everything, the bucket is what the ledger says, and another runner gets that ledger."""
    check_reachable(bucket.work.public)
    check_versions(bucket.work.public)

    def compare(registry: Registry) -> None:
        registry.ledger.verify_audit()
        found = fsck(registry.ledger, registry.public, registry.config.site, Silent())
        assert found.findings == ()
        with registry.ledger.inspection() as books:
            assert books.unfinished() == ()

    other = bucket.runner()
    assert other.run(compare) is None
    runner.run(lambda _registry: None)  # others may have written since
    same(runner.dsn, other.dsn)
    other.close()


def test_runners_that_come_with_nothing_publish_one_after_another(bucket: Bucket) -> None:
    for version in ("1.1.0", "1.2.0", "1.3.0"):
        runner = bucket.runner(sizes=OFTEN)
        assert len(good(runner.publish()).published) == 2
        bucket.release(version)
        check(bucket, runner)
        runner.close()
    assert bucket.versions() == ["1.0.0", "1.0.0", "1.1.0", "1.1.0", "1.2.0", "1.2.0"]


def test_two_machines_that_stay_publish_in_turns(bucket: Bucket) -> None:
    machines = [bucket.runner(), bucket.runner(sizes=OFTEN)]
    for number, version in enumerate(("1.1.0", "1.2.0", "1.3.0", "1.4.0")):
        assert len(good(machines[number % 2].publish()).published) == 2
        assert not good(machines[1 - number % 2].publish()).published
        bucket.release(version)
    check(bucket, machines[0])
    check(bucket, machines[1])


class Held:
    """A runner in a thread of its own that stops before an operation, until it is let go on."""

    def __init__(self, runner: Runner, at: str) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()
        self._ended: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._ended.append(runner.publish(Fault(at, self._hold))))
        self._thread.start()
        assert self._reached.wait(PATIENCE), f"{at} was never reached: {self._ended}"

    def _hold(self, operation: Callable[[], Any], _error: RegistryError) -> Any:
        self._reached.set()
        assert self._opened.wait(PATIENCE)
        return operation()

    def wake(self) -> Any:
        self._opened.set()
        self._thread.join(PATIENCE)
        (outcome,) = self._ended
        return outcome


@pytest.mark.parametrize("at", ["begin", "log", "put_if log/checkpoint"])
def test_of_two_runners_at_once_one_is_told_who_the_other_is_and_nothing_is_lost(bucket: Bucket, at: str) -> None:
    first, second = bucket.runner(), bucket.runner()
    held = Held(first, at)
    refused = second.publish()
    assert isinstance(refused, LedgerError)
    assert refused.code is codes.LOCK_HELD
    assert repr(first.name) in refused.found
    assert len(good(held.wake()).published) == 2
    assert not good(second.publish()).published
    check(bucket, second)


def test_of_two_runners_at_once_one_waits_for_the_other_and_goes_on_from_there(bucket: Bucket) -> None:
    held = Held(bucket.runner(), "log")
    woken: list[Any] = []

    def sleep(_seconds: float) -> None:
        if not woken:
            woken.append(held.wake())

    second = bucket.runner(Timing(renews=False, sleep=sleep))
    assert not good(second.publish(lock_seconds=600)).published
    assert len(good(woken[0]).published) == 2
    check(bucket, second)


LISTING: Final = "v1/modules/acme/network/aws/versions"


@pytest.mark.parametrize(
    "at",
    ["begin", "log", "checkpoint_signed", "put_if log/checkpoint", "documents_stored", f"put_if {LISTING}", "finish"],
)
def test_a_runner_that_slept_through_the_end_of_its_lease_reaches_the_public_bucket_no_more(
    bucket: Bucket, at: str
) -> None:
    """The other one finishes what it had begun, and publishes more; then it wakes up."""
    time = MadeTime()
    timing = Timing(clock=lambda: NOW + timedelta(seconds=time.clock()), sleep=time.sleep, renews=False)
    first, second = bucket.runner(timing), bucket.runner(timing)
    held = Held(first, at)
    time.pass_by(AFTERWARDS.total_seconds())
    bucket.release("1.1.0")
    good(second.publish())
    assert bucket.versions() == ["1.0.0", "1.0.0", "1.1.0", "1.1.0"]
    tree = bucket.work.tree()

    outcome = held.wake()

    assert isinstance(outcome, LedgerError), outcome
    assert outcome.code is codes.LOCK_LOST
    assert bucket.work.tree() == tree
    check(bucket, second)
    assert not good(bucket.runner(timing).publish()).published


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a publish does that nothing disturbs, and what it leaves."""

    operations: Sequence[str]
    tree: Mapping[str, bytes]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, calm: None) -> Stage:
    del calm
    return Stage(tmp_path_factory.mktemp("runners"), postgres)


class Stage:
    """A bucket in which one publish has been, and a second one is to come; copied for each trial."""

    def __init__(self, root: Path, postgres: Postgres) -> None:
        self._root = root
        self._made = 0
        self._kept = Bucket(root / "kept", postgres, Sources(root / "sources"))
        first = self._kept.runner(sizes=OFTEN)
        good(first.publish())
        first.close()
        self._kept.release("1.1.0")
        self.now = self._kept.later()
        fault = Fault()
        trial = self.trial()
        good(trial.runner(sizes=OFTEN).publish(fault, self.now))
        self.undisturbed = Undisturbed(fault.names, trial.work.tree())

    def trial(self) -> Bucket:
        """The buckets and the catalog as they are before the second publish."""
        self._made += 1
        return self._kept.copied(self._root / f"trial-{self._made}")


def chosen(operations: Sequence[str], label: str, *, of_state: bool) -> list[int]:
    """Which operations are tried: those of the private bucket, or a few of the others."""
    numbers = [n for n, name in enumerate(operations) if (" state/" in name) == of_state]
    if EVERYTHING:
        return numbers
    drawn = random.Random(label).sample(numbers, len(numbers) // SHARE)  # noqa: S311 - protects nothing
    return sorted(drawn)


def kinds(operations: Sequence[str]) -> list[str]:
    """Operations without the digests of what is kept, for the last changes tell when a run ended."""
    return [name.partition("-")[0] if " state/" in name else name for name in operations]


def finish(stage: Stage, bucket: Bucket, label: str) -> None:
    """A runner with nothing finishes what another one left, later; then all is as if nothing had been wrong."""
    timing = Timing(clock=lambda: datetime.now(UTC) + AFTERWARDS, renews=False)
    runner = bucket.runner(timing, OFTEN)
    outcome = runner.publish(now=stage.now)
    assert isinstance(outcome, Report), f"{label}: {outcome}"
    assert not outcome.refusals, f"{label}: {outcome.refusals}"
    tree, expected = bucket.work.tree(), stage.undisturbed.tree
    assert without_log(tree) == without_log(expected), label
    check(bucket, runner)
    assert not good(bucket.runner(timing).publish(now=stage.now + timedelta(hours=1))).published, label
    runner.close()


def without_log(tree: Mapping[str, bytes]) -> set[str]:
    """What was staged is lost with its runner: it is begun anew, perhaps in another order of the log."""
    return {key for key in tree if not key.startswith("log/")}


@pytest.mark.parametrize("of_state", [True, False], ids=["private", "public and ledger"])
@pytest.mark.parametrize("trouble", [fails, loses_answer])
def test_an_operation_that_fails_is_mended_by_a_runner_with_nothing(
    stage: Stage, trouble: Trouble, *, of_state: bool
) -> None:
    operations = stage.undisturbed.operations
    for number in chosen(operations, f"{trouble.__name__} {of_state}", of_state=of_state):
        label = f"{operations[number]} at {number}"
        bucket = stage.trial()
        fault = Fault(number, trouble)
        with watched(bucket.work.public, 0.05):
            disturbed = bucket.runner(sizes=OFTEN)
            disturbed.publish(fault, stage.now)
            assert fault.met, label
            assert kinds(fault.names[: number + 1]) == kinds(operations[: number + 1]), label
            disturbed.close()
            finish(stage, bucket, label)
        shutil.rmtree(bucket.root)


@pytest.mark.parametrize("of_state", [True, False], ids=["private", "public and ledger"])
@pytest.mark.parametrize("trouble", [killed_before, killed_after])
def test_a_runner_that_is_killed_is_followed_by_one_with_nothing_that_finishes(
    stage: Stage, trouble: Trouble, *, of_state: bool
) -> None:
    operations = stage.undisturbed.operations
    for number in chosen(operations, f"{trouble.__name__} {of_state}", of_state=of_state):
        label = f"{operations[number]} at {number}"
        bucket = stage.trial()
        killed = bucket.runner(sizes=OFTEN)
        status = in_a_process(partial(killed.publish, Fault(number, trouble), stage.now))
        assert status == -signal.SIGKILL, label
        killed.close()
        with watched(bucket.work.public, 0.05):
            check_reachable(bucket.work.public)
            finish(stage, bucket, label)
        shutil.rmtree(bucket.root)


def in_a_process(work: Callable[[], object]) -> int:
    """How a process ended that did it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of servers, which hold nothing it needs
        pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_changes_the_private_bucket_is_met(stage: Stage) -> None:
    met = {name for name in kinds(stage.undisturbed.operations) if " state/" in name}
    places = {name.rpartition("/")[0] if "head" not in name else name for name in met}
    assert places >= {"get state/head", "put_if state/head", "put_new state/journal", "put_new state/parts"}
    assert {method_of(name) for name in met} & GRIPS == {"put_new", "put_if"}
