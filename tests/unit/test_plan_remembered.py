"""When a release under a URL is asked again, as a function of time alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from registry_gen.model.digest import sha256
from registry_gen.model.entries import ReleaseSource
from registry_gen.model.plan import ReleaseSeen, RememberedRelease
from registry_gen.model.version import parse_version
from registry_gen.plan import may_be_remembered, not_due
from tests.support.entries import NOW, WIDGET, catalog, module, provider

if TYPE_CHECKING:
    from registry_gen.model.address import Address

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MANY = 1_000
URL = "https://releases.example.com/{version}/"
ENTRY = replace(provider(), source=ReleaseSource(URL, (parse_version("1.0.0"),)))


def seen(version: str) -> RememberedRelease:
    release = ReleaseSeen(parse_version(version), URL, sha256(b""), None, {}, ("5.0",))
    return RememberedRelease(release, bool(ENTRY.protocols), NOW)


ALL: dict[Address, tuple[RememberedRelease, ...]] = {WIDGET: tuple(seen(f"1.{number}.0") for number in range(MANY))}


def due(after: timedelta) -> int:
    return MANY - len(not_due(catalog(ENTRY), ALL, NOW + after)[WIDGET])


def test_nobody_is_asked_before_three_quarters_of_a_day_and_all_are_after_one() -> None:
    assert [due(after) for after in (timedelta(), DAY * 3 / 4 - MINUTE, DAY)] == [0, 0, MANY]


def test_what_was_seen_in_one_run_comes_due_in_equal_parts() -> None:
    """With a run each hour, none asks for more than a quarter of it."""
    hours = [due(timedelta(hours=hour)) for hour in range(18, 25)]
    shares = [later - earlier for earlier, later in itertools.pairwise(hours)]
    assert all(MANY / 6 * 0.75 < share < MANY / 4 for share in shares), shares


def test_a_version_is_due_at_the_same_time_on_every_machine() -> None:
    assert due(timedelta(hours=21)) == 510


def test_only_releases_under_urls_are_remembered() -> None:
    folder = replace(provider(), source=ReleaseSource("/srv/releases", ()))
    assert may_be_remembered(catalog(ENTRY, module())) == (WIDGET,)
    assert may_be_remembered(catalog(folder)) == ()
