"""Who answers is told by what each puts on its answers, and each failure says what to do there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from registry_gen.doctor import codes
from registry_gen.doctor.cache_control import Kept, kept
from registry_gen.doctor.fixes import FIXES
from registry_gen.doctor.platforms import Platform, fix_of, platform_of_place, platform_of_server
from registry_gen.errors import Code
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, S3Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.places import Place

CODES = {code.id: code for code in vars(codes).values() if isinstance(code, Code)}
STORAGES = {Platform.FOLDER, Platform.AWS, Platform.S3, Platform.GCS, Platform.AZURE}
SERVERS = {
    *(Platform.CLOUDFRONT, Platform.CLOUD_CDN, Platform.FRONT_DOOR, Platform.CLOUDFLARE, Platform.NGINX, Platform.CADDY)
}


@pytest.mark.parametrize(
    ("headers", "platform"),
    [
        ({"via": "1.1 abc.cloudfront.net (CloudFront)", "server": "AmazonS3"}, Platform.CLOUDFRONT),
        ({"x-amz-cf-id": "abc"}, Platform.CLOUDFRONT),
        ({"via": "1.1 google", "server": "UploadServer"}, Platform.CLOUD_CDN),
        ({"x-azure-ref": "2024"}, Platform.FRONT_DOOR),
        ({"cf-ray": "8f-FRA", "server": "cloudflare"}, Platform.CLOUDFLARE),
        ({"server": "nginx/1.28.0"}, Platform.NGINX),
        ({"server": "Caddy"}, Platform.CADDY),
        ({"via": "1.1 Caddy"}, Platform.CADDY),
        ({"server": "BaseHTTP/0.6"}, Platform.UNKNOWN),
        ({}, Platform.UNKNOWN),
    ],
)
def test_a_server_is_known_by_its_headers(headers: Mapping[str, str], platform: Platform) -> None:
    assert platform_of_server(headers) is platform


@pytest.mark.parametrize(
    ("place", "platform"),
    [
        (FolderPlace("/srv/registry"), Platform.FOLDER),
        (S3Place("acme"), Platform.AWS),
        (S3Place("acme", endpoint="https://s3.eu-central-1.amazonaws.com"), Platform.AWS),
        (S3Place("acme", endpoint="https://amazonaws.com.example.com"), Platform.S3),
        (S3Place("acme", endpoint="https://minio.example.com"), Platform.S3),
        (GcsPlace("acme"), Platform.GCS),
        (AzurePlace("acme", "registry"), Platform.AZURE),
    ],
)
def test_a_storage_is_known_by_its_place(place: Place, platform: Platform) -> None:
    assert platform_of_place(place) is platform


def test_every_fix_is_one_of_a_code_and_of_a_platform() -> None:
    assert {code for code, _ in FIXES} <= CODES.keys()
    assert {name for _, name in FIXES} <= {platform.name for platform in Platform}
    assert all(text.endswith((".", "Caddyfile).", "cdn.tf).")) for text in FIXES.values())


@pytest.mark.parametrize("code", ["DIA012", "DIA013", "DIA014", "DIA015", "DIA017"])
def test_a_broken_condition_is_mended_otherwise_on_each_storage(code: str) -> None:
    assert len({fix_of(CODES[code], platform) for platform in STORAGES}) == len(STORAGES)


@pytest.mark.parametrize("code", ["DIA033", "DIA034", "DIA035", "DIA037", "DIA038"])
def test_what_a_cdn_does_wrong_is_mended_otherwise_on_each(code: str) -> None:
    assert len({fix_of(CODES[code], platform) for platform in SERVERS}) == len(SERVERS)


def test_where_nothing_is_known_of_the_platform_the_code_says_what_to_do() -> None:
    assert fix_of(codes.MISSING, Platform.UNKNOWN) == codes.MISSING.fix


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"cache-control": "no-store"}, Kept(0)),
        ({"cache-control": "no-cache, max-age=60"}, Kept(0)),
        ({"cache-control": "max-age=0"}, Kept(0)),
        ({"cache-control": "public, MAX-AGE=60"}, Kept(60)),
        ({"cache-control": 'max-age="60"'}, Kept(60)),
        ({"cache-control": "max-age=1, s-maxage=60"}, Kept(60)),
        ({"cache-control": "max-age=60, stale-while-revalidate=60, stale-if-error=3600"}, Kept(3720)),
        ({"cache-control": "public"}, None),
        ({"cache-control": "max-age=x"}, None),
        ({}, None),
        ({"expires": "0"}, Kept(0)),
        ({"expires": "Thu, 01 Jan 2026 00:01:00 GMT"}, Kept(60)),
        ({"expires": "Wed, 31 Dec 2025 00:01:00 GMT"}, Kept(0)),
        ({"cache-control": "max-age=5", "expires": "Thu, 01 Jan 2026 00:01:00 GMT"}, Kept(5)),
    ],
)
def test_how_long_an_answer_may_be_kept_is_read_as_caches_read_it(
    headers: Mapping[str, str], expected: Kept | None
) -> None:
    """RFC 9111, 5.2.2 and 5.3; RFC 5861."""
    assert kept(headers, datetime(2026, 1, 1, tzinfo=UTC)) == expected
