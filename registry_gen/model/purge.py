"""Which CDN stands in front of the bucket, how to show who we are there, and what it is still to be told.

Secrets are references (``env:NAME`` or ``file:PATH``), never values; None leaves a thing to the vendor's own library.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CloudFront:
    """A distribution of Amazon CloudFront; without keys, who we are is botocore's to find."""

    distribution: str
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class Fastly:
    """A service of Fastly. ``surrogate_keys``: objects carry their own key in Surrogate-Key, so they go by batches.

    ``soft`` marks documents as stale where else they would be gone; what was deleted for good is never purged softly.
    """

    service: str
    token: str
    surrogate_keys: bool = False
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Cloudflare:
    """A zone of Cloudflare."""

    zone: str
    token: str


@dataclass(frozen=True, slots=True)
class GoogleCdn:
    """A URL map of Google Cloud CDN; ``key`` is a service account's, else Application Default Credentials are used."""

    project: str
    url_map: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class AzureFrontDoor:
    """An endpoint of Azure Front Door; without a secret, who we are is azure-identity's to find."""

    subscription: str
    resource_group: str
    profile: str
    endpoint: str
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that is told which keys changed, in messages that ``secret`` signs."""

    url: str
    secret: str


Cdn = CloudFront | Fastly | Cloudflare | GoogleCdn | AzureFrontDoor | Webhook


@dataclass(frozen=True, slots=True)
class Purging:
    """What is told of changes after a publication.

    ``api`` is where the vendor's API is, its own where None; ``most`` how many keys are purged one by one before larger
    parts are, the vendor's where None; ``seconds`` how long all of it may take.
    """

    cdn: Cdn
    api: str | None = None
    most: int | None = None
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class PendingPurges:
    """The keys that a CDN is still to be told of: how many, which ones unless they are too many, and the last note."""

    count: int
    keys: tuple[str, ...]
    last: int
