"""Listing tags over smart HTTP: it says what git says, costs a request, and takes nothing on trust."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import Code, SourceError
from registry_gen.model.config import Limits, Network
from registry_gen.model.plan import Tag
from registry_gen.sources import codes
from registry_gen.sources.git import Git, parse_tags
from registry_gen.sources.hosts import FAILURES, Hosts
from registry_gen.sources.pkt_line import packet
from registry_gen.sources.retry import ATTEMPTS
from tests.support.git_repo import GitRepo
from tests.support.git_server import serve_git
from tests.support.http_server import HttpServer, Reply
from tests.support.made_time import MadeTime
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

ONE, TWO = "1" * 40, "2" * 40
ADVERTISE = "/info/refs?service=git-upload-pack"
ASK = "/git-upload-pack"


def packets(*lines: str) -> bytes:
    return b"".join(packet(line.encode()) for line in lines) + b"0000"


HELLO = packets("# service=git-upload-pack\n")
VERSION_2 = HELLO + packets("version 2\n", "agent=git/made\n", "ls-refs\n", "fetch\n")
TAGS = packets(f"{ONE} HEAD\n", f"{ONE} refs/tags/v1.0.0\n", f"{TWO} refs/tags/v1.1.0 peeled:{ONE}\n")


def advertisement(body: bytes | Callable[[], Iterable[bytes]] = VERSION_2, **more: int) -> Reply:
    return Reply(body=body, content_type="application/x-git-upload-pack-advertisement", **more)  # type: ignore[arg-type]


def result(body: bytes | Callable[[], Iterable[bytes]] = TAGS, **more: int) -> Reply:
    return Reply(body=body, content_type="application/x-git-upload-pack-result", **more)  # type: ignore[arg-type]


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        serve_git(server, tmp_path / "repositories")
        serve_git(server, tmp_path / "repositories", prefix="/old/", version2=False)
        yield server


@pytest.fixture
def time() -> MadeTime:
    return MadeTime()


class Made:
    """Makes readers of git that know the server's authority, and closes them."""

    def __init__(self, folder: Path, authority: Authority, time: MadeTime) -> None:
        self._folder = folder
        self._authority = authority
        self._time = time
        self.made: list[Git] = []

    def __call__(
        self, *, seconds: float = 60.0, resolve: Callable[[str, int], Sequence[str]] = lambda *_: ["127.0.0.1"]
    ) -> Git:
        network = Network(allow_private=("127.0.0.0/8",), ca_file=self._authority.ca_file)
        hosts = Hosts(Limits().per_host, clock=self._time.clock, sleep=self._time.sleep)
        git = Git(self._folder / "state", network, Limits(git_seconds=seconds), resolve=resolve, hosts=hosts)
        self.made.append(git)
        return git


@pytest.fixture
def make(tmp_path: Path, authority: Authority, time: MadeTime) -> Iterator[Made]:
    made = Made(tmp_path, authority, time)
    yield made
    for git in made.made:
        git.close()


@pytest.fixture
def git(make: Made) -> Git:
    return make()


@pytest.fixture
def no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever starts git fails with GIT012."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def refused(code: Code, call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    assert caught.value.code is code, caught.value
    return caught.value


def serve_tags(server: HttpServer, *paths: str) -> None:
    for path in (path.removesuffix("/") for path in paths):
        server.route(path + ADVERTISE, advertisement())
        server.route(path + ASK, result())


def asked(server: HttpServer) -> list[str]:
    return [f"{request.method} {request.path}" for request in server.requests]


# --- the same as git ----------------------------------------------------------------------------------------------


def _annotated(repo: GitRepo) -> None:
    repo.tag("v1.0.0", repo.commit({"main.tf": "1"}), annotated=True)
    repo.tag("modules/network/v1.0.0", annotated=True)


def _lightweight(repo: GitRepo) -> None:
    repo.tag("v1.0.0", repo.commit({"main.tf": "1"}))
    repo.tag("v1.1.0", repo.commit({"main.tf": "2"}))


def _nested(repo: GitRepo) -> None:
    repo.tag("inner", repo.commit({"main.tf": "1"}), annotated=True)
    repo.git("tag", "-a", "-m", "outer", "outer", "refs/tags/inner")
    repo.git("tag", "-a", "-m", "outermost", "outermost", "refs/tags/outer")


def _other_things(repo: GitRepo) -> None:
    commit = repo.commit({"main.tf": "1"})
    repo.git("tag", "a-tree", f"{commit}^{{tree}}")
    repo.git("tag", "-a", "-m", "a blob", "a-blob", f"{commit}:main.tf")


def _no_tags(repo: GitRepo) -> None:
    repo.commit({"main.tf": "1"})


def _no_head(repo: GitRepo) -> None:
    repo.commit({"main.tf": "1"})
    repo.git("symbolic-ref", "HEAD", "refs/heads/nowhere")


def _detached_head(repo: GitRepo) -> None:
    repo.tag("v1.0.0", repo.commit({"main.tf": "1"}))
    repo.git("update-ref", "--no-deref", "HEAD", "refs/heads/main")


def _many(repo: GitRepo) -> None:
    commit = repo.commit({"main.tf": "1"})
    lines = "".join(f"create refs/tags/v{number // 100}.{number % 100}.0 {commit}\n" for number in range(3000))
    repo.git("update-ref", "--stdin", stdin=lines.encode())
    repo.tag("v100.0.0", commit, annotated=True)
    repo.git("pack-refs", "--all")


def _odd_names(repo: GitRepo) -> None:
    commit = repo.commit({"main.tf": "1"})
    for name in (
        "é",
        "日本/v1",
        "a+b=c",
        "%41",
        "a@b",
        "@x",
        "v1;rm",
        "$(x)",
        "'",
        '"',
        "#1",
        "-x",
        "a\u202eb",
    ):
        repo.git("update-ref", f"refs/tags/{name}", commit)
    repo.tag("'annotated'", commit, annotated=True)


MADE = [_annotated, _lightweight, _nested, _other_things, _no_tags, _no_head, _detached_head, _many, _odd_names]


@pytest.mark.parametrize("where", ["/git/", "/old/"], ids=["version 2", "version 0"])
@pytest.mark.parametrize("fill", MADE, ids=lambda fill: fill.__name__.strip("_"))
def test_the_tags_are_those_that_git_lists(
    tmp_path: Path, git: Git, server: HttpServer, where: str, fill: Callable[[GitRepo], None]
) -> None:
    repo = GitRepo(tmp_path / "repositories" / "network.git")
    fill(repo)
    url = server.url(f"{where}network.git")
    by_git = parse_tags(git._listed_by_git(url))
    assert git.tags(url) == by_git
    assert git.tags(url) == by_git, "the second time, the host is known"
    # The listing of the whole repository, read straight from its folder.
    assert by_git == parse_tags(repo.git("ls-remote", ".").encode())
    assert by_git or fill in (_no_tags, _no_head)


@pytest.mark.parametrize("where", ["/git/", "/old/"], ids=["version 2", "version 0"])
def test_an_empty_repository_is_told_as_git_tells_it(tmp_path: Path, git: Git, server: HttpServer, where: str) -> None:
    GitRepo(tmp_path / "repositories" / "network.git")
    url = server.url(f"{where}network.git")
    assert git._listed_by_git(url) == b""
    for _ in range(2):
        refused(codes.NO_REPOSITORY, lambda: git.tags(url))


@pytest.mark.parametrize("where", ["/git/", "/old/"], ids=["version 2", "version 0"])
def test_repositories_of_sha256_and_of_sha1_on_one_host_are_read(
    tmp_path: Path, git: Git, server: HttpServer, where: str
) -> None:
    plain, long = (GitRepo(tmp_path / "repositories" / name) for name in ("sha1.git", "sha256.git"))
    shutil.rmtree(long.path)
    long.path.mkdir()
    long.git("init", "-q", "--bare", "--object-format=sha256", "--initial-branch=main", ".")
    for repo in (plain, long):
        repo.tag("v1.0.0", repo.commit({"main.tf": "1"}), annotated=True)
    for repo in (plain, long, plain, long):
        assert git.tags(server.url(f"{where}{repo.path.name}")) == (Tag("v1.0.0", repo.resolve("v1.0.0")),)


def test_servers_of_both_versions_may_share_a_host(tmp_path: Path, git: Git, server: HttpServer) -> None:
    repo = GitRepo(tmp_path / "repositories" / "network.git")
    _annotated(repo)
    expected = parse_tags(repo.git("ls-remote", ".").encode())
    for where in ("/git/", "/old/", "/git/", "/old/", "/old/"):
        assert git.tags(server.url(f"{where}network.git")) == expected


@pytest.mark.parametrize("where", ["/git/", "/old/"], ids=["version 2", "version 0"])
def test_a_repository_that_does_not_exist_is_told_in_each_way(
    tmp_path: Path, git: Git, server: HttpServer, where: str
) -> None:
    GitRepo(tmp_path / "repositories" / "network.git").commit({"main.tf": ""})
    for _ in range(2):
        refused(codes.NO_REPOSITORY, lambda: git.tags(server.url(f"{where}missing.git")))
        assert git.tags(server.url(f"{where}network.git")) == ()


def test_the_old_way_of_plain_files_is_left_to_git(tmp_path: Path, git: Git, server: HttpServer) -> None:
    repo = GitRepo(tmp_path / "plain" / "network.git")
    _annotated(repo)
    repo.git("update-server-info")
    server.folder("/plain/", tmp_path / "plain")
    listing = (repo.path / "info" / "refs").read_bytes()
    server.route("/plain/network.git" + ADVERTISE, Reply(body=listing, content_type="text/plain"))
    assert git.tags(server.url("/plain/network.git")) == parse_tags(repo.git("ls-remote", ".").encode())


# --- what it costs ------------------------------------------------------------------------------------------------


def test_one_request_is_enough_once_a_host_is_known_and_no_git_is_started(
    no_git: None, git: Git, server: HttpServer
) -> None:
    serve_tags(server, "/a.git", "/b.git", "/c/")
    for name in ("/a.git", "/b.git", "/c/"):
        assert git.tags(server.url(name)) == (Tag("v1.0.0", ONE), Tag("v1.1.0", ONE))  # type: ignore[arg-type]
    assert asked(server) == [
        f"GET /a.git{ADVERTISE}",
        f"POST /a.git{ASK}",
        f"POST /b.git{ASK}",
        "POST /c/git-upload-pack",
    ]


def test_a_host_of_an_earlier_version_is_asked_once_for_each_repository(
    no_git: None, git: Git, server: HttpServer
) -> None:
    old = HELLO + packets(f"{ONE} HEAD\0agent=x\n", f"{TWO} refs/tags/v1.0.0\n", f"{ONE} refs/tags/v1.0.0^{{}}\n")
    for name in ("/a.git", "/b.git"):
        server.route(name + ADVERTISE, advertisement(old))
        assert git.tags(server.url(name)) == (Tag("v1.0.0", ONE),)  # type: ignore[arg-type]
    assert asked(server) == [f"GET /a.git{ADVERTISE}", f"GET /b.git{ADVERTISE}"]


def _keep_alive(handler: BaseHTTPRequestHandler, kind: str, body: bytes) -> None:
    handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
    handler.send_response(200)
    handler.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _kept_connections(server: HttpServer, *, then_close: bool = False) -> set[object]:
    """Serve tags under /kept/, telling the clients' ports; the server may close a connection without saying so."""
    clients: set[object] = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        clients.add(handler.client_address)
        if handler.command == "GET":
            _keep_alive(handler, "advertisement", VERSION_2)
        else:
            _keep_alive(handler, "result", TAGS)
        handler.close_connection = then_close

    server.mount("/kept/", answer)
    return clients


def test_a_connection_is_kept_from_one_repository_to_the_next(make: Made, server: HttpServer) -> None:
    resolved: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        resolved.append(host)
        return ["127.0.0.1"]

    git, clients = make(resolve=resolve), _kept_connections(server)
    for number in range(5):
        git.tags(server.url(f"/kept/{number}.git", "git.example.test"))
    assert len(clients) == 1
    assert resolved == ["git.example.test"]
    git.tags(server.url("/kept/x.git", "other.example.test"))
    assert len(clients) == 2, "a connection serves only the host that it was made for"


def test_a_connection_that_the_host_closed_meanwhile_is_no_failure(
    git: Git, server: HttpServer, time: MadeTime
) -> None:
    clients = _kept_connections(server, then_close=True)
    for number in range(3):
        assert git.tags(server.url(f"/kept/{number}.git"))
    assert len(clients) == 4
    assert time.pauses == []


# --- what may not happen ------------------------------------------------------------------------------------------


def test_no_credentials_and_no_cookies_are_sent_whatever_the_host_asks_for(
    git: Git, server: HttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    serve_tags(server, "/a.git")
    asks = {"WWW-Authenticate": 'Basic realm="x"', "Set-Cookie": "a=b"}
    server.route("/a.git" + ADVERTISE, Reply(401, headers=asks), advertisement())
    refused(codes.NO_REPOSITORY, lambda: git.tags(server.url("/a.git")))
    assert git.tags(server.url("/a.git"))
    assert len(server.requests) == 3
    for request in server.requests:
        assert not {"authorization", "cookie", "proxy-authorization", "referer"} & set(request.headers)
        assert request.headers["user-agent"].startswith("git/registry-gen")
        assert request.headers["git-protocol"] == "version=2"


@pytest.mark.parametrize("known", [False, True])
def test_a_redirect_is_not_followed_but_told(git: Git, server: HttpServer, known: bool) -> None:
    serve_tags(server, "/known.git", "/new.git")
    if known:
        git.tags(server.url("/known.git"))
    for service in (ADVERTISE, ASK):
        server.route(
            "/old.git" + service, Reply.redirect(server.url("/new.git" + service, "user:secret@127.0.0.1"), 301)
        )
    error = refused(codes.MOVED_REPOSITORY, lambda: git.tags(server.url("/old.git")))
    assert "/new.git" in error.found
    assert "secret" not in str(error)
    assert server.asked("/new.git" + ADVERTISE) == server.asked("/new.git" + ASK) == 0


def test_proxies_of_the_environment_are_not_used(
    no_git: None, git: Git, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    serve_tags(server, "/a.git")
    assert git.tags(server.url("/a.git"))


def test_each_new_connection_goes_to_an_address_that_was_judged(no_git: None, make: Made, server: HttpServer) -> None:
    """The server closes after each answer; the name then resolves to the network behind the firewall."""
    serve_tags(server, "/a.git")
    addresses = iter([["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]])
    git = make(resolve=lambda _host, _port: next(addresses))
    url = server.url("/a.git", "git.example.test")
    assert git.tags(url)
    refused(codes.FORBIDDEN_ADDRESS, lambda: git.tags(url))


def test_plain_http_is_spoken_only_where_it_is_allowed(no_git: None, tmp_path: Path) -> None:
    with HttpServer() as server:
        serve_tags(server, "/a.git")
        loopback = ("127.0.0.0/8",)
        git = Git(tmp_path / "one", Network(allow_private=loopback), Limits())
        refused(codes.BAD_SCHEME, lambda: git.tags(server.url("/a.git")))
        assert server.requests == []
        allowed = Git(tmp_path / "two", Network(schemes=("http",), allow_private=loopback), Limits())
        assert allowed.tags(server.url("/a.git"))
        allowed.close()


# --- hostile answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (b"", codes.GIT_UNREACHABLE),
        (TAGS[:-4], codes.GIT_UNREACHABLE),
        (TAGS[:-10], codes.GIT_UNREACHABLE),
        (b"ffff" + b"x" * 70_000, codes.GIT_FAILED),
        (b"-001", codes.GIT_FAILED),
        (b"<html>", codes.GIT_FAILED),
        (TAGS + b"0000", codes.GIT_FAILED),
        (packets(f"{ONE[:-1]}g refs/tags/v1.0.0"), codes.GIT_FAILED),
        (packets(f"{'1' * 64} refs/tags/v1.0.0"), codes.GIT_FAILED),
        (packets(f"{ONE} refs/tags/v1.0.0 peeled:../../x"), codes.GIT_FAILED),
        (packets("ERR repository not found"), codes.NO_REPOSITORY),
        (packets("ERR \x1b[31mout of \u202eorder"), codes.GIT_FAILED),
    ],
)
def test_a_list_that_breaks_the_protocol_is_refused_with_a_code(
    no_git: None, git: Git, server: HttpServer, listed: bytes, code: Code
) -> None:
    serve_tags(server, "/good.git")
    server.route("/bad.git" + ADVERTISE, advertisement())
    server.route("/bad.git" + ASK, result(listed))
    for _ in range(2):
        error = refused(code, lambda: git.tags(server.url("/bad.git")))
        assert "\x1b" not in error.found
        git.tags(server.url("/good.git"))


@pytest.mark.parametrize(
    "advertised",
    [packets(""), b"zzzz", HELLO + packets("version 2\n", "agent=x\n"), HELLO + packets(f"{ONE}\trefs/tags/v1.0.0")],
)
def test_an_advertisement_that_breaks_the_protocol_is_refused(
    no_git: None, git: Git, server: HttpServer, advertised: bytes
) -> None:
    server.route("/bad.git" + ADVERTISE, advertisement(advertised))
    refused(codes.GIT_FAILED, lambda: git.tags(server.url("/bad.git")))


def test_names_that_git_does_not_allow_are_left_out(no_git: None, git: Git, server: HttpServer) -> None:
    names = ("v1.0.0", "..", "a..b", ".a", "a.lock", "a/", "a~1", "x" * 300, "a\x1b[31m", "a\u0085b", "a^{}", "\ufffd")
    server.route("/a.git" + ADVERTISE, advertisement())
    server.route("/a.git" + ASK, result(packets(*(f"{ONE} refs/tags/{name}\n" for name in names))))
    assert git.tags(server.url("/a.git")) == (Tag("v1.0.0", ONE),)  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", ["text/html", "application/x-git-upload-pack-result; x", "", "application/json"])
@pytest.mark.parametrize("service", [ADVERTISE, ASK])
def test_an_answer_of_another_type_is_left_to_git(
    no_git: None, git: Git, server: HttpServer, odd: str, service: str
) -> None:
    serve_tags(server, "/a.git")
    if service == ASK and odd.startswith("application/x-git"):
        odd = "application/x-git-upload-pack-advertisement"
    server.route("/a.git" + service, Reply(body=TAGS, content_type=odd))
    refused(codes.NO_GIT, lambda: git.tags(server.url("/a.git")))


def test_a_packed_answer_that_was_not_asked_for_is_left_to_git(no_git: None, git: Git, server: HttpServer) -> None:
    reply = advertisement()
    server.route(
        "/a.git" + ADVERTISE,
        Reply(body=reply.body, content_type=reply.content_type, headers={"Content-Encoding": "gzip"}),
    )
    refused(codes.NO_GIT, lambda: git.tags(server.url("/a.git")))


def test_a_certificate_that_is_not_accepted_here_is_left_to_git_to_judge(
    no_git: None, git: Git, tmp_path: Path
) -> None:
    with HttpServer(authority=Authority(tmp_path / "other")) as server:
        refused(codes.NO_GIT, lambda: git.tags(server.url("/a.git")))
        assert server.requests == []


@pytest.mark.parametrize("service", [ADVERTISE, ASK])
def test_a_list_without_end_is_cut_off(
    no_git: None, git: Git, server: HttpServer, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setattr("registry_gen.sources.git._LISTING_BYTES", 100_000)
    line = packet(f"{ONE} refs/tags/v1.0.0\n".encode())

    def endless() -> Iterator[bytes]:
        while True:
            yield line

    serve_tags(server, "/a.git")
    server.route("/a.git" + service, advertisement(endless) if service == ADVERTISE else result(endless))
    refused(codes.TOO_MANY_REFS, lambda: git.tags(server.url("/a.git")))


@pytest.mark.parametrize("size", ["-1", "-5", "ffffffffffffff", "ffffffffffffffffffff"])
def test_a_chunk_of_an_absurd_size_is_cut_off_too(
    no_git: None, git: Git, server: HttpServer, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """The standard library reads a negative one as all that there is, or ends with an error of its own."""
    monkeypatch.setattr("registry_gen.sources.git._LISTING_BYTES", 100_000)
    sent = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(f"{size}\r\n".encode())
        for _ in range(64):
            handler.wfile.write(b"0" * 1_000_000)
            sent.append(1_000_000)

    server.mount("/a.git", answer)
    refused(codes.TOO_MANY_REFS, lambda: git.tags(server.url("/a.git")))
    assert sum(sent) < 32_000_000, "what nobody reads is not sent"


@pytest.mark.parametrize("hold_at", [0, 30])
def test_a_host_that_falls_silent_is_left_when_time_is_up(
    no_git: None, make: Made, server: HttpServer, hold_at: int
) -> None:
    serve_tags(server, "/a.git")
    server.route("/a.git" + ASK, result(hold_at=hold_at))
    refused(codes.GIT_TIMEOUT, lambda: make(seconds=0.3).tags(server.url("/a.git")))


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_host_that_trickles_is_left_when_time_is_up(no_git: None, make: Made, server: HttpServer, part: str) -> None:
    """Each byte comes soon enough, and all of them would take for ever."""
    left = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if part == "body":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n")
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        try:
            while not left.wait(0.01):
                handler.wfile.write(b"0")
                handler.wfile.flush()
        except OSError:
            left.set()

    server.mount("/slow.git", answer)
    refused(codes.GIT_TIMEOUT, lambda: make(seconds=0.3).tags(server.url("/slow.git")))
    assert left.wait(30), "the connection was not closed"


# --- patience -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(drop=True),
        Reply(500),
        Reply(502),
        result(cut_at=60),
        result(TAGS[:-4]),
        Reply.busy(),
        Reply.busy(status=503),
    ],
)
def test_what_may_pass_is_tried_again(
    no_git: None, git: Git, server: HttpServer, time: MadeTime, trouble: Reply
) -> None:
    server.route("/a.git" + ADVERTISE, advertisement())
    server.route("/a.git" + ASK, trouble, result())
    assert len(git.tags(server.url("/a.git"))) == 2
    assert time.pauses == [0.5]


def test_a_name_that_does_not_resolve_for_a_moment_is_looked_up_again(
    no_git: None, make: Made, server: HttpServer, time: MadeTime
) -> None:
    serve_tags(server, "/a.git")
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        if len(asked) == 1:
            raise OSError("Temporary failure in name resolution")
        return ["127.0.0.1"]

    assert make(resolve=resolve).tags(server.url("/a.git", "git.example.test"))
    assert time.pauses == [0.5]


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_asks_to_wait_is_waited_for(
    no_git: None, git: Git, server: HttpServer, time: MadeTime, status: int
) -> None:
    serve_tags(server, "/a.git")
    server.route("/a.git" + ADVERTISE, Reply.busy("7", status), Reply.busy("20", status), advertisement())
    assert git.tags(server.url("/a.git"))
    assert time.pauses == [7.0, 20.0]
    server.route("/a.git" + ASK, Reply.busy("3", status), result())
    assert git.tags(server.url("/a.git"))
    assert time.pauses[2:] == [3.0], "also where the question was asked at once"


def test_a_host_that_asks_to_wait_for_an_hour_is_left_for_the_next_run(
    no_git: None, git: Git, server: HttpServer, time: MadeTime
) -> None:
    server.route("/a.git" + ADVERTISE, Reply.busy("3600"))
    assert "3600 s" in refused(codes.BUSY, lambda: git.tags(server.url("/a.git"))).found
    assert (time.pauses, len(server.requests)) == ([], 1)


def test_a_host_that_keeps_refusing_is_not_hammered_by_the_rest_and_each_repository_is_reported(
    no_git: None, git: Git, server: HttpServer
) -> None:
    urls = [server.url(f"/{number}.git") for number in range(200)]
    for number in range(200):
        server.route(f"/{number}.git{ADVERTISE}", Reply.busy(status=429))

    with ThreadPoolExecutor(8) as pool:
        errors = list(pool.map(lambda url: refused(codes.BUSY, lambda: git.tags(url)), urls))
    assert [error.where for error in errors] == urls
    # What eight threads had begun may still end its attempts.
    assert len(server.requests) <= (FAILURES + 8) * ATTEMPTS


def test_a_host_of_ssh_that_keeps_failing_is_left_alone_too(
    make: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for ssh counts how often it is started."""
    started = tmp_path / "started"
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho x >>{started}\necho "ssh: connect to host x port 22: Connection refused" >&2\nexit 255\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    git = make()
    for number in range(3 * FAILURES):
        refused(codes.GIT_UNREACHABLE, lambda number=number: git.tags(f"ssh://git@git.example.test/{number}.git"))  # type: ignore[misc]
    assert len(started.read_text().split()) == FAILURES
    for number in range(FAILURES):
        refused(codes.GIT_UNREACHABLE, lambda number=number: git.tags(f"ssh://git@other.example.test/{number}.git"))  # type: ignore[misc]
    assert len(started.read_text().split()) == 2 * FAILURES


def test_neighbours_of_a_broken_repository_are_listed(no_git: None, git: Git, server: HttpServer) -> None:
    serve_tags(server, "/good.git")
    server.route("/bad.git" + ADVERTISE, Reply(500))
    for _ in range(2 * FAILURES):
        refused(codes.GIT_UNREACHABLE, lambda: git.tags(server.url("/bad.git")))
        assert git.tags(server.url("/good.git"))


def test_closing_ends_a_listing_that_hangs(no_git: None, make: Made, server: HttpServer) -> None:
    git, begun = make(), threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        server.wait()

    server.mount("/hang.git", hang)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(refused, codes.GIT_UNREACHABLE, lambda: git.tags(server.url("/hang.git")))
        assert begun.wait(30)
        git.close()
        waiting.result(30)
