"""A small registry with a package of every kind, published once and copied for each test.

def test_something(kinds: Kinds) -> None:          # the fixtures of tests/contract/conftest.py
    work = kinds.published()

acme/network/aws (modules 1.0.0 and 1.1.0), acme/widget (1.0.0 and 1.1.0, signed by its publisher), acme/gadget (2.0.0,
signed by the registry) and registry.example.net/acme/sprocket (2.0.0 and 2.1.0, mirrored).
"""

from __future__ import annotations

import json
import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deployments.demo.signing import read_signer
from deployments.demo.upstream import VERSIONS, make_upstream
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from tests.support.http_server import HttpServer
    from tests.support.postgres import Postgres
    from tests.support.tls import Authority

NETWORK: Final = "acme/network/aws"
WIDGET: Final = "acme/widget"
GADGET: Final = "acme/gadget"
PLATFORMS: Final = ("darwin_arm64", "linux_amd64")
SPROCKET: Final = "registry.example.net/acme/sprocket"

_ROOT: Final = Path(__file__).parents[2]
_UPSTREAM_KEY: Final = (_ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
_MAIN: Final = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}
_numbers = count()


class Kinds:
    """Sources of every kind, and workspaces that publish them."""

    def __init__(self, root: Path, server: HttpServer, authority: Authority, postgres: Postgres) -> None:
        self.root = root
        self.server = server
        self._postgres = postgres
        self._databases: list[str] = []
        self._dsn = ""
        url, ca_file = server.url("").rstrip("/"), str(authority.ca_file)
        upstreams = json.dumps({"registry.example.net": url})
        self._network = f"  ca_file: {json.dumps(ca_file)}\n  upstreams: {upstreams}\n"
        self.repo = GitRepo(root / "network.git")
        self.repo.tag("v1.0.0", self.repo.commit(_MAIN))
        self.repo.tag("v1.1.0", self.repo.commit({**_MAIN, "outputs.tf": ""}))
        self.key = key = make_key("acme")
        for version in ("1.0.0", "1.1.0"):
            make_release(root / "widget" / version, "widget", version, key=key, platforms=PLATFORMS)
        make_release(root / "gadget", "gadget", "2.0.0", platforms=PLATFORMS[1:])
        self.offer(*VERSIONS)
        server.folder("/", root / "upstream")
        self._first = Workspace(root / "work-first", self._database(), network=self._network)
        self.configure(self._first)
        assert not self._first.publish().refusals

    def published(self) -> Workspace:
        """A workspace of its own in which everything is published."""
        root = self.root / f"work-{len(self._databases)}"
        for folder in ("public", "state"):
            shutil.copytree(self._first.root / folder, root / folder)
        work = Workspace(root, self._database(copied=True), network=self._network)
        self.configure(work)
        return work

    def configure(self, work: Workspace, **more: str) -> None:
        """Write the catalog; ``more`` are lines for the files of network, widget, gadget and sprocket."""
        work.module(NETWORK, self.repo.url, more.get("network", ""))
        work.write("catalog/keys/acme.asc", self.key.armor)
        source = f"source:\n  releases: {json.dumps(str(self.root / 'widget'))}\nsigning_keys: [acme.asc]\n"
        work.write(f"catalog/providers/{WIDGET}.yaml", source + more.get("widget", ""))
        work.provider(GADGET, self.root / "gadget", more.get("gadget", ""))
        work.write("catalog/keys/sprocket.asc", _UPSTREAM_KEY)
        mirror = 'trust:\n  keys: [sprocket.asc]\nversions: ">= 2.0.0"\nplatforms: [linux_amd64]\n'
        work.write(f"catalog/mirrors/{SPROCKET}.yaml", mirror + more.get("sprocket", ""))

    def offer(self, *versions: str) -> None:
        """Let the mirror's upstream have these versions."""
        signer = read_signer(_ROOT / "deployments/demo/upstream-key.asc")
        make_upstream(self.root / "upstream", signer, _UPSTREAM_KEY, versions)

    def close(self) -> None:
        """Remove the databases."""
        for name in self._databases:
            self._postgres.drop(name)

    def _database(self, *, copied: bool = False) -> str:
        name = f"kinds_{next(_numbers)}"
        self._databases.append(name)
        if copied:
            return self._postgres.copy(self._dsn, name)
        self._dsn = self._postgres.create(name)
        return self._dsn
