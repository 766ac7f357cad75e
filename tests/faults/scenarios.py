"""The life of a small registry in steps, each of which can be published again and again from where it starts.

A step begins in a copy of everything that the one before left: bucket, ledger and state folder. Sources, keys and the
time of each step are fixed, and one thread uploads, so that equal runs do equal operations in the same order and leave
equal bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen import wiring
from registry_gen.errors import RegistryError
from registry_gen.ledger import Violation
from registry_gen.model.facts import SigningKey
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import Collected, gc
from registry_gen.publish.progress import Silent
from registry_gen.publish.registry import Keys
from registry_gen.publish.run import Report, publish
from registry_gen.signing.log import LogSigner, make_log_key
from tests.support.builds import make_archive
from tests.support.faults import CrashError, Fault, crashes, faulty_registry, statements_counted, stuck_storage
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable, check_versions, looking
from tests.support.releases import make_release
from tests.support.workspace import HOST, NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from registry_gen.model.address import Address
    from registry_gen.model.facts import PackageHead
    from registry_gen.publish.registry import Registry
    from registry_gen.signing.openpgp import SumsSigner
    from tests.support.postgres import Postgres

ROOT: Final = Path(__file__).parents[2]
UPSTREAM_KEY: Final = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
MAIN: Final = {"main.tf": 'variable "name" {}\n', "README.md": "# Network\n"}
ACME: Final = make_key("acme")
SECOND: Final = make_key("acme two")
UPSTREAM: Final = "registry.example.net"


class _RegistryKey:
    """The registry's OpenPGP key, whose signatures are alike: those of the real one hold time and salt."""

    def __init__(self) -> None:
        self._key = make_key("registry")
        self.key = SigningKey(self._key.fingerprint, self._key.armor)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


LOG: Final = f"{HOST}/log"
LOG_KEY: Final = make_log_key()
KEYS: Final = Keys(cast("SumsSigner", _RegistryKey()), LogSigner(LOG, LOG_KEY))
NEW_KEYS: Final = replace(KEYS, log=LogSigner(LOG, make_log_key(), former=[(LOG_KEY, "the former key")]))


class Sources:
    """Everything that any step publishes is there from the beginning; each step's catalog names what it wants of it."""

    def __init__(self, root: Path, upstream_url: str, ca_file: Path) -> None:
        self.root = root
        repo = GitRepo(root / "network.git")
        for number, more in enumerate(({}, {"outputs.tf": ""}, {"versions.tf": ""})):
            repo.tag(f"v1.{number}.0", repo.commit({**MAIN, **more}))
        fork = GitRepo(root / "fork.git")
        fork.tag("v1.0.0", fork.commit({"main.tf": "# Another history.\n"}))
        make_archive(root / "builds", "network-1.0.0.zip")
        for version in ("1.0.0", "1.1.0"):
            make_release(root / "widget" / version, "widget", version, key=ACME, platforms=PLATFORMS)
        make_release(root / "gadget", "gadget", "2.0.0", platforms=PLATFORMS)
        make_release(root / "gizmo", "gizmo", "1.0.0", platforms=PLATFORMS)
        upstreams = json.dumps({UPSTREAM: upstream_url})
        self.url = upstream_url
        self.network = f"  ca_file: {json.dumps(str(ca_file))}\n  upstreams: {upstreams}\n"


PLATFORMS: Final = ("darwin_arm64", "linux_amd64")


def make_upstream_files(folder: Path) -> None:
    """The files of the registry that one provider is mirrored from, and a release under a URL."""
    make_release(folder / "hosted/1.0.0", "hosted", "1.0.0", key=ACME, platforms=("linux_amd64",))
    make_upstream(folder, read_signer(ROOT / "deployments/demo/upstream-key.asc"), UPSTREAM_KEY)


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the catalog, published at ``now`` with ``keys``; ``refused`` are the codes that it is told.

    Where it ``collects``, what was withdrawn is collected instead.

    ``write`` may leave more than the catalog: what a run left that was stopped.
    """

    name: str
    now: datetime
    write: Callable[[Workspace, Sources], None]
    keys: Keys = KEYS
    refused: Sequence[str] = ()
    collects: bool = False


def _first(work: Workspace, sources: Sources) -> None:
    network = str(sources.root / "network.git")
    work.write("catalog/keys/acme.asc", ACME.armor)
    work.write("catalog/keys/second.asc", SECOND.armor)
    work.write("catalog/keys/sprocket.asc", UPSTREAM_KEY)
    work.module("acme/network/aws", network, 'versions: "< 1.2.0"\n')
    work.module("acme/old/aws", network, 'versions: "1.0.0"\n')
    _widget(work, sources, 'signing_keys: [acme.asc]\nversions: "1.0.0"\nplatforms: [linux_amd64]\n')
    work.provider("acme/gadget", sources.root / "gadget", "platforms: [linux_amd64]\n")
    _sprocket(work, 'versions: "2.1.0"\nplatforms: [linux_amd64]\n')


def _second(work: Workspace, sources: Sources) -> None:
    """A version more of each kind, platforms, a key, notices; versions withdrawn, and a whole package."""
    network = str(sources.root / "network.git")
    gone = GONE
    work.module("acme/network/aws", network, f"deprecated: Use acme/mesh/aws.\n{gone.format('1.0.0')}")
    work.module("acme/old/aws", network, "withdrawn:\n  - reason: Nobody keeps it.\n")
    _widget(work, sources, f"signing_keys: [acme.asc, second.asc]\n{NOTICE}{gone.format('1.0.0')}")
    work.provider("acme/gadget", sources.root / "gadget")
    _sprocket(work, f'versions: ">= 2.0.0"\nplatforms: [linux_amd64, linux_arm64]\n{gone.format("2.1.0")}')


GONE: Final = "withdrawn:\n  - versions: {}\n    reason: It holds a secret.\n"
NOTICE: Final = "deprecated:\n  - message: Use acme/gadget.\n    replacement: acme/gadget\n"


def _back(work: Workspace, sources: Sources) -> None:
    """What was withdrawn is listed again, one notice goes, another version goes."""
    network = str(sources.root / "network.git")
    work.module("acme/network/aws", network)
    work.module("acme/old/aws", network, 'versions: "1.0.0"\n')
    _widget(work, sources, f"signing_keys: [acme.asc, second.asc]\n{NOTICE}")
    work.provider("acme/gadget", sources.root / "gadget", "withdrawn:\n  - reason: Nobody keeps it.\n")
    _sprocket(work, 'versions: "2.1.0"\nplatforms: [linux_amd64, linux_arm64]\n')


def _widget(work: Workspace, sources: Sources, more: str) -> None:
    source = json.dumps(str(sources.root / "widget"))
    work.write("catalog/providers/acme/widget.yaml", f"source:\n  releases: {source}\n{more}")


def _sprocket(work: Workspace, more: str) -> None:
    work.write(f"catalog/mirrors/{UPSTREAM}/acme/sprocket.yaml", f"trust:\n  keys: [sprocket.asc]\n{more}")


def _rehosted(work: Workspace, sources: Sources) -> None:
    """Links where copies were, a module from a built archive, a provider under a URL, of which is remembered what was
    said; and a file that says the same in other words.
    """
    place = json.dumps(f"{sources.url}/hosted/{{version}}")
    hosted = f'source:\n  releases: {place}\n  versions: ["1.0.0"]\nsigning_keys: [acme.asc]\n'
    work.write("catalog/providers/acme/hosted.yaml", f"{hosted}platforms: [linux_amd64]\n")
    work.module("acme/network/aws", str(sources.root / "network.git"), "hosting: link\n")
    source = f"source:\n  archives: {sources.root / 'builds'}\n  pattern: network-{{version}}.zip\n"
    work.write("catalog/modules/acme/built/aws.yaml", source)
    entry = work.root / "catalog/modules/acme/old/aws.yaml"
    entry.write_text(f"# Kept for a year.\n{entry.read_text()}")


def _alarmed(work: Workspace, sources: Sources) -> None:
    """Copies again, and a source in which a published tag is at another commit."""
    work.module("acme/network/aws", str(sources.root / "network.git"))
    work.module("acme/old/aws", str(sources.root / "fork.git"), 'versions: "1.0.0"\n')


LATE: Final = NOW + timedelta(days=5)


def _resumed(work: Workspace, sources: Sources) -> None:
    """A run was stopped before the record was put, and what it had staged is lost: it is given up and begun anew."""
    work.module("acme/old/aws", str(sources.root / "network.git"), 'versions: "1.0.0"\n')
    work.module("acme/late/aws", str(sources.root / "network.git"))
    stuck = publish_scene(work, Step("", LATE - timedelta(hours=1), _resumed), _no_records)
    assert isinstance(stuck, Report)
    assert [refusal.error.code.id for refusal in stuck.refusals] == ["TST002"]
    shutil.rmtree(work.root / "state/staging")


def _no_records(registry: Registry) -> Registry:
    return replace(registry, public=stuck_storage(registry.public, "put_new", "records/"))


def _rekeyed(work: Workspace, sources: Sources) -> None:
    """The log's key changes, and there is something to log beside it; a version of each kind is withdrawn now."""
    network = str(sources.root / "network.git")
    work.module("acme/later/aws", network)
    work.module("acme/network/aws", network, GONE.format("1.0.0"))
    _sprocket(work, f'versions: "2.1.0"\nplatforms: [linux_amd64, linux_arm64]\n{GONE.format("2.1.0")}')


def _unchanged(_work: Workspace, _sources: Sources) -> None:
    """Only time has gone by."""


INTERRUPTED: Final = NOW + timedelta(days=9)
GIVEN_UP: Final = NOW + timedelta(days=10)


def _interrupted(work: Workspace, _sources: Sources) -> None:
    """A run was stopped when a mirror's version was logged, and before the bucket's log had it."""
    _sprocket(work, f'versions: "< 2.1.0"\nplatforms: [linux_amd64, linux_arm64]\n{GONE.format("2.1.0")}')
    fault = Fault("put_if log/checkpoint", crashes)
    with suppress(CrashError):
        publish_scene(work, _before(INTERRUPTED), lambda registry: faulty_registry(registry, fault))
    assert fault.met


def _given_up(work: Workspace, sources: Sources) -> None:
    """Of a provider whose staged bytes were lost a run has said that it is given up, and could not delete it."""
    work.provider("acme/gizmo", sources.root / "gizmo")
    for change in (_no_records, _no_deletion):
        stuck = publish_scene(work, _before(GIVEN_UP), change)
        assert isinstance(stuck, Report)
        assert [refusal.error.code.id for refusal in stuck.refusals] == ["TST002"]
        shutil.rmtree(work.root / "state/staging", ignore_errors=True)


def _before(now: datetime) -> Step:
    """An hour earlier, in the same catalog."""
    return Step("", now - timedelta(hours=1), _unchanged, keys=NEW_KEYS)


def _no_deletion(registry: Registry) -> Registry:
    return replace(registry, public=stuck_storage(registry.public, "delete_found", "acme/gizmo"))


STEPS: Final = (
    Step("first", NOW, _first),
    Step("second", NOW + timedelta(days=1), _second),
    Step("back", NOW + timedelta(days=2), _back),
    Step("rehosted", NOW + timedelta(days=3), _rehosted),
    Step("alarmed", NOW + timedelta(days=4), _alarmed, refused=("PLN001",)),
    Step("resumed", LATE, _resumed),
    Step("rekeyed", NOW + timedelta(days=6), _rekeyed, keys=NEW_KEYS),
    Step("unlinked", NOW + timedelta(days=7), _unchanged, keys=NEW_KEYS, collects=True),
    Step("collected", NOW + timedelta(days=8), _unchanged, keys=NEW_KEYS, collects=True),
    Step("interrupted", INTERRUPTED, _interrupted, keys=NEW_KEYS),
    Step("abandoned", GIVEN_UP, _given_up, keys=NEW_KEYS),
)


Ended = Report | Collected
"""How a run ends that goes to its end."""


def publish_scene(work: Workspace, step: Step, change: Callable[[Registry], Registry]) -> Ended | RegistryError:
    """Publish a workspace with a step's time and keys, or collect; an error of the whole run is given back."""
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    assert not workspace.problems, workspace.problems
    with wiring.open_registry(workspace) as registry:
        try:
            if step.collects:
                run = Run(registry.actor, None, None, step.now)
                return gc(change(registry), step.keys.log, Extent(), run, Silent())
            return publish(change(registry), step.keys, workspace.catalog, step.now, Silent(), mass_withdrawal=True)
        except RegistryError as error:
            return error


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """How a step ends where nothing went wrong, and what it did on the way: operations, and what it sent to SQL."""

    tree: Mapping[str, bytes]
    heads: Mapping[Address, PackageHead]
    alarms: Sequence[Violation]
    operations: Sequence[str]
    statements: Sequence[str]


class Scene:
    """A workspace in which one step is about to be published, and everything that was published before it."""

    def __init__(self, step: Step, work: Workspace, dsn: str) -> None:
        self.step = step
        self.work = work
        self.dsn = dsn

    def publish(self, change: Callable[[Registry], Registry] = lambda registry: registry) -> Ended | RegistryError:
        """Publish, or collect, with adapters that ``change`` made; an error of the whole run is given back."""
        return publish_scene(self.work, self.step, change)

    def check(self) -> None:
        """Follow everything that a reader finds."""
        check_versions(self.work.public)
        check_reachable(self.work.public)

    def watched(self) -> AbstractContextManager[None]:
        """Check it over and over while the block runs."""
        return looking(self.check, 0.02)

    def is_refused(self, report: Ended) -> bool:
        """Whether something else was refused than the step is told where nothing goes wrong."""
        return sorted(refusal.error.code.id for refusal in report.refusals) != sorted(self.step.refused)

    def heads(self) -> Mapping[Address, PackageHead]:
        """What the ledger says of every package, once its audit log is proved."""
        with self.work.registry() as registry:
            registry.ledger.verify_audit()
            return registry.ledger.heads()

    def alarms(self) -> Sequence[Violation]:
        """What the ledger keeps of sources that contradict it, whenever that was seen."""
        with self.work.registry() as registry:
            return [
                Violation(alarm.address, alarm.version, alarm.kind, alarm.published, alarm.seen)
                for alarm in registry.ledger.violations(acknowledged=True)
            ]

    @contextmanager
    def killed(self, change: Callable[[Registry], Registry]) -> Iterator[Callable[[], int]]:
        """A process that is made now, publishes when it is told to, and is killed; gives how it ended.

        It is made before anything in this process starts a thread, whose locks it would inherit.
        """
        gate, opened = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of servers, which hold nothing it needs
            pid = os.fork()
        if not pid:
            try:
                os.close(opened)
                os.read(gate, 1)
                self.publish(change)
            finally:
                os._exit(0)
        os.close(gate)

        def publish() -> int:
            os.write(opened, b"!")
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        try:
            yield publish
        finally:
            os.close(opened)


KILLED: Final = -signal.SIGKILL


class Stage:
    """Makes scenes: each with a database and a folder of its own, gone when the block ends."""

    def __init__(self, root: Path, sources: Sources, postgres: Postgres, steps: Sequence[Step] = STEPS) -> None:
        self._root = root
        self._sources = sources
        self._postgres = postgres
        self._made = 0
        self._snapshots: dict[str, tuple[Path, str]] = {}
        self.undisturbed: dict[str, Undisturbed] = {}
        before: Scene | None = None
        for step in steps:
            self._snapshots[step.name] = self._kept(step, before)
            before = self._scene(step, "kept")
            operations = _counted(before, faulty_registry)
            with self.scene(step.name) as again:
                statements = _counted(again, statements_counted)
                assert again.work.tree() == before.work.tree(), "equal runs leave equal bytes"
            self.undisturbed[step.name] = Undisturbed(
                before.work.tree(), before.heads(), before.alarms(), operations, statements
            )

    @contextmanager
    def scene(self, name: str) -> Iterator[Scene]:
        """A scene of the step ``name``."""
        step = next(step for step in STEPS if step.name == name)
        self._made += 1
        scene = self._scene(step, str(self._made))
        try:
            yield scene
        finally:
            self._postgres.drop(f"scene_{self._root.name}_{name}_{self._made}")
            shutil.rmtree(scene.work.root)

    def _kept(self, step: Step, before: Scene | None) -> tuple[Path, str]:
        """What a step starts from: a folder and a database that nobody touches."""
        root, database = self._root / f"before-{step.name}", f"before_{self._root.name}_{step.name}"
        if before is None:
            Workspace(root, network=self._sources.network)
            return root, self._postgres.create(database)
        shutil.copytree(before.work.root, root)
        return root, self._postgres.copy(before.dsn, database)

    def _scene(self, step: Step, number: str) -> Scene:
        root, dsn = self._snapshots[step.name]
        copy = self._postgres.copy(dsn, f"scene_{self._root.name}_{step.name}_{number}")
        target = self._root / f"{step.name}-{number}"
        shutil.copytree(root, target)
        scene = self._opened(step, target, copy)
        step.write(scene.work, self._sources)
        return scene

    def _opened(self, step: Step, root: Path, dsn: str) -> Scene:
        """A scene in a folder that holds what the step starts from, and a database that does."""
        return Scene(step, Workspace(root, dsn, network=self._sources.network), dsn)


def _counted(scene: Scene, counting: Callable[[Registry, Fault], Registry]) -> list[str]:
    """Publish without a fault, and give what was counted."""
    fault = Fault()
    report = scene.publish(lambda registry: counting(registry, fault))
    assert isinstance(report, Ended), report
    assert not scene.is_refused(report), report.refusals
    return fault.names
