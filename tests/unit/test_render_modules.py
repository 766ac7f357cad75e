from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import orjson
import pytest

from registry_gen.model.config import Site
from registry_gen.model.facts import WithdrawalStage
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package
from tests.support.published_facts import (
    COMMIT,
    MODULE,
    SITE,
    digest_of,
    module_version,
    package_of,
    protocol_documents,
    withdrawal,
)

_LINK = f"git::https://git.example.com/network.git//modules/a?ref={COMMIT}&depth=1"


class _Metas(HTMLParser):
    """Reads a page as a browser would: every meta element with a name."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.metas: list[tuple[str, str]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and "name" in found:
            self.metas.append((found["name"] or "", found["content"] or ""))


def test_a_module_is_a_listing_and_two_documents_for_each_version() -> None:
    documents = protocol_documents(package_of(MODULE, module_version("1.0.0"), module_version("1.10.0-rc.1")))

    first, second = digest_of("archive 1.0.0"), digest_of("archive 1.10.0-rc.1")
    root = "v1/modules/acme/network/aws"
    url = f"https://registry.example.com/{root}"
    assert {document.key: document.content.decode() for document in documents} == {
        f"{root}/versions": '{"modules":[{"versions":[{"version":"1.0.0"},{"version":"1.10.0-rc.1"}]}]}',
        f"{root}/1.0.0/download": f'{{"location":"./module.tar.gz?checksum=sha256:{first}"}}',
        f"{root}/1.0.0/get.html": _page(f"{url}/1.0.0/module.tar.gz?checksum=sha256:{first}"),
        f"{root}/1.10.0-rc.1/download": f'{{"location":"./module.tar.gz?checksum=sha256:{second}"}}',
        f"{root}/1.10.0-rc.1/get.html": _page(f"{url}/1.10.0-rc.1/module.tar.gz?checksum=sha256:{second}"),
    }
    assert lint(documents) == ()


def _page(source: str) -> str:
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta name="terraform-get" content="{source}"><meta charset="utf-8">'
        f"<title>Module source</title></head><body><p><code>{source}</code></p></body></html>\n"
    )


def test_a_link_names_the_pinned_repository_in_both_documents() -> None:
    download, page, _ = protocol_documents(package_of(MODULE, module_version("1.0.0", location=_LINK)))

    assert download.content.decode() == f'{{"location":"{_LINK}"}}'
    assert _Metas(page.content).metas == [("terraform-get", _LINK)]
    assert b"ref=c0ffee" in page.content
    assert b"&depth" not in page.content
    assert b"&amp;depth=1" in page.content
    assert lint([download, page]) == ()


def test_an_unpinned_version_says_so_in_its_document_and_on_its_page() -> None:
    location = "git::https://git.example.com/network.git?ref=v1.0.0"
    facts = replace(module_version("1.0.0", location=location), commit=None, tree=None)
    documents = render_package(package_of(MODULE, facts), SITE)

    known, download, page, _ = documents
    assert orjson.loads(known.content)["unpinned"] is True
    assert orjson.loads(known.content)["digests"] == {}
    assert orjson.loads(download.content) == {"location": location}
    assert b"<p>Unpinned: " in page.content
    assert _Metas(page.content).metas == [("terraform-get", location)]
    assert lint(documents) == ()


def test_a_tag_is_refused_where_no_document_says_that_it_is_unpinned() -> None:
    location = "git::https://git.example.com/network.git?ref=v1.0.0"
    pinned = module_version("1.0.0", location=location)
    other = replace(module_version("1.1.0", location=location), commit=None, tree=None)

    errors = lint(render_package(package_of(MODULE, pinned, other), SITE))

    assert [(error.code.id, error.where) for error in errors] == [
        ("DOC011", "v1/modules/acme/network/aws/1.0.0/download"),
        ("DOC011", "v1/modules/acme/network/aws/1.0.0/get.html"),
    ]


def test_nothing_of_a_location_becomes_markup() -> None:
    hostile = "https://x.example/\"></head><script>alert(1)</script>'"
    _, page, _ = protocol_documents(package_of(MODULE, module_version("1.0.0", location=hostile)))

    assert b"<script" not in page.content
    assert page.content.count(b"</head>") == 1
    assert _Metas(page.content).metas == [("terraform-get", hostile)]


def test_a_site_below_a_path_has_the_path_in_its_pages() -> None:
    site = Site("registry.example.com", "https://registry.example.com/r/")
    documents = protocol_documents(package_of(MODULE, module_version("1.0.0")), site)

    ((_, source),) = _Metas(documents[1].content).metas
    assert source.startswith("https://registry.example.com/r/v1/modules/acme/network/aws/1.0.0/module.tar.gz?")
    assert lint(documents) == ()


def test_a_deprecated_module_has_the_same_listing_because_no_client_reads_a_notice() -> None:
    plain = protocol_documents(package_of(MODULE, module_version("1.0.0")))

    assert protocol_documents(package_of(MODULE, module_version("1.0.0"), deprecated="use another")) == plain


def test_withdrawn_versions_leave_no_trace() -> None:
    kept = module_version("1.0.0")
    gone = module_version("2.0.0", withdrawn=withdrawal(WithdrawalStage.UNLINKED))

    assert protocol_documents(package_of(MODULE, kept, gone)) == protocol_documents(package_of(MODULE, kept))


def test_a_package_that_was_taken_back_whole_has_an_empty_listing_and_nothing_else() -> None:
    gone = module_version("1.0.0", withdrawn=withdrawal(WithdrawalStage.UNLINKED))
    (listing,) = protocol_documents(package_of(MODULE, gone))
    assert listing.content == b'{"modules":[{"versions":[]}]}'


def test_a_version_without_archive_and_location_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"acme/network/aws 1\.0\.0"):
        protocol_documents(package_of(MODULE, replace(module_version("1.0.0"), archive=None)))
