from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import Code, Position, SourceError
from registry_gen.model.address import MirrorAddress, Platform
from registry_gen.model.config import Limits, Network
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import MirrorEntry
from registry_gen.model.facts import Hosting
from registry_gen.model.plan import UpstreamSeen
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.sources import codes
from registry_gen.sources.http import Fetcher
from registry_gen.sources.upstream import Upstream, UpstreamPackage
from tests.support.http_server import HttpServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.tls import Authority

LINUX = Platform("linux", "amd64")
DISCOVERY = "/.well-known/terraform.json"
VERSIONS = "/v1/providers/hashicorp/random/versions"
PACKAGE = "/v1/providers/hashicorp/random/1.2.3/download/linux/amd64"
NAME = "terraform-provider-random_1.2.3_linux_amd64.zip"


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        server.route(DISCOVERY, Reply.json({"providers.v1": "/v1/providers/"}))
        yield server


@pytest.fixture
def upstream(authority: Authority) -> Upstream:
    network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file)
    return Upstream(Fetcher(network, Limits(), sleep=lambda _seconds: None, resolve=lambda _host, _port: ["127.0.0.1"]))


def entry(base: str) -> MirrorEntry:
    return MirrorEntry(
        MirrorAddress("registry.terraform.io", "hashicorp", "random"),
        Position("catalog/mirrors/registry.terraform.io/hashicorp/random.yaml"),
        Sha256("0" * 64),
        base,
        parse_constraints(">= 0.0.0"),
        Hosting.COPY,
        (),
        (),
    )


def package(**changes: Any) -> dict[str, Any]:
    """What a registry answers; None leaves a field out."""
    document = {
        "protocols": ["5.0"],
        "os": "linux",
        "arch": "amd64",
        "filename": NAME,
        "download_url": f"https://releases.example.test/random/{NAME}?X-Signature=abc",
        "shasum": "AB" * 32,
        "shasums_url": "../../../sums",
        "shasums_signature_url": "/sums.sig",
        "signing_keys": {"gpg_public_keys": [{"key_id": "1", "ascii_armor": "first"}, {"ascii_armor": "second"}]},
    }
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def ask(upstream: Upstream, server: HttpServer) -> UpstreamPackage:
    return upstream.package(server.url(""), entry("").address, parse_version("1.2.3"), LINUX)


def refused(code: Code, call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    assert caught.value.code is code, caught.value
    return caught.value


# --- discovery ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["/v1/providers/", "/v1/providers", "../v1/providers/", "{url}/v1/providers"])
def test_the_service_is_found_relative_to_the_document_and_asked_once(
    upstream: Upstream, server: HttpServer, service: str
) -> None:
    server.route(DISCOVERY, Reply.json({"providers.v1": service.replace("{url}", server.url(""))}))
    server.route(VERSIONS, Reply.json({"versions": []}))
    for _ in range(2):
        assert upstream.sight(entry(server.url(""))).versions == ()
        assert upstream.sight(entry(server.url("/"))).versions == ()
    assert server.asked(DISCOVERY) == 1
    assert server.asked(VERSIONS) == 4


def test_a_redirected_discovery_resolves_against_where_it_led(upstream: Upstream, server: HttpServer) -> None:
    server.route(DISCOVERY, Reply.redirect("/registry/here/terraform.json"))
    server.route("/registry/here/terraform.json", Reply.json({"providers.v1": "providers/"}))
    server.route("/registry/here/providers/hashicorp/random/versions", Reply.json({"versions": []}))
    assert upstream.sight(entry(server.url(""))).versions == ()


@pytest.mark.parametrize("document", [[], "x", None, {"providers.v1": 1}, {"providers.v1": ""}, {"providers.v1": {}}])
def test_a_discovery_document_of_another_shape_is_refused(
    upstream: Upstream, server: HttpServer, document: object
) -> None:
    server.route(DISCOVERY, Reply.json(document))
    refused(codes.BAD_UPSTREAM, lambda: upstream.sight(entry(server.url(""))))


@pytest.mark.parametrize("service", ["ftp://host/", "javascript:x", "https://[x/"])
def test_a_service_that_is_no_web_address_is_refused(upstream: Upstream, server: HttpServer, service: str) -> None:
    server.route(DISCOVERY, Reply.json({"providers.v1": service}))
    refused(codes.BAD_UPSTREAM, lambda: upstream.sight(entry(server.url(""))))


def test_a_service_on_a_private_address_is_refused(authority: Authority, server: HttpServer) -> None:
    server.route(DISCOVERY, Reply.json({"providers.v1": "https://169.254.169.254/v1/"}))
    network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file)
    upstream = Upstream(Fetcher(network, Limits()))
    refused(codes.FORBIDDEN_ADDRESS, lambda: upstream.sight(entry(server.url(""))))


def test_a_host_without_providers_is_told(upstream: Upstream, server: HttpServer) -> None:
    server.route(DISCOVERY, Reply.json({"modules.v1": "/v1/modules/"}))
    refused(codes.NO_PROVIDERS_SERVICE, lambda: upstream.sight(entry(server.url(""))))


def test_a_page_instead_of_the_discovery_document_is_told(upstream: Upstream, server: HttpServer) -> None:
    server.route(DISCOVERY, Reply.html())
    refused(codes.WRONG_CONTENT, lambda: upstream.sight(entry(server.url(""))))


def test_a_failed_discovery_is_asked_again(upstream: Upstream, server: HttpServer) -> None:
    server.route(DISCOVERY, Reply(404), Reply.json({"providers.v1": "/v1/providers/"}))
    server.route(VERSIONS, Reply.json({"versions": []}))
    refused(codes.NOT_FOUND, lambda: upstream.sight(entry(server.url(""))))
    assert upstream.sight(entry(server.url(""))).versions == ()


# --- versions -----------------------------------------------------------------------------------------------------


def test_versions_come_in_order_without_what_no_client_could_ask_for(upstream: Upstream, server: HttpServer) -> None:
    platforms = [{"os": "linux", "arch": "amd64"}, {"os": "darwin", "arch": "arm64"}, {"os": "linux", "arch": "amd64"}]
    odd = [{"os": "../x", "arch": "amd64"}, {"os": "linux"}, "linux", {"os": None, "arch": 1}]
    server.route(
        VERSIONS,
        Reply.json(
            {
                "versions": [
                    {"version": "1.10.0", "protocols": ["5.0", "x", 6, "6"], "platforms": platforms + odd},
                    {"version": "1.9.0"},
                    {"version": "2.0.0-beta1", "protocols": "5.0", "platforms": {}},
                    {"version": "1.9.0", "protocols": ["4.0"]},
                    *({"version": text} for text in ("v1.0.0", "1.0", "", None, 1, "1.0.0/../x")),
                    *([], "1.0.0", None),
                ]
            }
        ),
    )
    assert upstream.sight(entry(server.url(""))).versions == (
        UpstreamSeen(parse_version("1.9.0"), (), ()),
        UpstreamSeen(parse_version("1.10.0"), ("5.0", "6"), (Platform("darwin", "arm64"), LINUX)),
        UpstreamSeen(parse_version("2.0.0-beta1"), (), ()),
    )


def test_of_the_protocols_that_a_version_names_only_so_many_are_kept(upstream: Upstream, server: HttpServer) -> None:
    protocols = ["5.0"] * 100 + [f"6.{minor}" for minor in range(100)]
    server.route(VERSIONS, Reply.json({"versions": [{"version": "1.0.0", "protocols": protocols}]}))
    (seen,) = upstream.sight(entry(server.url(""))).versions
    assert seen.protocols == ("5.0", *(f"6.{minor}" for minor in range(15)))


@pytest.mark.parametrize("document", [[], {}, {"versions": {}}, {"versions": None}, 1])
def test_a_listing_of_another_shape_is_refused(upstream: Upstream, server: HttpServer, document: object) -> None:
    server.route(VERSIONS, Reply.json(document))
    refused(codes.BAD_UPSTREAM, lambda: upstream.sight(entry(server.url(""))))


def test_an_unknown_provider_is_told(upstream: Upstream, server: HttpServer) -> None:
    refused(codes.NOT_FOUND, lambda: upstream.sight(entry(server.url(""))))


# --- packages -----------------------------------------------------------------------------------------------------


def test_a_package_comes_with_absolute_urls_and_its_keys(upstream: Upstream, server: HttpServer) -> None:
    server.route(PACKAGE, Reply.json(package()))
    assert ask(upstream, server) == UpstreamPackage(
        LINUX,
        NAME,
        f"https://releases.example.test/random/{NAME}?X-Signature=abc",
        Sha256("ab" * 32),
        server.url("/v1/providers/hashicorp/random/sums"),
        server.url("/sums.sig"),
        ("first", "second"),
    )


@pytest.mark.parametrize(
    "changes",
    [
        *({"os": "windows"}, {"arch": "arm64"}, {"os": None}, {"os": 1}),
        *(
            {"filename": "../x.zip"},
            {"filename": "x.tar"},
            {"filename": ""},
            {"filename": "a/b.zip"},
            {"filename": None},
        ),
        *(
            {"filename": "terraform-provider-random_1.2.2_linux_amd64.zip"},
            {"filename": "terraform-provider-random_1.2.3_linux_arm64.zip"},
            {"filename": "terraform-provider-null_1.2.3_linux_amd64.zip"},
        ),
        *({"filename": "x" * 300 + ".zip"}, {"filename": "x\n.zip"}, {"filename": ".zip"}, {"filename": "a/b.zip"}),
        *({"shasum": "ab"}, {"shasum": "zz" * 32}, {"shasum": None}, {"shasum": 1}),
        *(
            {"download_url": ""},
            {"download_url": "file:///etc/passwd"},
            {"download_url": ["x"]},
            {"download_url": None},
        ),
        *({name: "/" + "x" * 2_000} for name in ("download_url", "shasums_url", "shasums_signature_url")),
        *({"shasums_url": None}, {"shasums_signature_url": None}, {"shasums_url": "s3::https://x"}),
        *({"signing_keys": None}, {"signing_keys": {}}, {"signing_keys": {"gpg_public_keys": None}}),
        *({"signing_keys": {"gpg_public_keys": ["x"]}}, {"signing_keys": {"gpg_public_keys": [{"key_id": "1"}]}}),
        *({"signing_keys": {"gpg_public_keys": [{"ascii_armor": "x"}] * 65}},),
    ],
)
def test_a_package_with_a_field_that_is_not_as_asked_is_refused(
    upstream: Upstream, server: HttpServer, changes: dict[str, Any]
) -> None:
    server.route(PACKAGE, Reply.json(package(**changes)))
    refused(codes.BAD_UPSTREAM, lambda: ask(upstream, server))


def test_a_package_that_is_not_there_is_told(upstream: Upstream, server: HttpServer) -> None:
    refused(codes.NOT_FOUND, lambda: ask(upstream, server))
    server.route(PACKAGE, Reply.json([]))
    refused(codes.BAD_UPSTREAM, lambda: ask(upstream, server))


def test_a_url_with_credentials_is_never_used_or_shown(upstream: Upstream, server: HttpServer) -> None:
    server.route(PACKAGE, Reply.json(package(download_url="https://user:secret@releases.example.test/x.zip")))
    url = ask(upstream, server).url
    error = refused(codes.BAD_URL, lambda: upstream.copy(url, io.BytesIO(), 10))
    assert "secret" not in str(error)


def test_documents_and_zips_are_read_from_wherever_the_upstream_says(upstream: Upstream, server: HttpServer) -> None:
    server.route("/sums", Reply(body=b"sums"))
    server.route("/x.zip", Reply.redirect(server.url("/real.zip", "releases.example.test")))
    server.route("/real.zip", Reply(body=b"zip"))
    assert upstream.small(server.url("/sums"), 4) == b"sums"
    out = io.BytesIO()
    assert upstream.copy(server.url("/x.zip"), out, 3).size == 3
    assert out.getvalue() == b"zip"
    refused(codes.TOO_LARGE, lambda: upstream.small(server.url("/sums"), 3))


# --- hostile texts ------------------------------------------------------------------------------------------------


def test_a_listing_is_bounded_for_every_worker_holds_one(upstream: Upstream, server: HttpServer) -> None:
    server.route(VERSIONS, Reply(body=b'{"versions": [' + b" " * 8_000_000 + b"]}"))
    refused(codes.TOO_LARGE, lambda: upstream.sight(entry(server.url(""))))


def test_half_a_character_is_no_json(upstream: Upstream, server: HttpServer) -> None:
    server.route(PACKAGE, Reply.json(package(shasums_url="https://h.example.test/\ud800")))
    refused(codes.WRONG_CONTENT, lambda: ask(upstream, server))


@pytest.mark.parametrize("field", ["os", "filename", "shasum", "download_url"])
def test_a_signed_url_in_the_wrong_field_is_not_repeated(upstream: Upstream, server: HttpServer, field: str) -> None:
    server.route(PACKAGE, Reply.json(package(**{field: "ftp://user:s3cret@h.example.test/x?X-Signature=s3cret"})))
    assert "s3cret" not in str(refused(codes.BAD_UPSTREAM, lambda: ask(upstream, server)))
