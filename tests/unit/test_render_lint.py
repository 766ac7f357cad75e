from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.render.document import Document, stamp
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package
from tests.support.published_facts import (
    COMMIT,
    KEY,
    MIRROR,
    MODULE,
    PROVIDER,
    SITE,
    mirror_version,
    module_version,
    package_of,
    provider_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.errors import RegistryError

_MODULE_LISTING = "v1/modules/acme/network/aws/versions"
_MODULE_DOWNLOAD = "v1/modules/acme/network/aws/1.0.0/download"
_MODULE_PAGE = "v1/modules/acme/network/aws/1.0.0/get.html"
_LISTING = "v1/providers/acme/widget/versions"
_LEAF = "v1/providers/acme/widget/1.2.0/download/linux/amd64"
_INDEX = "v1/mirror/registry.terraform.io/hashicorp/random/index.json"
_MIRRORED = "v1/mirror/registry.terraform.io/hashicorp/random/3.1.0.json"

_DOCUMENTS = {
    document.key: document
    for package in (
        package_of(MODULE, module_version("1.0.0")),
        package_of(PROVIDER, provider_version("1.2.0", "linux_amd64"), keys=(KEY,)),
        package_of(MIRROR, mirror_version("3.1.0", "linux_amd64")),
    )
    for document in render_package(package, SITE)
}
_DIGEST = "0" * 64


def _lint_with(key: str, content: bytes) -> tuple[RegistryError, ...]:
    return lint([*(found for found in _DOCUMENTS.values() if found.key != key), Document(key, content)])


def _changed(key: str, change: Callable[[Any], object]) -> tuple[RegistryError, ...]:
    value = json.loads(_DOCUMENTS[key].content)
    change(value)
    return _lint_with(key, json.dumps(value).encode())


def _setting(path: str, value: object) -> Callable[[Any], None]:
    """A change that puts a value at a path such as ``versions.0.version``."""

    def change(document: Any) -> None:
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in parents:
            document = document[step]
        document[last] = value

    return change


def test_good_documents_break_no_rule_with_or_without_revision() -> None:
    assert lint(_DOCUMENTS.values()) == ()
    assert lint(Document(key, stamp(key, found.content, 3)) for key, found in _DOCUMENTS.items()) == ()


@pytest.mark.parametrize(
    ("key", "path", "value", "code"),
    [
        (_MODULE_LISTING, "modules.0.versions.0.version", "v1.0.0", "DOC002"),
        (_LISTING, "versions.0.version", "v1.2.0", "DOC002"),
        (_LISTING, "versions.0.version", "1.2", "DOC002"),
        (_INDEX, "versions", {"v3.1.0": {}}, "DOC002"),
        (_LISTING, "versions.0.protocols", ["4.0"], "DOC003"),
        (_LISTING, "versions.0.protocols", ["7.0"], "DOC003"),
        (_LISTING, "versions.0.protocols", ["5.0", "five"], "DOC003"),
        (_LEAF, "protocols", ["4"], "DOC003"),
        (_LEAF, "filename", "terraform-provider-widget_1.2.0_linux_arm64.zip", "DOC004"),
        (_LEAF, "filename", "*terraform-provider-widget_1.2.0_linux_amd64.zip", "DOC004"),
        (_MIRRORED, "archives.linux_amd64.url", "terraform-provider-random_3.1.1_linux_amd64.zip", "DOC004"),
        (_LEAF, "shasum", _DIGEST.replace("0", "A"), "DOC005"),
        (_LEAF, "shasum", _DIGEST[1:], "DOC005"),
        (_LEAF, "packages.linux_amd64.hashes.1", "h2:x", "DOC005"),
        (_MIRRORED, "archives.linux_amd64.hashes", [], "DOC005"),
        (_MIRRORED, "archives.linux_amd64.hashes", ["sha256:" + _DIGEST], "DOC005"),
        (_LEAF, "signing_keys.gpg_public_keys", [], "DOC006"),
        (_LEAF, "signing_keys.gpg_public_keys.0.ascii_armor", "", "DOC006"),
        (_LEAF, "signing_keys.gpg_public_keys.0.ascii_armor", KEY.armor.replace("PUBLIC", "PRIVATE"), "DOC006"),
        (_LEAF, "signing_keys.gpg_public_keys.0.ascii_armor", KEY.armor + KEY.armor, "DOC006"),
        (_LEAF, "signing_keys.gpg_public_keys.0.ascii_armor", KEY.armor.replace("mDM", "m\xe4M"), "DOC006"),
        (_LEAF, "download_url", "http://example.com/a.zip", "DOC007"),
        (_LEAF, "download_url", "ftp://example.com/a.zip", "DOC007"),
        (_LEAF, "download_url", "https://user:secret@example.com/a.zip", "DOC007"),
        (_LEAF, "download_url", "../../../a.zip", "DOC007"),
        (_LEAF, "download_url", "/v1/a.zip", "DOC007"),
        (_LEAF, "download_url", "../../..", "DOC007"),
        (_LEAF, "download_url", "//example.com/a.zip", "DOC007"),
        (_LEAF, "shasums_url", "https://example.com/a b", "DOC007"),
        (_LEAF, "shasums_signature_url", "", "DOC007"),
        (_MIRRORED, "archives.linux_amd64.url", "http://example.com/a.zip", "DOC007"),
        (_MIRRORED, "archives.linux_amd64.url", "../a.zip", "DOC007"),
        (_MODULE_DOWNLOAD, "location", "module.tar.gz?checksum=sha256:" + _DIGEST, "DOC007"),
        (_MODULE_DOWNLOAD, "location", "./module.tar.gz", "DOC007"),
        (_MODULE_DOWNLOAD, "location", "http://example.com/a.zip?checksum=sha256:" + _DIGEST, "DOC007"),
        (_MODULE_DOWNLOAD, "location", f"git::http://example.com/a.git?ref={COMMIT}", "DOC007"),
        (_MODULE_DOWNLOAD, "location", f"git::https://me:secret@example.com/a.git?ref={COMMIT}", "DOC007"),
        (_MODULE_DOWNLOAD, "location", f"git::https://example.com/a.git//*?ref={COMMIT}", "DOC007"),
        (_MODULE_DOWNLOAD, "location", f"github.com/acme/a?ref={COMMIT}", "DOC007"),
        (_LEAF, "os", "windows", "DOC008"),
        (_LEAF, "arch", "arm64", "DOC008"),
        (_LEAF, "packages", {"Linux-amd64": {"hashes": [], "package_size": 1}}, "DOC008"),
        (_MIRRORED, "archives", {"linux": {"url": "a.zip", "hashes": []}}, "DOC008"),
        (_MODULE_DOWNLOAD, "location", "git::https://example.com/a.git?ref=v1.0.0", "DOC011"),
        (_MODULE_DOWNLOAD, "location", "git::https://example.com/a.git", "DOC011"),
        (_MODULE_DOWNLOAD, "location", "https://example.com/a.zip", "DOC011"),
        (_MODULE_LISTING, "modules.0.versions.0.version", "1.0.1", "DOC012"),
        (_LISTING, "versions.0.platforms.0.arch", "arm64", "DOC012"),
        (_LISTING, "versions.0.platforms", [], "DOC012"),
        (_INDEX, "versions", {"3.1.1": {}}, "DOC012"),
        (_LEAF, "packages", {}, "DOC013"),
        (_LEAF, "packages.linux_amd64.hashes.0", "zh:" + _DIGEST, "DOC013"),
        (_LEAF, "packages.linux_amd64.package_size", 0, "DOC013"),
    ],
)  # fmt: skip
def test_a_document_that_clients_cannot_use_is_refused(key: str, path: str, value: object, code: str) -> None:
    errors = _changed(key, _setting(path, value))

    assert code in {error.code.id for error in errors}
    assert {error.where for error in errors} == {key}
    assert "secret" not in "".join(map(str, errors))


@pytest.mark.parametrize(
    ("key", "path", "value"),
    [
        (_LEAF, "protocols", []),
        (_LEAF, "protocols", ["4.0", "5.1"]),
        (_LEAF, "packages", None),
        (_LEAF, "download_url", "https://[::1]:8443/a%20b.zip?x=1&y=~"),
        (_LEAF, "signing_keys.gpg_public_keys.0.ascii_armor", KEY.armor.replace("\n", "\r\n")),
        (_MIRRORED, "archives", {}),
        (_MIRRORED, "archives.linux_amd64.url", "https://example.com/any.zip"),
        (_MODULE_DOWNLOAD, "location", f"git::https://example.com/a.git//modules/b?ref={COMMIT}"),
        (_MODULE_DOWNLOAD, "location", f"git::ssh://git@example.com/a.git?depth=1&ref={COMMIT}"),
        (_MODULE_DOWNLOAD, "location", f"git::file:///srv/git/a.git?ref={COMMIT}"),
        (_MODULE_DOWNLOAD, "location", f"https://example.com/a.zip//sub?checksum=sha256:{_DIGEST}"),
    ],
)
def test_what_clients_accept_is_accepted(key: str, path: str, value: object) -> None:
    assert _changed(key, _setting(path, value)) == ()


@pytest.mark.parametrize(
    ("key", "content"),
    [
        (_MODULE_LISTING, b""),
        (_MODULE_LISTING, b"\xef\xbb\xbf{}"),
        (_MODULE_LISTING, b"<html></html>"),
        (_MODULE_LISTING, b'{"modules":[]}'),
        (_MODULE_DOWNLOAD, b"{}"),
        (_MODULE_DOWNLOAD, b'{"location":7}'),
        (_MODULE_PAGE, b"<html><head></head></html>"),
        (_MODULE_PAGE, b"\xff"),
        (_LISTING, b'{"versions":{}}'),
        (_LEAF, b"{}"),
        (_INDEX, b'{"versions":[]}'),
        (_MIRRORED, b'{"archives":{"linux_amd64":{}}}'),
        (".well-known/terraform.json", b'{"modules.v1":"/v1/modules/"}'),
        ("v1/modules/acme/network/aws/1.0.0/other", b"{}"),
        ("v1/providers/acme/widget/other", b"{}"),
        ("v1/mirror/registry.terraform.io/hashicorp/random/3.1.0.zip", b"{}"),
        ("v2/modules", b"{}"),
    ],
)
def test_what_has_not_the_shape_of_its_protocol_is_refused(key: str, content: bytes) -> None:
    errors = _lint_with(key, content)

    assert ("DOC001", key) in {(error.code.id, error.where) for error in errors}


@pytest.mark.parametrize(
    "key", ["v1/providers/acme/widget/v1.2.0/download/linux/amd64", _MIRRORED.replace("3.1.0", "latest")]
)
def test_a_version_in_a_key_is_checked_too(key: str) -> None:
    assert [error.code.id for error in _lint_with(key, b"{}")] == ["DOC002"]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        (f"./module.tar.gz?checksum=sha256:{_DIGEST}", "DOC007"),
        (f"http://example.com/module.tar.gz?checksum=sha256:{_DIGEST}", "DOC007"),
        ("https://example.com/module.tar.gz", "DOC011"),
        (f"https://example.com/module.tar.gz?checksum=sha256:{_DIGEST}", None),
        (f"https://example.com/module.tar.gz?x=1&amp;checksum=sha256:{_DIGEST}", None),
    ],
)
def test_the_page_of_a_module_must_name_an_absolute_pinned_source(location: str, code: str | None) -> None:
    page = f'<html><head><meta name="terraform-get" content="{location}"></head></html>'

    assert [error.code.id for error in _lint_with(_MODULE_PAGE, page.encode())] == ([code] if code else [])


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("/v1/modules", ["DOC010"]),
        ("https://example.com/v1/modules", ["DOC010"]),
        ("v1/modules/", ["DOC007"]),
        ("//example.com/v1/modules/", ["DOC007"]),
        ("http://example.com/v1/modules/", ["DOC007"]),
        ("https://user@example.com/v1/modules/", ["DOC007"]),
        ("", ["DOC007", "DOC010"]),
        ("/", []),
        ("https://example.com/v1/modules/", []),
    ],
)
def test_service_urls_end_in_a_slash_and_begin_at_a_root(url: str, codes: list[str]) -> None:
    services = {"modules.v1": url, "providers.v1": "/v1/providers/"}
    errors = lint([Document(".well-known/terraform.json", json.dumps(services).encode())])

    assert sorted(error.code.id for error in errors) == codes


def test_every_broken_rule_of_every_document_is_told_at_once_in_the_order_of_keys() -> None:
    broken = {"modules": [{"versions": [{"version": "v1.0.0"}]}]}
    documents = [
        Document(_MODULE_LISTING, json.dumps(broken).encode()),
        Document(_LISTING, b'{"versions":{}}'),
        Document(_INDEX, b"{}"),
    ]

    assert [(error.code.id, error.where) for error in lint(documents)] == [
        ("DOC001", _INDEX),
        ("DOC002", _MODULE_LISTING),
        ("DOC001", _LISTING),
    ]


def test_an_error_says_what_was_expected_found_and_what_to_do() -> None:
    (error,) = _changed(_LEAF, _setting("shasum", "short"))[:1]

    assert str(error) == (
        f"{_LEAF}: DOC005 a digest that clients cannot compare; expected 64 lower-case hexadecimal digits; "
        "found 'short'\n  hint: Publish the version again; SHA-256 is 64 lower-case hexadecimal digits, "
        "h1: is followed by base64."
    )
