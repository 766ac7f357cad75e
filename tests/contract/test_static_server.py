"""The stand-in for a CDN, over real TLS on the loopback: what it serves, and above all what it does not."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.shim import codes
from registry_gen.shim.static import MAX_DOCUMENT_BYTES, public_files
from tests.support.static_site import StaticSite
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MODULE = "v1/modules/acme/network/aws"
SECRET = b"not for the public"
ARCHIVE = bytes(range(256)) * 40

FILES: Mapping[str, bytes] = {
    paths.DISCOVERY: b'{"modules.v1":"/v1/modules/"}',
    f"{MODULE}/versions": b'{"modules":[]}',
    f"{MODULE}/1.0.0/download": b'{"location":"./module.tar.gz"}',
    f"{MODULE}/1.0.0/get.html": b"<html></html>",
    f"{MODULE}/1.0.0/module.tar.gz": ARCHIVE,
    "v1/providers/acme/widget/versions": b'{"versions":[]}',
    "v1/providers/acme/widget/1.0.0/download/linux/amd64": b"{}",
    "v1/providers/acme/widget/1.0.0/terraform-provider-widget_1.0.0_linux_amd64.zip": b"PK",
    f"v1/providers/acme/widget/1.0.0/{'a' * 64}_SHA256SUMS": b"sums\n",
    f"v1/providers/acme/widget/1.0.0/{'b' * 64}_SHA256SUMS.sig": b"\x89",
    "v1/mirror/registry.example.net/demo/sprocket/index.json": b'{"versions":{}}',
    "v1/mirror/registry.example.net/demo/sprocket/1.0.0.json": b'{"archives":{}}',
    f"records/{'c' * 64}": b"{}",
    "log/checkpoint": b"origin\n",
    "log/tile/0/x001/234.p/8": b"tile",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Sends request targets exactly as they are given: no library in between that would mend them."""

    def __init__(self, site: StaticSite) -> None:
        self._site = site

    def ask(self, target: str, method: str = "GET", **headers: str) -> Answer:
        context = ssl.create_default_context(cafile=str(self._site.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self._site.port, timeout=30, context=context)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("storage")
    folder = base / "public"
    for key, body in FILES.items():
        _put(folder, key, body)
    _put(folder, ".staging/4711", SECRET)
    _put(folder, f"{MODULE}/1.0.0/notes.txt", SECRET)
    _put(base, "private/v1/modules/acme/secret/aws/versions", SECRET)
    (folder / "v1/modules/acme/linked").symlink_to(base / "private/v1/modules/acme/secret")
    _put(folder, "v1/modules/acme/file/aws/kept", b"")
    (folder / "v1/modules/acme/file/aws/versions").symlink_to(base / "private/v1/modules/acme/secret/aws/versions")
    (folder / "v1/modules/acme/loop").symlink_to("loop")
    return folder


@pytest.fixture(scope="module")
def client(public: Path, authority: Authority) -> Iterator[Client]:
    with StaticSite(public, authority, private=public.parent / "private") as site:
        yield Client(site)


def _put(folder: Path, key: str, body: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


@pytest.mark.parametrize("key", FILES)
def test_every_kind_of_object_is_served_as_paths_says(client: Client, key: str) -> None:
    answer = client.ask(f"/{key}")
    rule = paths.rule(key)
    assert (answer.status, answer.body) == (200, FILES[key])
    assert answer.headers["content-type"] == rule.content_type
    assert answer.headers["cache-control"] == rule.cache_control
    assert answer.headers["content-length"] == str(len(FILES[key]))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_head_tells_the_length_and_sends_no_body(client: Client) -> None:
    for key in (f"{MODULE}/versions", f"{MODULE}/1.0.0/module.tar.gz"):
        answer = client.ask(f"/{key}", "HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-length"] == str(len(FILES[key]))


def test_the_constant_header_is_on_module_downloads_and_on_nothing_else(client: Client) -> None:
    carriers = {key for key in FILES if "x-terraform-get" in client.ask(f"/{key}").headers}
    assert carriers == {f"{MODULE}/1.0.0/download"}
    assert client.ask(f"/{MODULE}/1.0.0/download").headers["x-terraform-get"] == "./get.html"


def test_the_hop_page_does_not_carry_the_header_when_terraform_appends_its_query(client: Client) -> None:
    answer = client.ask(f"/{MODULE}/1.0.0/get.html?terraform-get=1")
    assert answer.status == 200
    assert "x-terraform-get" not in answer.headers


@pytest.mark.parametrize("key", [f"{MODULE}/versions", f"{MODULE}/1.0.0/module.tar.gz"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_reader_that_has_these_bytes_gets_304(client: Client, key: str, form: str) -> None:
    etag = client.ask(f"/{key}").headers["etag"]
    answer = client.ask(f"/{key}", If_None_Match=form.format(etag))
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert answer.headers["cache-control"] == paths.rule(key).cache_control


def test_a_reader_that_has_other_bytes_gets_the_new_ones(client: Client) -> None:
    assert client.ask(f"/{MODULE}/versions", If_None_Match='"other"').status == 200


def test_a_changed_document_changes_its_etag(client: Client, public: Path) -> None:
    key = "v1/modules/acme/changing/aws/versions"
    _put(public, key, b'{"modules":[1]}')
    first = client.ask(f"/{key}").headers["etag"]
    _put(public, key, b'{"modules":[2]}')
    assert client.ask(f"/{key}").headers["etag"] != first


def test_part_of_an_archive_can_be_had(client: Client) -> None:
    answer = client.ask(f"/{MODULE}/1.0.0/module.tar.gz", Range="bytes=10-19")
    assert (answer.status, answer.body) == (206, ARCHIVE[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(ARCHIVE)}"


def test_a_part_beyond_the_end_is_416_and_kept_out_of_caches(client: Client) -> None:
    answer = client.ask(f"/{MODULE}/1.0.0/module.tar.gz", Range=f"bytes={len(ARCHIVE)}-")
    assert answer.status == 416
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/modules/",
        f"/{MODULE}",
        f"/{MODULE}/",
        f"/{MODULE}/versions/",
        f"/{MODULE}/1.0.0",
        f"/{MODULE}/1.0.0/absent",
        f"/{MODULE}/9.9.9/download",
        f"//{MODULE}/versions",
        f"/v1//{MODULE.removeprefix('v1/')}/versions",
        f"/{MODULE}/./versions",
        f"/{MODULE}/1.0.0/../versions",
        f"/x/../{MODULE}/versions",
        f"/{MODULE.replace('/', '//')}/versions",
        "/v1/modules/../../private/versions",
        "/v1/modules/%2e%2e/%2e%2e/private/versions",
        "/v1/modules/..%2f..%2fprivate/versions",
        "/v1/modules/%252e%252e/%252e%252e/private/versions",
        "/../private/v1/modules/acme/secret/aws/versions",
        "/..%5c..%5cprivate",
        "/v1\\modules\\acme\\network\\aws\\versions",
        f"/{MODULE}/versions%00",
        f"/{MODULE}%00/versions",
        f"/{MODULE}/versions%0d%0aX-Injected:%201",
        f"/{MODULE}/versions%20",
        f"/{MODULE}/versions.",
        f"/{MODULE}/1.0.0%ff/download",
        f"/{MODULE}/%ef%bc%8e%ef%bc%8e/download",
        "/.staging/4711",
        "/.staging",
        "/v1/modules/.staging/a/b/versions",
        "/.well-known/",
        "/.well-known/security.txt",
        f"/{MODULE}/1.0.0/notes.txt",
        "/v1/modules/acme/linked/aws/versions",
        "/v1/modules/acme/file/aws/versions",
        "/v1/modules/acme/loop/aws/versions",
        f"/v1/modules/{'a' * 300}/b/c/versions",
        f"/v1/modules/{'a/' * 2000}versions",
        f"https://127.0.0.1/{MODULE}/versions",
        "*",
    ],
)
def test_what_is_not_an_object_is_404_and_kept_out_of_caches(client: Client, target: str) -> None:
    answer = client.ask(target)
    assert answer.status in (400, 404)
    assert SECRET not in answer.body
    assert "x-injected" not in answer.headers
    assert b"Traceback" not in answer.body
    if answer.status == 404:
        assert answer.headers["cache-control"] == "no-store"


def test_a_document_larger_than_any_is_not_read_into_memory(client: Client, public: Path) -> None:
    huge = public / "v1/modules/acme/huge/aws/versions"
    huge.parent.mkdir(parents=True)
    with huge.open("wb") as file:
        file.truncate(MAX_DOCUMENT_BYTES + 1)
    assert client.ask("/v1/modules/acme/huge/aws/versions").status == 404


def test_encoded_letters_name_the_same_object_as_plain_ones(client: Client) -> None:
    assert client.ask("/v1/modules/%61cme/network/aws/versions").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_reading_is_all_that_can_be_done(client: Client, method: str) -> None:
    answer = client.ask(f"/{MODULE}/versions", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_site_below_a_path_is_served_there_and_discovered_at_the_root(public: Path, authority: Authority) -> None:
    with StaticSite(public, authority, prefix="/registry/") as site:
        client = Client(site)
        assert client.ask(f"/registry/{MODULE}/versions").status == 200
        assert client.ask(f"/{MODULE}/versions").status == 404
        assert client.ask(f"/registry{MODULE}/versions").status == 404
        assert client.ask(f"/{paths.DISCOVERY}").status == 200
        assert client.ask(f"/registry/{paths.DISCOVERY}").status == 200


@pytest.mark.parametrize("private", ["", "inside", "inside/deeper"])
def test_a_private_folder_within_the_public_one_is_refused(tmp_path: Path, private: str) -> None:
    with pytest.raises(InputError) as refused:
        public_files(tmp_path, tmp_path / private)
    assert refused.value.code is codes.PRIVATE_EXPOSED


def test_a_private_folder_reached_by_a_link_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "elsewhere").symlink_to("public")
    with pytest.raises(InputError):
        public_files(tmp_path / "public", tmp_path / "elsewhere" / "private")


def test_a_private_folder_beside_the_public_one_is_fine(tmp_path: Path) -> None:
    public_files(tmp_path / "public", tmp_path / "public-private")
