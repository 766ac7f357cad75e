"""A publisher that sleeps in the middle of a run, loses its session or the lock alone, and goes on in another world."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest

from registry_gen.errors import LedgerError
from registry_gen.ledger import codes
from registry_gen.publish.run import Report
from tests.faults.laws import Laws
from tests.faults.world import GADGET, NETWORK, Outcome, World
from tests.support.faults import CrashError, crashes
from tests.support.reader import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTING = f"v1/modules/{NETWORK}/versions"
ARCHIVE = f"v1/modules/{NETWORK}/1.0.0/module.tar.gz"


@pytest.fixture
def world(tmp_path: Path, database: str, calm: None) -> Iterator[World]:
    del calm
    made = World(tmp_path, database)
    yield made
    made.close()


@pytest.fixture
def laws(world: World) -> Iterator[Laws]:
    made = Laws(world.public, world.dsn)
    yield made
    made.close()


def good(outcome: Outcome) -> Report:
    assert isinstance(outcome, Report), outcome
    assert not outcome.refusals, outcome.refusals
    return outcome


def versions(world: World, address: str) -> list[str]:
    return sorted(version for _, found, version in listed(world.public) if found == address)


def asleep(world: World, at: str, *, robbed: bool, done: bool = False) -> None:
    ended = world.publishers[0].pause(at, collecting=False, done=done, robbed=robbed)
    assert ended is None, f"{at} was never reached"


def overtaken(world: World, *, robbed: bool) -> None:
    """It goes on, and is told; where its session lives, by the number of whoever held the lock after it."""
    outcome = world.publishers[0].wake()
    assert isinstance(outcome, LedgerError), outcome
    assert outcome.code == (codes.LOCK_LOST if robbed else codes.CONNECTION_LOST)


def withdraw(world: World) -> None:
    world.network.everything_withdrawn = True
    world.write()


ROBBED: Final = pytest.mark.parametrize("robbed", [False, True], ids=["without a session", "without the lock"])


@ROBBED
@pytest.mark.parametrize("at", ["heads", f"put_if {LISTING}"])
def test_it_does_not_list_a_package_again_that_was_withdrawn_meanwhile(
    world: World, laws: Laws, at: str, *, robbed: bool
) -> None:
    """The listing is its own to make, and then nobody's: no etag tells one that was never there from one that went."""
    other = world.publishers[1]
    if at == "heads":
        good(other.publish())
        world.network.offered["1.1.0"] = 0
        world.write()
    asleep(world, at, robbed=robbed)
    good(other.publish())
    withdraw(world)
    good(other.publish())
    assert versions(world, NETWORK) == []

    overtaken(world, robbed=robbed)

    assert versions(world, NETWORK) == []
    laws.check()


@ROBBED
def test_it_does_not_restore_a_key_that_was_given_up_meanwhile(world: World, laws: Laws, *, robbed: bool) -> None:
    other = world.publishers[1]
    world.gadget.second_key = True
    world.write()
    good(other.publish())
    world.gadget.offered["1.1.0"] = 0
    world.write()
    leaf = f"v1/providers/{GADGET}/1.1.0/download/darwin/arm64"
    asleep(world, f"put_if {leaf}", robbed=robbed)
    world.gadget.second_key = False
    world.write()
    good(other.publish())
    keys = (world.public / leaf).read_bytes()

    overtaken(world, robbed=robbed)

    assert (world.public / leaf).read_bytes() == keys
    laws.check()


@ROBBED
@pytest.mark.parametrize("at", ["log", "checkpoint_signed", "put_if log/checkpoint", "checkpoint_stored"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_it_does_not_sign_a_second_root(world: World, laws: Laws, at: str, *, done: bool, robbed: bool) -> None:
    other = world.publishers[1]
    asleep(world, at, done=done, robbed=robbed)
    world.gadget.offered["1.1.0"] = 0
    world.write()
    good(other.publish())
    laws.check()

    overtaken(world, robbed=robbed)

    laws.check()


@ROBBED
def test_it_does_not_delete_what_was_published_again_meanwhile(world: World, laws: Laws, *, robbed: bool) -> None:
    """It was about to delete what a run had left; the other one deletes it too, and publishes the same."""
    first, other = world.publishers
    assert isinstance(first.publish(crashes, "log"), CrashError)
    next(world.public.glob("records/*")).unlink()
    shutil.rmtree(world.root / "one/staging")
    asleep(world, "delete_found", robbed=robbed)
    good(other.publish())
    laws.check()

    overtaken(world, robbed=robbed)

    laws.check()
