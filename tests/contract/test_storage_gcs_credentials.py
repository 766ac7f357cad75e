"""Who we are to Google Cloud Storage: each way in the configuration, and what of it is refused.

Tokens come from a server of ours in the place of Google's; the emulator looks at none of them, so the requests that
reach it are looked at instead.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry_gen.errors import InputError, RegistryError, StorageError
from registry_gen.model.places import GcsFederation, GcsKeyFile, GcsPlace
from registry_gen.storage import gcs_credentials
from registry_gen.storage.gcs import GcsStorage
from registry_gen.storage.gcs_client import PATIENCE
from tests.contract.test_storage_gcs_signing import KEY
from tests.support.http_server import HttpServer, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from registry_gen.model.places import GcsPlace as Place
    from tests.support.fake_gcs import Door

LISTING: Final = "v1/modules/acme/network/aws/versions"
SECRET: Final = "c2VjcmV0IG9mIG91cnM"
IMPATIENT: Final = PATIENCE.with_delay(initial=0.001, maximum=0.01).with_timeout(0.1)
FEDERATION: Final = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/ci",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "/nowhere"},
}
IMPERSONATION: Final = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/ci@p.iam.gserviceaccount.com:generateAccessToken"

ACCOUNT: Final = "/v1/projects/-/serviceAccounts/ci@p.iam.gserviceaccount.com:generateAccessToken"


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """Stands where Google gives tokens; only tests may point there."""
    with HttpServer() as server:
        ours = re.compile(re.escape(server.url("/")) + ".*")
        for name in ("_TOKEN", "_STS", "_IMPERSONATION"):
            monkeypatch.setattr(gcs_credentials, name, ours)
        yield server


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody is logged in here, and this is no machine of Google's."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def kept(folder: Path, value: object) -> str:
    path = folder / "secret.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return f"file:{path}"


def refused(place: Place) -> InputError:
    with pytest.raises(InputError) as error:
        GcsStorage(place)
    return error.value


def authorization(door: Door, place: Place) -> str:
    """What a storage shows who it is with."""
    storage = GcsStorage(place, patience=IMPATIENT)
    storage.put_if(LISTING, b"[1]", None)
    return door.asked[-1].headers["authorization"]


def token(reply: Mapping[str, Any] | None = None) -> Reply:
    return Reply.json({"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer", **(reply or {})})


def test_a_key_file_is_exchanged_for_a_token(fake_gcs: Door, tokens: HttpServer, tmp_path: Path) -> None:
    tokens.route("/token", token())
    key = kept(tmp_path, {**KEY, "token_uri": tokens.url("/token")})
    place = GcsPlace(fake_gcs.bucket(), endpoint=fake_gcs.url, auth=GcsKeyFile(key))
    assert authorization(fake_gcs, place) == f"Bearer {SECRET}"


def test_application_default_credentials_are_found_where_google_says(
    fake_gcs: Door, tokens: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.route("/token", token())
    kept(tmp_path, {**KEY, "token_uri": tokens.url("/token")})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "secret.json"))
    assert authorization(fake_gcs, GcsPlace(fake_gcs.bucket(), endpoint=fake_gcs.url)) == f"Bearer {SECRET}"


@pytest.mark.parametrize("impersonated", [False, True])
def test_a_token_of_somebody_else_is_exchanged_by_federation(
    fake_gcs: Door, tokens: HttpServer, tmp_path: Path, impersonated: bool
) -> None:
    tokens.route("/sts", token({"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}))
    tokens.route(ACCOUNT, Reply.json({"accessToken": "of-the-account", "expireTime": "2999-01-01T00:00:00Z"}))
    (tmp_path / "token").write_text("signed by the CI system")
    configuration: dict[str, Any] = {**FEDERATION, "token_url": tokens.url("/sts")}
    configuration["credential_source"] = {"file": str(tmp_path / "token")}
    if impersonated:
        configuration["service_account_impersonation_url"] = tokens.url(ACCOUNT)
    place = GcsPlace(fake_gcs.bucket(), endpoint=fake_gcs.url, auth=GcsFederation(kept(tmp_path, configuration)))
    assert authorization(fake_gcs, place) == f"Bearer {'of-the-account' if impersonated else SECRET}"


def test_the_token_for_federation_may_come_from_a_url(fake_gcs: Door, tokens: HttpServer, tmp_path: Path) -> None:
    tokens.route("/sts", token({"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}))
    tokens.route("/ci", Reply.json({"value": "signed by the CI system"}))
    source = {
        "url": tokens.url("/ci"),
        "headers": {"Authorization": "bearer of-the-job"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    }
    configuration = {**FEDERATION, "token_url": tokens.url("/sts"), "credential_source": source}
    place = GcsPlace(fake_gcs.bucket(), endpoint=fake_gcs.url, auth=GcsFederation(kept(tmp_path, configuration)))
    assert authorization(fake_gcs, place) == f"Bearer {SECRET}"
    assert tokens.requests[0].headers["authorization"] == "bearer of-the-job"


def test_anonymous_shows_nothing(fake_gcs: Door) -> None:
    storage = GcsStorage(GcsPlace(fake_gcs.bucket(), endpoint=fake_gcs.url, anonymous=True))
    storage.put_if(LISTING, b"[1]", None)
    assert "authorization" not in fake_gcs.asked[-1].headers


def test_anonymous_where_credentials_are_wanted_is_told(fake_gcs: Door) -> None:
    storage = GcsStorage(GcsPlace(fake_gcs.bucket(), endpoint=fake_gcs.url, anonymous=True))
    fake_gcs.fail(1, status=401)
    with pytest.raises(StorageError) as error:
        storage.head(LISTING)
    assert (error.value.code.id, "no credentials are sent" in error.value.found) == ("STO010", True)


def test_no_credentials_anywhere_are_told_before_anything_is_sent() -> None:
    with pytest.raises(StorageError) as error:
        GcsStorage(GcsPlace("bucket"))
    assert error.value.code.id == "STO010"


SOURCES: Final[list[tuple[object, str]]] = [
    ({"executable": {"command": "touch /tmp/x"}}, "would run a program"),
    ({"file": "/token", "executable": {"command": "touch /tmp/x"}}, "would run a program"),
    ({"environment_id": "aws1", "regional_cred_verification_url": "https://sts.amazonaws.com"}, "neither one file"),
    ({"certificate": {"use_default_certificate_config": True}}, "neither one file"),
    ({"file": "/token", "url": "https://ci.example.com"}, "neither one file"),
    ({"file": ["/token"]}, "neither one file"),
    ({}, "neither one file"),
    (None, "no credential_source"),
    ({"url": "http://ci.example.com/token"}, "not https"),
    ({"url": "file:///etc/passwd"}, "not https"),
]


@pytest.mark.parametrize(("source", "found"), SOURCES, ids=lambda value: str(value)[:40])
def test_a_source_of_tokens_that_runs_a_program_or_is_none_of_two_kinds_is_refused(
    tmp_path: Path, source: object, found: str
) -> None:
    reference = kept(tmp_path, {**FEDERATION, "credential_source": source})
    error = refused(GcsPlace("bucket", auth=GcsFederation(reference)))
    assert (error.code.id, error.where) == ("STO018", reference)
    assert found in error.found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token_url", "https://sts.googleapis.com.example.com/v1/token"),
        ("token_url", "http://sts.googleapis.com/v1/token"),
        ("token_url", "https://example.com/sts.googleapis.com/v1/token"),
        ("token_url", "https://sts.googleapis.com@example.com/v1/token"),
        ("token_url", "https://storage.googleapis.com/v1/token"),
        ("token_url", 5),
        ("service_account_impersonation_url", IMPERSONATION.replace("googleapis.com", "example.com")),
        ("service_account_impersonation_url", IMPERSONATION.replace("ci@", "../../../x?")),
        ("service_account_impersonation_url", None),
        ("universe_domain", "example.com"),
    ],
)
def test_a_configuration_that_would_hand_the_token_to_somebody_else_is_refused(
    tmp_path: Path, field: str, value: object
) -> None:
    error = refused(GcsPlace("bucket", auth=GcsFederation(kept(tmp_path, {**FEDERATION, field: value}))))
    assert error.code.id == "STO018"
    assert field in error.found
    assert "example" not in error.found


@pytest.mark.parametrize(
    "configuration",
    [
        FEDERATION,
        {**FEDERATION, "service_account_impersonation_url": IMPERSONATION},
        {**FEDERATION, "token_url": "https://sts.europe-west1.rep.googleapis.com/v1/token"},
        {**FEDERATION, "credential_source": {"url": "http://169.254.169.254/metadata/identity/oauth2/token"}},
        {**FEDERATION, "token_info_url": "https://example.com", "unknown": 1},
    ],
)
def test_a_configuration_as_google_makes_them_is_taken(tmp_path: Path, configuration: object) -> None:
    GcsStorage(GcsPlace("bucket", auth=GcsFederation(kept(tmp_path, configuration))))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{{{SECRET}", "no JSON"),
        (f'"{SECRET}"', "another type"),
        (json.dumps({**FEDERATION, "audience": SECRET}), "another type"),
        (json.dumps({**KEY, "private_key": SECRET}), "cannot be read"),
        (json.dumps({**KEY, "client_email": None, "private_key": SECRET}), "cannot be read"),
        (json.dumps({name: KEY[name] for name in ("type", "token_uri")} | {"private_key": SECRET}), "lacks something"),
        (json.dumps({**KEY, "token_uri": f"https://{SECRET}.example.com/token"}), "token_uri"),
    ],
)
def test_what_is_no_key_file_is_refused_and_nothing_of_it_is_shown(tmp_path: Path, text: str, found: str) -> None:
    error = refused(GcsPlace("bucket", auth=GcsKeyFile(kept(tmp_path, text))))
    assert (error.code.id, found in error.found) == ("STO018", True)
    assert error.__suppress_context__ or error.__context__ is None
    assert SECRET not in f"{error!r} {error}"


def test_a_reference_that_leads_nowhere_is_named() -> None:
    assert refused(GcsPlace("bucket", auth=GcsKeyFile("env:NOBODY_SET_THIS"))).where == "env:NOBODY_SET_THIS"


INVALID: Final = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."


@pytest.mark.parametrize(
    ("reply", "code", "found"),
    [
        (Reply.json({"error": "invalid_grant", "error_description": f"no {SECRET}"}, 400), "STO011", "invalid_grant"),
        (Reply.json({"error": "invalid_grant", "error_description": INVALID}, 400), "STO014", "times"),
        (Reply.json({"error": "invalid_grant", "error_description": "it has expired"}, 400), "STO012", "invalid_grant"),
        (Reply.json({"error": SECRET}, 401), "STO011", "no access token"),
        (Reply(body=SECRET.encode()), "STO011", "no access token"),
        (Reply(drop=True), "STO016", ""),
    ],
    ids=["refused", "clock", "expired", "unknown", "nonsense", "cut"],
)
@pytest.mark.parametrize(
    "call",
    [lambda storage: storage.get(LISTING), lambda storage: storage.put_if(LISTING, b"[1]", None)],
    ids=["get", "put"],
)
def test_a_token_that_is_not_given_is_told_without_what_was_answered(
    tokens: HttpServer,
    tmp_path: Path,
    reply: Reply,
    code: str,
    found: str,
    call: Callable[[GcsStorage], object],
) -> None:
    tokens.route("/token", reply)
    key = kept(tmp_path, {**KEY, "token_uri": tokens.url("/token")})
    storage = GcsStorage(GcsPlace("bucket", endpoint=tokens.url("/"), auth=GcsKeyFile(key)), patience=IMPATIENT)
    with pytest.raises(RegistryError) as error:
        call(storage)
    assert (error.value.code.id, found in error.value.found) == (code, True)
    assert SECRET not in f"{error.value!r} {error.value}"
    assert error.value.__suppress_context__


def test_a_storage_shows_no_secret_of_its_own(tmp_path: Path) -> None:
    storage = GcsStorage(GcsPlace("bucket", auth=GcsKeyFile(kept(tmp_path, KEY))))
    assert KEY["private_key"][40:80] not in f"{storage!r} {vars(storage)!r} {storage.name}"
