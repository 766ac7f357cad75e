"""A publish that fails at any step leaves a folder that clients can use, and the next run ends as if it never had."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen import wiring
from registry_gen.errors import RegistryError
from registry_gen.log.tiles import parse_bundle
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from registry_gen.wiring import prepare_state
from tests.support.faults import Fault, faulty_ledger, faulty_storage
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_log, check_reachable, watched
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[2]
UPSTREAM_KEY = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
MIRROR = 'trust:\n  keys: [sprocket.asc]\nversions: "2.1.0"\nplatforms: [linux_amd64]\n'
MAIN = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The registry that the mirrored provider is from: its address, and the file with its authority."""
    root = tmp_path_factory.mktemp("outside")
    authority = Authority(root / "authority")
    make_upstream(root / "files", read_signer(ROOT / "deployments/demo/upstream-key.asc"), UPSTREAM_KEY)
    with HttpServer(authority=authority) as server:
        server.folder("/", root / "files")
        yield server.url("").rstrip("/"), authority.ca_file


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module with two versions, a signed provider and a mirrored one; what every run of this file publishes."""
    root = tmp_path_factory.mktemp("sources")
    repo = GitRepo(root / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    key = make_key("acme")
    make_release(root / "widget", "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
    (root / "key.asc").write_text(key.armor)
    return root


class Maker:
    """Makes workspaces that share sources, time and keys, each with a database of its own."""

    def __init__(self, root: Path, sources: Path, outside: tuple[str, Path], postgres: Postgres) -> None:
        self._root = root
        self._sources = sources
        self._postgres = postgres
        self._databases: list[str] = []
        url, ca_file = outside
        upstreams = json.dumps({"registry.example.net": url})
        self._network = f"  ca_file: {json.dumps(str(ca_file))}\n  upstreams: {upstreams}\n"
        first = self.workspace()
        with first.registry() as registry:
            wiring.open_keys(registry)
        self._keys = first.root / "state/keys"

    _keys: Path | None = None

    def workspace(self) -> Workspace:
        number = len(self._databases)
        self._databases.append(f"faults_{number}")
        root = self._root / f"work-{number}"
        work = Workspace(root, self._postgres.create(self._databases[-1]), network=self._network)
        work.module("acme/network/aws", str(self._sources / "network.git"))
        work.provider("acme/widget", self._sources / "widget", key=(self._sources / "key.asc").read_text())
        work.write("catalog/keys/sprocket.asc", UPSTREAM_KEY)
        work.write("catalog/mirrors/registry.example.net/acme/sprocket.yaml", MIRROR)
        if self._keys:
            prepare_state(work.root / "state")
            shutil.copytree(self._keys, work.root / "state/keys")
        return work

    def close(self) -> None:
        for database in self._databases:
            self._postgres.drop(database)


@pytest.fixture(scope="module")
def maker(
    tmp_path_factory: pytest.TempPathFactory, sources: Path, outside: tuple[str, Path], postgres: Postgres
) -> Iterator[Maker]:
    made = Maker(tmp_path_factory.mktemp("workspaces"), sources, outside, postgres)
    yield made
    made.close()


def run(work: Workspace, fault: Fault) -> bool:
    """Publish with a fault; whether all went well."""
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        faulty = replace(
            registry,
            public=faulty_storage(registry.public, fault),
            ledger=faulty_ledger(registry.ledger, fault),
        )
        try:
            report = publish(faulty, wiring.open_keys(registry), workspace.catalog, NOW, Silent())
        except RegistryError:
            return False
    return not report.refusals


@pytest.fixture(scope="module")
def undisturbed(maker: Maker) -> tuple[Mapping[str, bytes], list[str]]:
    """The tree of a run without a fault, and the names of its operations in order."""
    work, fault = maker.workspace(), Fault()
    with watched(work.public):
        assert run(work, fault)
    assert check_reachable(work.public) == 5
    assert check_log(work.public) == 4
    return work.tree(), fault.names


@pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-but-reported-failed"])
def test_a_fault_at_any_step_is_mended_by_the_next_run(
    maker: Maker, undisturbed: tuple[Mapping[str, bytes], list[str]], done: bool
) -> None:
    expected, names = undisturbed
    assert {"begin", "put_new", "log", "checkpoint_signed", "put_if", "document_stored", "finish"} <= set(names)
    for at in _numbers(names):
        work = maker.workspace()
        fault = Fault(at, done=done)
        with watched(work.public):
            failed = not run(work, fault)
            assert failed, f"the fault at {at} ({fault.names[at]}) was swallowed"
            check_log(work.public)
            check_reachable(work.public)
            assert run(work, Fault()), f"after {fault.names[at]} at {at}"
        assert check_log(work.public) == 4
        assert _comparable(work.tree()) == _comparable(expected), f"after {fault.names[at]} at {at}"
        if at % 3 == 0:
            last = Fault()
            assert run(work, last)
            assert not {"put_new", "put_if", "delete"} & set(last.names), "a third run has nothing to put"


def _numbers(names: list[str]) -> Iterator[int]:
    """The operations to try: of many equal ones, which run side by side in any order, first, last and one between."""
    at = 0
    for _, group in itertools.groupby(names):
        end = at + len(list(group))
        yield from sorted({at, (at + end) // 2, end - 1})
        at = end


def _comparable(tree: Mapping[str, bytes]) -> Mapping[str, object]:
    """Everything byte for byte but the log: where one package's put failed, the others were logged before it."""
    rest = {key: data for key, data in tree.items() if not key.startswith("log/")}
    bundles = [data for key, data in tree.items() if key.startswith("log/tile/entries/")]
    entries = parse_bundle(max(bundles, key=len))
    return {**rest, "entries": sorted(entries), "log": "log/checkpoint" in tree}


KILLER = """
import os, signal, sys
from pathlib import Path
from tests.faults import test_publish_faults as faults
from tests.support.faults import Fault
class Kill(Fault):
    def run(self, name, error, operation):
        number = len(self.names)
        self.names.append(name)
        if number == self.at and not self.done:
            os.kill(os.getpid(), signal.SIGKILL)
        result = operation()
        if number == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
class Work:
    root = Path(sys.argv[1])
faults.run(Work, Kill(int(sys.argv[2]), done=sys.argv[3] == "done"))
"""


def _point(names: list[str], label: str) -> int:
    """The number of an operation that ``label`` tells."""
    match label:
        case "last artifact":
            return names.index("log") - 1
        case "tile":
            return names.index("checkpoint_signed") + 1
        case "checkpoint":
            return names.index("checkpoint_stored") - 1
        case "leaf":
            return names.index("checkpoint_stored") + 1
        case "listing":
            return len(names) - 1 - names[::-1].index("put_if")
        case "leaves stored":
            return names.index("document_stored", names.index("checkpoint_stored"))
        case _:
            return names.index(label)


@pytest.mark.parametrize(
    ("label", "when"),
    [
        ("begin", "before"),
        ("begin", "done"),
        ("put_new", "done"),
        ("last artifact", "before"),
        ("log", "before"),
        ("log", "done"),
        ("checkpoint_signed", "done"),
        ("tile", "done"),
        ("checkpoint", "before"),
        ("checkpoint", "done"),
        ("leaf", "done"),
        ("leaves stored", "before"),
        ("leaves stored", "done"),
        ("listing", "before"),
        ("listing", "done"),
        ("audit", "done"),
        ("finish", "done"),
    ],
)
def test_a_run_that_is_killed_is_finished_by_the_next_one(
    maker: Maker, undisturbed: tuple[Mapping[str, bytes], list[str]], label: str, when: str
) -> None:
    expected, names = undisturbed
    work = maker.workspace()
    with watched(work.public):
        killed = subprocess.run(
            [sys.executable, "-c", KILLER, str(work.root), str(_point(names, label)), when],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert run(work, Fault())
    assert work.tree() == expected
