"""A registry of a test's own: a folder with registry.yaml, a catalog and sources, published in this process.

work = Workspace(tmp_path, dsn)
work.module("acme/network/aws", repo.url)
report = work.publish()
work.document("v1/modules/acme/network/aws/versions")
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry_gen import wiring
from registry_gen.cli.selection import selected
from registry_gen.publish.planning import make_plan
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import Report, publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.model.plan import Plan
    from registry_gen.publish.registry import Registry

HOST = "registry.example.com"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Workspace:
    """A folder that ``registry-gen`` can be run in."""

    def __init__(self, root: Path, dsn: str = "embedded", *, host: str = HOST, network: str = "") -> None:
        self.root = root
        self.write(
            "registry.yaml",
            f"""\
site:
  host: {host}
  url: https://{host}/
storage:
  public: ./public
  private: ./private
ledger: {json.dumps(dsn)}
state: ./state
network:
  schemes: [https, ssh, file]
  allow_private: [127.0.0.0/8, "::1/128"]
{network}""",
        )
        (root / "catalog").mkdir(exist_ok=True)

    @property
    def public(self) -> Path:
        """The public storage."""
        return self.root / "public"

    def write(self, path: str, text: str) -> Path:
        """Write a file of the workspace."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def module(self, address: str, git: str, more: str = "") -> None:
        """Put a module into the catalog whose source is a git repository."""
        self.write(f"catalog/modules/{address}.yaml", f"source:\n  git: {json.dumps(git)}\n{more}")

    def provider(self, address: str, releases: Path | str, more: str = "", key: str | None = None) -> None:
        """Put a provider into the catalog; ``key`` is the armor of its publisher's key."""
        signing = "signature: registry\n"
        if key is not None:
            name = f"{address.replace('/', '-')}.asc"
            self.write(f"catalog/keys/{name}", key)
            signing = f"signing_keys: [{name}]\n"
        source = f"source:\n  releases: {json.dumps(str(releases))}\n"
        self.write(f"catalog/providers/{address}.yaml", source + signing + more)

    def document(self, key: str) -> Any:
        """A JSON document of the public storage."""
        return json.loads((self.public / key).read_bytes())

    def tree(self) -> Mapping[str, bytes]:
        """Every object of the public storage."""
        files = (path for path in self.public.rglob("*") if path.is_file())
        found = {str(path.relative_to(self.public)): path.read_bytes() for path in files}
        return {key: data for key, data in sorted(found.items()) if not key.startswith(".staging/")}

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The adapters, as the command line has them."""
        with wiring.open_registry(wiring.read_workspace(self.root / "registry.yaml")) as registry:
            yield registry

    def publish(self, now: datetime = NOW) -> Report:
        """Publish the catalog in this process."""
        workspace = wiring.read_workspace(self.root / "registry.yaml")
        with wiring.open_registry(workspace) as registry:
            return publish(registry, wiring.open_keys(registry), selected(workspace, ()), now, Silent())

    def logged(self, address: str) -> list[Any]:
        """What the ledger's log says of a package, from its beginning."""
        with self.registry() as registry:
            entries = map(json.loads, registry.ledger.log_entries(0, registry.ledger.log_head().tail.size))
            return [entry for entry in entries if entry.get("address") == address]

    def plan(self, now: datetime = NOW) -> Plan:
        """Plan in this process."""
        workspace = wiring.read_workspace(self.root / "registry.yaml")
        with wiring.open_registry(workspace) as registry:
            return make_plan(registry, selected(workspace, ()), wiring.registry_key(registry), Silent(), now).plan

    def cli(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "registry_gen", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1", **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
