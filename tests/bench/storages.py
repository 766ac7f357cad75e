"""Putting many small objects through each storage, beside its vendor's library with as many threads."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.config import Config
from botocore.session import Session
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as google

from registry_gen import paths
from registry_gen.errors import RegistryError
from registry_gen.model.places import AzurePlace, AzureSharedKey, GcsPlace
from registry_gen.storage import Put
from registry_gen.storage import azure as azure_storage
from registry_gen.storage.azure import AzureStorage
from registry_gen.storage.gcs import GcsStorage
from registry_gen.storage.gcs_client import THREADS
from registry_gen.storage.s3 import S3Storage
from registry_gen.storage.s3_client import CONNECTIONS
from tests.bench.rows import Row
from tests.support import azurite, fake_gcs, seaweedfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.storage import Storage

OBJECTS: Final = 1_000
TIMES: Final = 2
KEYS: Final = tuple(f"v1/modules/acme/network/aws/1.0.{number}/download" for number in range(OBJECTS))
BODY: Final = b'{"location":"./module.tar.gz?checksum=sha256:' + b"0" * 64 + b'","revision":1}\n'
LABELS: Final = paths.rule(KEYS[0])
REACH: Final = 0.8


@dataclass(frozen=True, slots=True)
class Server:
    """A running one: what opens a part of it as a storage of ours, and what puts one object to such a part with the
    vendor's library.
    """

    name: str
    threads: int
    ours: Callable[[str], Storage]
    plain: Callable[[str], Callable[[str], object]]


def storage_rows() -> Iterator[Row]:
    """Objects a second; of each the best of some times in turn, for others use the machine."""
    for running in (_s3, _azure, _gcs):
        with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
            plain, ours = [], []
            for turn in range(TIMES):
                plain.append(_plain(server.plain(f"plain-{turn}"), server.threads))
                ours.append(_ours(server.ours(f"ours-{turn}")))
            what = f"puts to {server.name} on loopback, against the vendor's library"
            detail = f"{OBJECTS} documents of {len(BODY)} bytes, {server.threads} at a time"
            yield Row(what, max(ours), max(plain), "objects/s", REACH, more=True, detail=detail)


def _ours(storage: Storage) -> float:
    storage.head(KEYS[0])  # the first request of each client makes its connection
    started = time.perf_counter()
    results = storage.put_all([Put(key, BODY) for key in KEYS])
    seconds = time.perf_counter() - started
    assert not [result for result in results if isinstance(result, RegistryError)], results[:3]
    return OBJECTS / seconds


def _plain(put: Callable[[str], object], threads: int) -> float:
    put("the first")
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        assert len([*pool.map(put, KEYS)]) == OBJECTS
        return OBJECTS / (time.perf_counter() - started)


@contextmanager
def _s3(folder: Path) -> Iterator[Server]:
    with seaweedfs.running(folder) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        key, secret = seaweedfs.OWNER
        client: Any = Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=running.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(max_pool_connections=CONNECTIONS),
        )
        labels = {"ContentType": LABELS.content_type, "CacheControl": LABELS.cache_control}

        def plain(part: str) -> Callable[[str], object]:
            return lambda key: client.put_object(Bucket=seaweedfs.BUCKET, Key=f"{part}/{key}", Body=BODY, **labels)

        with closing(client):
            yield Server("SeaweedFS", CONNECTIONS, lambda part: S3Storage(running.place(f"{part}/")), plain)


@contextmanager
def _azure(folder: Path) -> Iterator[Server]:
    from azure.storage.blob import ContentSettings

    with (
        azurite.running(folder) as running,
        pytest.MonkeyPatch.context() as patch,
        running.service() as service,
        service.create_container("bench") as container,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", str(running.ca_file))
        patch.setenv(azurite.KEY.removeprefix("env:"), running.key)
        labels = ContentSettings(LABELS.content_type, cache_control=LABELS.cache_control)

        def ours(part: str) -> Storage:
            auth = AzureSharedKey(azurite.KEY)
            return AzureStorage(AzurePlace(azurite.ACCOUNT, "bench", f"{part}/", endpoint=running.url, auth=auth))

        def plain(part: str) -> Callable[[str], object]:
            return lambda key: container.upload_blob(f"{part}/{key}", BODY, overwrite=False, content_settings=labels)

        yield Server("Azurite", azure_storage._AT_ONCE, ours, plain)


@contextmanager
def _gcs(_folder: Path) -> Iterator[Server]:
    """Each part is a bucket of its own: the emulator goes through all objects of a bucket for each request."""
    with fake_gcs.running() as door:
        client = google.Client("bench", AnonymousCredentials(), client_options={"api_endpoint": door.emulator})  # type: ignore[no-untyped-call]

        def ours(_part: str) -> Storage:
            return GcsStorage(GcsPlace(door.bucket(), endpoint=door.emulator, anonymous=True))

        def plain(_part: str) -> Callable[[str], object]:
            bucket = client.bucket(door.bucket())

            def put(key: str) -> object:
                blob = bucket.blob(key)
                blob.cache_control = LABELS.cache_control
                return blob.upload_from_string(BODY, LABELS.content_type, if_generation_match=0)

            return put

        with closing(client):
            yield Server("fake-gcs-server", THREADS, ours, plain)
