from __future__ import annotations

import errno
import gzip
import hashlib
import io
import itertools
import threading
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import Code, SourceError
from registry_gen.model.config import Limits, Network
from registry_gen.sources import codes
from registry_gen.sources.http import Downloaded, Fetcher
from tests.support.http_server import HttpServer, Reply
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LOOPBACK = ("127.0.0.0/8",)
NOW = datetime(2024, 1, 1, 12, 0, 0, tzinfo=UTC)


class Pauses:
    """Stands for sleep: remembers the pauses and returns at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        yield server


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def make(authority: Authority, pauses: Pauses | None = None, **more: Any) -> Fetcher:
    network = Network(allow_private=LOOPBACK, ca_file=authority.ca_file, schemes=more.pop("schemes", ("https",)))
    limits = Limits(http_seconds=more.pop("seconds", 30.0))
    return Fetcher(network, limits, sleep=pauses or Pauses(), now=lambda: NOW, **more)


@pytest.fixture
def fetcher(authority: Authority, pauses: Pauses) -> Fetcher:
    return make(authority, pauses)


def refused(code: Code, fetcher: Fetcher, url: str, limit: int = 1000) -> SourceError:
    with pytest.raises(SourceError) as caught:
        fetcher.get(url, limit=limit)
    assert caught.value.code is code, caught.value
    return caught.value


def test_a_document_comes_with_its_type_and_final_url(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/a.json", Reply(body=b"{}", content_type="Application/JSON; charset=utf-8"))
    server.route("/old", Reply.redirect("/a.json?x=1"))
    server.route("/a.json?x=1", Reply(body=b"[1]", content_type="application/json"))
    fetched = fetcher.get(server.url("/a.json"), limit=2)
    assert (fetched.body, fetched.content_type) == (b"{}", "application/json")
    assert fetcher.json(server.url("/old"), 100) == ([1], server.url("/a.json?x=1"))


def test_the_name_goes_into_tls_and_host_header_while_the_judged_address_is_connected_to(
    authority: Authority, server: HttpServer
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    server.route("/x", Reply(body=b"x"))
    fetcher = make(authority, resolve=resolve)
    assert fetcher.get(server.url("/x", "releases.example.test"), limit=10).body == b"x"
    assert server.requests[0].headers["host"] == f"releases.example.test:{server.port}"
    assert asked == ["releases.example.test"]


def test_a_certificate_for_another_name_is_refused(authority: Authority, pauses: Pauses) -> None:
    with HttpServer(authority=authority, names=("other.example.test",)) as server:
        fetcher = make(authority, pauses, resolve=lambda _host, _port: ["127.0.0.1"])
        refused(codes.TLS_FAILED, fetcher, server.url("/", "releases.example.test"))
        refused(codes.TLS_FAILED, fetcher, server.url("/"))
    assert pauses.seconds == []


def test_an_expired_certificate_is_refused(authority: Authority, fetcher: Fetcher) -> None:
    with HttpServer(authority=authority, expired=True) as server:
        assert "expired" in str(refused(codes.TLS_FAILED, fetcher, server.url("/")))


def test_an_unknown_authority_is_refused(fetcher: Fetcher, tmp_path: Path) -> None:
    with HttpServer(authority=Authority(tmp_path)) as server:
        refused(codes.TLS_FAILED, fetcher, server.url("/"))


def test_a_name_that_resolves_to_loopback_is_refused_unless_allowed(authority: Authority, server: HttpServer) -> None:
    fetcher = Fetcher(
        Network(ca_file=authority.ca_file), Limits(), resolve=lambda _host, _port: ["93.184.216.34", "127.0.0.1"]
    )
    refused(codes.FORBIDDEN_ADDRESS, fetcher, server.url("/", "releases.example.test"))
    assert server.requests == []


def test_a_name_that_resolves_differently_the_second_time_is_judged_again(
    authority: Authority, server: HttpServer
) -> None:
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["169.254.169.254"]))
    fetcher = make(authority, resolve=lambda _host, _port: next(answers))
    server.route("/", Reply.redirect(server.url("/latest/meta-data", "rebind.example.test")))
    refused(codes.FORBIDDEN_ADDRESS, fetcher, server.url("/", "rebind.example.test"))
    assert server.asked("/latest/meta-data") == 0


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://169.254.169.254/latest/", codes.FORBIDDEN_ADDRESS),
        ("https://[::ffff:169.254.169.254]/", codes.FORBIDDEN_ADDRESS),
        ("https://2852039166/", codes.FORBIDDEN_ADDRESS),
        ("https://0251.0376.0251.0376/", codes.FORBIDDEN_ADDRESS),
        ("https://10.0.0.1/", codes.FORBIDDEN_ADDRESS),
        ("http://127.0.0.1/", codes.BAD_SCHEME),
        ("file:///etc/passwd", codes.BAD_SCHEME),
        ("https://user:secret@127.0.0.1/", codes.BAD_URL),
    ],
)
def test_a_redirect_is_judged_like_the_first_url(
    fetcher: Fetcher, server: HttpServer, location: str, code: Code
) -> None:
    server.route("/", Reply.redirect(location))
    assert "secret" not in str(refused(code, fetcher, server.url("/")))


@pytest.mark.parametrize("location", ["https://[::1", "http://[zz]/", "//[", "https://h:99999999/", "https://a]b/"])
def test_a_redirect_to_what_is_no_url_is_an_error_like_any_other(
    fetcher: Fetcher, server: HttpServer, location: str
) -> None:
    server.route("/x", Reply.redirect(f"{location}?X-Amz-Signature=s3cret"))
    assert "s3cret" not in str(refused(codes.BAD_URL, fetcher, server.url("/x")))


@pytest.mark.parametrize("text", ["https://cdn.example.com/?X-Amz-Signature=s3cret", "text/\x1b[2J", "s3cret", "a/b c"])
def test_a_media_type_that_is_none_is_not_repeated(fetcher: Fetcher, server: HttpServer, text: str) -> None:
    server.route("/x", Reply(body=b"no JSON", content_type=text))
    with pytest.raises(SourceError) as caught:
        fetcher.json(server.url("/x"), 1000)
    assert (caught.value.code, caught.value.found) == (codes.WRONG_CONTENT, "no media type")


def test_redirects_in_a_circle_end(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/a", Reply.redirect("/b"))
    server.route("/b", Reply.redirect("/a"))
    refused(codes.TOO_MANY_REDIRECTS, fetcher, server.url("/a"))
    assert len(server.requests) == 6


def test_plain_http_works_where_it_is_allowed(authority: Authority) -> None:
    with HttpServer() as server:
        server.route("/x", Reply(body=b"x"))
        refused(codes.BAD_SCHEME, make(authority), server.url("/x"))
        assert make(authority, schemes=("https", "http")).get(server.url("/x"), limit=1).body == b"x"


def test_busy_hosts_are_asked_again_after_as_long_as_they_say(
    fetcher: Fetcher, server: HttpServer, pauses: Pauses
) -> None:
    server.route(
        "/x",
        Reply.busy("7"),
        Reply.busy("Mon, 01 Jan 2024 12:00:09 GMT", status=503),
        Reply.busy(),
        Reply(body=b"at last"),
    )
    assert fetcher.get(server.url("/x"), limit=10).body == b"at last"
    assert pauses.seconds == [7.0, 9.0, 2.0]


@pytest.mark.parametrize("text", ["Mon, 01 Jan 2024 11:00:00 GMT", "0"])
def test_a_time_that_has_passed_means_now(fetcher: Fetcher, server: HttpServer, pauses: Pauses, text: str) -> None:
    server.route("/x", Reply.busy(text), Reply(body=b"x"))
    assert fetcher.get(server.url("/x"), limit=10).body == b"x"
    assert pauses.seconds == [0.0]


@pytest.mark.parametrize(
    "text",
    [
        *("soon", "-1", "Mon, 99 Foo 2024", "1e9", "9" * 5000),
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        "Mon, 99999999999999999999 Jan 2024 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_nonsense_in_retry_after_means_the_usual_pause(
    fetcher: Fetcher, server: HttpServer, pauses: Pauses, text: str
) -> None:
    server.route("/x", Reply.busy(text), Reply(body=b"x"))
    assert fetcher.get(server.url("/x"), limit=10).body == b"x"
    assert pauses.seconds == [0.5]


@pytest.mark.parametrize("text", ["61", "999999999", "Tue, 02 Jan 2024 12:00:00 GMT"])
def test_a_host_that_wants_a_long_pause_is_left_for_the_next_run(
    authority: Authority, server: HttpServer, pauses: Pauses, text: str
) -> None:
    server.route("/x", Reply.busy(text))
    patient = make(authority, pauses, seconds=10.0**12)
    assert "429 Too Many Requests, asking to wait for" in str(refused(codes.BUSY, patient, server.url("/x")))
    assert pauses.seconds == []
    assert server.asked("/x") == 1


def test_no_pause_goes_past_the_deadline(authority: Authority, server: HttpServer, pauses: Pauses) -> None:
    server.route("/x", Reply.busy("20"))
    refused(codes.BUSY, make(authority, pauses, seconds=15.0), server.url("/x"))
    assert pauses.seconds == []


def test_server_errors_are_retried_with_growing_pauses_and_then_told(
    fetcher: Fetcher, server: HttpServer, pauses: Pauses
) -> None:
    server.route("/x", Reply(500), Reply(502), Reply(body=b"x"))
    assert fetcher.get(server.url("/x"), limit=10).body == b"x"
    server.route("/y", Reply(504))
    assert "504 Gateway Timeout" in str(refused(codes.BAD_STATUS, fetcher, server.url("/y")))
    assert pauses.seconds == [0.5, 1.0, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, codes.NOT_FOUND),
        (410, codes.NOT_FOUND),
        (401, codes.DENIED),
        (403, codes.DENIED),
        (400, codes.BAD_STATUS),
        (418, codes.BAD_STATUS),
        (206, codes.BAD_STATUS),
        (499, codes.BAD_STATUS),
    ],
)
def test_refusals_are_told_and_never_retried(fetcher: Fetcher, server: HttpServer, status: int, code: Code) -> None:
    server.route("/x", Reply(status))
    error = refused(code, fetcher, server.url("/x"))
    assert str(status) in str(error)
    assert server.asked("/x") == 1


def test_a_host_that_nobody_listens_on_is_unreachable(fetcher: Fetcher, authority: Authority, pauses: Pauses) -> None:
    with HttpServer(authority=authority) as server:
        url = server.url("/x?token=secret")
    error = refused(codes.UNREACHABLE, fetcher, url)
    assert "refused" in str(error)
    assert "secret" not in str(error)
    assert pauses.seconds == [0.5, 1.0, 2.0]


def test_the_next_address_is_tried_where_one_does_not_answer(authority: Authority, server: HttpServer) -> None:
    server.route("/x", Reply(body=b"x"))
    fetcher = make(authority, resolve=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    assert fetcher.get(server.url("/x", "releases.example.test"), limit=1).body == b"x"


def test_a_connection_dropped_without_an_answer_is_retried(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply(drop=True), Reply(body=b"x"))
    assert fetcher.get(server.url("/x"), limit=1).body == b"x"


def test_a_body_that_breaks_off_is_retried_and_then_an_error(fetcher: Fetcher, server: HttpServer) -> None:
    whole = Reply(body=b"0123456789")
    cut = Reply(body=b"0123456789", cut_at=4)
    server.route("/x", cut, whole)
    assert fetcher.get(server.url("/x"), limit=10).body == b"0123456789"
    server.route("/y", cut)
    error = refused(codes.TRUNCATED, fetcher, server.url("/y"))
    assert (error.expected, error.found) == ("10 bytes", "4 bytes")
    assert server.asked("/y") == 4


def test_a_download_that_breaks_off_begins_again_with_an_empty_file(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply(body=b"A" * 10, cut_at=7), Reply(body=b"B" * 5))
    out = io.BytesIO()
    found = fetcher.download(server.url("/x"), out, limit=100)
    assert out.getvalue() == b"BBBBB"
    assert found == Downloaded(found.sha256, 5)
    assert found.sha256 == hashlib.sha256(b"BBBBB").hexdigest()


def test_an_announced_size_over_the_limit_is_refused_without_reading(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply(body=b"x" * 101, hold_at=0))
    assert "101 bytes" in str(refused(codes.TOO_LARGE, fetcher, server.url("/x"), limit=100))


def test_a_body_without_an_end_is_cut_at_the_limit(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply(body=lambda: itertools.repeat(b"x" * 65536)))
    out = io.BytesIO()
    with pytest.raises(SourceError) as caught:
        fetcher.download(server.url("/x"), out, limit=1_000_000)
    assert caught.value.code is codes.TOO_LARGE
    assert len(out.getvalue()) <= 1_000_000


def test_gzip_is_unpacked_under_the_same_limit(fetcher: Fetcher, server: HttpServer) -> None:
    packed = {"Content-Encoding": "gzip"}
    server.route("/x", Reply(body=gzip.compress(b'{"a": 1}'), headers=packed))
    server.route("/bomb", Reply(body=gzip.compress(b"x" * 1_000_000), headers=packed))
    server.route("/cut", Reply(body=gzip.compress(b"hello")[:-9], headers=packed))
    server.route("/plain", Reply(body=b"hello", headers=packed))
    assert fetcher.json(server.url("/x"), 100)[0] == {"a": 1}
    refused(codes.TOO_LARGE, fetcher, server.url("/bomb"), limit=10_000)
    refused(codes.TRUNCATED, fetcher, server.url("/cut"))
    refused(codes.WRONG_CONTENT, fetcher, server.url("/plain"))
    with pytest.raises(SourceError) as caught:
        fetcher.download(server.url("/x"), io.BytesIO(), limit=100)
    assert caught.value.code is codes.WRONG_CONTENT


def test_a_page_with_status_200_is_not_what_was_asked_for(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply.html())
    server.route("/y", Reply(body=b"<html>", content_type="application/json"))
    server.route("/deep", Reply(body=b"[" * 100_000))
    refused(codes.WRONG_CONTENT, fetcher, server.url("/x"))
    for path in ("/y", "/deep"):
        with pytest.raises(SourceError) as caught:
            fetcher.json(server.url(path), 1_000_000)
        assert caught.value.code is codes.WRONG_CONTENT


def test_a_page_is_read_where_a_page_was_asked_for(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply.html())
    assert b"Sign in" in fetcher.get(server.url("/x"), limit=1000, accept="text/html").body


def test_a_server_that_stops_sending_is_left_at_the_deadline(authority: Authority, server: HttpServer) -> None:
    server.route("/x", Reply(body=b"x" * 10, hold_at=5))
    refused(codes.TOO_SLOW, make(authority, seconds=0.3), server.url("/x"))


def test_a_server_that_never_answers_is_left_at_the_deadline(authority: Authority, server: HttpServer) -> None:
    server.mount("/x", lambda _handler: server.wait())
    refused(codes.TOO_SLOW, make(authority, seconds=0.3), server.url("/x"))


def test_a_server_that_trickles_its_body_is_cut_by_the_clock(authority: Authority, server: HttpServer) -> None:
    ticks = itertools.count()
    server.route("/x", Reply(body=lambda: itertools.repeat(b"x")))
    fetcher = make(authority, clock=lambda: float(next(ticks)))
    refused(codes.TOO_SLOW, fetcher, server.url("/x"), limit=1_000_000_000)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["in a header", "in a chunk's frame"],
)
def test_a_server_that_trickles_where_no_byte_of_the_body_comes_is_cut(authority: Authority, head: bytes) -> None:
    """Each byte renews the socket's own timeout, so only a timer of ours ends this."""
    stop = threading.Event()
    with HttpServer() as server:

        def trickle(handler: Any) -> None:
            handler.wfile.write(head)
            while not stop.wait(0.01):
                handler.wfile.write(b"x")

        server.mount("/x", trickle)
        refused(codes.TOO_SLOW, make(authority, schemes=("http",), seconds=0.4), server.url("/x"))
        stop.set()


def test_a_large_download_takes_no_more_memory_than_a_small_one(
    fetcher: Fetcher, server: HttpServer, tmp_path: Path
) -> None:
    chunk = bytes(65536)
    server.route("/x", Reply(body=lambda: itertools.repeat(chunk, 640)))
    tracemalloc.start()
    try:
        with (tmp_path / "x").open("w+b") as out:
            done = fetcher.download(server.url("/x"), out, limit=50_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.size == 640 * 65536
    assert peak < 4_000_000


class FullDisk(io.BytesIO):
    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_as_such_and_not_retried(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply(body=b"x"))
    with pytest.raises(SourceError) as caught:
        fetcher.download(server.url("/x"), FullDisk(), limit=10)
    assert caught.value.code is codes.CANNOT_WRITE
    assert "No space left on device" in str(caught.value)
    assert server.asked("/x") == 1


def test_many_threads_share_one_fetcher(fetcher: Fetcher, server: HttpServer) -> None:
    bodies = {f"/{number}": f"body {number}".encode() * 1000 for number in range(16)}
    for path, body in bodies.items():
        server.route(path, Reply(body=body))
    found: dict[str, bytes] = {}

    def read(path: str) -> None:
        found[path] = fetcher.get(server.url(path), limit=100_000).body

    threads = [threading.Thread(target=read, args=(path,)) for path in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == bodies
