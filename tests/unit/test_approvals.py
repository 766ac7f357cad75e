"""Who may approve what: roles, people who count, the defaults, and changes of the rules themselves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from registry_gen.catalog.format import format_file
from registry_gen.catalog.identity import identify
from registry_gen.catalog.key_order import ORDERS
from registry_gen.errors import Position
from registry_gen.model.entries import Quota
from registry_gen.model.rules import NOBODY, Risk, Role
from registry_gen.policy.approvals import DEFAULTS, needs
from registry_gen.policy.change import standing
from registry_gen.policy.content import content_of, rules_digest, rules_from
from registry_gen.policy.roles import NO_RULES, Rules, members_with
from tests.support.approvals import ASKED, approvals, organization, rule, rules

ROOT = Path(__file__).parents[2]
ACME = organization("acme", "acme", publisher=["pat"], admin=["amy"], viewer=["vic"], mirror_manager=["@acme/mirrors"])
PLATFORM = organization("platform", registry=True, admin=["ann", "bob", "cyd"], storage_manager=["sam"])
OTHER = organization("other", "other", admin=["oscar", "olga"])
RULES = rules(ACME, PLATFORM, OTHER)


def met(those: Rules, risk: Risk, owner: str | None, *names: str, author: str | None = None) -> bool:
    return all(need.met for need in needs(those, risk, owner, approvals(*names, author=author), "it"))


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.ADMIN, ("amy", "ann", "bob", "cyd")),
        (Role.MIRROR_MANAGER, ("@acme/mirrors", "amy", "ann", "bob", "cyd")),
        (Role.PUBLISHER, ("@acme/mirrors", "amy", "ann", "bob", "cyd", "pat")),
        (Role.VIEWER, ("@acme/mirrors", "amy", "ann", "bob", "cyd", "pat", "vic")),
        (Role.STORAGE_MANAGER, ("amy", "ann", "bob", "cyd", "sam")),
    ],
)
def test_a_role_includes_those_below_it_and_storage_stands_beside_them(role: Role, names: tuple[str, ...]) -> None:
    assert members_with(RULES, role, "acme") == names


def test_what_belongs_to_no_organization_is_approved_by_those_of_the_whole_registry_alone() -> None:
    assert members_with(RULES, Role.ADMIN, None) == ("ann", "bob", "cyd")
    assert members_with(rules(ACME, OTHER), Role.VIEWER, None) == ()


def test_one_organization_approves_nothing_of_another() -> None:
    assert met(RULES, Risk.NEW_PACKAGE, "acme", "pat")
    assert not met(RULES, Risk.NEW_PACKAGE, "other", "pat")
    assert met(RULES, Risk.NEW_PACKAGE, "other", "ann")


@pytest.mark.parametrize("risk", Risk)
def test_the_defaults_are_those_of_the_documentation(risk: Risk) -> None:
    table = (ROOT / "docs/approvals.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{risk.value}` \|[^|]*\| (.*?) \|$", table, re.MULTILINE)
    role, people = DEFAULTS[risk]
    assert row
    assert row[1] == (f"{people} x `{role}`" if role else "nobody")
    assert met(RULES, risk, "acme") is (role is None)
    assert met(RULES, risk, "acme", "amy", "ann")


def test_the_examples_of_the_documentation_have_their_form() -> None:
    page = (ROOT / "docs/approvals.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n# catalog/(\S+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(examples) == 3
    for path, text in examples:
        assert format_file(text.encode(), path, ORDERS[identify(path).kind]).decode() == text


def test_nothing_needs_an_approval_where_no_policy_asks_for_any() -> None:
    silent = rules(ACME, rule(Risk.NEW_PACKAGE, Role.ADMIN, 2), ask=False)
    assert all(met(silent, risk, "acme") for risk in Risk)


@pytest.mark.parametrize(
    ("names", "author", "enough"),
    [
        (("ann", "bob"), None, True),
        (("ann",), None, False),
        (("ann", "ANN", "Ann "), None, False),
        (("ann", "bob"), "bob", False),
        (("ann", "bob"), "BOB", False),
        (("ann", "bob", "cyd"), "bob", True),
        (("ann", "oscar"), None, False),
        (("ann", "eve", "mallory"), None, False),
        (("ann", "ann:@acme/mirrors"), None, False),
        (("ann", "bo\u0432"), None, False),
    ],
)
def test_two_people_are_two_and_not_the_author(names: tuple[str, ...], author: str | None, enough: bool) -> None:
    assert met(RULES, Risk.KEY_CHANGE, "acme", *names, author=author) is enough


def test_where_one_person_is_enough_the_author_counts() -> None:
    assert met(RULES, Risk.NEW_PACKAGE, "acme", "pat", author="pat")


def test_a_member_of_a_team_counts_once_and_the_name_of_a_team_that_holds_nothing_does_not() -> None:
    two = rules(ACME, PLATFORM, rule(Risk.NEW_UPSTREAM, Role.MIRROR_MANAGER, 2))
    assert met(two, Risk.NEW_UPSTREAM, "acme", "eve:@Acme/Mirrors", "mia:@acme/mirrors")
    assert not met(two, Risk.NEW_UPSTREAM, "acme", "eve:@acme/mirrors", "EVE:@acme/mirrors")
    assert not met(two, Risk.NEW_UPSTREAM, "acme", "eve:@acme/mirrors", "mia:@acme/others")


def test_a_letter_that_only_becomes_a_members_letter_counts_for_nobody() -> None:
    kim = rules(organization("acme", "acme", registry=True, admin=["kim"]))
    assert met(kim, Risk.NEW_PACKAGE, "acme", "KIM")
    assert not met(kim, Risk.NEW_PACKAGE, "acme", "\u212aim")


def test_rules_of_several_files_all_count_and_replace_the_default() -> None:
    both = rules(
        ACME,
        PLATFORM,
        rule(Risk.KEY_CHANGE, Role.PUBLISHER, 1),
        rule(Risk.KEY_CHANGE, Role.ADMIN, 1, "acme", line=9),
    )
    assert met(both, Risk.KEY_CHANGE, "other", "ann")
    assert not met(both, Risk.KEY_CHANGE, "acme", "pat")
    assert met(both, Risk.KEY_CHANGE, "acme", "amy")


def test_a_rule_about_one_organization_leaves_the_default_to_the_others() -> None:
    one = rules(ACME, PLATFORM, OTHER, rule(Risk.KEY_CHANGE, None, 0, "acme"))
    assert met(one, Risk.KEY_CHANGE, "acme")
    assert not met(one, Risk.KEY_CHANGE, "other")
    assert not met(one, Risk.KEY_CHANGE, None)


def test_rules_come_back_from_plain_values() -> None:
    kept = rules(replace(ACME, quota=Quota(10, None)), PLATFORM, rule(Risk.KEY_CHANGE, Role.ADMIN, 2, "acme"))
    back = rules_from(json.loads(json.dumps(content_of(kept))))
    assert rules_digest(back) == rules_digest(kept)
    assert back.policy == kept.policy
    assert rules_from(json.loads(json.dumps(content_of(NO_RULES)))) == NO_RULES


def test_places_and_order_mean_nothing() -> None:
    first, second = rule(Risk.KEY_CHANGE, Role.ADMIN, 2), rule(Risk.WITHDRAWAL, Role.ADMIN)
    moved = replace(first, position=Position("catalog/policies/moved.yaml", 40, 2))
    assert rules_digest(rules(ACME, OTHER, first, second)) == rules_digest(rules(OTHER, ACME, second, moved))
    assert rules_digest(rules(ACME, first)) != rules_digest(rules(ACME, replace(first, people=1)))


def test_a_change_is_judged_by_the_rules_before_it() -> None:
    taken_over = rules(ACME, organization("platform", registry=True, admin=["eve", "mallory"]), OTHER)
    stands = standing(RULES, taken_over, approvals("eve", "mallory"))
    assert (stands.changed, stands.approved, stands.judging, stands.in_force) == (True, False, RULES, RULES)
    (need,) = stands.needs
    assert (need.risk, need.organization, need.may) == (Risk.ORGANIZATION_CHANGE, "platform", ("ann", "bob", "cyd"))
    approved = standing(RULES, taken_over, approvals("ann", "bob"))
    assert (approved.approved, approved.judging, approved.in_force) == (True, RULES, taken_over)


def test_weaker_rules_need_the_approval_of_the_stronger_ones() -> None:
    weaker = rules(ACME, PLATFORM, OTHER, rule(Risk.POLICY_CHANGE, None, 0))
    for those in (weaker, rules(ACME, PLATFORM, OTHER, ask=False), NO_RULES):
        assert not standing(RULES, those, NOBODY).approved
        assert standing(RULES, those, approvals("ann", "bob")).approved
    assert standing(weaker, RULES, NOBODY).approved, "their own word"


def test_the_members_of_an_organization_are_its_admins_to_choose_and_all_else_is_the_registrys() -> None:
    def need(changed: Rules, *names: str) -> bool:
        return standing(one, changed, approvals(*names)).approved

    one = rules(ACME, PLATFORM, OTHER, rule(Risk.ORGANIZATION_CHANGE, Role.ADMIN, 1))
    joined = rules(organization("acme", "acme", admin=["amy", "new"]), PLATFORM, OTHER, *one.policy.approvals)
    grown = rules(replace(ACME, namespaces=("acme", "more")), PLATFORM, OTHER, *one.policy.approvals)
    richer = rules(replace(ACME, quota=Quota(None, 5)), PLATFORM, OTHER, *one.policy.approvals)
    risen = rules(replace(ACME, registry=True), PLATFORM, OTHER, *one.policy.approvals)
    gone = rules(PLATFORM, OTHER, *one.policy.approvals)
    assert need(joined, "amy")
    assert not need(joined, "oscar")
    for changed in (grown, richer, risen, gone):
        assert not need(changed, "amy")
        assert need(changed, "ann")


def test_the_first_rules_are_judged_by_themselves() -> None:
    for published in (None, NO_RULES, rules(ACME, ask=False)):
        assert not standing(published, RULES, NOBODY).approved
        assert standing(published, RULES, NOBODY).judging == RULES
        assert standing(published, RULES, approvals("ann", "bob")).approved


def test_what_says_the_same_is_no_change_and_neither_is_what_asks_for_nothing() -> None:
    assert not standing(RULES, rules(OTHER, PLATFORM, ACME), NOBODY).changed
    assert not standing(None, rules(ACME, ask=False), NOBODY).changed
    assert standing(RULES, rules(OTHER, PLATFORM, ACME), NOBODY).judging.policy.asked == ASKED


def test_a_member_of_two_organizations_is_one_person() -> None:
    two = rules(organization("acme", "acme", admin=["ANN"]), organization("platform", registry=True, admin=["ann"]))
    assert members_with(two, Role.ADMIN, "acme") == ("ann",)


def test_the_first_rules_begin_as_a_whole() -> None:
    assert [need.risk for need in standing(None, RULES, NOBODY).needs] == [Risk.POLICY_CHANGE]


def test_the_order_of_namespaces_and_members_means_nothing() -> None:
    one = rules(organization("acme", "a", "b", admin=["ann", "bob"]))
    other = rules(organization("acme", "b", "a", admin=["bob", "ann"]))
    assert rules_digest(one) == rules_digest(other)
