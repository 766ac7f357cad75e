"""A publisher that sleeps in the middle of a run, loses its session, and goes on when the world has moved on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import LedgerError
from registry_gen.publish.run import Report
from tests.faults.laws import Laws
from tests.faults.world import GADGET, NETWORK, Outcome, World
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


def asleep(world: World, at: str, *, done: bool = False) -> None:
    assert world.publishers[0].pause(at, collecting=False, done=done) is None, f"{at} was never reached"


def withdraw(world: World) -> None:
    world.network.everything_withdrawn = True
    world.write()


@pytest.mark.parametrize("at", ["heads", f"put_if {LISTING}"])
def test_it_does_not_list_a_package_again_that_was_withdrawn_meanwhile(world: World, laws: Laws, at: str) -> None:
    """The listing is its own to make, and then nobody's: no etag tells one that was never there from one that went."""
    other = world.publishers[1]
    if at == "heads":
        good(other.publish())
        world.network.offered["1.1.0"] = 0
        world.write()
    asleep(world, at)
    good(other.publish())
    withdraw(world)
    good(other.publish())
    assert versions(world, NETWORK) == []

    world.publishers[0].wake()

    assert versions(world, NETWORK) == []
    laws.check()


def test_it_does_not_restore_a_key_that_was_given_up_meanwhile(world: World, laws: Laws) -> None:
    other = world.publishers[1]
    world.gadget.second_key = True
    world.write()
    good(other.publish())
    world.gadget.offered["1.1.0"] = 0
    world.write()
    leaf = f"v1/providers/{GADGET}/1.1.0/download/darwin/arm64"
    asleep(world, f"put_if {leaf}")
    world.gadget.second_key = False
    world.write()
    good(other.publish())
    keys = (world.public / leaf).read_bytes()

    assert isinstance(world.publishers[0].wake(), LedgerError)

    assert (world.public / leaf).read_bytes() == keys
    laws.check()


@pytest.mark.parametrize("at", ["log", "checkpoint_signed", "put_if log/checkpoint", "checkpoint_stored"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_it_does_not_sign_a_second_root(world: World, laws: Laws, at: str, *, done: bool) -> None:
    other = world.publishers[1]
    asleep(world, at, done=done)
    world.gadget.offered["1.1.0"] = 0
    world.write()
    good(other.publish())
    laws.check()

    assert isinstance(world.publishers[0].wake(), LedgerError)

    laws.check()
