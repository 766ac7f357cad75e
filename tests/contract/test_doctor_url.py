"""Each check of a public URL passes on a server that does right, and fails on one that does one thing wrong."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths
from registry_gen.doctor import client_checks, private_checks, url_checks
from registry_gen.doctor.exchange import Answer, Asker
from registry_gen.doctor.outside import Outside
from registry_gen.doctor.private_checks import Private, open_asker
from registry_gen.doctor.result import CheckFailedError, Failed, NotApplicable, Ok
from registry_gen.doctor.samples import find_samples
from registry_gen.doctor.scratch import scratch
from registry_gen.errors import InputError, RegistryError
from registry_gen.inspect.reader import network_of
from registry_gen.model.address import parse_address
from registry_gen.model.config import Network, Site
from registry_gen.model.places import FolderPlace
from registry_gen.storage.file import FileStorage
from tests.support.bent_site import BentSite, with_header
from tests.support.http_server import HttpServer, Reply, Request
from tests.support.made_registry import MadeRegistry
from tests.support.outsider import MIRROR, MODULE, NETWORK, PROVIDER, RANDOM, WIDGET
from tests.support.static_site import StaticSite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.doctor.result import Verdict
    from tests.support.bent_site import Bend
    from tests.support.tls import Authority

ALL = (*url_checks.url_checks(None), *client_checks.client_checks(None))  # type: ignore[arg-type]
DOWNLOAD = f"/{MODULE}/1.0.0/download"
ARCHIVE = f"/{MODULE}/1.0.0/module.tar.gz"


@pytest.fixture
def site(tmp_path: Path, authority: Authority) -> Iterator[BentSite]:
    server = BentSite(tmp_path / "public", authority)
    made = MadeRegistry(tmp_path / "public", url=server.base, host=server.host)
    made.module(NETWORK, "1.0.0")
    made.provider(WIDGET, "1.0.0", "linux_amd64")
    made.mirror(RANDOM, "3.1.0", "linux_amd64")
    made.write()
    server.made = made  # type: ignore[attr-defined]
    with server:
        yield server


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def looking(site: BentSite, authority: Authority | None, **more: Any) -> Iterator[Outside]:
    storage = FileStorage(site.public)
    with scratch(storage) as folder:
        yield Outside(
            **{
                "url": site.base,
                "site": site.made.site,  # type: ignore[attr-defined]
                "asker": open_asker(site.base, Network(ca_file=authority.ca_file if authority else None)),
                "public": storage,
                "scratch": folder,
                "now": now,
                "module_bytes": 1_000_000,
                "samples": find_samples(storage, map(parse_address, (NETWORK, WIDGET, RANDOM))),
                **more,
            }
        )


def look(
    site: BentSite, authority: Authority, check: Callable[[Outside], Verdict], bend: Bend | None = None, **more: Any
) -> Verdict:
    site.bend = bend or (lambda _request, reply: reply)
    with looking(site, authority, **more) as outside:
        try:
            return check(outside)
        except CheckFailedError as error:
            return error.failed


def on(pattern: str, change: Callable[[Reply], Reply], method: str = "*") -> Bend:
    """Bend answers to paths of this pattern."""

    def bend(request: Request, reply: Reply) -> Reply:
        return change(reply) if fnmatch(request.path, pattern) and fnmatch(request.method, method) else reply

    return bend


def header(name: str, value: str | None) -> Callable[[Reply], Reply]:
    return lambda reply: with_header(reply, name, value)


def body(change: Callable[[Any], object]) -> Callable[[Reply], Reply]:
    def bent(reply: Reply) -> Reply:
        assert isinstance(reply.body, bytes)
        document = json.loads(reply.body)
        change(document)
        return replace(reply, body=json.dumps(document).encode())

    return bent


def test_a_server_that_does_right_passes_every_check(site: BentSite, authority: Authority) -> None:
    for check in ALL:
        function = check.run.func  # type: ignore[attr-defined]
        assert isinstance(look(site, authority, function), Ok), check.name


def test_a_url_that_is_not_site_url_is_remarked(site: BentSite, authority: Authority) -> None:
    elsewhere = Site("registry.example.com", "https://registry.example.com/")
    with looking(site, authority) as outside:
        verdict = url_checks.answers(replace(outside, site=elsewhere))

    assert verdict == Ok("registry.yaml says https://registry.example.com/, where the pages of modules lead")


def test_our_own_server_passes_every_check(site: BentSite, authority: Authority) -> None:
    with StaticSite(site.public, authority) as ours:
        for check in ALL[:-3]:  # the pages of modules lead to the other one
            function = check.run.func  # type: ignore[attr-defined]
            asker = open_asker(ours.url, Network(ca_file=authority.ca_file))
            verdict = look(site, authority, function, url=ours.url, asker=asker)
            assert isinstance(verdict, Ok), (check.name, verdict)


def missing(reply: Reply, **change: Any) -> Reply:
    return replace(reply, **change) if reply.status == 404 else reply


def only_missing(pattern: str = "*", **change: Any) -> Bend:
    return on(pattern, lambda reply: missing(reply, **change))


def encoded(request: Request, reply: Reply) -> Reply:
    """A CDN that compresses whatever is asked for compressed."""
    if "gzip" not in request.headers.get("accept-encoding", "") or not isinstance(reply.body, bytes):
        return reply
    return replace(with_header(reply, "Content-Encoding", "gzip"), body=gzip.compress(reply.body))


def leads_nowhere(name: str) -> Callable[[Reply], Reply]:
    """A document whose reference of this name is no URL."""
    return body(lambda found: found.update({name: "https://["}))


BENT: list[tuple[str, Callable[[Outside], Verdict], Bend, str]] = [
    ("another bucket", url_checks.shows_storage, on("/scratch/*", lambda _reply: Reply(404)), "404"),
    ("other bytes", url_checks.shows_storage, on("/scratch/*", lambda _reply: Reply(body=b"x")), "other bytes"),
    ("S3 without ListBucket", url_checks.missing, only_missing(status=403), "403"),
    ("a page for everything", url_checks.missing, only_missing(status=200, body=b"<html>"), "200"),
    ("403 for providers", url_checks.missing, only_missing("/v1/providers/*", status=403), "403"),
    ("403 for downloads", url_checks.missing, only_missing("*/download", status=403), "403"),
    ("403 for archives", url_checks.missing, only_missing("*.tar.gz", status=403), "403"),
    (
        "404 for a minute",
        url_checks.missing_not_cached,
        only_missing(headers={"Cache-Control": "max-age=60"}),
        "max-age=60",
    ),
    (
        "404 for CDNs",
        url_checks.missing_not_cached,
        only_missing(headers={"Cache-Control": "max-age=0, s-maxage=9"}),
        "s-maxage=9",
    ),
    (
        "404 that expires",
        url_checks.missing_not_cached,
        only_missing(headers={"Expires": "Wed, 21 Oct 2099 07:28:00 GMT"}),
        "2099",
    ),
    ("404 out of a cache", url_checks.missing_not_cached, only_missing(headers={"Age": "7"}), "Age: 7"),
    (
        "404 of downloads out of a cache",
        url_checks.missing_not_cached,
        only_missing("*/download", headers={"X-Cache": "TCP_HIT"}),
        "x-cache: TCP_HIT",
    ),
    (
        "404 of listings out of a cache",
        url_checks.missing_not_cached,
        only_missing("*/versions", headers={"CF-Cache-Status": "HIT"}),
        "cf-cache-status: HIT",
    ),
    (
        "discovery as bytes",
        url_checks.discovery,
        on("/.well-known/*", lambda reply: replace(reply, content_type="application/octet-stream")),
        "octet-stream",
    ),
    (
        "discovery with a mark",
        url_checks.discovery,
        on("/.well-known/*", lambda reply: replace(reply, body=b"\xef\xbb\xbf{}")),
        "byte order mark",
    ),
    ("no discovery", url_checks.discovery, on("/.well-known/*", lambda _reply: Reply(404)), "404"),
    ("discovery of another kind", url_checks.discovery, on("/.well-known/*", lambda _: Reply.json([])), "something"),
    (
        "no slash at the end",
        url_checks.discovery,
        on("/.well-known/*", body(lambda found: found.update({"providers.v1": "/v1/providers"}))),
        "/v1/providers",
    ),
    (
        "relative to discovery",
        url_checks.discovery,
        on("/.well-known/*", body(lambda found: found.update({"modules.v1": "v1/modules/"}))),
        "v1/modules/",
    ),
    ("no header", url_checks.header_on_downloads, on("*", header("X-Terraform-Get", None)), "no such header"),
    ("another header", url_checks.header_on_downloads, on("*", header("X-Terraform-Get", "get.html")), "get.html"),
    *(
        (
            f"header on {pattern}",
            url_checks.header_nowhere_else,
            on(pattern, header("X-Terraform-Get", "./get.html")),
            "./",
        )
        for pattern in (
            *("/.well-known/*", f"/{MODULE}/versions", "*/get.html", "*.tar.gz", f"/{PROVIDER}/versions"),
            *("*/download/linux/amd64", "*.zip", f"/{MIRROR}/index.json", "/log/checkpoint"),
        )
    ),
    ("an empty header", url_checks.header_nowhere_else, on("*.zip", header("X-Terraform-Get", "")), "an empty one"),
    ("archives compressed", url_checks.not_encoded, encoded, "gzip"),
    ("tar.gz stored as gzip", url_checks.not_encoded, on("*.tar.gz", header("Content-Encoding", "gzip")), "gzip"),
    ("zip as br", url_checks.not_encoded, on("*.zip", header("Content-Encoding", "br")), "br"),
    ("documents as br", url_checks.not_encoded, on("*/versions", header("Content-Encoding", "br")), "br"),
    *(
        (
            f"{pattern}: {control}",
            url_checks.cache_rules,
            on(pattern, header("Cache-Control", control)),
            control or "no Cache",
        )
        for pattern, control in (
            ("/.well-known/*", "public, max-age=86400"),
            (f"/{MODULE}/versions", "public, max-age=60, s-maxage=3721"),
            (f"/{MODULE}/versions", "public, max-age=60, stale-while-revalidate=60, stale-if-error=86400"),
            ("*/download", "max-age=301"),
            ("*/get.html", None),
            ("*/download/linux/amd64", "public"),
            (f"/{MIRROR}/3.1.0.json", 'max-age="900"'),
            ("/log/checkpoint", "public, max-age=1"),
        )
    ),
    ("no HEAD", url_checks.head_as_get, on("*", lambda _: Reply(403), method="HEAD"), "403"),
    (
        "HEAD of another length",
        url_checks.head_as_get,
        on("*", header("Content-Length", "7"), method="HEAD"),
        "7",
    ),
    (
        "HEAD of another type",
        url_checks.head_as_get,
        on("*", lambda reply: replace(reply, content_type="text/html"), method="HEAD"),
        "text/html",
    ),
    ("no listing", client_checks.module_reads, on(f"/{MODULE}/versions", lambda _: Reply(404)), "404"),
    (
        "a former listing",
        client_checks.module_reads,
        on(f"/{MODULE}/versions", body(lambda found: found["modules"][0].update(versions=[]))),
        "no version",
    ),
    ("no header for modules", client_checks.module_reads, on("*", header("X-Terraform-Get", None)), "no such header"),
    (
        "another location",
        client_checks.module_reads,
        on(DOWNLOAD, lambda _: Reply.json({"location": "m.zip"})),
        "m.zip",
    ),
    ("no JSON", client_checks.module_reads, on(DOWNLOAD, lambda reply: replace(reply, body=b"")), "Invalid JSON"),
    ("no page", client_checks.module_reads, on("*/get.html", lambda _: Reply.html(404)), "404"),
    ("another page", client_checks.module_reads, on("*/get.html", lambda _: Reply.html()), "none"),
    (
        "a former page",
        client_checks.module_reads,
        on("*/get.html", lambda reply: replace(reply, body=_text(reply).replace(b"sha256:", b"sha256:0"))),
        "module.tar.gz",
    ),
    (
        "an altered archive",
        client_checks.module_reads,
        on(ARCHIVE, lambda reply: replace(reply, body=b"x")),
        "2d711642b7",
    ),
    (
        "no checksum",
        client_checks.module_reads,
        on(f"/{MODULE}/1.0.0/*", lambda reply: replace(reply, body=re.sub(rb"[?]checksum=\w+:\w+", b"", _text(reply)))),
        "none",
    ),
    ("no archive", client_checks.module_reads, on(ARCHIVE, lambda _: Reply(403)), "403"),
    ("no leaf", client_checks.provider_reads, on("*/linux/amd64", lambda _: Reply(404)), "404"),
    (
        "another platform",
        client_checks.provider_reads,
        on("*/linux/amd64", body(lambda found: found.update(arch="arm64"))),
        "linux_arm64",
    ),
    (
        "other sums",
        client_checks.provider_reads,
        on("*_SHA256SUMS", lambda _: Reply(body=b"0" * 64 + b"  a\n")),
        "nothing",
    ),
    ("no sums", client_checks.provider_reads, on("*_SHA256SUMS", lambda _: Reply(404)), "404"),
    ("an error page as zip", client_checks.provider_reads, on("*.zip", lambda _: Reply.html()), "other bytes"),
    (
        "a zip that was cut",
        client_checks.provider_reads,
        on("*.zip", lambda reply: replace(reply, body=_text(reply)[:90])),
        "90",
    ),
    (
        "a mirror as bytes",
        client_checks.mirror_reads,
        on(f"/{MIRROR}/*", lambda reply: replace(reply, content_type="binary/octet-stream")),
        "binary/octet-stream",
    ),
    *(
        (
            f"a URL that is none as {name}",
            client_checks.provider_reads,
            on("*/linux/amd64", leads_nowhere(name)),
            "https://[",
        )
        for name in ("download_url", "shasums_url", "shasums_signature_url")
    ),
    (
        "a location that is no URL",
        client_checks.module_reads,
        on(DOWNLOAD, lambda reply: replace(reply, body=b'{"location":"https://["}')),
        "https://[",
    ),
    (
        "a page that leads to no URL",
        client_checks.module_reads,
        on("*/get.html", lambda reply: replace(reply, body=_text(reply).replace(b"https://", b"https://["))),
        "https://[",
    ),
    (
        "one header more",
        url_checks.header_on_downloads,
        on(DOWNLOAD, lambda reply: replace(reply, headers={"x-terraform-get": "./other.html", **reply.headers})),
        "./other.html, ./get.html",
    ),
    (
        "a second rule for caches",
        url_checks.cache_rules,
        on(
            f"/{MODULE}/versions",
            lambda reply: replace(reply, headers={"cache-control": "s-maxage=9999", **reply.headers}),
        ),
        "s-maxage=9999",
    ),
    ("no mirrored version", client_checks.mirror_reads, on(f"/{MIRROR}/3.1.0.json", lambda _: Reply(404)), "404"),
]


def _text(reply: Reply) -> bytes:
    assert isinstance(reply.body, bytes)
    return reply.body


@pytest.mark.parametrize(("name", "check", "bend", "found"), BENT, ids=[each[0] for each in BENT])
def test_what_a_server_does_wrong_is_found(
    site: BentSite,
    authority: Authority,
    name: str,
    check: Callable[[Outside], Verdict],
    bend: Bend,
    found: str,
) -> None:
    verdict = look(site, authority, check, bend)

    assert isinstance(verdict, Failed), verdict
    assert found in verdict.found
    assert verdict.expected


def test_a_404_that_a_cache_keeps_in_secret_is_found_by_writing_the_object(
    site: BentSite, authority: Authority
) -> None:
    def bend(request: Request, reply: Reply) -> Reply:
        return site.seen.setdefault(request.path, reply) if reply.status == 404 else site.seen.get(request.path, reply)

    verdict = look(site, authority, url_checks.missing_not_cached, bend)

    assert verdict == Failed("200 once the object is there", "still 404, while others are seen at once")


def test_a_404_without_any_cache_control_passes_where_it_is_seen_not_to_be_kept(
    site: BentSite, authority: Authority
) -> None:
    assert look(site, authority, url_checks.missing_not_cached, only_missing(headers={})) == Ok()


def test_a_signature_that_does_not_fit_is_refused_as_clients_refuse_it(site: BentSite, authority: Authority) -> None:
    with pytest.raises(RegistryError, match="SIG"):
        look(site, authority, client_checks.provider_reads, on("*.sig", lambda reply: replace(reply, body=b"x")))


def test_documents_may_come_in_gzip_to_who_asks_for_it(site: BentSite, authority: Authority) -> None:
    def bend(request: Request, reply: Reply) -> Reply:
        return reply if request.path.endswith((".zip", ".tar.gz")) else encoded(request, reply)

    for check in (
        url_checks.not_encoded,
        url_checks.discovery,
        client_checks.module_reads,
        client_checks.provider_reads,
    ):
        assert isinstance(look(site, authority, check, bend), Ok)


def test_a_clock_that_is_off_is_told(site: BentSite, authority: Authority) -> None:
    later = look(site, authority, url_checks.same_clock, now=lambda: now() + timedelta(minutes=5))

    assert isinstance(later, Failed)
    aged = look(
        site,
        authority,
        url_checks.same_clock,
        on("*", header("Age", "300")),
        now=lambda: now() + timedelta(minutes=5),
    )
    assert aged == Ok(), "an answer of five minutes ago, out of a cache"


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -0100", "Fri, 31 Dec 9999 23:59:59 GMT", "tomorrow"])
def test_a_date_beyond_all_dates_tells_nothing(
    site: BentSite, authority: Authority, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    answer = Answer(site.base, 404, {"date": date, "age": "999999999"}, b"")
    monkeypatch.setattr(Asker, "ask", lambda *_, **__: answer)

    assert isinstance(look(site, authority, url_checks.same_clock), NotApplicable)


def test_what_is_not_published_is_not_asked_for(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "empty").mkdir()
    with BentSite(tmp_path / "empty", authority) as site:
        site.made = MadeRegistry(tmp_path / "unwritten")  # type: ignore[attr-defined]
        for check in (
            url_checks.discovery,
            url_checks.header_on_downloads,
            url_checks.header_nowhere_else,
            url_checks.not_encoded,
            url_checks.cache_rules,
            url_checks.head_as_get,
            client_checks.module_reads,
            client_checks.provider_reads,
            client_checks.mirror_reads,
        ):
            assert isinstance(look(site, authority, check), NotApplicable)


def test_a_certificate_of_nobody_is_refused(site: BentSite) -> None:
    with looking(site, None) as outside, pytest.raises(RegistryError) as refused:
        url_checks.answers(outside)
    assert refused.value.code.id == "NET005"


def test_a_redirect_to_a_private_address_is_not_followed_unless_registry_yaml_allows_it(
    site: BentSite, authority: Authority
) -> None:
    with HttpServer(authority=authority) as inside:
        inside.route("/secret", Reply(body=b"secret"))
        # Another loopback address than the one that the public URL names.
        inner = f"https://127.0.0.2:{inside.port}/secret"
        bend = on("*", lambda _: Reply.redirect(inner))
        with pytest.raises(RegistryError) as refused:
            look(site, authority, url_checks.missing, bend)
        assert refused.value.code.id == "NET003"
        assert inside.requests == []


def test_a_redirect_from_https_to_http_is_not_followed(site: BentSite, authority: Authority) -> None:
    with pytest.raises(RegistryError) as refused:
        look(site, authority, url_checks.missing, on("*", lambda _: Reply.redirect("http://127.0.0.1/")))
    assert refused.value.code.id == "NET002"


def test_redirects_without_end_are_left(site: BentSite, authority: Authority) -> None:
    with pytest.raises(RegistryError) as refused:
        look(site, authority, url_checks.missing, on("*", lambda _: Reply.redirect("/again")))
    assert refused.value.code.id == "NET014"
    assert len(site.requests) == 4


def test_a_body_without_end_is_left_after_as_much_as_is_asked_for(site: BentSite, authority: Authority) -> None:
    endless = on("*", lambda _: Reply(body=lambda: iter(lambda: b"x" * 65536, b"")))
    verdict = look(site, authority, url_checks.shows_storage, endless)
    assert isinstance(verdict, Failed)
    for check in (url_checks.discovery, client_checks.module_reads):
        with pytest.raises(RegistryError) as refused:
            look(site, authority, check, endless)
        assert refused.value.code.id == "NET010"


def test_a_server_that_never_goes_on_is_left_in_time(site: BentSite, authority: Authority) -> None:
    held = on("*", lambda _: Reply(body=b"x" * 100, hold_at=10))
    network = network_of(site.base, authority.ca_file)
    for asker in (Asker(network, seconds=0.5), Asker(network, in_all=0.5)):
        with pytest.raises(RegistryError) as refused:
            look(site, authority, url_checks.shows_storage, held, asker=asker)
        assert refused.value.code.id == "NET011"


def test_a_page_that_unpacks_without_end_is_left(site: BentSite, authority: Authority) -> None:
    bomb = gzip.compress(bytes(40_000_000))
    bend = on("*/versions", lambda _: Reply(body=bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(RegistryError) as refused:
        look(site, authority, client_checks.module_reads, bend)
    assert refused.value.code.id == "NET010"


def always_packed(_request: Request, reply: Reply) -> Reply:
    return replace(with_header(reply, "Content-Encoding", "gzip"), body=gzip.compress(_text(reply)))


@pytest.mark.parametrize("how", [lambda _request, reply: reply, encoded, always_packed])
@pytest.mark.parametrize("where", ["", "private/", "elsewhere/private/"])
def test_a_private_folder_that_shows_up_below_the_url_is_found(
    site: BentSite, authority: Authority, tmp_path: Path, where: str, how: Bend
) -> None:
    private = FileStorage(tmp_path / "private")

    def bend(request: Request, reply: Reply) -> Reply:
        file = tmp_path / "private" / request.path.removeprefix(f"/{where}")
        exposed = request.path.startswith(f"/{where}scratch/") and file.is_file()
        return how(request, Reply(body=file.read_bytes())) if exposed else reply

    url = site.url("/elsewhere/") if "elsewhere" in where else site.base
    with scratch(private) as folder, looking(site, authority) as outside:
        hidden = Private(private, FolderPlace(str(tmp_path / "private")), folder, Network())
        assert private_checks.not_exposed(hidden, outside.asker, url) == Ok()
        site.bend = on("*", lambda _: Reply.redirect("/again"))
        assert private_checks.not_exposed(hidden, outside.asker, url) == Ok(), (
            "a server that leads in circles shows nothing"
        )
        site.bend = bend
        verdict = private_checks.not_exposed(hidden, outside.asker, url)
    assert isinstance(verdict, Failed)
    assert f"/{where}scratch/" in verdict.found


def test_http_to_another_machine_is_no_address_of_a_registry() -> None:
    with pytest.raises(InputError) as refused:
        open_asker("http://192.0.2.1/", Network())
    assert refused.value.code.id == "INS005"


def test_every_key_that_is_asked_for_is_one_of_ours(site: BentSite, authority: Authority) -> None:
    for check in ALL:
        look(site, authority, check.run.func)  # type: ignore[attr-defined]
    assert site.requests
    for request in site.requests:
        paths.rule(request.path.lstrip("/"))
