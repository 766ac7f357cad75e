"""The laws of test_every_operation.py, where the public storage is a bucket.

What goes wrong is the same and what must hold is the same, so a run of the suite tries a handful. FAULTS=all tries
every operation of every step.
"""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.in_a_bucket import BUCKET_STEPS, EVERYTHING
from tests.faults.test_every_operation import DRAW, WRITES, in_a_process_of_its_own, in_this_process
from tests.support.faults import READS, fails, killed_after, killed_before, loses_answer, method_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.in_a_bucket import BucketStage
    from tests.support.faults import Trouble

pytestmark = pytest.mark.long

FAILING: Final[Sequence[Trouble]] = (fails, loses_answer)
KILLING: Final[Sequence[Trouble]] = (killed_after, killed_before)


def cases(troubles: Sequence[Trouble]) -> Sequence[tuple[str, Trouble]]:
    """Each trouble in every step; in a run of the suite, each in one."""
    names = [step.name for step in BUCKET_STEPS]
    return [*(product(names, troubles) if EVERYTHING else zip(names, troubles, strict=True))]


def chosen(stage: BucketStage, step: str, trouble: Trouble) -> Sequence[int]:
    """The numbers of two writes to the bucket, or of all operations in which the trouble makes a difference."""
    operations = stage.undisturbed[step].operations
    methods = [(number, method_of(name)) for number, name in enumerate(operations)]
    if EVERYTHING:
        return [number for number, method in methods if trouble is not loses_answer or method not in READS]
    writes = [number for number, method in methods if method in WRITES]
    return sorted(random.Random(f"{step} {trouble.__name__} {DRAW}").sample(writes, 2))  # noqa: S311 - it protects nothing


@pytest.mark.parametrize(("step", "trouble"), cases(FAILING))
def test_an_operation_that_fails_in_a_bucket_is_mended_by_the_next_run(
    bucket_stage: BucketStage, step: str, trouble: Trouble
) -> None:
    for number in chosen(bucket_stage, step, trouble):
        in_this_process(bucket_stage, step, number, lambda _: trouble)


@pytest.mark.parametrize(("step", "trouble"), cases(KILLING))
def test_a_run_that_is_killed_beside_a_bucket_is_finished_by_the_next_one(
    bucket_stage: BucketStage, step: str, trouble: Trouble
) -> None:
    for number in chosen(bucket_stage, step, trouble):
        in_a_process_of_its_own(bucket_stage, step, number, trouble)
