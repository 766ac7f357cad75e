"""nginx and Caddy as deployments/ configures them, before a folder and before a bucket: what clients are told."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from itertools import product
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from registry_gen import paths
from registry_gen.shim.static import TERRAFORM_GET
from tests.support.http_server import HttpServer, Reply
from tests.support.sample_keys import ARCHIVE, COMPRESSED, DOWNLOAD, KEYS
from tests.support.static_site import free_port
from tests.support.tls import Authority
from tests.support.web_servers import Source, caddy, nginx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.http_server import Request
    from tests.support.web_servers import WebServer

BIG: Final = b'{"versions":[' + b'{"version":"1.0.0"},' * 200 + b"]}"
HIDDEN: Final = (".staging/0f0f", ".well-known/acme-challenge/token", "v1/modules/.git/config", "log/.htpasswd")
SECRET: Final = b"not for the public"
KINDS: Final = ("folder", "bucket", "prefix")
PREFIX: Final = "/some/folder"
MISSING: Final = DOWNLOAD.replace("1.2.0-rc.1", "9.9.9")


def _body(key: str) -> bytes:
    return bytes(range(256)) * 40 if key.endswith(COMPRESSED) else BIG


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    for key in (*KEYS, *HIDDEN):
        file = root / "public" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(SECRET if key in HIDDEN else _body(key))
    (root / "private").mkdir()
    (root / "private/state").write_bytes(SECRET)
    (root / "public/v1/linked").symlink_to(root / "private/state")
    return root / "public"


@pytest.fixture(scope="module")
def bucket(authority: Authority) -> Iterator[HttpServer]:
    """A store that says 403 for what it has not, marks its answers, and refuses tokens of others and queries.

    It has two registries, one of them below a prefix.
    """
    with HttpServer(authority=authority) as server:
        for prefix, key in product(("", PREFIX), KEYS):
            reply = Reply(
                body=_body(key),
                content_type=paths.rule(key).content_type,
                headers={"Cache-Control": "private", "X-Terraform-Get": "./theirs", "x-amz-request-id": "1"},
            )
            server.route(f"{prefix}/{quote(key)}", _unless_told_too_much(reply))
        for prefix, path in product(("", PREFIX), (MISSING, "v1/", "")):
            server.route(
                f"{prefix}/{path}", Reply(status=403, body=b"<Error/>", headers={"Cache-Control": "max-age=60"})
            )
        yield server


def _unless_told_too_much(reply: Reply) -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        return Reply(status=400) if "authorization" in request.headers or "cookie" in request.headers else reply

    return answer


@pytest.fixture(scope="module", params=[f"{name}-{kind}" for name in ("nginx", "caddy") for kind in KINDS])
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    public: Path,
    bucket: HttpServer,
) -> Iterator[WebServer]:
    name, _, kind = request.param.partition("-")
    prefix = PREFIX if kind == "prefix" else ""
    source = Source(folder=public) if kind == "folder" else Source(bucket=bucket.url("", "localhost"), prefix=prefix)
    start = nginx if name == "nginx" else caddy
    with ExitStack() as stack:
        work = tmp_path_factory.mktemp(request.param) / "etc"
        yield stack.enter_context(start(work, authority, free_port(), source))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_served_with_the_type_and_the_cache_rule_of_paths(server: WebServer, key: str) -> None:
    answer = server.ask(f"/{key}")

    rule = paths.rule(key)
    assert answer.status == 200, answer
    assert answer.body == _body(key)
    assert answer.headers["content-type"] == rule.content_type
    assert answer.headers["cache-control"] == rule.cache_control
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "max-age" in answer.headers["strict-transport-security"]
    assert not any(name.startswith("x-amz") for name in answer.headers)


@pytest.mark.parametrize("key", KEYS)
def test_downloads_of_modules_carry_the_constant_header_and_nothing_else_does(server: WebServer, key: str) -> None:
    carried = server.ask(f"/{key}").headers.get("x-terraform-get")

    assert carried == (TERRAFORM_GET if key == DOWNLOAD else None)


@pytest.mark.parametrize("path", [MISSING, "v1/", "v1", "", "records/", "nothing", "v1/modules/acme"])
def test_what_is_not_there_is_404_and_not_kept(server: WebServer, path: str) -> None:
    answer = server.ask(f"/{path}")

    assert answer.status == 404, answer
    assert answer.headers["cache-control"] == "no-store"
    assert "x-terraform-get" not in answer.headers
    assert "<a " not in answer.body.decode()


@pytest.mark.parametrize("path", [*HIDDEN, "v1/../.staging/0f0f", "%2estaging/0f0f", "v1/%2e%2e/.staging/0f0f"])
def test_nothing_hidden_is_served(server: WebServer, path: str) -> None:
    answer = server.ask(f"/{path}")

    assert answer.status == 404, answer
    assert SECRET not in answer.body


@pytest.mark.parametrize("path", ["/../private/state", "/%2e%2e/private/state", "/v1/..%2f..%2f..%2fprivate/state"])
def test_the_private_folder_is_out_of_reach(server: WebServer, path: str) -> None:
    answer = server.ask(path)

    assert answer.status in (400, 404), answer
    assert SECRET not in answer.body


@pytest.mark.parametrize("server", ["nginx-folder"], indirect=True)
def test_nginx_takes_a_link_for_no_file(server: WebServer) -> None:
    """Caddy cannot be told to; its README says so."""
    answer = server.ask("/v1/linked")

    assert answer.status in (403, 404)
    assert answer.headers["cache-control"] == "no-store"
    assert SECRET not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_reading_is_allowed(server: WebServer, method: str) -> None:
    answer = server.ask(f"/{DOWNLOAD}", method)

    assert answer.status == 405, answer
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.headers["cache-control"] == "no-store"
    assert "x-terraform-get" not in answer.headers


@pytest.mark.parametrize("key", KEYS)
def test_documents_may_be_compressed_on_the_way_and_archives_never_are(server: WebServer, key: str) -> None:
    answer = server.ask(f"/{key}", headers={"Accept-Encoding": "gzip"})

    compressed = answer.headers.get("content-encoding") == "gzip"
    assert compressed == (paths.rule(key).content_type in ("application/json", "text/html; charset=utf-8"))
    assert (gzip.decompress(answer.body) if compressed else answer.body) == _body(key)


def test_a_client_may_ask_for_the_head_alone(server: WebServer) -> None:
    answer = server.ask(f"/{ARCHIVE}", "HEAD")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(_body(ARCHIVE)))


def test_tokens_cookies_and_queries_of_clients_stay_here(server: WebServer) -> None:
    answer = server.ask(f"/{DOWNLOAD}?versions&acl=1", headers={"Authorization": "Bearer x", "Cookie": "a=b"})

    assert answer.status == 200, answer


# Before a bucket it is the store that answers ranges.
@pytest.mark.parametrize("server", ["nginx-folder", "caddy-folder"], indirect=True)
def test_an_unfinished_archive_goes_on_where_it_was(server: WebServer) -> None:
    answer = server.ask(f"/{ARCHIVE}", headers={"Range": "bytes=100-"})

    assert (answer.status, answer.body) == (206, _body(ARCHIVE)[100:])
    assert answer.headers["cache-control"] == paths.rule(ARCHIVE).cache_control


@pytest.mark.parametrize("server", ["nginx-folder", "caddy-folder"], indirect=True)
def test_a_range_that_is_not_there_is_not_kept(server: WebServer) -> None:
    answer = server.ask(f"/{ARCHIVE}", headers={"Range": "bytes=99999999-"})

    assert answer.status == 416
    # nginx has added the file's own rule before it looks at the range; of two rules a cache obeys the stricter one.
    assert "no-store" in answer.headers.get("cache-control", "no-store")
