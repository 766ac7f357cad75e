"""Who we are to Azure: each way of Entra ID against servers that look at what they get; and links that we sign.

Azurite takes tokens without looking who signed them, but reads them; Entra ID and the metadata service are stand-ins
that answer only what their documentation asks for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from registry_gen.errors import InputError, StorageError
from registry_gen.model.places import AzureConnectionString, AzureManagedIdentity, AzureWorkloadIdentity
from registry_gen.storage.azure import AzureStorage
from tests.support.azurite import ACCOUNT, TENANT, Azurite, token
from tests.support.http_server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from registry_gen.model.places import AzurePlace
    from tests.support.azurite.front import Front

LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0/download"
CLIENT = "33333333-3333-3333-3333-333333333333"
RESOURCE = "https://storage.azure.com"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No identity of the machine that the tests run on, and no program that could give one."""
    for name in ("CLIENT_ID", "TENANT_ID", "CLIENT_SECRET", "FEDERATED_TOKEN_FILE", "AUTHORITY_HOST"):
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


@dataclass
class Metadata:
    """The metadata service of a machine with one identity, ``client`` None where that is the machine's own.

    Source: learn.microsoft.com "How to use managed identities for Azure resources on a virtual machine to acquire an
    access token".
    """

    client: str | None = None
    asked: int = 0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        path, query = urlsplit(handler.path).path, parse_qs(urlsplit(handler.path).query)
        good = (handler.command, path, handler.headers["Metadata"]) == (
            "GET",
            "/metadata/identity/oauth2/token",
            "true",
        )
        whose = {"client_id": [self.client]} if self.client else {}
        if not good or query != {"api-version": ["2018-02-01"], "resource": [RESOURCE], **whose}:
            _say(handler, 400, {"error": "invalid_request", "error_description": "Identity not found"})
            return
        lives = {"expires_in": "3600", "expires_on": str(int(time.time()) + 3600)}
        _say(handler, 200, {"access_token": token(), "resource": RESOURCE, "token_type": "Bearer", **lives})


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    metadata = Metadata()
    with HttpServer() as server:
        server.mount("/", metadata.answer)
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url("").rstrip("/"))
        yield metadata


@dataclass
class Entra:
    """A token endpoint of Entra ID (learn.microsoft.com "client credentials flow", third case: a federated token)."""

    assertion: str
    refusal: str = ""
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        form = parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        self.asked.append(form)
        good = (handler.command, handler.path) == ("POST", f"/{TENANT}/oauth2/v2.0/token") and form == {
            "client_id": [CLIENT],
            "client_assertion": [self.assertion],
            "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
            "grant_type": ["client_credentials"],
            "scope": [f"{RESOURCE}/.default"],
        }
        if good and not self.refusal:
            _say(handler, 200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token()})
        else:
            _say(handler, 401, {"error": "invalid_client", "error_description": self.refusal or "SIGNATURE"})


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "federated-token"
    path.write_text("federated.token.of.ci\n")
    return path


@pytest.fixture
def entra(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, token_file: Path) -> Iterator[Entra]:
    entra = Entra(token_file.read_text())
    with HttpServer(authority=azurite.authority) as server:
        server.mount("/", entra.answer)
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", server.url("").rstrip("/"))
        yield entra


class TestEntra:
    @pytest.mark.parametrize("client", [None, CLIENT])
    def test_the_identity_of_the_machine_opens_the_container(
        self, azure_place: AzurePlace, metadata: Metadata, client: str | None
    ) -> None:
        metadata.client = client
        storage = AzureStorage(replace(azure_place, auth=AzureManagedIdentity(client)))
        put = storage.put_if(LISTING, b"[1]", None)
        assert storage.get(LISTING) == (b"[1]", put)
        assert metadata.asked == 1

    def test_an_identity_that_the_machine_has_not_is_told(self, azure_place: AzurePlace, metadata: Metadata) -> None:
        metadata.client = CLIENT
        storage = AzureStorage(replace(azure_place, auth=AzureManagedIdentity("another")), pause=never)
        with pytest.raises(StorageError) as refused:
            storage.put_if(LISTING, b"[1]", None)
        assert refused.value.code.id == "STO010"

    def test_a_federated_token_opens_the_container_and_a_new_one_is_read_from_its_file(
        self, azure_place: AzurePlace, entra: Entra, token_file: Path
    ) -> None:
        place = replace(azure_place, auth=AzureWorkloadIdentity(TENANT, CLIENT, str(token_file)))
        AzureStorage(place).put_if(LISTING, b"[1]", None)
        storage = AzureStorage(place)
        token_file.write_text("a later token")
        entra.assertion = "a later token"
        assert [each.key for each in storage.list("")] == [LISTING]
        assert len(entra.asked) == 2

    def test_a_federated_token_that_is_refused_is_told_by_its_number_alone(
        self, azure_place: AzurePlace, entra: Entra, token_file: Path
    ) -> None:
        place = replace(azure_place, auth=AzureWorkloadIdentity(TENANT, CLIENT, str(token_file)))
        for number, code in {"AADSTS700213": "STO011", "AADSTS700024": "STO012"}.items():
            entra.refusal = f"{number}: No matching federated identity record found for SIGNATURE"
            with pytest.raises(StorageError) as refused:
                AzureStorage(place, pause=never).head(LISTING)
            assert refused.value.code.id == code
            assert refused.value.found == f"Entra ID says {number}"
            shown = "".join(traceback.format_exception(refused.value))
            assert "SIGNATURE" not in shown
            assert "federated.token" not in shown

    def test_a_federated_token_whose_file_is_missing_or_vanishes_is_told(
        self, azure_place: AzurePlace, entra: Entra, token_file: Path
    ) -> None:
        place = replace(azure_place, auth=AzureWorkloadIdentity(TENANT, CLIENT, str(token_file)))
        storage = AzureStorage(place, pause=never)
        token_file.unlink()
        with pytest.raises(StorageError) as vanished:
            storage.head(LISTING)
        assert vanished.value.code.id == "STO010"
        with pytest.raises(InputError) as missing:
            AzureStorage(place)
        assert missing.value.code.id == "STO018"

    def test_without_auth_the_environment_says_who_we_are(
        self, azure_place: AzurePlace, entra: Entra, token_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
        monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token_file))
        AzureStorage(replace(azure_place, auth=None)).put_if(LISTING, b"[1]", None)
        assert len(entra.asked) == 1

    def test_where_nothing_says_who_we_are_that_is_the_error(self, azure_place: AzurePlace, metadata: Metadata) -> None:
        metadata.client = "of nobody"
        with pytest.raises(StorageError) as refused:
            AzureStorage(replace(azure_place, auth=None), pause=never).head(LISTING)
        assert refused.value.code.id == "STO010"

    def test_a_token_never_goes_over_plain_http(self, azure_place: AzurePlace) -> None:
        plain = replace(azure_place, endpoint="http://127.0.0.1:1/acmestorage", auth=AzureManagedIdentity())
        with pytest.raises(StorageError, match="STO011"):
            AzureStorage(plain)


class TestLinks:
    @pytest.mark.parametrize("auth", ["key", "connection string"])
    def test_a_link_reads_one_object_and_does_nothing_else(
        self, azure_place: AzurePlace, azurite: Azurite, monkeypatch: pytest.MonkeyPatch, auth: str
    ) -> None:
        if auth == "connection string":
            monkeypatch.setenv("CONNECTION", azurite.connection_string)
            azure_place = replace(azure_place, endpoint=None, auth=AzureConnectionString("env:CONNECTION"))
        storage = AzureStorage(replace(azure_place, prefix="some/folder/"))
        storage.put_if(LISTING, b"[1]", None)
        storage.put_if(LEAF, b"{}", None)
        link = storage.signed_url(LISTING, 60)
        address, _, signed = link.partition("?")
        altered = link.replace("sp=r", "sp=rw")
        with asking(azurite) as http:
            answer = http.request("GET", link)
            assert (answer.status, answer.data) == (200, b"[1]")
            assert answer.headers["Content-Type"] == "application/json"
            others = [
                http.request("GET", address),
                http.request("GET", f"{address.replace(LISTING, LEAF)}?{signed}"),
                http.request("GET", altered),
                http.request("PUT", link, body=b"[2]", headers={"x-ms-blob-type": "BlockBlob"}),
                http.request("DELETE", link),
            ]
        assert [other.status for other in others] == [403] * 5
        assert storage.get(LISTING) is not None
        assert parse_qs(signed)["spr"] == ["https"]

    def test_a_link_ends(self, azure_place: AzurePlace, azurite: Azurite) -> None:
        earlier = datetime.now(UTC) - timedelta(seconds=120)
        storage = AzureStorage(azure_place, clock=lambda: earlier)
        storage.put_if(LISTING, b"[1]", None)
        with asking(azurite) as http:
            assert http.request("GET", storage.signed_url(LISTING, 3600)).status == 200
            assert http.request("GET", storage.signed_url(LISTING, 60)).status == 403

    @pytest.mark.parametrize("seconds", [-1, 0, 3601])
    def test_a_link_lives_up_to_an_hour(self, azure_place: AzurePlace, seconds: int) -> None:
        with pytest.raises(StorageError) as refused:
            AzureStorage(azure_place).signed_url(LISTING, seconds)
        assert refused.value.code.id == "STO019"

    def test_no_link_is_made_for_what_is_no_key(self, azure_place: AzurePlace) -> None:
        with pytest.raises(StorageError) as refused:
            AzureStorage(azure_place).signed_url("../secret", 60)
        assert refused.value.code.id == "STO004"

    def test_a_shared_access_signature_opens_the_container_and_signs_nothing(
        self, azure_place: AzurePlace, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = container_signature(azurite, azure_place.container)
        monkeypatch.setenv("CONNECTION", f"BlobEndpoint={azurite.url};SharedAccessSignature={given}")
        storage = AzureStorage(
            replace(azure_place, endpoint=None, auth=AzureConnectionString("env:CONNECTION")), pause=never
        )
        assert storage.put_if(LISTING, b"[1]", None) == storage.head(LISTING)
        with pytest.raises(StorageError) as refused:
            storage.signed_url(LISTING, 60)
        assert refused.value.code.id == "STO010"

    def test_the_signature_in_a_connection_string_is_never_shown(
        self, azure_place: AzurePlace, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = container_signature(azurite, azure_place.container)
        gone = f"https://127.0.0.1:1/{ACCOUNT}"
        monkeypatch.setenv("CONNECTION", f"BlobEndpoint={gone};SharedAccessSignature={given}")
        storage = AzureStorage(
            replace(azure_place, endpoint=None, auth=AzureConnectionString("env:CONNECTION")), pause=lambda _: None
        )
        for call in (lambda: storage.head(LISTING), lambda: list(storage.list("")), lambda: storage.delete([LISTING])):
            with pytest.raises(StorageError) as refused:
                call()
            assert "sig=" not in "".join(traceback.format_exception(refused.value))

    def test_an_identity_signs_with_a_key_that_azure_lends_it_and_asks_for_another_before_that_ends(
        self, azure_place: AzurePlace, azurite: Azurite, azure_front: Front, metadata: Metadata
    ) -> None:
        now = [datetime.now(UTC)]
        place = replace(azure_place, endpoint=azure_front.url, auth=AzureManagedIdentity())
        storage = AzureStorage(place, clock=lambda: now[0])
        storage.put_if(LISTING, b"[1]", None)
        links = [storage.signed_url(LISTING, 3600), storage.signed_url(LEAF, 60)]
        assert azure_front.count("POST", "comp=userdelegationkey") == 1
        now[0] += timedelta(hours=11, minutes=30)
        storage.signed_url(LISTING, 600)
        assert azure_front.count("POST", "comp=userdelegationkey") == 1
        later = storage.signed_url(LISTING, 3600)
        assert azure_front.count("POST", "comp=userdelegationkey") == 2
        keys = azure_front.lent_keys
        for link, key in zip([*links, later], [keys[0], keys[0], keys[1]], strict=True):
            assert_signed(link, key)


def never(_: float) -> None:
    raise AssertionError("asked again")


@contextmanager
def asking(azurite: Azurite) -> Iterator[urllib3.PoolManager]:
    """A client without any credentials."""
    with urllib3.PoolManager(ca_certs=str(azurite.ca_file), retries=False) as http:
        yield http


def container_signature(azurite: Azurite, container: str) -> str:
    """A shared access signature with every right in one container."""
    return generate_container_sas(
        account_name=ACCOUNT,
        container_name=container,
        account_key=azurite.key,
        permission=ContainerSasPermissions(read=True, write=True, create=True, delete=True, list=True),
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )


def assert_signed(link: str, key: str) -> None:
    """That a link is signed with a lent key, for reading one blob (version 2026-04-06 and later of the REST reference,
    "Create a user delegation SAS"; azurite 3.35 knows the version before that, so that it cannot say).
    """
    address, _, query = link.partition("?")
    has = {name: values[0] for name, values in parse_qs(query).items()}
    assert (has["sp"], has["sr"], has["spr"]) == ("r", "b", "https")
    _, _, path = urlsplit(address).path.partition(f"/{ACCOUNT}/")
    signed = [
        *(has["sp"], "", has["se"], f"/blob/{ACCOUNT}/{path}"),
        *(has["skoid"], has["sktid"], has["skt"], has["ske"], has["sks"], has["skv"]),
        *("", "", "", "", ""),  # who else may use it
        *("", has["spr"], has["sv"], has["sr"], "", ""),
        *("", ""),  # headers and parameters that a request must have
        *("", "", "", "", ""),  # headers of the answer
    ]
    made = hmac.new(base64.b64decode(key), "\n".join(signed).encode(), hashlib.sha256).digest()
    assert has["sig"] == base64.b64encode(made).decode()
    assert has["se"] <= has["ske"]


def _say(handler: BaseHTTPRequestHandler, status: int, value: Mapping[str, object]) -> None:
    body = json.dumps(value).encode()
    handler.send_response_only(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
