"""Whatever goes wrong at any operation, readers never see a hole, and the next run ends as if nothing had been wrong.

``make faults`` goes through the whole product: every step of the registry's life, every operation of it, every trouble.
A run of the suite takes every write to the bucket of the first publish, failing, and of the rest so many that a minute
is enough, always the same ones; FAULTS_DRAW=NUMBER draws others.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Final

import pytest

from registry_gen.ledger import Publication
from registry_gen.publish.run import Report
from registry_gen.storage import Storage
from tests.faults.scenarios import KILLED, STEPS, Ended, Scene
from tests.support.faults import (
    READS,
    Fault,
    cut,
    cut_after_commit,
    fails,
    faulty_registry,
    killed_after,
    killed_before,
    loses_answer,
    method_of,
    statements_counted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from registry_gen.errors import RegistryError
    from registry_gen.publish.registry import Registry
    from tests.faults.scenarios import Stage
    from tests.support.faults import Trouble

pytestmark = pytest.mark.long

EVERYTHING: Final = os.environ.get("FAULTS") == "all"
DRAW: Final = int(os.environ.get("FAULTS_DRAW") or 0)
SHARE: Final = 12
STATEMENTS_SHARE: Final = 24
"""One operation, and one statement, in so many is tried each day: most statements are like the one before."""

NAMES: Final = [step.name for step in STEPS]
WRITES: Final = frozenset({"put_new", "put_if", "delete_if", "delete", "delete_found"})
"""What changes the bucket."""


def chosen(
    operations: Sequence[str],
    label: str,
    *,
    reads: bool = True,
    always: AbstractSet[str] = frozenset(),
    share: int = SHARE,
) -> list[int]:
    """The numbers of the operations to try; ``label`` keeps the choices of two tests apart."""
    numbers = [number for number, name in enumerate(operations) if reads or method_of(name) not in READS]
    if EVERYTHING:
        return numbers
    # The choice protects nothing, so any generator will do.
    drawn = random.Random(f"{label} {DRAW}").sample(numbers, len(numbers) // share)  # noqa: S311
    return sorted({*drawn, *(number for number in numbers if method_of(operations[number]) in always)})


def publish_twice(scene: Scene, stage: Stage, label: str, disturbed: Callable[[], bool]) -> None:
    """The disturbed run, and the one after it, while somebody reads; then all is as if nothing had been wrong.

    ``disturbed`` says whether one version could not be read before any of it was intended: others were published
    without it then, and the log tells that.
    """
    work, expected = scene.work, stage.undisturbed[scene.step.name]
    with scene.watched():
        late = disturbed()
        scene.check()
        report = scene.publish()
        assert isinstance(report, Ended), f"{label}: {report}"
        assert not scene.is_refused(report), f"{label}: {report.refusals}"
    assert not (isinstance(report, Report) and report.altered), f"{label}: {report.altered}"
    tree = work.tree()
    assert scene.alarms() == expected.alarms, label
    if late:
        assert not left_to_do(scene.publish()), label
        assert [key for key in tree.keys() ^ expected.tree.keys() if not key.startswith("log/")] == [], label
        return
    assert tree.keys() == expected.tree.keys(), label
    assert [key for key in tree if tree[key] != expected.tree[key]] == [], label
    assert scene.heads() == expected.heads, label


def in_this_process(
    stage: Stage,
    step: str,
    number: int,
    make_trouble: Callable[[Scene], Trouble],
    counting: Callable[[Registry, Fault], Registry] = faulty_registry,
) -> None:
    """One trouble at one operation, or at one statement."""
    expected = stage.undisturbed[step]
    operations = expected.operations if counting is faulty_registry else expected.statements
    label = f"draw {DRAW}: {step}, {operations[number]} at {number}"
    with stage.scene(step) as scene:
        fault = Fault(number, make_trouble(scene))

        def disturbed() -> bool:
            report = scene.publish(lambda registry: counting(registry, fault))
            assert fault.names[: number + 1] == operations[: number + 1], f"{label}: another order than before"
            told = not isinstance(report, Ended) or scene.is_refused(report)
            assert told or scene.work.tree() == expected.tree, f"{label}: nobody was told"
            before_any_intent = method_of(operations[number]) == "get" and "begin" not in operations[:number]
            return before_any_intent and isinstance(report, Report) and bool(report.published)

        publish_twice(scene, stage, label, disturbed)
        if number % 5 == 0:
            last = Fault()
            again = scene.publish(lambda registry: faulty_registry(registry, last))
            assert not left_to_do(again), label
            assert not WRITES & {*map(method_of, last.names)}, f"{label}: a third run has nothing to put"


def left_to_do(report: Ended | RegistryError) -> Sequence[object]:
    """What a run found to do."""
    assert isinstance(report, Ended), report
    if isinstance(report, Report):
        return [package for package in report.plan.packages if package.actions]
    return report.gone


def in_a_process_of_its_own(stage: Stage, step: str, number: int, trouble: Trouble) -> None:
    """The same for a process that is killed."""
    label = f"draw {DRAW}: {step}, {stage.undisturbed[step].operations[number]} at {number}"
    with (
        stage.scene(step) as scene,
        scene.killed(lambda registry: faulty_registry(registry, Fault(number, trouble))) as publish,
    ):

        def disturbed() -> bool:
            assert publish() == KILLED, label
            return False

        publish_twice(scene, stage, label, disturbed)


OF_OTHERS: Final = {
    "acknowledge": "violations",
    "audit": "fsck --repair",
    "list": "fsck, and a bucket that is empty",
    "read_into": "storage copy",
    "pending_purges": "purge",
    "purged": "purge",
    "name": "no operation",
    "generation": "no operation",
    "put_all": "put_new and put_if here, one by one, so that a fault meets each",
    "import_packages": "import opentofu-registry",
    "forget_imported": "import forget",
    "rebuild": "ledger rebuild",
    "relabel": "fsck --repair",
}
"""What neither a publish nor a collection does, and who does it."""


def test_every_operation_that_publishing_and_collecting_can_do_is_met(stage: Stage) -> None:
    met = {method_of(name) for step in STEPS for name in stage.undisturbed[step.name].operations}
    public = {name for room in (Publication, Storage) for name in vars(room) if not name.startswith("_")}
    assert public - met == OF_OTHERS.keys()


@pytest.mark.parametrize("step", NAMES)
def test_an_operation_that_fails_is_mended_by_the_next_run(stage: Stage, step: str) -> None:
    operations = stage.undisturbed[step].operations
    for number in chosen(operations, f"fails {step}", always=WRITES if step == "first" else frozenset()):
        in_this_process(stage, step, number, lambda _: fails)


@pytest.mark.parametrize("step", NAMES)
def test_an_operation_that_was_done_and_reported_failed_is_mended_by_the_next_run(stage: Stage, step: str) -> None:
    operations = stage.undisturbed[step].operations
    for number in chosen(operations, f"loses {step}", reads=False):
        in_this_process(stage, step, number, lambda _: loses_answer)


@pytest.mark.parametrize("trouble", [killed_before, killed_after])
@pytest.mark.parametrize("step", NAMES)
def test_a_run_that_is_killed_is_finished_by_the_next_one(stage: Stage, step: str, trouble: Trouble) -> None:
    operations = stage.undisturbed[step].operations
    for number in chosen(operations, f"killed {step} {trouble}"):
        in_a_process_of_its_own(stage, step, number, trouble)


@pytest.mark.parametrize("step", NAMES)
def test_a_run_whose_session_at_the_database_ends_is_finished_by_the_next_one(stage: Stage, step: str) -> None:
    for number in chosen(stage.undisturbed[step].statements, f"cut {step}", share=STATEMENTS_SHARE):
        in_this_process(stage, step, number, lambda scene: cut(scene.dsn), statements_counted)


@pytest.mark.parametrize("step", NAMES)
def test_a_run_that_never_learns_that_the_database_committed_is_finished_by_the_next_one(
    stage: Stage, step: str
) -> None:
    operations = stage.undisturbed[step].operations
    for number in chosen(operations, f"commit {step}", reads=False):
        if method_of(operations[number]) not in WRITES:
            in_this_process(stage, step, number, lambda scene: cut_after_commit(scene.dsn))
