"""Downloads that break off: the rest is asked for where that is safe, and joined only where it fits."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import RefusalError, SourceError
from registry_gen.model.address import Platform
from registry_gen.model.config import Limits, Network
from registry_gen.model.digest import sha256
from registry_gen.publish.stage_zip import stage_zip
from registry_gen.publish.staging import Staging
from registry_gen.sources import codes, http
from registry_gen.sources.http import Downloaded, Fetcher
from tests.support.hostile_archives import HONEST_ZIPS
from tests.support.http_server import HttpServer, Reply
from tests.support.ranged_file import RangedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.support.tls import Authority

BODY = b"0123456789"
ETAG = {"ETag": '"v1"'}
OLD = {"Last-Modified": "Mon, 01 Jan 2024 12:00:00 GMT"}


class Writable(io.BytesIO):
    """A file that must not be read: the digest goes on from where it was."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("read again")


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def fetcher(authority: Authority, pauses: list[float]) -> Fetcher:
    network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file, schemes=("https",))
    return Fetcher(network, Limits(http_seconds=30.0), sleep=pauses.append)


def download(fetcher: Fetcher, server: HttpServer, path: str = "/x", limit: int = 1000) -> bytes:
    """What was written, once the digest was found to be its own."""
    out = Writable()
    found = fetcher.download(server.url(path), out, limit=limit)
    assert found == Downloaded(sha256(out.getvalue()), len(out.getvalue()))
    return out.getvalue()


def asked(server: HttpServer) -> list[str | None]:
    """The Range of each request."""
    return [request.headers.get("range") for request in server.requests]


@pytest.mark.parametrize("validators", [ETAG, OLD, {**ETAG, **OLD}, {"ETag": 'W/"v1"', **OLD}], ids=str)
def test_only_the_rest_is_asked_for_and_on_condition_that_the_file_is_the_same(
    fetcher: Fetcher, server: HttpServer, pauses: list[float], validators: Mapping[str, str]
) -> None:
    server.route("/x", RangedFile(BODY, validators, cuts=[4, 3]))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-", "bytes=7-"]
    condition = validators["Last-Modified"] if validators.get("ETag") != '"v1"' else '"v1"'
    assert [request.headers.get("if-range") for request in server.requests] == [None, condition, condition]
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    "validators",
    [
        {},
        {"ETag": 'W/"v1"'},
        {"ETag": "v1"},
        {"ETag": '"a", "b"'},
        {"Last-Modified": "yesterday"},
        {"Last-Modified": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
    ],
    ids=str,
)
def test_nothing_but_the_whole_is_asked_for_where_no_strong_validator_tells_files_apart(
    fetcher: Fetcher, server: HttpServer, validators: Mapping[str, str]
) -> None:
    server.route("/x", RangedFile(BODY, validators, cuts=[4]))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, None]


def test_a_file_that_may_change_again_within_its_second_is_not_known_by_its_date(
    fetcher: Fetcher, server: HttpServer
) -> None:
    server.route("/x", RangedFile(BODY, {"Last-Modified": formatdate(usegmt=True)}, cuts=[4]))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, None]


def test_a_host_that_ignores_ranges_is_read_from_the_beginning(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", RangedFile(BODY, ETAG, cuts=[4], honours=False))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-"]


def test_a_file_that_changed_meanwhile_is_read_from_its_beginning_and_resumed_as_the_new_one(
    fetcher: Fetcher, server: HttpServer
) -> None:
    new = RangedFile(b"abcdefgh", {"ETag": '"v2"'}, cuts=[2])
    server.route("/x", RangedFile(BODY, ETAG, cuts=[4]), new)
    assert download(fetcher, server) == b"abcdefgh"
    assert asked(server) == [None, "bytes=4-", "bytes=2-"]
    assert server.requests[2].headers["if-range"] == '"v2"'


def headers(**changed: str | None) -> Callable[[Reply], Reply]:
    """A part with other headers; None for without."""

    def lie(reply: Reply) -> Reply:
        names = {name.replace("_", "-"): value for name, value in changed.items()}
        merged = {**reply.headers, **names}
        return replace(reply, headers={name: value for name, value in merged.items() if value is not None})

    return lie


LIES: dict[str, Callable[[Reply], Reply]] = {
    "another start": headers(Content_Range="bytes 3-9/10"),
    "an end before the end": headers(Content_Range="bytes 4-8/10"),
    "another size": headers(Content_Range="bytes 4-11/12"),
    "a size that nobody knows": headers(Content_Range="bytes 4-9/*"),
    "no Content-Range": headers(Content_Range=None),
    "another unit": headers(Content_Range="lines 4-9/10"),
    "a number without an end": headers(Content_Range="bytes 4-9/" + "9" * 5000),
    "parts of many": headers(Content_Range=None, Content_Type="multipart/byteranges; boundary=x"),
    "another ETag": headers(ETag='"v2"'),
    "a weak ETag": headers(ETag='W/"v1"'),
    "no ETag": headers(ETag=None),
    "an encoding": headers(Content_Encoding="gzip"),
    "another length": headers(Content_Length="5"),
    "status 416": lambda _: Reply(416, headers={"Content-Range": "bytes */4"}),
    "status 416, but all bytes": lambda reply: replace(reply, status=416),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_answer_that_is_not_the_rest_is_thrown_away_and_the_whole_asked_for_from_then_on(
    fetcher: Fetcher, server: HttpServer, lie: Callable[[Reply], Reply]
) -> None:
    server.route("/x", RangedFile(BODY, ETAG, cuts=[4], lie=lie))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-", None]


def test_another_date_of_the_rest_is_another_file(fetcher: Fetcher, server: HttpServer) -> None:
    newer = headers(Last_Modified="Mon, 01 Jan 2024 12:00:01 GMT")
    server.route("/x", RangedFile(BODY, OLD, cuts=[4], lie=newer))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-", None]


def test_a_date_may_be_left_out_of_the_rest(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", RangedFile(BODY, OLD, cuts=[4], lie=headers(Last_Modified=None)))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-"]


def test_whoever_lied_once_is_never_asked_for_a_part_again(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", RangedFile(BODY, ETAG, cuts=[4, 6, 5], lie=headers(ETag='"v2"')))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-", None, None]


def test_a_lie_at_the_last_attempt_is_told_with_its_own_code(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply(503), Reply(503), RangedFile(BODY, ETAG, cuts=[4]), RangedFile(b"other", ETAG))
    with pytest.raises(SourceError) as caught:
        download(fetcher, server)
    assert caught.value.code is codes.NOT_THE_REST
    assert (caught.value.expected, caught.value.found) == ("the rest from byte 4 on", "Content-Range bytes 4-4/5")


def test_a_part_that_nobody_asked_for_is_refused(fetcher: Fetcher, server: HttpServer) -> None:
    for status in (206, 416):
        server.route("/x", Reply(status, BODY, headers={**ETAG, "Content-Range": "bytes 0-9/10"}))
        with pytest.raises(SourceError) as caught:
            download(fetcher, server)
        assert caught.value.code is codes.BAD_STATUS


def test_a_rest_without_a_length_must_end_where_it_said(fetcher: Fetcher, server: HttpServer) -> None:
    def short(reply: Reply) -> Reply:
        return replace(reply, body=lambda: [b"45"])

    server.route("/x", RangedFile(BODY, ETAG, cuts=[4], lie=short))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-", None]


def test_a_rest_of_other_bytes_is_refused_by_the_digest_of_the_whole(
    fetcher: Fetcher, server: HttpServer, tmp_path: Path
) -> None:
    data = HONEST_ZIPS["plain"]
    half = len(data) // 2
    forged = b"?" * (len(data) - half)
    server.route("/x", RangedFile(data, ETAG, cuts=[half], lie=lambda reply: replace(reply, body=forged)))
    with pytest.raises(RefusalError) as caught:
        stage(fetcher, server, sha256(data), tmp_path)
    assert caught.value.code.id == "PUB005"
    assert asked(server) == [None, f"bytes={half}-"]
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_zip_is_staged_as_any_other(fetcher: Fetcher, server: HttpServer, tmp_path: Path) -> None:
    data = HONEST_ZIPS["plain"]
    server.route("/x", RangedFile(data, ETAG, cuts=[len(data) // 2]))
    stage(fetcher, server, sha256(data), tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == data


def stage(fetcher: Fetcher, server: HttpServer, promised: Any, folder: Path) -> None:
    class Workshop:
        sources: Any = None
        staging = Staging(folder)
        limits = Limits()

    platform = Platform("linux", "amd64")
    stage_zip(
        Workshop(),
        "widget",
        platform,
        "widget.zip",
        promised,
        lambda out, limit: fetcher.download(server.url("/x"), out, limit=limit),
        key="key",
        url=None,
        where="widget",
    )


def test_the_same_file_behind_another_signature_is_resumed(fetcher: Fetcher, server: HttpServer) -> None:
    file = RangedFile(BODY, ETAG, cuts=[4])
    server.route("/x", Reply.redirect("/files/x?signature=1"), Reply.redirect("/files/x?signature=2"))
    for number in (1, 2):
        server.route(f"/files/x?signature={number}", file)
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, None, "bytes=4-", "bytes=4-"]


def test_the_same_etag_in_another_place_is_another_file(fetcher: Fetcher, server: HttpServer) -> None:
    server.route("/x", Reply.redirect("/a"), Reply.redirect("/b"))
    server.route("/a", RangedFile(BODY, ETAG, cuts=[4]))
    server.route("/b", RangedFile(b"abcdefghij", ETAG))
    assert download(fetcher, server) == b"abcdefghij"
    assert asked(server)[3:] == ["bytes=4-", None, None]


def test_the_whole_must_fit_the_limit_although_each_answer_does(fetcher: Fetcher, server: HttpServer) -> None:
    whole = RangedFile(BODY, ETAG)
    server.route("/x", Reply(headers={**ETAG, "Transfer-Encoding": "chunked"}, body=lambda: [b"4\r\n0123\r\n"]), whole)
    with pytest.raises(SourceError) as caught:
        download(fetcher, server, limit=9)
    assert caught.value.code is codes.TOO_LARGE
    assert asked(server) == [None, "bytes=4-"]
    assert caught.value.found == "10 bytes"


def test_a_busy_host_in_between_costs_nothing_of_what_is_there(
    fetcher: Fetcher, server: HttpServer, pauses: list[float]
) -> None:
    server.route("/x", RangedFile(BODY, ETAG, cuts=[4]), Reply.busy("7"), Reply(502), RangedFile(BODY, ETAG))
    assert download(fetcher, server) == BODY
    assert asked(server) == [None, "bytes=4-", "bytes=4-", "bytes=4-"]
    assert pauses == [0.5, 7.0, 2.0]


def test_four_attempts_are_made_and_the_last_says_how_far_it_came(
    fetcher: Fetcher, server: HttpServer, pauses: list[float]
) -> None:
    server.route("/x", RangedFile(BODY, ETAG, cuts=[1] * 9))
    with pytest.raises(SourceError) as caught:
        download(fetcher, server)
    assert caught.value.code is codes.TRUNCATED
    assert (caught.value.expected, caught.value.found) == ("10 bytes", "4 bytes")
    assert pauses == [0.5, 1.0, 2.0]


def test_attempts_that_get_further_are_not_counted(
    fetcher: Fetcher, server: HttpServer, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_FURTHER", 10)
    body = hashlib.shake_256(b"x").digest(100)
    server.route("/x", RangedFile(body, ETAG, cuts=[10] * 9))
    assert download(fetcher, server) == body
    assert len(asked(server)) == 10
    assert pauses == [0.5] * 9


def test_getting_as_far_again_and_again_is_not_getting_further(
    fetcher: Fetcher, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_FURTHER", 5)
    server.route("/x", RangedFile(BODY, {}, cuts=[6] * 99))
    with pytest.raises(SourceError):
        download(fetcher, server)
    assert len(asked(server)) == 4
