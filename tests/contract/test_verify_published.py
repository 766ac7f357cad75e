"""What publish makes, at every stage of a version's life, is good in the eyes of an outsider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths, wiring
from registry_gen.inspect.reader import open_reader
from registry_gen.inspect.remembered import load
from registry_gen.inspect.verify import Request, verify
from registry_gen.model.address import parse_address
from registry_gen.model.intent import Run
from registry_gen.plan.collect import Extent
from registry_gen.publish.gc import gc
from registry_gen.publish.progress import Silent
from tests.support.command_line import run_here
from tests.support.kinds import GADGET, NETWORK, SPROCKET, WIDGET, Kinds
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.inspect.findings import Report

GONE = 'withdrawn:\n  - versions: "1.0.0"\n    reason: It holds a secret.\n'
DAY = timedelta(days=1)


class Life:
    """A registry that goes on publishing, and somebody who looks on."""

    def __init__(self, kinds: Kinds, state: Path) -> None:
        self.kinds = kinds
        self.work: Workspace = kinds.published()
        self.now: datetime = NOW
        self._state = state
        self._key: str = run_here(self.work, "--json", "log", "key").json["key"]

    def publish(self, **more: str) -> None:
        """A day later, with these lines in the catalog."""
        self.kinds.configure(self.work, **more)
        self.now += DAY
        assert not self.work.publish(self.now).refusals

    def look(self, address: str | None = None, **more: Any) -> Report:
        more.setdefault("keys", (self._key,))
        request = Request(state=self._state, address=parse_address(address) if address else None, **more)
        return verify(open_reader(str(self.work.public)), request, datetime.now(UTC), Silent())

    def all_good(self) -> dict[str, int]:
        """Everything by the whole log, and each package by itself; counts of the former."""
        whole = self.look()
        assert (whole.problems, whole.complete) == ((), True)
        for address in (NETWORK, WIDGET, GADGET, SPROCKET):
            assert self.look(address).problems == ()
        assert self.look(monitor=True).good
        return dict(whole.counts)


@pytest.fixture
def life(kinds: Kinds, tmp_path: Path) -> Life:
    return Life(kinds, tmp_path / "state.json")


def test_a_registry_of_every_kind_is_good(life: Life) -> None:
    counts = life.all_good()

    assert (counts["packages"], counts["versions"], counts["archives"]) == (4, 7, 2)
    assert counts["statements of origin"] == 2
    assert counts["signatures of sums"] == 3


def test_withdrawn_collected_and_relisted_versions_are_good(life: Life) -> None:
    assert life.look(monitor=True).good
    life.publish(network=GONE, widget=GONE)
    assert life.all_good()["withdrawn versions"] == 2

    life.publish(network=GONE)
    assert life.all_good()["withdrawn versions"] == 1
    with life.work.registry() as registry:
        keys = wiring.open_keys(registry)
        for _ in range(2):
            life.now += paths.LISTING_WINDOW + DAY
            gc(registry, keys.log, Extent(records=True), Run("ada", None, None, life.now), Silent())
    assert not (life.work.public / f"v1/modules/{NETWORK}/1.0.0/module.tar.gz").exists()
    assert life.all_good()["records of withdrawn versions that are gone"] == 1


def test_warnings_and_other_hosting_are_good(life: Life) -> None:
    assert life.look().good
    life.publish(network="deprecated: Use acme/vpc/aws.\n", widget="deprecated: Old.\n")
    life.all_good()
    life.publish(network="hosting: link\n")
    counts = life.all_good()
    assert counts["linked, not fetched"] == 2
    life.publish()
    life.all_good()


def test_a_rotated_key_is_learnt_and_goes_on_being_good(life: Life) -> None:
    life.all_good()
    assert run_here(life.work, "log", "rotate").code == 0
    life.publish()
    life.all_good()
    new = run_here(life.work, "--json", "log", "key").json["key"]
    kept = load(life._state)
    assert kept
    assert kept.keys == (new,)
    assert run_here(life.work, "log", "retire").code == 0
    life.publish(widget=GONE)
    life.all_good()
    assert life.look(keys=()).good


def test_one_published_byte_that_was_rewritten_is_named(life: Life) -> None:
    path = life.work.public / f"v1/modules/{NETWORK}/1.1.0/module.tar.gz"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    report = life.look()

    assert [(problem.code.id, problem.where) for problem in report.problems] == [
        ("INS030", f"v1/modules/{NETWORK}/1.1.0/module.tar.gz")
    ]
