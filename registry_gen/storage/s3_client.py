"""A client of a place that speaks S3: who we are there, where it is, and how patiently it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, assert_never

from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    AssumeRoleWithWebIdentityCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from registry_gen.model.places import S3AssumeRole, S3Keys, S3WebIdentity
from registry_gen.storage.secrets import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_gen.model.places import S3Place

CONNECTIONS: Final = 16
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_DEFAULT_REGION: Final = "us-east-1"
"""What servers of others than AWS take where they have no regions."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """A chain of one link, in the place of botocore's default chain."""

    found: Any

    def load_credentials(self) -> Any:
        return self.found


def open_client(place: S3Place, attempts: int) -> Any:
    """A client of botocore for the place's service; nothing is sent yet.

    Each request is tried so often where it was throttled, failed inside the server or lost its connection, with pauses
    that double up to 20 seconds (botocore, "standard" retry mode). Raises InputError STO018 for a static key that is
    not where registry.yaml says, and BotoCoreError for a broken configuration of AWS on this machine.
    """
    session = _session()
    region = place.region or session.get_config_variable("region") or (_DEFAULT_REGION if place.endpoint else None)
    if place.auth is not None:
        session.register_component("credential_provider", _Chain(_credentials(place, region)))
    client = session.create_client(
        "s3",
        region_name=region,
        endpoint_url=place.endpoint,
        config=Config(
            signature_version="s3v4",
            # The digest of what is sent is part of the signature: every server checks it, whatever else it knows.
            s3={"addressing_style": "path" if place.path_style else "auto", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            user_agent_extra="registry-gen",
        ),
    )
    client.meta.events.register_last("before-parameter-build.s3", _follow_once)
    return client


def _follow_once(model: Any, context: dict[str, Any], **_: object) -> None:
    """botocore asks HeadBucket where to go on after a redirect, and would ask it again where that is redirected too."""
    if model.name == "HeadBucket" and "s3_redirect" in context:
        context["s3_redirect"]["redirected"] = True


@cache
def _models() -> Any:
    """The descriptions of services, which are large: read once for all clients."""
    return Session().get_component("data_loader")


def _session() -> Any:
    session = Session()
    session.register_component("data_loader", _models())
    return session


def _credentials(place: S3Place, region: str | None) -> Any:
    match place.auth:
        case S3Keys() as keys:
            return _static(keys)
        case S3WebIdentity() as identity:
            fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
                client_creator=_sts(place, region),
                web_identity_token_loader=partial(read_secret, identity.token),
                role_arn=identity.role,
                extra_args={"RoleSessionName": identity.session_name},
            )
            return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role-with-web-identity")
        case S3AssumeRole() as role:
            fetcher = AssumeRoleCredentialFetcher(
                client_creator=_sts(place, region),
                source_credentials=_static(role.keys) if role.keys else _Default(),
                role_arn=role.role,
                extra_args={
                    "RoleSessionName": role.session_name,
                    **({"ExternalId": role.external_id} if role.external_id else {}),
                },
            )
            return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        case None:
            return None
        case _:
            assert_never(place.auth)


class _Default:
    """Whom AWS's default chain finds, looked for when the role is taken."""

    def get_frozen_credentials(self) -> Any:
        found = _session().get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()


def _static(keys: S3Keys) -> Any:
    token = read_secret(keys.session_token) if keys.session_token else None
    return Credentials(read_secret(keys.access_key), read_secret(keys.secret_key), token, method="registry.yaml")


def _sts(place: S3Place, region: str | None) -> Callable[..., Any]:
    """What makes the client that takes roles: of the region's own service, or of the one that was named."""

    def create(service: str, **options: Any) -> Any:
        return _session().create_client(
            service,
            region_name=region or _DEFAULT_REGION,
            endpoint_url=place.sts_endpoint,
            **{"config": Config(retries={"mode": "standard"}), **options},
        )

    return create
