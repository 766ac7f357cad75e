"""Two publishers, edits, withdrawals, collections and every kind of interruption, in any order that chance finds.

``make machine`` makes a thousand lives of a registry from one seed; the suite a few, always the same ones.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from registry_gen.publish.gc import Collected
from registry_gen.publish.run import Report
from tests.faults.laws import Laws
from tests.faults.world import EDITS_BY_NAME, NETWORK, VERSIONS, Outcome, Publisher, World
from tests.support.faults import crashes, crashes_after, fails, loses_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.faults import Trouble
    from tests.support.postgres import Postgres

    Edits = Sequence[tuple[str, str]]

pytestmark = pytest.mark.long

RUNS: Final = int(os.environ.get("MACHINE_RUNS", "0"))
FEW: Final = 20
STEPS: Final = 20
ALARMS: Final = frozenset({"PLN001", "PLN005"})
"""What may be refused where nothing is in the way: a source that says something else than it did."""

_numbers = itertools.count()

PUBLISHERS: Final = st.sampled_from([0, 1])
AT: Final = st.integers(min_value=1, max_value=25) | st.integers(min_value=1, max_value=60)
"""An operation of a run. Before the first one, which takes the lock, nothing is known of the registry: whoever sleeps
there has simply begun later, with an old catalog.
"""
TROUBLES: Final = st.sampled_from([fails, loses_answer, crashes, crashes_after])
SWAPS: Final = st.sampled_from(["put_if log/checkpoint", f"put_if v1/modules/{NETWORK}/versions", "put_if"])
"""Where a publisher is about to put a document over another one. Nothing but comparing keeps it from that later."""
EDITS: Final = st.lists(st.tuples(st.sampled_from([*EDITS_BY_NAME]), st.sampled_from(VERSIONS)), max_size=3)


class Machine(RuleBasedStateMachine):
    """A life of a registry."""

    postgres: ClassVar[Postgres]

    def __init__(self) -> None:
        super().__init__()
        self._database = f"machine_{next(_numbers)}"
        self._root = Path(tempfile.mkdtemp(prefix="registry-gen-machine-"))
        dsn = self.postgres.create(self._database)
        self.world = World(self._root, dsn)
        self.laws = Laws(self.world.public, dsn)

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # a step that failed has said what there is to say
                self._end()
        finally:
            self.laws.close()
            self.world.close()
            self.postgres.drop(self._database)
            shutil.rmtree(self._root)

    # --- runs -------------------------------------------------------------------------------------------------------

    @rule(who=PUBLISHERS, edits=EDITS)
    def publish(self, who: int, edits: Edits) -> None:
        self._good(self._awake(who, edits).publish())

    @rule(who=PUBLISHERS, edits=EDITS, at=AT, trouble=TROUBLES)
    def publish_with_a_trouble(self, who: int, edits: Edits, at: int, trouble: Trouble) -> None:
        self._awake(who, edits).publish(trouble, at)

    @rule(who=PUBLISHERS, hours=st.sampled_from([0, 2]))
    def collect(self, who: int, hours: int) -> None:
        self._good(self._awake(who).collect(self.world.later(timedelta(hours=hours, minutes=1))))

    @rule(who=PUBLISHERS, at=AT, trouble=TROUBLES)
    def collect_with_a_trouble(self, who: int, at: int, trouble: Trouble) -> None:
        self._awake(who).collect(self.world.later(timedelta(hours=2)), trouble, at)

    @precondition(lambda self: not self.world.sleeper)
    @rule(who=PUBLISHERS, edits=EDITS, at=AT, done=st.booleans())
    def fall_asleep_publishing(self, who: int, edits: Edits, at: int, *, done: bool) -> None:
        self._awake(who, edits).pause(at, collecting=False, done=done)

    @precondition(lambda self: not self.world.sleeper)
    @rule(who=PUBLISHERS, at=AT, done=st.booleans())
    def fall_asleep_collecting(self, who: int, at: int, *, done: bool) -> None:
        self._awake(who).pause(at, collecting=True, done=done)

    @precondition(lambda self: not self.world.sleeper)
    @rule(who=PUBLISHERS, before=EDITS, at=SWAPS, meanwhile=EDITS)
    def be_overtaken_before_a_swap(self, who: int, before: Edits, at: str, meanwhile: Edits) -> None:
        """The other one publishes what was begun, and what people have changed since."""
        self._awake(who, [("release a version", VERSIONS[0]), *before]).pause(at, collecting=False, done=False)
        self._good(self._awake(who, meanwhile).publish())
        self.laws.check()
        self._wake()

    @precondition(lambda self: self.world.sleeper)
    @rule()
    def wake_up(self) -> None:
        self._wake()

    def _awake(self, who: int, edits: Edits = ()) -> Publisher:
        """The publisher that is asked for, or the other one where it sleeps; the catalog is edited before."""
        for name, version in edits:
            EDITS_BY_NAME[name](self.world, version)
        self.world.write()
        chosen = self.world.publishers[who]
        return chosen if chosen is not self.world.sleeper else self.world.publishers[1 - who]

    # --- laws -------------------------------------------------------------------------------------------------------

    @invariant()
    def the_laws_hold(self) -> None:
        self.laws.check()

    def _good(self, outcome: Outcome) -> None:
        """A run that nobody disturbed does all that it can."""
        assert isinstance(outcome, Report | Collected), outcome
        wrong = [refusal for refusal in outcome.refusals if refusal.error.code.id not in ALARMS]
        assert not wrong, wrong

    def _wake(self) -> None:
        if self.world.sleeper:
            self.world.sleeper.wake()

    def _end(self) -> None:
        """Two runs that nobody disturbs leave nothing to do."""
        self._wake()
        self.laws.check()
        first, second = self.world.publishers
        self._good(first.publish())
        self.laws.check()
        last = second.publish()
        self._good(last)
        assert isinstance(last, Report)
        assert not [package for package in last.plan.packages if package.actions]
        self.laws.check()


def test_no_order_of_edits_runs_and_interruptions_breaks_a_law(postgres: Postgres, calm: None) -> None:
    del calm
    Machine.postgres = postgres
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=RUNS or FEW,
            derandomize=not RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
