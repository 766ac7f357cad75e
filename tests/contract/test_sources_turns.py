"""How many requests one host gets at once: as many as allowed, whatever they are for, and no more."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import SourceError
from registry_gen.model.config import Limits, Network
from registry_gen.sources.deadline import Deadline
from registry_gen.sources.http import Fetcher
from registry_gen.sources.turns import Turns
from tests.support.http_server import HttpServer, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_server import Request

LONG = 60.0


class Announcing(threading.Condition):
    """Counts those who come to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.release()
        return super().wait(timeout)

    def require_waiting(self, count: int) -> None:
        for _ in range(count):
            assert self.waiting.acquire(timeout=LONG)


class Counted:
    """A handler that holds ``together`` requests until the test comes, too; ``most`` were in it at once."""

    def __init__(self, together: int) -> None:
        self.gate = threading.Barrier(together + 1, timeout=LONG)
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, handler: Any) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.gate.wait()
        with self._lock:
            self.inside -= 1
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Length", "1")
        handler.end_headers()
        handler.wfile.write(b"x")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


def make(per_host: int) -> Fetcher:
    network = Network(allow_private=("127.0.0.0/8",), schemes=("http",))
    limits = Limits(http_seconds=30.0, per_host=per_host)
    return Fetcher(network, limits, sleep=lambda _: None, resolve=lambda _host, _port: ["127.0.0.1"])


def test_a_host_gets_as_many_requests_as_allowed_at_once_and_the_others_wait(server: HttpServer) -> None:
    counted, fetcher = Counted(3), make(3)
    server.mount("/", counted)
    fetcher._turns._changed = turns = Announcing()

    def fetch(number: int) -> None:
        url = server.url(f"/package-{number}/widget.zip")
        if number % 2:
            fetcher.get(url, limit=1)
        else:
            fetcher.download(url, io.BytesIO(), limit=1)

    with ThreadPoolExecutor(9) as pool:
        done = [pool.submit(fetch, number) for number in range(9)]
        turns.require_waiting(6)  # so that nobody else is on the way
        for _ in range(3):
            counted.gate.wait()
        for each in done:
            each.result(LONG)
    assert counted.most == 3


def test_a_slow_host_keeps_no_turn_of_another(server: HttpServer) -> None:
    asked = threading.Event()

    def slow_file(_: Request) -> Reply:
        asked.set()
        return Reply(body=b"x" * 10, hold_at=5)

    server.route("/slow", slow_file)
    server.route("/x", Reply(body=b"x"))
    fetcher = make(1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(fetcher.get, server.url("/slow", "slow.example.test"), limit=10)
        assert asked.wait(LONG)
        assert fetcher.get(server.url("/x", "other.example.test"), limit=1).body == b"x"
        server.release()
        assert slow.result(LONG).body == b"x" * 10


def test_a_redirect_gives_the_turn_back_before_it_takes_the_next(server: HttpServer) -> None:
    server.route("/a", Reply.redirect("/b"))
    server.route("/b", Reply.redirect("/x"))
    server.route("/x", Reply(body=b"x"))
    assert make(1).get(server.url("/a"), limit=1).body == b"x"


def test_an_attempt_that_fails_gives_its_turn_back(server: HttpServer) -> None:
    server.route("/missing", Reply(404))
    server.route("/x", Reply(body=b"0123", cut_at=2), Reply(drop=True), Reply(body=b"0123"))
    fetcher = make(1)
    with pytest.raises(SourceError):
        fetcher.get(server.url("/missing"), limit=1)
    assert fetcher.get(server.url("/x"), limit=4).body == b"0123"
    assert not fetcher._turns._taken


def test_waiting_for_a_turn_costs_none_of_the_calls_time() -> None:
    now = [0.0]
    turns = Turns(1)
    turns._changed = waiting = Announcing()
    held, waited = Deadline(10.0, lambda: now[0]), Deadline(10.0, lambda: now[0])

    def second() -> float:
        with turns.turn("a", waited):
            return waited.left()

    with ThreadPoolExecutor(1) as pool:
        with turns.turn("a", held):
            left = pool.submit(second)
            waiting.require_waiting(1)
            now[0] = 9.0
        assert left.result(LONG) == 10.0
    assert held.left() == 1.0
