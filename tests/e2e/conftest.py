"""A registry for each test, made with the command line, served over TLS and used by a real Terraform."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from tests.support.http_server import HttpServer
from tests.support.postgres import database, postgres
from tests.support.static_site import StaticSite, free_port
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.terraform import Result, Terraform

__all__ = ["database", "postgres"]


class ServedRegistry(Workspace):
    """A workspace whose public folder is served at the address that its documents name.

    ``outside`` is another server, for git repositories, releases and upstream registries; both have certificates
    of one authority, which is the only one that ``install`` trusts.
    """

    def __init__(self, root: Path, dsn: str, authority: Authority, outside: HttpServer) -> None:
        self.authority = authority
        self.outside = outside
        self._context = ssl.create_default_context(cafile=str(authority.ca_file))
        self.server = StaticSite(root / "public", authority, private=root / "private", port=free_port())
        ca_file = json.dumps(str(authority.ca_file))
        upstreams = json.dumps({"registry.example.net": outside.url("").rstrip("/")})
        network = f"  ca_file: {ca_file}\n  upstreams: {upstreams}\n"
        super().__init__(root, dsn, host=self.server.host, network=network)

    @property
    def host(self) -> str:
        """What people write in sources."""
        return self.server.host

    def mirror(self, address: str, key: str, more: str = "") -> None:
        """Put a mirrored provider into the catalog; ``key`` is the armor of the only key that is trusted."""
        name = f"{address.rpartition('/')[2]}.asc"
        self.write(f"catalog/keys/mirrors/{name}", key)
        self.write(f"catalog/mirrors/{address}.yaml", f"trust:\n  keys: [mirrors/{name}]\n{more}")

    def published(self, *arguments: str) -> str:
        """Run ``registry-gen publish``, which must succeed; returns what it said."""
        done = self.cli("publish", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, code: str) -> str:
        """Run ``registry-gen publish``, which must refuse something with ``code``; returns all that it said."""
        done: subprocess.CompletedProcess[str] = self.cli("publish")
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert code in said
        assert "Traceback" not in said
        return said

    def get(self, key: str) -> tuple[int, bytes]:
        """Ask the server for an object, as a client does; status and body."""
        with urllib3.PoolManager(ssl_context=self._context, timeout=30) as pool:
            answer = pool.request("GET", self.server.url + key)
        return answer.status, answer.data

    def json(self, key: str) -> Any:
        """A document as a client gets it."""
        status, body = self.get(key)
        assert status == 200, (key, status)
        return json.loads(body)

    def use(self, name: str, configuration: str) -> Path:
        """Write a consumer's configuration, a sibling of the workspace; returns its folder."""
        folder = self.root.parent / name
        folder.mkdir(exist_ok=True)
        (folder / "main.tf").write_text(configuration)
        return folder

    def module_block(self, source: str, version: str = "~> 1.0") -> str:
        """A configuration that calls one module, named "it"."""
        return f'module "it" {{\n  source  = "{self.host}/{source}"\n  version = "{version}"\n}}\n'

    def install(self, terraform: Terraform, folder: Path, *arguments: str) -> Result:
        """Run ``terraform init``, trusting the test's authority alone, git below it too."""
        trust = {"SSL_CERT_FILE": str(self.authority.ca_file), "GIT_SSL_CAINFO": str(self.authority.ca_file)}
        return terraform.init(folder, *arguments, env=trust)


def required_provider(source: str, version: str = "~> 1.0") -> str:
    """A configuration that needs one provider, named "it"."""
    inner = f'it = {{\n      source  = "{source}"\n      version = "{version}"\n    }}'
    return f"terraform {{\n  required_providers {{\n    {inner}\n  }}\n}}\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def outside(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        yield server


@pytest.fixture
def registry(tmp_path: Path, database: str, authority: Authority, outside: HttpServer) -> Iterator[ServedRegistry]:
    (tmp_path / "registry").mkdir()
    served = ServedRegistry(tmp_path / "registry", database, authority, outside)
    with served.server:
        yield served
