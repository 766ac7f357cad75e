"""``purge`` of registry.yaml as pydantic models, one for each kind of CDN; see ``shapes`` for what a shape is."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from registry_gen.catalog import codes
from registry_gen.catalog.fields import Flag, Reference, Seconds, reads, schema, whole, written
from registry_gen.catalog.problems import shorten
from registry_gen.catalog.shapes import Shape
from registry_gen.errors import InputError
from registry_gen.model.purge import (
    AzureFrontDoor,
    Cdn,
    Cloudflare,
    CloudFront,
    Fastly,
    GoogleCdn,
    Purging,
    Webhook,
)

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._()-]{0,98}[A-Za-z0-9_()-])?")


def name(text: str) -> str:
    """What a vendor calls something of ours: it becomes a part of a URL's path."""
    if not _NAME.fullmatch(text):
        raise InputError(codes.WRONG_VALUE, expected="a name or number that the vendor gave", found=shorten(text))
    return text


Name = Annotated[str, reads(name, written), schema(pattern=f"^{_NAME.pattern}$")]
OptionalName = Annotated[str | None, reads(name, written), schema(pattern=f"^{_NAME.pattern}$")]
Url = Annotated[str, reads(str), schema(format="uri")]
OptionalUrl = Annotated[str | None, reads(str), schema(format="uri")]
Most = Annotated[int | None, reads(whole(1, 100_000), written), schema(type="integer")]
Secret = Annotated[str, Reference, schema(pattern="^(env|file):", examples=["env:CDN_TOKEN"])]
OptionalSecret = Annotated[str | None, Reference, schema(pattern="^(env|file):", examples=["env:CDN_TOKEN"])]

_KIND: Final = Field(description="What stands in front of the bucket.")


class _Common(Shape):
    """What every kind has."""

    most: Annotated[
        Most, Field(description="Keys that are purged one by one before larger parts are.", examples=[100])
    ] = None
    time: Annotated[Seconds, Field(description="All of a purge (120 s).", examples=["2 min"])] = 120.0

    def cdn(self) -> Cdn:
        """Who is told, as plain data."""
        raise NotImplementedError

    def made(self) -> Purging:
        """The same as plain data."""
        return Purging(self.cdn(), getattr(self, "api", None), self.most, self.time)


class _Vendor(_Common):
    api: Annotated[
        OptionalUrl,
        Field(description="The vendor's API; its usual place if left out.", examples=["https://cdn-api.example.com"]),
    ] = None


class CloudFrontShape(_Vendor):
    """Amazon CloudFront."""

    kind: Annotated[Literal["cloudfront"], _KIND]
    distribution: Annotated[Name, Field(description="The distribution's id.", examples=["E2QWRUHAPOMQZL"])]
    access_key: Annotated[OptionalSecret, Field(description="An access key's id; AWS's default chain if left out.")] = (
        None
    )
    secret_key: Annotated[OptionalSecret, Field(description="The secret key.")] = None
    session_token: Annotated[OptionalSecret, Field(description="The token of temporary keys.")] = None

    def cdn(self) -> CloudFront:
        """Who is told, as plain data."""
        return CloudFront(self.distribution, self.access_key, self.secret_key, self.session_token)


class FastlyShape(_Vendor):
    """Fastly."""

    kind: Annotated[Literal["fastly"], _KIND]
    service: Annotated[Name, Field(description="The service's id.", examples=["SU1Z0isxPaozGVKXdv0eY"])]
    token: Annotated[Secret, Field(description="An API token that may purge.")]
    surrogate_keys: Annotated[Flag, Field(description="true: each object's Surrogate-Key holds its key.")] = False
    soft: Annotated[Flag, Field(description="true: documents become stale instead of being gone.")] = False

    def cdn(self) -> Fastly:
        """Who is told, as plain data."""
        return Fastly(self.service, self.token, self.surrogate_keys, self.soft)


class CloudflareShape(_Vendor):
    """Cloudflare."""

    kind: Annotated[Literal["cloudflare"], _KIND]
    zone: Annotated[Name, Field(description="The zone's id.", examples=["023e105f4ecef8ad9ca31a8372d0c353"])]
    token: Annotated[Secret, Field(description="An API token with the permission Cache Purge.")]

    def cdn(self) -> Cloudflare:
        """Who is told, as plain data."""
        return Cloudflare(self.zone, self.token)


class GoogleCdnShape(_Vendor):
    """Google Cloud CDN."""

    kind: Annotated[Literal["google"], _KIND]
    project: Annotated[Name, Field(description="The project's id.", examples=["acme-registry"])]
    url_map: Annotated[Name, Field(description="The load balancer's URL map.", examples=["acme-registry"])]
    key: Annotated[
        OptionalSecret, Field(description="A service account's key; Application Default Credentials if left out.")
    ] = None

    def cdn(self) -> GoogleCdn:
        """Who is told, as plain data."""
        return GoogleCdn(self.project, self.url_map, self.key)


class FrontDoorShape(_Vendor):
    """Azure Front Door, Standard or Premium."""

    kind: Annotated[Literal["azure"], _KIND]
    subscription: Annotated[
        Name, Field(description="The subscription's id.", examples=["00000000-0000-0000-0000-000000000000"])
    ]
    resource_group: Annotated[Name, Field(description="The resource group.", examples=["acme-registry"])]
    profile: Annotated[Name, Field(description="The Front Door profile.", examples=["acme-cdn"])]
    endpoint: Annotated[Name, Field(description="The profile's endpoint.", examples=["acme-registry"])]
    tenant_id: Annotated[
        OptionalName,
        Field(description="The directory of the application below.", examples=["00000000-0000-0000-0000-000000000000"]),
    ] = None
    client_id: Annotated[
        OptionalName,
        Field(
            description="An application; the default chain if left out.",
            examples=["00000000-0000-0000-0000-000000000000"],
        ),
    ] = None
    client_secret: Annotated[OptionalSecret, Field(description="The application's secret.")] = None

    def cdn(self) -> AzureFrontDoor:
        """Who is told, as plain data."""
        return AzureFrontDoor(
            self.subscription,
            self.resource_group,
            self.profile,
            self.endpoint,
            self.tenant_id,
            self.client_id,
            self.client_secret,
        )


class WebhookShape(_Common):
    """A URL of your own."""

    kind: Annotated[Literal["webhook"], _KIND]
    url: Annotated[
        Url, Field(description="What is sent the keys that changed.", examples=["https://hooks.example.com/purge"])
    ]
    secret: Annotated[Secret, Field(description="What signs the messages.")]

    def cdn(self) -> Webhook:
        """Who is told, as plain data."""
        return Webhook(self.url, self.secret)


_FORMS: Final = {
    "cloudfront": "Amazon CloudFront",
    "fastly": "the CDN Fastly",
    "cloudflare": "the CDN Cloudflare",
    "google": "Google Cloud CDN",
    "azure": "Azure Front Door",
    "webhook": "a webhook",
}
"""With a space each, so that no name of a form is taken for a key of the file."""


def _form(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else None
    return _FORMS.get(kind) if isinstance(kind, str) else None


PURGE_SHAPES: Final[dict[str, type[Shape]]] = {
    _FORMS["cloudfront"]: CloudFrontShape,
    _FORMS["fastly"]: FastlyShape,
    _FORMS["cloudflare"]: CloudflareShape,
    _FORMS["google"]: GoogleCdnShape,
    _FORMS["azure"]: FrontDoorShape,
    _FORMS["webhook"]: WebhookShape,
}
PurgeShape = Annotated[
    Annotated[CloudFrontShape, Tag(_FORMS["cloudfront"])]
    | Annotated[FastlyShape, Tag(_FORMS["fastly"])]
    | Annotated[CloudflareShape, Tag(_FORMS["cloudflare"])]
    | Annotated[GoogleCdnShape, Tag(_FORMS["google"])]
    | Annotated[FrontDoorShape, Tag(_FORMS["azure"])]
    | Annotated[WebhookShape, Tag(_FORMS["webhook"])],
    Discriminator(_form, custom_error_type="no_kind", custom_error_message=", ".join(_FORMS)),
]
_TOGETHER: Final = (
    (CloudFrontShape, ("access_key", "secret_key"), ("session_token",)),
    (FrontDoorShape, ("tenant_id", "client_id", "client_secret"), ()),
)


def missing(shape: Shape) -> str | None:
    """The first option that must stand beside others which are there, None where all do."""
    for kind, needed, optional in _TOGETHER:
        if isinstance(shape, kind) and any(getattr(shape, each) for each in (*needed, *optional)):
            return next((each for each in needed if getattr(shape, each) is None), None)
    return None
