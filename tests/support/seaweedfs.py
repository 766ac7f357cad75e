"""SeaweedFS: a server on loopback that speaks S3 and checks secrets, checksums and conditions.

with running(folder) as server:
    place = server.place("some/prefix")
    keep_in(workspace, place)           # a registry whose storages are there

with running(folder, certificate) as server:
    server.public                       # https://localhost:PORT, where everybody may read
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from botocore.session import Session

from registry_gen.model.places import S3Keys, S3Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.workspace import Workspace

BUCKET: Final = "acme-registry"
OWNER: Final = ("AKIAOWNER", "the-secret-of-the-owner")
READER: Final = ("AKIAREADER", "the-secret-of-the-reader")
_NUMBERS: Final = count()
_WEED: Final = Path(sys.executable).with_name("weed")
_PORTS: Final = ("master", "volume", "filer", "s3", "s3-https", "grpc-master", "grpc-volume", "grpc-filer", "grpc-s3")


@dataclass(frozen=True, slots=True)
class SeaweedFS:
    """A running server with one bucket."""

    endpoint: str
    public: str = ""

    def place(self, prefix: str, **options: object) -> S3Place:
        """The part of the bucket below a prefix, for the bucket's owner; its secrets are those of ``environment``."""
        given: dict[str, object] = {
            "endpoint": self.endpoint,
            "path_style": True,
            "region": "us-east-1",
            "auth": S3Keys("env:OWNER_KEY", "env:OWNER_SECRET"),
            **options,
        }
        return S3Place(BUCKET, prefix, **given)  # type: ignore[arg-type]

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that hold the secrets."""
        return {
            "OWNER_KEY": OWNER[0],
            "OWNER_SECRET": OWNER[1],
            "READER_KEY": READER[0],
            "READER_SECRET": READER[1],
        }


def keep_in(work: Workspace, place: S3Place, storages: Sequence[str] = ("public", "private")) -> None:
    """Let a workspace's storages be in the bucket, below the place; its secrets are in variables."""
    options = {
        "endpoint": place.endpoint,
        "path_style": True,
        "region": "us-east-1",
        "auth": {"kind": "keys", "access_key": "env:OWNER_KEY", "secret_key": "env:OWNER_SECRET"},
    }
    text = (work.root / "registry.yaml").read_text()
    for name in storages:
        there = {"url": f"{place.url}/{name}", **options}
        assert f"{name}: ./{name}" in text
        text = text.replace(f"{name}: ./{name}", f"{name}: {json.dumps(there)}")
    work.write("registry.yaml", text)


@contextmanager
def running(folder: Path, certificate: Path | None = None) -> Iterator[SeaweedFS]:
    """A server that keeps its data in the folder, for as long as the block runs.

    With a certificate, a PEM file with its key, everybody may read the bucket's objects, over TLS too.
    """
    (folder / "data").mkdir()
    (folder / "s3.json").write_text(json.dumps(_identities(anonymous=certificate is not None)))
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    with (folder / "log").open("wb") as log, ExitStack() as stack:
        server = subprocess.Popen(_command(folder, ports, certificate), cwd=folder, stdout=log, stderr=log)
        stack.callback(_end, server, ports)
        endpoint = f"http://127.0.0.1:{ports['s3']}"
        _wait(server, endpoint, folder / "log")
        client = Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id=OWNER[0],
            aws_secret_access_key=OWNER[1],
        )
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="first", Body=b"the first object of a bucket takes seconds")
        client.close()
        yield SeaweedFS(endpoint, f"https://localhost:{ports['s3-https']}" if certificate else "")


def _command(folder: Path, ports: Mapping[str, int], certificate: Path | None) -> list[str]:
    options: dict[str, object] = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": ports["master"],
        "master.port.grpc": ports["grpc-master"],
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.port": ports["volume"],
        "volume.port.grpc": ports["grpc-volume"],
        "volume.max": 200,
        "filer": "true",
        "filer.port": ports["filer"],
        "filer.port.grpc": ports["grpc-filer"],
        "s3": "true",
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["grpc-s3"],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "s3.config": folder / "s3.json",
    }
    if certificate:
        options |= {"s3.port.https": ports["s3-https"], "s3.cert.file": certificate, "s3.key.file": certificate}
    return [str(_WEED), "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())]


def _identities(*, anonymous: bool) -> object:
    owner, reader = (
        {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for name, (key, secret), actions in (
            ("owner", OWNER, ["Admin", "Read", "Write", "List", "Tagging"]),
            ("reader", READER, [f"Read:{BUCKET}", f"List:{BUCKET}"]),
        )
    )
    everybody = {"name": "anonymous", "actions": [f"Read:{BUCKET}"]}
    return {"identities": [owner, reader, *([everybody] if anonymous else [])]}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _wait(server: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    """Until the server answers; whatever it says then is an answer."""
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/", timeout=5).close()  # noqa: S310 - loopback
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            if server.poll() is not None:
                raise RuntimeError(log.read_text(errors="replace")[-2000:]) from None
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
            continue
        return


def _end(server: subprocess.Popen[bytes], ports: Mapping[str, int]) -> None:
    server.kill()  # nobody needs its data any more, and it takes seconds to end by itself
    server.wait()
    for port in ports.values():  # it puts sockets there, wherever its data is
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            left.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One server for all tests of this process."""
    with running(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def s3_place(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    """A part of the bucket for one test alone, with its secrets in variables."""
    for name, value in seaweedfs.environment.items():
        monkeypatch.setenv(name, value)
    return seaweedfs.place(f"test-{next(_NUMBERS)}/")
