"""Signed URLs of Google Cloud Storage, held to Google's own test vectors, for the emulator verifies no signature."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth import compute_engine
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import _signing
from google.oauth2 import service_account

from registry_gen.errors import StorageError
from registry_gen.model.places import GcsKeyFile, GcsPlace
from registry_gen.storage.gcs import GcsStorage
from registry_gen.storage.gcs_client import open_bucket
from registry_gen.storage.gcs_signing import signed_url, signing

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLISHED: Final = json.loads((Path(__file__).parents[1] / "fixtures/gcs/v4_signatures.json").read_text())
VECTORS: Final = PUBLISHED["vectors"]
KEY: Final = PUBLISHED["service_account"]
ARCHIVE: Final = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"


def credentials() -> service_account.Credentials:
    made: service_account.Credentials = service_account.Credentials.from_service_account_info(KEY)  # type: ignore[no-untyped-call]
    return made


def at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Let the library's clock stand."""
    monkeypatch.setattr(_signing, "_NOW", lambda zone: datetime.fromisoformat(moment).astimezone(zone or UTC))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> GcsStorage:
    monkeypatch.setenv("OUR_KEY", json.dumps(KEY))
    return GcsStorage(GcsPlace("bucket", "folder/", auth=GcsKeyFile("env:OUR_KEY")))


def query(url: str) -> Mapping[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["description"])
def test_a_signed_url_is_the_one_that_google_publishes_for_these_inputs(
    vector: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, vector["timestamp"])
    blob = open_bucket(vector["bucket"], credentials(), None).blob(vector["object"])
    url = signed_url(blob, vector["expiration"], credentials(), vector.get("emulatorHostname"))
    assert url == vector["expectedUrl"]


def test_a_signed_url_is_good_for_one_key_one_method_and_its_time(storage: GcsStorage) -> None:
    url = storage.signed_url(ARCHIVE, 600)
    assert urlsplit(url).path == f"/bucket/folder/{ARCHIVE}"
    assert query(url)["X-Goog-Expires"] == "600"
    key = load_pem_private_key(KEY["private_key"].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    unsigned, _, signature = url.rpartition("&X-Goog-Signature=")
    asked = f"GET\n/bucket/folder/{ARCHIVE}\n{urlsplit(unsigned).query}"
    canonical = f"{asked}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashes.Hash(hashes.SHA256())
    digest.update(canonical.encode())
    date = query(url)["X-Goog-Date"]
    text = f"GOOG4-RSA-SHA256\n{date}\n{date[:8]}/auto/storage/goog4_request\n{digest.finalize().hex()}"
    key.public_key().verify(bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("seconds", [-1, 0, 3_601, 604_800])
def test_a_lifetime_out_of_bounds_is_refused(storage: GcsStorage, seconds: int) -> None:
    with pytest.raises(StorageError) as refused:
        storage.signed_url(ARCHIVE, seconds)
    assert refused.value.code.id == "STO019"
    assert query(storage.signed_url(ARCHIVE, 3_600))["X-Goog-Expires"] == "3600"


@pytest.mark.parametrize("key", ["", "../x", "something/else"])
def test_only_keys_of_the_registry_are_signed_for(storage: GcsStorage, key: str) -> None:
    with pytest.raises(StorageError) as refused:
        storage.signed_url(key, 60)
    assert refused.value.code.id == "STO004"


class Answer:
    def __init__(self, status: int, value: object) -> None:
        self.status = status
        self.data = json.dumps(value).encode()
        self.headers = {"content-type": "application/json"}


class Iam:
    """What google-auth sends its requests through: a metadata server, and IAM's signBlob with the published key."""

    EMAIL = KEY["client_email"]

    def __init__(self) -> None:
        self.signed: list[str] = []

    def __call__(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Answer:
        if url.endswith(f"/serviceAccounts/{self.EMAIL}:signBlob"):
            assert urlsplit(url).netloc == "iamcredentials.googleapis.com"
            assert headers["authorization"] == "Bearer of-the-machine"
            payload = base64.b64decode(json.loads(body)["payload"])
            self.signed.append(payload.decode())
            return Answer(200, {"signedBlob": base64.b64encode(credentials().sign_bytes(payload)).decode()})
        if url.partition("?")[0].endswith("/token"):
            return Answer(200, {"access_token": "of-the-machine", "expires_in": 3600, "token_type": "Bearer"})
        return Answer(200, {"email": self.EMAIL, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]})


def test_an_identity_without_a_key_has_iam_sign_and_gets_the_same_url(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = VECTORS[0]
    at(monkeypatch, vector["timestamp"])
    iam = Iam()
    machine = compute_engine.Credentials(universe_domain="googleapis.com")  # type: ignore[no-untyped-call]
    blob = open_bucket(vector["bucket"], machine, None).blob(vector["object"])
    url = signed_url(blob, vector["expiration"], signing(machine, iam), None)  # type: ignore[arg-type]
    assert url == vector["expectedUrl"]
    assert len(iam.signed) == 1


def test_who_has_no_service_account_cannot_sign() -> None:
    with pytest.raises(StorageError) as refused:
        signing(AnonymousCredentials())  # type: ignore[no-untyped-call]
    assert refused.value.code.id == "STO010"
