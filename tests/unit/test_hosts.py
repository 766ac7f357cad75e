from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn

import pytest

from registry_gen.errors import Code, SourceError
from registry_gen.sources import codes
from registry_gen.sources.hosts import FAILURES, FAILURES_OF_ONE, REST, Hosts
from registry_gen.sources.http_failures import RetryableError
from registry_gen.sources.retry import ATTEMPTS
from tests.support.made_time import MadeTime

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 8
HOST = "https://git.example.test"


@pytest.fixture
def time() -> MadeTime:
    return MadeTime()


@pytest.fixture
def hosts(time: MadeTime) -> Hosts:
    return Hosts(AT_ONCE, clock=time.clock, sleep=time.sleep)


class Failing:
    """Work that fails in the same way each time, and counts."""

    def __init__(self, code: Code, wait: float | None = None, *, retryable: bool = True) -> None:
        self.error = SourceError(code, where="first", found="status")
        self.wait = wait
        self.retryable = retryable
        self.times = 0

    def __call__(self) -> NoReturn:
        self.times += 1
        raise RetryableError(self.error, self.wait) if self.retryable else self.error


def refused(hosts: Hosts, work: Callable[[], object], url: str = f"{HOST}/x.git") -> SourceError:
    with pytest.raises(SourceError) as caught:
        hosts.ask(HOST, url, work)
    return caught.value


def test_what_may_pass_is_tried_again_with_growing_pauses_a_bounded_number_of_times(
    hosts: Hosts, time: MadeTime
) -> None:
    work = Failing(codes.GIT_UNREACHABLE)
    assert refused(hosts, work) is work.error
    assert work.times == ATTEMPTS
    assert time.pauses == [0.5, 1.0, 2.0]


def test_what_does_not_pass_is_not_tried_again(hosts: Hosts, time: MadeTime) -> None:
    work = Failing(codes.GIT_TIMEOUT, retryable=False)
    refused(hosts, work)
    assert (work.times, time.pauses) == (1, [])


def test_a_host_that_asks_for_a_pause_gets_it_from_everybody_while_other_hosts_are_asked(time: MadeTime) -> None:
    started: list[tuple[str, float]] = []
    answers = [RetryableError(SourceError(codes.BUSY), 30.0)]

    def work(name: str) -> None:
        started.append((name, time.clock()))
        if answers:
            raise answers.pop()

    def sleep(seconds: float) -> None:
        if len(started) == 1:  # while the first one pauses, others begin
            patient.ask("https://other.example.test", "z", lambda: work("another host"))
            patient.ask(HOST, "y", lambda: work("the same host"))
        time.sleep(seconds)

    patient = Hosts(AT_ONCE, clock=time.clock, sleep=sleep)
    patient.ask(HOST, "x", lambda: work("first"))
    assert started[:3] == [("first", 1000.0), ("another host", 1000.0), ("the same host", 1030.0)]


def test_a_host_that_asks_for_longer_than_a_minute_is_not_waited_for(hosts: Hosts, time: MadeTime) -> None:
    work = Failing(codes.BUSY, 61.0)
    refused(hosts, work)
    assert (work.times, time.pauses) == (1, [])


def test_a_host_that_keeps_failing_is_asked_no_more_and_everybody_hears_why_for_its_own_url(
    hosts: Hosts, time: MadeTime
) -> None:
    work = Failing(codes.BUSY)
    for owner in range(FAILURES):
        refused(hosts, work, f"{HOST}/{owner}/x.git")
    pauses = len(time.pauses)
    heard = [refused(hosts, work, f"{HOST}/{number}.git?token=x") for number in range(1000)]
    assert work.times == FAILURES * ATTEMPTS
    assert len(time.pauses) == pauses
    assert {error.where for error in heard} == {f"{HOST}/{number}.git" for number in range(1000)}
    assert {(error.code, error.found) for error in heard} == {(codes.BUSY, "status")}
    assert hosts.ask("https://other.example.test", "x", lambda: "fine") == "fine"


@pytest.mark.parametrize(("asked", "rest"), [(None, REST), (REST + 100, REST + 100), (1e9, 3600.0)])
def test_after_a_rest_a_host_is_asked_again_and_one_more_failure_is_enough(
    hosts: Hosts, time: MadeTime, asked: float | None, rest: float
) -> None:
    work = Failing(codes.BUSY, asked)
    for owner in range(FAILURES):
        refused(hosts, work, f"{HOST}/{owner}/x.git")
    asked_before = work.times
    time.pass_by(rest - 0.1)
    refused(hosts, work)
    assert work.times == asked_before
    time.pass_by(0.2)
    refused(hosts, work)
    assert work.times > asked_before
    asked_again = work.times
    refused(hosts, work)
    assert work.times == asked_again


def test_a_host_that_answers_again_is_asked_as_before(hosts: Hosts, time: MadeTime) -> None:
    work = Failing(codes.BUSY)
    for owner in range(FAILURES):
        refused(hosts, work, f"{HOST}/{owner}/x.git")
    time.pass_by(REST + 1)
    hosts.ask(HOST, "x", lambda: None)
    refused(hosts, work)
    assert hosts.ask(HOST, "x", lambda: "fine") == "fine"


def test_broken_repositories_of_one_owner_do_not_stop_the_neighbours_until_they_are_many(hosts: Hosts) -> None:
    broken = Failing(codes.GIT_UNREACHABLE)
    for number in range(FAILURES_OF_ONE - 1):
        refused(hosts, broken, f"{HOST}/owner/{number}.git")
    refused(hosts, broken, f"{HOST}/owner/last.git")
    assert broken.times == FAILURES_OF_ONE * ATTEMPTS
    refused(hosts, broken, f"{HOST}/other/x.git")
    assert broken.times == FAILURES_OF_ONE * ATTEMPTS


def test_an_answer_to_a_neighbour_lets_the_owner_of_broken_repositories_begin_anew(hosts: Hosts) -> None:
    broken = Failing(codes.GIT_UNREACHABLE)
    for _ in range(5):
        for number in range(FAILURES_OF_ONE - 1):
            refused(hosts, broken, f"{HOST}/owner/{number}.git")
        assert hosts.ask(HOST, f"{HOST}/other/x.git", lambda: "fine") == "fine"


@pytest.mark.parametrize("between", ["an answer", "an error of that repository"])
def test_one_broken_repository_does_not_stop_its_neighbours(hosts: Hosts, between: str) -> None:
    broken = Failing(codes.GIT_UNREACHABLE)
    for _ in range(5):
        for _ in range(FAILURES - 1):
            refused(hosts, broken)
        if between == "an answer":
            assert hosts.ask(HOST, "neighbour", lambda: "fine") == "fine"
        else:
            refused(hosts, Failing(codes.NO_REPOSITORY, retryable=False))


def test_at_most_so_many_requests_go_to_a_host_at_the_same_time(hosts: Hosts) -> None:
    """The barrier falls only where as many as allowed are inside at the same time."""
    barrier, lock = threading.Barrier(AT_ONCE), threading.Lock()
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        barrier.wait(60)
        with lock:
            inside -= 1

    with ThreadPoolExecutor(4 * AT_ONCE) as pool:
        list(pool.map(lambda number: hosts.ask(HOST, str(number), work), range(4 * AT_ONCE)))
    assert most == AT_ONCE


def test_closing_ends_pauses_and_attempts() -> None:
    """With the real clock: whoever pauses for a minute is woken up."""
    hosts = Hosts(AT_ONCE)
    pausing = threading.Event()
    work = Failing(codes.BUSY, 59.0)

    def counted() -> None:
        pausing.set()
        work()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(refused, hosts, counted)
        pausing.wait(60)
        hosts.close()
        assert waiting.result(30).code is codes.BUSY
    assert work.times <= 2
