"""A small world for the state machine: sources and a catalog that change, one bucket, one ledger, two publishers.

A publisher has a state folder of its own, as two machines have. Each of its runs is a thread, which may be stopped at
any operation: for good (with an error, or as a process that is gone), or for a while, its session at the database lost.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import threading
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from registry_gen import wiring
from registry_gen.errors import RegistryError
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import Collected, gc
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import Report, publish
from tests.faults.scenarios import ACME, KEYS, SECOND
from tests.support.faults import CrashError, Fault, HeldLock, end_session, faulty_registry
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from registry_gen.publish.registry import Registry
    from tests.support.faults import Operation, Trouble

NETWORK: Final = "acme/network/aws"
GADGET: Final = "acme/gadget"
VERSIONS: Final = ("1.0.0", "1.1.0", "2.0.0")
PATIENCE: Final = 120.0
"""Seconds after which a thread hangs."""

Outcome = Report | Collected | RegistryError | CrashError


@dataclass(slots=True)
class Package:
    """What the sources have of a package, by version, and what the catalog says of it."""

    offered: dict[str, int] = field(default_factory=dict)
    present: bool = True
    withdrawn: set[str] = field(default_factory=set)
    everything_withdrawn: bool = False
    deprecated: bool = False
    second_key: bool = False
    platforms: int = 1

    def rules(self) -> str:
        """The lines of its file that say what becomes of published versions."""
        ranges = [f'  - versions: "{version}"\n    reason: It holds a secret.\n' for version in sorted(self.withdrawn)]
        rules = ["  - reason: Nobody keeps it.\n"] if self.everything_withdrawn else ranges
        notice = "deprecated: Use another one.\n" if self.deprecated else ""
        return notice + (f"withdrawn:\n{''.join(rules)}" if rules else "")


@cache
def _archive(version: str, variant: int) -> bytes:
    """A module's archive at its source; ``variant`` tells the bytes of a tag that was moved."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="w", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        data = f'output "version" {{ value = "{version} {variant}" }}\n'.encode()
        member = tarfile.TarInfo("main.tf")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


class World:
    """The folders, the catalog and the clock."""

    def __init__(self, root: Path, dsn: str) -> None:
        self.root = root
        self.dsn = dsn
        self.public = root / "public"
        self.now = NOW
        self.network = Package({"1.0.0": 0})
        self.gadget = Package({"1.0.0": 0})
        self._released: dict[str, int] = {}
        Workspace(root, dsn)
        self.publishers = (Publisher(self, "one"), Publisher(self, "two"))
        self.write()

    def write(self) -> None:
        """Write sources and catalog as they are now."""
        folder = self.root / "sources/network"
        folder.mkdir(parents=True, exist_ok=True)
        archives = {f"network-{version}.tar.gz": _archive(version, at) for version, at in self.network.offered.items()}
        for old in folder.iterdir():
            if old.name not in archives:
                old.unlink()
        for name, data in archives.items():
            (folder / name).write_bytes(data)
        sums = [f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(archives.items())]
        (folder / "SHA256SUMS").write_text("".join(sums))
        for version, variant in self.gadget.offered.items():
            if self._released.get(version) != variant:
                self._released[version] = variant
                release = self.root / "sources/gadget" / version
                make_release(release, "gadget", version, platforms=PLATFORMS, size=variant)
        self._write_catalog()

    def _write_catalog(self) -> None:
        place = json.dumps(str(self.root / "sources/network"))
        self._file(
            f"catalog/modules/{NETWORK}.yaml",
            f'source:\n  archives: {place}\n  pattern: "network-{{version}}.tar.gz"\n{self.network.rules()}',
            present=self.network.present,
        )
        place = json.dumps(str(self.root / "sources/gadget"))
        keys = ["acme.asc", "second.asc"] if self.gadget.second_key else ["acme.asc"]
        platforms = PLATFORMS[: self.gadget.platforms]
        self._file(
            f"catalog/providers/{GADGET}.yaml",
            f"source:\n  releases: {place}\nsignature: registry\nsigning_keys: {json.dumps(keys)}\n"
            f"platforms: {json.dumps(platforms)}\n{self.gadget.rules()}",
            present=self.gadget.present,
        )
        self._file("catalog/keys/acme.asc", ACME.armor)
        self._file("catalog/keys/second.asc", SECOND.armor)

    def _file(self, path: str, text: str, *, present: bool = True) -> None:
        target = self.root / path
        if present:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        else:
            target.unlink(missing_ok=True)

    @property
    def sleeper(self) -> Publisher | None:
        """Whose run is paused."""
        return next((publisher for publisher in self.publishers if publisher.paused), None)

    def later(self, by: timedelta = timedelta(minutes=1)) -> datetime:
        """The time of the next run: no two have the same."""
        self.now += by
        return self.now

    def close(self) -> None:
        for publisher in self.publishers:
            publisher.close()


PLATFORMS: Final = ("darwin_arm64", "linux_amd64")


class Publisher:
    """One machine that publishes: its own state folder, the same catalog, bucket and ledger."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._state = world.root / name
        self._run: _Run | None = None
        self._gate: _Gate | None = None
        self._lock: HeldLock | None = None

    def publish(self, trouble: Trouble | None = None, at: int | str | None = None) -> Outcome:
        """Publish the catalog of this moment, with the trouble at one operation."""
        return self._started(self._publication(), at, trouble).ended()

    def collect(self, now: datetime, trouble: Trouble | None = None, at: int | None = None) -> Outcome:
        """Collect what is due."""
        return self._started(self._collection(now), at, trouble).ended()

    def pause(self, at: int | str, *, collecting: bool, done: bool, robbed: bool = False) -> Outcome | None:
        """Begin a run that stops before an operation, or right after it; gives how it ended where it never got there.

        Its session at the database ends meanwhile, if it has one; or, where it is ``robbed``, only its lock goes.
        """
        work = self._collection(self._world.later()) if collecting else self._publication()
        gate = _Gate(done=done)
        run = self._started(work, at, gate.hold, gate)
        gate.settled.wait(PATIENCE)
        if not gate.holds:
            return run.ended()
        assert self._lock
        if robbed:
            self._lock.lose()
        else:
            end_session(self._world.dsn)
        self._run, self._gate = run, gate
        return None

    @property
    def paused(self) -> bool:
        return self._run is not None

    def wake(self) -> Outcome:
        """Let the run that was paused go on to its end."""
        run, gate, self._run, self._gate = self._run, self._gate, None, None
        assert run
        assert gate
        gate.opened.set()
        return run.ended()

    def close(self) -> None:
        if self._run:
            self.wake()

    def _workspace(self) -> wiring.Workspace:
        workspace = wiring.read_workspace(self._world.root / "registry.yaml")
        return changed(workspace, config=changed(workspace.config, state=self._state))

    def _publication(self) -> Callable[[Registry], Outcome]:
        workspace = self._workspace()
        assert not workspace.problems, workspace.problems
        now = self._world.later()
        return lambda registry: publish(registry, KEYS, workspace.catalog, now, Silent(), mass_withdrawal=True)

    def _collection(self, now: datetime) -> Callable[[Registry], Outcome]:
        return lambda registry: gc(registry, KEYS.log, Extent(), Run("tester", None, None, now), Silent())

    def _started(
        self,
        work: Callable[[Registry], Outcome],
        at: int | str | None,
        trouble: Trouble | None,
        gate: _Gate | None = None,
    ) -> _Run:
        workspace = self._workspace()
        fault = Fault(at, trouble) if trouble else Fault()

        def whole() -> Outcome:
            try:
                with wiring.open_registry(workspace) as registry:
                    self._lock = HeldLock(registry.ledger)
                    held = changed(registry, ledger=cast("Any", self._lock), lock_seconds=PATIENCE)
                    return work(faulty_registry(held, fault))
            except (RegistryError, CrashError) as error:
                return error

        return _Run(whole, gate)


class _Gate:
    """Holds whoever comes to it until it is opened; ``settled`` once somebody is held, or the run is over."""

    def __init__(self, *, done: bool) -> None:
        self._done = done
        self.holds = False
        self.settled = threading.Event()
        self.opened = threading.Event()

    def hold(self, operation: Operation, _error: RegistryError) -> Any:
        result = operation() if self._done else None
        self.holds = True
        self.settled.set()
        assert self.opened.wait(PATIENCE), "nobody opened"
        return result if self._done else operation()


class _Run:
    """A thread, and how it ended."""

    def __init__(self, work: Callable[[], Outcome], gate: _Gate | None) -> None:
        self._ended: list[Outcome | BaseException] = []
        self._gate = gate
        self._thread = threading.Thread(target=self._work, args=(work,))
        self._thread.start()

    def _work(self, work: Callable[[], Outcome]) -> None:
        try:
            self._ended.append(work())
        except BaseException as error:  # noqa: BLE001 - a mistake is the test's to show, not the thread's
            self._ended.append(error)
        finally:
            if self._gate:
                self._gate.settled.set()

    def ended(self) -> Outcome:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "a run that hangs"
        (outcome,) = self._ended
        if not isinstance(outcome, Report | Collected | RegistryError | CrashError):
            raise outcome
        return outcome


def _release(world: World, _version: str) -> None:
    for package in (world.network, world.gadget):
        if len(package.offered) < len(VERSIONS):
            package.offered[VERSIONS[len(package.offered)]] = 0
            return


def _replace(world: World, version: str) -> None:
    """Other bytes under a version that is there, as after a tag was moved."""
    for package in (world.network, world.gadget):
        if version in package.offered:
            package.offered[version] = 1 - package.offered[version]


def _withdraw_version(package: Package, version: str) -> None:
    package.withdrawn ^= {version}


def _withdraw_all(package: Package) -> None:
    package.everything_withdrawn = not package.everything_withdrawn


def _remove_file(package: Package) -> None:
    package.present = not package.present


def _notice(world: World, _version: str) -> None:
    for package in (world.network, world.gadget):
        package.deprecated = not package.deprecated


def _key(world: World, _version: str) -> None:
    world.gadget.second_key = not world.gadget.second_key


def _platform(world: World, _version: str) -> None:
    world.gadget.platforms = 2


EDITS_BY_NAME: Final[Mapping[str, Callable[[World, str], None]]] = {
    "release a version": _release,
    "withdraw the module's version, or not": lambda world, version: _withdraw_version(world.network, version),
    "withdraw the provider's version, or not": lambda world, version: _withdraw_version(world.gadget, version),
    "withdraw the module, or not": lambda world, _: _withdraw_all(world.network),
    "withdraw the provider, or not": lambda world, _: _withdraw_all(world.gadget),
    "change the key": _key,
    "want another platform": _platform,
    "replace a release": _replace,
    "deprecate, or not": _notice,
    "remove the module's file, or not": lambda world, _: _remove_file(world.network),
    "remove the provider's file, or not": lambda world, _: _remove_file(world.gadget),
}
"""What people do between two runs; each is told a version, which some need."""
