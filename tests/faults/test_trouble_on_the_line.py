"""A publish to a bucket whose server throttles, fails inside, is slow, or loses connections.

What passes in time is nobody's business: the run ends as if nothing had been. What does not is told, and the next run
ends so. At no moment does a reader find a hole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from registry_gen.publish.run import Report
from registry_gen.storage.s3 import S3Storage
from tests.faults.in_a_bucket import EVERYTHING, BucketScene
from tests.faults.test_every_operation import publish_twice
from tests.support.misbehaving import Fault, Misbehaving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.errors import RegistryError
    from registry_gen.publish.registry import Registry
    from tests.faults.in_a_bucket import BucketStage
    from tests.faults.scenarios import Ended, Scene
    from tests.support.seaweedfs import SeaweedFS

pytestmark = pytest.mark.long

SLOW_DOWN: Final = Fault.says(503, "SlowDown")
BROKEN: Final = Fault.says(500, "InternalError")
METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE")
PASSES: Final = Fault.forwarded()
ALL_FAULTS: Final = 60
"""More than any of these sends: so often a request is tried, whoever meets them all."""

PASSING: Final[Mapping[str, Mapping[str, Sequence[Fault]]]] = {
    "refused": dict.fromkeys(METHODS, [SLOW_DOWN, PASSES, BROKEN, PASSES] * 5),
    "cut off": dict.fromkeys(METHODS, [Fault.lost(), PASSES, Fault.dropped(), PASSES] * 5),
    "cut": {"GET": [Fault.cut(0), Fault.cut(20), PASSES] * 4, "PUT": [Fault.cut(0)] * 5},
    "slow": dict.fromkeys(METHODS, [Fault.trickles()] * 5) | {"PUT": [Fault.hangs(), Fault.trickles()]},
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("registry_gen.storage.s3_upload._FIRST_PAUSE", 0)
    monkeypatch.setattr("registry_gen.storage.s3_client._READ_SECONDS", 2)


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[Misbehaving]:
    with Misbehaving(seaweedfs.endpoint) as proxy:
        yield proxy


def through(proxy: Misbehaving, scene: Scene, attempts: int) -> Ended | RegistryError:
    """Publish with all requests to the bucket going through the proxy."""
    assert isinstance(scene, BucketScene)
    place = replace(scene.work.in_public, endpoint=proxy.url)

    def changed(registry: Registry) -> Registry:
        return replace(registry, public=S3Storage(place, attempts=attempts))

    return scene.publish(changed)


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_in_time_changes_nothing(bucket_stage: BucketStage, proxy: Misbehaving, trouble: str) -> None:
    for method, faults in PASSING[trouble].items():
        proxy.fail(method, *faults)
    with bucket_stage.scene("second") as scene:

        def disturbed() -> bool:
            report = through(proxy, scene, ALL_FAULTS)
            assert isinstance(report, Report), report
            assert not report.refusals, report.refusals
            assert scene.work.tree() == bucket_stage.undisturbed["second"].tree
            assert proxy.asked.count("PUT") > 10, proxy.asked
            return False

        publish_twice(scene, bucket_stage, trouble, disturbed)


@pytest.mark.parametrize("puts", [9, *([0, 1, 30] if EVERYTHING else [])])
def test_a_server_that_takes_nothing_more_is_told_of_and_the_next_run_leaves_nothing_to_do(
    bucket_stage: BucketStage, proxy: Misbehaving, puts: int
) -> None:
    """What was to be logged at once may be logged in two runs, so the log alone may be another."""
    for method in METHODS:
        proxy.fail(
            method, *[PASSES] * (puts if method == "PUT" else 0), *[SLOW_DOWN if method != "GET" else PASSES] * 999
        )
    with bucket_stage.scene("second") as scene:

        def disturbed() -> bool:
            report = through(proxy, scene, 2)
            assert not isinstance(report, Report) or scene.is_refused(report), "nobody was told"
            return True

        publish_twice(scene, bucket_stage, f"after {puts} puts", disturbed)
