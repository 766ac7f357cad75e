"""A saved plan holds a new one to what it showed: the same is done, new things wait, and anything else refuses it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from registry_gen.errors import RefusalError, RegistryError
from registry_gen.model.entries import WithdrawalRule
from registry_gen.model.facts import Deprecation
from registry_gen.model.plan import MirrorSighting, ModuleSighting
from registry_gen.model.version import parse_constraints
from registry_gen.plan import plan
from registry_gen.plan.as_json import plan_json
from registry_gen.plan.decide import state_of
from registry_gen.plan.review import review
from registry_gen.plan.saved import Saved, hold, part_of, read_saved
from registry_gen.plan.shapes import ActionShape
from tests.support.entries import (
    CONTEXT,
    DARWIN,
    LINUX,
    NETWORK,
    RANDOM,
    catalog,
    mirror,
    mirror_facts,
    module,
    module_facts,
    package,
    tag,
    upstream,
)
from tests.support.judged import BASIS, judged

if TYPE_CHECKING:
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import Package, PackageHead
    from registry_gen.model.plan import Plan, Tag

SITE = "https://registry.example.com/"
PUBLISHED = package(module(), module_facts("1.0.0"), state=state_of(module(), CONTEXT))
OLD = tag("v1.0.0")


def planned(entries: Catalog, *tags: Tag, published: Package = PUBLISHED) -> Plan:
    """The plan for acme/network/aws with these tags at its source."""
    seen: dict[Any, Any] = {NETWORK: ModuleSighting(NETWORK, tags)}
    known: dict[Any, Package] = {NETWORK: published}
    heads = {address: found.head for address, found in known.items()}
    return plan(entries, seen, heads, known, CONTEXT, list(entries.entries), mass_withdrawal=True)


def saved(made: Plan, entries: Catalog) -> Saved:
    """What reading the saved plan gives."""
    return read_saved(orjson.dumps(plan_json(review(made, entries, {NETWORK: PUBLISHED}, BASIS))), "plan.json")


def held(entry: Entry, *now: Tag, shown: tuple[Tag, ...] = (OLD, tag("v1.1.0")), **more: Any) -> Plan:
    """The plan of now, held to one that showed what these tags led to."""
    entries = catalog(entry)
    plan_then = saved(planned(catalog(module()), *shown), catalog(module()))
    return hold(plan_then, planned(entries, *now, **more), entries)


def why(entry: Entry, *now: Tag, **more: Any) -> str:
    """Why the saved plan is refused."""
    with pytest.raises(RefusalError) as caught:
        held(entry, *now, **more)
    assert caught.value.code.id == "PLN040"
    return caught.value.found


def versions(made: Plan) -> list[str]:
    return [str(getattr(action, "version", "")) for package in made.packages for action in package.actions]


def test_where_nothing_moved_the_very_plan_is_done() -> None:
    entries = catalog(module())
    made = planned(entries, OLD, tag("v1.1.0"))
    assert hold(saved(made, entries), made, entries) == made


def test_a_version_that_appeared_since_waits_for_the_next_run() -> None:
    made = held(module(), OLD, tag("v1.1.0"), tag("v1.2.0"))
    assert versions(made) == ["1.1.0"]
    assert made.packages[0].inputs is None, "the next run must look again"


def test_a_platform_that_appeared_since_makes_the_version_another_one() -> None:
    entry = mirror()
    entries = catalog(entry)
    known: dict[Any, Package] = {RANDOM: package(entry, mirror_facts("1.0.0", LINUX), state=state_of(entry, CONTEXT))}
    heads: dict[Any, PackageHead] = {RANDOM: known[RANDOM].head}

    def now(*offered: Any) -> Plan:
        return plan(entries, {RANDOM: MirrorSighting(RANDOM, offered)}, heads, known, CONTEXT, [RANDOM])

    then = now(upstream("1.0.0", LINUX), upstream("1.1.0", LINUX))
    shown = read_saved(orjson.dumps(plan_json(review(then, entries, known, BASIS))), "plan.json")
    assert versions(hold(shown, now(upstream("1.0.0", LINUX, DARWIN), upstream("1.1.0", LINUX)), entries)) == ["1.1.0"]
    with pytest.raises(
        RefusalError, match=r"mirror 1\.1\.0 \(linux_amd64\) was shown, and now it would be mirror 1\.1\.0 \(darwin"
    ):
        hold(shown, now(upstream("1.0.0", LINUX), upstream("1.1.0", LINUX, DARWIN)), entries)


def test_a_tag_that_moved_since_refuses_the_plan_with_both_commits() -> None:
    before, after = tag("v1.1.0"), tag("v1.1.0", "elsewhere")
    assert why(module(), OLD, after) == (
        f"acme/network/aws: publish 1.1.0 ({before.commit[:12]}) was shown, "
        f"and now it would be publish 1.1.0 ({after.commit[:12]})"
    )


def test_a_tag_that_is_gone_refuses_the_plan() -> None:
    assert "publish 1.1.0" in why(module(), OLD)
    assert why(module(), OLD).endswith("left alone")


def test_a_package_that_was_published_meanwhile_refuses_the_plan() -> None:
    later = replace(PUBLISHED, head=replace(PUBLISHED.head, revision=4))
    found = why(module(), OLD, tag("v1.1.0"), published=later)
    assert found == "acme/network/aws: it was published meanwhile: revision 3 was shown, and it is at 4"


def test_another_file_or_shared_file_refuses_the_plan() -> None:
    entry = replace(module(), digest=module_facts("9.0.0").record)
    assert "its catalog file, or a shared file that it depends on" in why(entry, OLD, tag("v1.1.0"))


def test_a_package_that_is_gone_from_the_catalog_refuses_the_plan() -> None:
    entries = catalog(module())
    shown = saved(planned(entries, OLD, tag("v1.1.0")), entries)
    empty = part_of(catalog(mirror()), shown, SITE)
    assert dict(empty.entries) == {}
    with pytest.raises(RefusalError, match="not in the catalog"):
        hold(shown, planned(empty, OLD), empty)


def test_what_clients_would_be_told_otherwise_refuses_the_plan() -> None:
    entry = replace(module(), deprecated=(Deprecation("Gone."),))
    assert "what clients would be told" in why(entry, OLD, tag("v1.1.0"))


def test_a_withdrawal_that_was_not_shown_refuses_the_plan_whatever_caused_it() -> None:
    entry = replace(module(), withdrawn=(WithdrawalRule(parse_constraints("= 1.0.0"), "Bad."),))
    assert "withdraw 1.0.0 would be done too, and was not shown" in why(entry, OLD, tag("v1.1.0"))


def test_a_refusal_of_what_was_shown_is_told() -> None:
    pinned = module(pins={"1.1.0": "another"})
    assert "publish 1.1.0" in why(pinned, OLD, tag("v1.1.0"))
    assert "PLN003" in why(pinned, OLD, tag("v1.1.0"))


def test_of_many_differences_the_first_are_told_and_the_others_counted() -> None:
    many = tuple(tag(f"v1.{minor}.0") for minor in range(1, 40))
    found = why(module(), OLD, shown=(OLD, *many)).splitlines()
    assert (len(found), found[-1]) == (21, "and 19 more")


def test_a_forged_plan_can_only_take_away() -> None:
    """Whatever it claims, nothing is done that the catalog and the sources do not lead to now."""
    entries = catalog(module())
    value = orjson.loads(orjson.dumps(plan_json(review(planned(entries, OLD, tag("v1.1.0")), entries, {}, BASIS))))
    value["packages"][0]["actions"].append(
        {"action": "publish", "version": "6.6.6", "tag": "v6.6.6", "commit": "e" * 40}
    )
    with pytest.raises(RefusalError, match=r"publish 6\.6\.6"):
        hold(read_saved(orjson.dumps(value), "plan.json"), planned(entries, OLD, tag("v1.1.0")), entries)


def test_thousands_of_actions_are_looked_up_and_not_compared_each_with_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [tag(f"v1.{minor}.0") for minor in range(1, 60)]
    entries = catalog(module())
    made = planned(entries, OLD, *many)
    shown = saved(made, entries)
    compared: list[object] = []

    def equal(one: object, other: object) -> bool:
        compared.append(one)
        return one is other

    monkeypatch.setattr(ActionShape, "__eq__", equal)
    assert hold(shown, made, entries) == made
    assert len(compared) <= len(many)


def test_a_plan_of_another_registry_is_refused() -> None:
    shown = saved(planned(catalog(module()), OLD, tag("v1.1.0")), catalog(module()))
    with pytest.raises(RegistryError) as caught:
        part_of(catalog(module()), shown, "https://other.example.com/")
    assert caught.value.code.id == "PLN042"


def _altered(change: Any) -> bytes:
    value = orjson.loads(orjson.dumps(plan_json(judged())))
    change(value)
    return orjson.dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        _altered(lambda value: value.update(format=2)),
        _altered(lambda value: value["packages"][0].update(address="../../etc")),
        _altered(lambda value: value["packages"][0].update(kind="provider")),
        _altered(lambda value: value["packages"].append(value["packages"][0])),
        _altered(lambda value: value["packages"][0].update(revision=-1)),
        _altered(lambda value: value["packages"][0].update(entry="e" * 63)),
        _altered(lambda value: value["packages"][0]["actions"][0].update(action="delete")),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(RegistryError) as caught:
        read_saved(data, "plan.json")
    assert (caught.value.code.id, caught.value.where) == ("PLN041", "plan.json")
    assert len(caught.value.found) <= 200


def test_members_that_a_later_release_added_are_passed_over() -> None:
    assert read_saved(_altered(lambda value: value.update(more=1)), "plan.json").site == SITE
