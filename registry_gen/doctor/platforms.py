"""Where a storage is, and who answers at a URL, as far as it can be told."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry_gen.doctor.fixes import FIXES
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, S3Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.errors import Code
    from registry_gen.model.places import Place


class Platform(StrEnum):
    """What a fix depends on; the values are for people."""

    FOLDER = "folder"
    AWS = "Amazon S3"
    S3 = "S3-compatible"
    GCS = "Google Cloud Storage"
    AZURE = "Azure Blob Storage"
    CLOUDFRONT = "CloudFront"
    CLOUD_CDN = "Cloud CDN"
    FRONT_DOOR = "Front Door"
    CLOUDFLARE = "Cloudflare"
    NGINX = "nginx"
    CADDY = "Caddy"
    UNKNOWN = "unknown server"
    THIS_MACHINE = "this machine"


def platform_of_place(place: Place) -> Platform:
    """The kind of a storage."""
    match place:
        case FolderPlace():
            return Platform.FOLDER
        case S3Place():
            host = (urlsplit(place.endpoint).hostname or "") if place.endpoint else "amazonaws.com"
            ours = f".{host}".endswith((".amazonaws.com", ".amazonaws.com.cn"))
            return Platform.AWS if ours else Platform.S3
        case GcsPlace():
            return Platform.GCS
        case AzurePlace():
            return Platform.AZURE


def platform_of_server(headers: Mapping[str, str]) -> Platform:
    """Who answered, by headers (names in lower case) that CDNs and servers put on every answer."""
    server, via = headers.get("server", "").lower(), headers.get("via", "").lower()
    told = {
        Platform.CLOUDFRONT: "x-amz-cf-id" in headers or "cloudfront" in via,
        Platform.CLOUDFLARE: "cf-ray" in headers or server == "cloudflare",
        Platform.FRONT_DOOR: "x-azure-ref" in headers,
        Platform.CLOUD_CDN: "google" in via,
        Platform.NGINX: server.startswith(("nginx", "openresty")),
        Platform.CADDY: server.startswith("caddy") or "caddy" in via,
    }
    return next((platform for platform, is_it in told.items() if is_it), Platform.UNKNOWN)


def fix_of(code: Code, platform: Platform) -> str:
    """What to do about a failure on that platform."""
    return FIXES.get((code.id, platform.name), code.fix)
