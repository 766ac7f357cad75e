"""Pins: which are new, which their tags contradict, and how they are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry_gen.catalog.pin_edit import pins_edit
from registry_gen.errors import InputError
from registry_gen.model.entries import GitSource, ModuleEntry, WithdrawalRule
from registry_gen.model.version import Version, parse_constraints, parse_version
from registry_gen.plan.pins import MovedPin, Pins, decide_pins
from tests.support.entries import commit, module, tag

ONE, TWO, THREE = (parse_version(f"1.{number}.0") for number in range(3))
FIRST, OTHER = commit("first"), commit("other")


def decide(*tags: tuple[str, str], versions: str = ">= 1.0.0", withdrawn: str = "") -> Pins:
    source = GitSource("https://h.x/y", "", ("v{version}", "{version}"), {ONE: FIRST})
    rules = (WithdrawalRule(parse_constraints(withdrawn), "Bad."),) if withdrawn else ()
    entry: ModuleEntry = replace(module(), source=source, versions=parse_constraints(versions), withdrawn=rules)
    return decide_pins(entry, source, [tag(name, at) for name, at in tags])


def test_a_new_tag_gets_a_pin_and_the_old_pin_stays() -> None:
    assert decide(("v1.0.0", "first"), ("v1.1.0", "other")) == Pins({TWO: OTHER}, (), ())


def test_a_pin_whose_tag_moved_is_told_and_not_moved() -> None:
    found = decide(("v1.0.0", "other"), ("v1.1.0", "other"))

    assert found == Pins({TWO: OTHER}, (MovedPin(ONE, FIRST, "v1.0.0", OTHER),), ())


def test_a_pin_whose_tag_is_gone_is_told() -> None:
    assert decide().moved == (MovedPin(ONE, FIRST),)


def test_of_two_tags_one_at_the_pinned_commit_is_enough() -> None:
    assert decide(("v1.0.0", "other"), ("1.0.0", "first")).moved == ()


@pytest.mark.parametrize("name", ["v2.0.0-rc1", "v0.9.0", "v1.1.0+build", "v1.2.0", "latest"])
def test_what_would_not_be_published_gets_no_pin(name: str) -> None:
    assert decide(("v1.0.0", "first"), (name, "other"), withdrawn="1.2.0").new == {}


def test_two_tags_that_disagree_about_a_new_version_are_a_problem() -> None:
    found = decide(("v1.0.0", "first"), ("v1.1.0", "other"), ("1.1.0", "third"))

    assert (found.new, [problem.code.id for problem in found.problems]) == ({}, ["PLN002"])


def edited(text: str, *versions: Version) -> str:
    return pins_edit(text.encode(), "a.yaml", dict.fromkeys(versions, OTHER)).data.decode()


def test_pins_are_added_below_the_last_with_its_comments_in_the_order_of_versions() -> None:
    text = f"source:\n  pins:\n      1.0.0: {FIRST} # first\n        # as agreed\n  git: https://h.x/y\n# end\n"

    assert edited(text, THREE, TWO) == text.replace(
        "# as agreed\n", f'# as agreed\n      "1.1.0": {OTHER}\n      "1.2.0": {OTHER}\n'
    )


def test_pins_in_braces_stay_in_braces() -> None:
    text = f'source: {{git: https://h.x/y, pins: {{"1.0.0": {FIRST}}}}} # all\n'

    assert edited(text, TWO) == text.replace("}}", f', "1.1.0": "{OTHER}"}}}}')


def test_a_commit_that_reads_as_a_number_stands_in_quotes() -> None:
    text = f'source:\n  git: https://h.x/y\n  pins:\n    "1.0.0": {FIRST}\n'
    number = type(FIRST)("1" * 38 + "e1")

    assert f'\n    "1.1.0": "{number}"\n' in pins_edit(text.encode(), "a.yaml", {TWO: number}).data.decode()


@pytest.mark.parametrize(
    "text",
    [
        "source: {git: https://h.x/y}\n",
        f"a: &pins {{1.0.0: {FIRST}}}\nsource: {{git: https://h.x/y, pins: *pins}}\n",
        f"source: {{git: https://h.x/y, pins: {{1.1.0: {FIRST}}}}}\n",
    ],
)
def test_what_has_no_pins_of_its_own_or_has_this_one_is_left_to_a_person(text: str) -> None:
    with pytest.raises(InputError, match="CAT034"):
        edited(text, TWO)
