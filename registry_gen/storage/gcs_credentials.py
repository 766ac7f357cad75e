"""Who we are to Google: the credentials that a place in the configuration asks for.

No error here shows what a reference holds, only which one it is and what is wrong with it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import google.auth
from google.auth import identity_pool
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from registry_gen.errors import InputError
from registry_gen.model.places import GcsFederation, GcsKeyFile
from registry_gen.storage import codes
from registry_gen.storage.gcs_errors import failing
from registry_gen.storage.secrets import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.credentials import Credentials

    from registry_gen.model.places import GcsPlace

SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
"""Labels of objects cannot be changed, nor anything be signed, with less; what is allowed, the roles in IAM say."""

_STS: Final = re.compile(r"https://(?:[a-z0-9-]+\.)?sts(?:[.-][a-z0-9-]+)*(?:\.p)?\.googleapis\.com/v1/token")
_IMPERSONATION: Final = re.compile(
    r"https://iamcredentials(?:\.[a-z0-9-]+\.rep)?\.googleapis\.com/v1/projects/-/serviceAccounts/"
    r"[A-Za-z0-9@._-]+:generateAccessToken"
)
_TOKEN: Final = re.compile(r"https://(?:oauth2\.googleapis\.com/token|accounts\.google\.com/o/oauth2/token)")
_PLAIN_HTTP: Final = frozenset({"127.0.0.1", "::1", "localhost", "169.254.169.254", "metadata.google.internal"})
_KNOWN: Final = (
    *("type", "audience", "subject_token_type", "token_url", "credential_source"),
    *("service_account_impersonation_url", "service_account_impersonation", "quota_project_id"),
)


def credentials_of(place: GcsPlace) -> Credentials:
    """The credentials that a place asks for; nothing is sent for them before they are used.

    Raises StorageError STO010 where there are none, and InputError STO018 for what cannot be used, or would lead
    elsewhere than to Google. Source: google.aip.dev/auth/4110 to 4117.
    """
    if place.anonymous:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    match place.auth:
        case GcsKeyFile(key=reference):
            return _service_account(reference)
        case GcsFederation(configuration=reference):
            return _federated(reference)
        case _:
            with failing(place.url):
                found, _project = google.auth.default(scopes=SCOPES)
                return found


def _service_account(reference: str) -> Credentials:
    info = _object(reference, "service_account")
    _require_google(reference, info, "token_uri", _TOKEN)
    _require_universe(reference, info)
    try:
        made: Credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=SCOPES
        )
    except (ValueError, KeyError, GoogleAuthError):  # their texts may quote the key
        raise _unusable(reference, "a key file that lacks something, or whose private key cannot be read") from None
    return made


def _federated(reference: str) -> Credentials:
    """Workload identity federation, from a token in a file or behind a URL.

    A source that runs a program is refused, and so are addresses that would hand the token to somebody else: see
    https://cloud.google.com/docs/authentication/client-libraries#external-credentials.
    """
    info = _object(reference, "external_account")
    _require_google(reference, info, "token_url", _STS)
    if "service_account_impersonation_url" in info:
        _require_google(reference, info, "service_account_impersonation_url", _IMPERSONATION)
    _require_universe(reference, info)
    _require_source(reference, info.get("credential_source"))
    known = {name: info[name] for name in _KNOWN if name in info}
    try:
        made: Credentials = identity_pool.Credentials.from_info(  # type: ignore[no-untyped-call]
            known, scopes=SCOPES
        )
    except (ValueError, KeyError, TypeError, GoogleAuthError):
        raise _unusable(reference, "a configuration that lacks something") from None
    return made


def _require_source(reference: str, source: object) -> None:
    """Only a file, or a URL over HTTPS or on this machine or its metadata server."""
    if not isinstance(source, dict):
        raise _unusable(reference, "no credential_source")
    kinds = source.keys() & {"file", "url", "executable", "certificate", "environment_id"}
    if "executable" in kinds:
        raise _unusable(reference, "credential_source.executable, which would run a program")
    if kinds not in ({"file"}, {"url"}) or not all(isinstance(source[kind], str) for kind in kinds):
        raise _unusable(reference, "a credential_source that is neither one file nor one url")
    if "url" in kinds:
        parts = urlsplit(source["url"])
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in _PLAIN_HTTP):
            raise _unusable(reference, "a credential_source.url that is not https")


def _require_google(reference: str, info: Mapping[str, Any], field: str, wanted: re.Pattern[str]) -> None:
    if not isinstance(info.get(field), str) or not wanted.fullmatch(info[field]):
        raise _unusable(reference, f"{field} that is no address of Google's for this")


def _require_universe(reference: str, info: Mapping[str, Any]) -> None:
    if info.get("universe_domain", "googleapis.com") != "googleapis.com":
        raise _unusable(reference, "a universe_domain other than googleapis.com")


def _object(reference: str, kind: str) -> dict[str, Any]:
    """The JSON object of type ``kind`` that a reference leads to."""
    try:
        found = json.loads(read_secret(reference))
    except ValueError:  # what cannot be parsed may be a secret: it is not quoted
        raise _unusable(reference, "no JSON") from None
    if not isinstance(found, dict) or found.get("type") != kind:
        raise _unusable(reference, "JSON of another type", expected=f'JSON with "type": "{kind}"')
    return found


def _unusable(reference: str, found: str, expected: str = "") -> InputError:
    code = codes.BAD_SECRET
    return InputError(code, where=reference, expected=expected, found=found, hint=code.fix)
