"""Verifying over real HTTPS: as a CDN serves a registry, and as a hostile server would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.inspect.lock_file import read_lock_file
from registry_gen.inspect.reader import MAX_DOCUMENT, open_reader
from registry_gen.inspect.verify import LockRequest
from tests.support.git_repo import GitRepo
from tests.support.git_server import serve_git
from tests.support.http_server import HttpServer, Reply
from tests.support.made_registry import MadeRegistry
from tests.support.outsider import MODULE, NETWORK, PROVIDER, RANDOM, WIDGET, Outsider, found
from tests.support.static_site import StaticSite, free_port
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from registry_gen.inspect.findings import Report

CHECKPOINT = f"/{paths.CHECKPOINT}"
ARCHIVE = f"{MODULE}/1.0.0/module.tar.gz"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as running:
        yield running


@pytest.fixture
def made(tmp_path: Path, server: HttpServer) -> MadeRegistry:
    """A registry that says of itself that it is where the server is."""
    registry = fill(MadeRegistry(tmp_path / "public", url=server.url("/"), host=server.host))
    server.folder("/", registry.folder)
    return registry


@pytest.fixture
def look(made: MadeRegistry, server: HttpServer, authority: Authority, tmp_path: Path) -> Look:
    return Look(made, server.url("/"), authority, tmp_path / "state.json")


def fill(made: MadeRegistry) -> MadeRegistry:
    made.module(NETWORK, "1.0.0")
    made.provider(WIDGET, "1.0.0", "linux_amd64", "darwin_arm64")
    made.mirror(RANDOM, "3.1.0", "linux_amd64")
    made.write()
    return made


class Look:
    """An outsider who reads over https."""

    def __init__(self, made: MadeRegistry, url: str, authority: Authority, state: Path) -> None:
        self._outsider = Outsider(made, state)
        self._url = url
        self._authority = authority

    def __call__(self, *what: str, **more: Any) -> Report:
        reader = open_reader(self._url, ca_file=self._authority.ca_file)
        return self._outsider(*what, reader=reader, **more)


def test_a_registry_as_its_own_server_shows_it_is_good(tmp_path: Path, authority: Authority) -> None:
    port = free_port()
    made = fill(MadeRegistry(tmp_path / "public", url=f"https://127.0.0.1:{port}/", host=f"127.0.0.1:{port}"))
    with StaticSite(made.folder, authority, port=port) as site:
        look = Look(made, site.url, authority, tmp_path / "state.json")
        assert found(look()) == []
        for address in (NETWORK, WIDGET, RANDOM):
            assert look(address).good
        assert look(monitor=True).good
        text = f'provider "{site.host}/{WIDGET}" {{\n  version = "1.0.0"\n}}\n'
        report = look(lock=LockRequest("x.hcl", read_lock_file(text.encode(), "x.hcl"), False))
        assert report.counts["providers"] == 1


def test_a_registry_below_a_path_is_good(tmp_path: Path, authority: Authority) -> None:
    port = free_port()
    url = f"https://127.0.0.1:{port}/registry/"
    made = fill(MadeRegistry(tmp_path / "public", url=url, host=f"127.0.0.1:{port}"))
    with StaticSite(made.folder, authority, port=port, prefix="/registry/"):
        for written in (url, url.removesuffix("/")):
            assert found(Look(made, written, authority, tmp_path / "state.json")()) == []


def test_a_registry_that_is_meant_for_another_url_leads_elsewhere(
    made: MadeRegistry, server: HttpServer, authority: Authority, tmp_path: Path
) -> None:
    server.folder("/copy/", made.folder)
    report = Look(made, server.url("/copy/"), authority, tmp_path / "state.json")()

    assert {code for code, _ in found(report)} == {"INS033"}
    assert ("INS033", f"{MODULE}/1.0.0/get.html") in found(report)


@pytest.mark.parametrize(
    "url",
    [
        "../../../../../../../../etc/passwd",
        "//evil.example/{name}",
        "https://evil.example/{name}",
        "https://127.0.0.1.evil.example/{key}",
        "https://user@{host}/{key}",
        "http://{host}/{key}",
        "https://{host}/{key}?more=1",
        "https://{host}/{key}#more",
        "../../{name}/",
        "../../../1.0.0/../1.0.0/x/{name}",
        "https://{host}/copy/{key}",
        "https://[",
        "javascript:alert(1)",
    ],
)
def test_a_leaf_may_not_leave_the_registry_by_any_trick(made: MadeRegistry, look: Look, url: str) -> None:
    name = "terraform-provider-widget_1.0.0_linux_amd64.zip"
    leaf = f"{PROVIDER}/1.0.0/download/linux/amd64"
    host = made.site.host
    trick = url.format(name=name, key=f"{PROVIDER}/1.0.0/{name}", host=host)
    made.edit(leaf, lambda it: it.update(download_url=trick))

    assert found(look(WIDGET)) == [("INS033", leaf)]


def endless() -> Iterable[bytes]:
    while True:
        yield b"x" * 65536


def test_bodies_without_end_are_cut_off(server: HttpServer, look: Look) -> None:
    server.route(f"/{ARCHIVE}", Reply(body=endless))
    server.route(f"/{PROVIDER}/versions", Reply(body=endless))
    server.route("/modules/acme/network/aws/1.0.0/index.json", Reply(body=endless))
    report = look()

    assert found(report) == [
        ("NET010", server.url("/modules/acme/network/aws/1.0.0/index.json")),
        ("INS030", ARCHIVE),
        ("NET010", server.url(f"/{PROVIDER}/versions")),
    ]
    assert str(MAX_DOCUMENT) in report.problems[0].expected


def test_a_checkpoint_without_end_is_cut_off(server: HttpServer, look: Look) -> None:
    server.route(CHECKPOINT, Reply(body=endless))

    assert found(look()) == [("NET010", server.url(CHECKPOINT))]


def test_an_archive_that_promises_another_size_is_altered(server: HttpServer, look: Look) -> None:
    server.route(f"/{ARCHIVE}", Reply(body=b"x", headers={"Content-Length": str(10**15)}))

    assert found(look(NETWORK)) == [("INS030", ARCHIVE)]


def test_redirects_to_private_hosts_are_not_followed(server: HttpServer, look: Look) -> None:
    server.route(CHECKPOINT, Reply.redirect("https://10.0.0.1/log/checkpoint"))
    assert [code for code, _ in found(look())] == ["NET003"]
    server.route(CHECKPOINT, Reply.redirect("http://127.0.0.1/log/checkpoint"))
    assert [code for code, _ in found(look())] == ["NET002"]


def test_a_page_instead_of_a_document_is_told(server: HttpServer, look: Look) -> None:
    server.route(f"/{PROVIDER}/versions", Reply.html())

    assert [code for code, _ in found(look(WIDGET))] == ["NET013"]


def test_without_the_right_certificate_nothing_is_believed(
    made: MadeRegistry, server: HttpServer, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    report = Look(made, server.url("/"), other, tmp_path / "state.json")()

    assert [code for code, _ in found(report)] == ["NET005"]
    assert not report.complete


def test_a_leaf_with_content_encoding_is_read_and_an_archive_with_one_is_not(server: HttpServer, look: Look) -> None:
    server.route(f"/{ARCHIVE}", Reply(body=b"x", headers={"Content-Encoding": "gzip"}))

    assert [code for code, _ in found(look(NETWORK))] == ["NET013"]


@pytest.mark.parametrize(
    "url",
    [
        "http://registry.example.com/",
        "ftp://registry.example.com/",
        "https://user:secret@registry.example.com/",
        "https://registry.example.com/?x=1",
        "https://registry.example.com/#x",
        "https:///",
        "/nowhere/at/all",
        "file:///nowhere/at/all",
    ],
)
def test_what_is_no_address_of_a_registry_is_refused(url: str) -> None:
    with pytest.raises(InputError) as refusal:
        open_reader(url, resolve=lambda host, port: ["192.0.2.1"])

    assert refusal.value.code.id == "INS005"
    assert "secret" not in str(refusal.value)


def test_whoever_is_read_over_https_leads_nowhere_else() -> None:
    reader = open_reader("https://registry.example.com/", resolve=lambda host, port: ["10.0.0.7", "fe80::1%eth0"])

    assert reader.network.schemes == ("https",)
    assert reader.network.allow_private == ("10.0.0.7", "fe80::1")


def test_plain_http_is_for_this_machine_alone(tmp_path: Path) -> None:
    with HttpServer() as server:
        made = fill(MadeRegistry(tmp_path / "public", url=server.url("/"), host=server.host))
        server.folder("/", made.folder)
        assert Outsider(made, tmp_path / "state.json")(reader=open_reader(server.url("/"))).good


def test_links_are_followed_where_that_is_asked_for(
    made: MadeRegistry, server: HttpServer, look: Look, tmp_path: Path
) -> None:
    repo = GitRepo(tmp_path / "git" / "linked.git")
    commit = repo.commit({"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"})
    repo.tag("v1.0.0", commit)
    serve_git(server, tmp_path / "git")
    made.module("acme/linked/aws", "1.0.0", link=server.url("/git/linked.git"), commit=commit)
    facts = made.provider("acme/linked", "1.0.0", "linux_amd64", link=server.url("/elsewhere/"))
    made.write()
    zip_, sums, signature = made.linked
    name = facts.packages[0].filename
    for path, data in {name: zip_, "SHA256SUMS": sums, "SHA256SUMS.sig": signature}.items():
        server.route(f"/elsewhere/{path}", Reply(body=data))
    assert look().counts["linked, not fetched"] == 2

    report = look(links=True)
    assert found(report) == []
    assert (report.counts["linked repositories"], report.counts["linked zips"]) == (1, 1)

    server.route(f"/elsewhere/{name}", Reply(body=zip_ + b"x"))
    server.route("/elsewhere/SHA256SUMS", Reply(body=sums + b"x"))
    repo.tag("v1.0.0", repo.commit({"main.tf": "# moved\n"}))
    altered = look(links=True)
    assert found(altered) == [
        ("INS030", "v1/providers/acme/linked/1.0.0/download/linux/amd64: where it leads"),
        ("INS030", "acme/linked 1.0.0: linux_amd64"),
    ]
    assert altered.counts["linked repositories"] == 1, "the commit is what it was, whatever the tag says now"


def test_a_linked_repository_with_another_tree_is_named(
    made: MadeRegistry, server: HttpServer, look: Look, tmp_path: Path
) -> None:
    repo = GitRepo(tmp_path / "git" / "linked.git")
    commit = repo.commit({"main.tf": "# something else than was logged\n"})
    serve_git(server, tmp_path / "git")
    made.module("acme/linked/aws", "1.0.0", link=server.url("/git/linked.git"), commit=commit)
    made.write()

    assert found(look("acme/linked/aws", links=True)) == [("INS032", "acme/linked/aws 1.0.0")]


def test_a_linked_archive_is_compared_with_what_was_logged(made: MadeRegistry, server: HttpServer, look: Look) -> None:
    made.module("acme/linked/aws", "1.0.0", link=server.url("/elsewhere/linked.tar.gz"))
    made.write()
    (archive,) = made.linked
    server.route("/elsewhere/linked.tar.gz", Reply(body=archive))
    report = look("acme/linked/aws", links=True)
    assert report.good
    assert report.counts["linked archives"] == 1

    server.route("/elsewhere/linked.tar.gz", Reply(body=archive + b"x"))
    assert found(look("acme/linked/aws", links=True)) == [("INS030", "acme/linked/aws 1.0.0")]
    assert look("acme/linked/aws").good
