"""A publish that fails at any step leaves a folder that clients can use, and the next run ends as if it never had."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_gen import wiring
from registry_gen.errors import RegistryError
from registry_gen.log.tiles import parse_bundle
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from tests.support.faults import Fault, faulty_ledger, faulty_storage
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.postgres import Postgres

MAIN = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module with two versions and a signed provider; what every run of this file publishes."""
    root = tmp_path_factory.mktemp("sources")
    repo = GitRepo(root / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    key = make_key("acme")
    make_release(root / "widget", "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
    (root / "key.asc").write_text(key.armor)
    return root


@pytest.fixture
def make(
    tmp_path: Path, sources: Path, postgres: Postgres, request: pytest.FixtureRequest
) -> Callable[[str], Workspace]:
    """Workspaces that share sources, time and keys, each with a database of its own."""
    keys = tmp_path / "keys"

    def workspace(name: str) -> Workspace:
        database = f"faults_{os.getpid()}_{abs(hash((request.node.name, name)))}"
        request.addfinalizer(lambda: postgres.drop(database))
        work = Workspace(tmp_path / name, postgres.create(database))
        work.module("acme/network/aws", str(sources / "network.git"))
        work.provider("acme/widget", sources / "widget", key=(sources / "key.asc").read_text())
        if keys.is_dir():
            shutil.copytree(keys, work.root / "state/keys")
        with work.registry() as registry:
            wiring.open_keys(registry)  # makes keys where there are none
        if not keys.is_dir():
            shutil.copytree(work.root / "state/keys", keys)
        return work

    return workspace


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


@pytest.fixture
def undisturbed(make: Callable[[str], Workspace]) -> tuple[Mapping[str, bytes], list[str]]:
    """The tree of a run without a fault, and the names of its operations in order."""
    work, fault = make("undisturbed"), Fault()
    assert run(work, fault)
    assert check_reachable(work.public) == 4
    return work.tree(), fault.names


@pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-but-reported-failed"])
def test_a_fault_at_any_step_is_mended_by_the_next_run(
    make: Callable[[str], Workspace], undisturbed: tuple[Mapping[str, bytes], list[str]], done: bool
) -> None:
    expected, names = undisturbed
    assert {"begin", "put_new", "log", "checkpoint_signed", "put_if", "document_stored", "finish"} <= set(names)
    for at in range(len(names)):
        work = make(f"fault-{at}")
        fault = Fault(at, done=done)
        failed = not run(work, fault)
        assert failed, f"the fault at {at} ({fault.names[at]}) was swallowed"
        check_reachable(work.public)
        assert run(work, Fault()), f"after {fault.names[at]} at {at}"
        assert _comparable(work.tree()) == _comparable(expected), f"after {fault.names[at]} at {at}"
        last = Fault()
        assert run(work, last)
        assert not {"put_new", "put_if", "delete"} & set(last.names), "a third run has nothing to put"


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


@pytest.mark.parametrize("name", ["begin", "put_new", "log", "checkpoint_signed", "put_if", "finish"])
@pytest.mark.parametrize("when", ["before", "done"])
def test_a_run_that_is_killed_is_finished_by_the_next_one(
    make: Callable[[str], Workspace], undisturbed: tuple[Mapping[str, bytes], list[str]], name: str, when: str
) -> None:
    expected, names = undisturbed
    work = make("killed")
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, str(work.root), str(names.index(name)), when],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    check_reachable(work.public)
    assert run(work, Fault())
    assert work.tree() == expected
