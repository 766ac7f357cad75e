"""Files of organizations and policies: what they say, and every mistake with its place."""

from __future__ import annotations

import pytest

from registry_gen.errors import Position
from registry_gen.model.rules import ApprovalRule, Member, Risk, Role
from registry_gen.policy.satisfiable import unmeetable
from tests.support.catalogs import GIT, load, one_problem, problems

MODULE = "modules/acme/network/aws.yaml"
ORGANIZATION = "organizations/acme.yaml"
POLICY = "policies/all.yaml"
MEMBERS = """\
namespaces: [acme]
registry: true
members:
  admin: [ann, "bob@example.com"]
  mirror_manager: ["@acme/platform"]
"""


def test_members_and_rules_are_read_with_their_places() -> None:
    text = "organizations: [acme]\napprovals:\n  key_change: {role: admin, people: 3}\n  retention: {role: none}\n"
    loaded = load({ORGANIZATION: MEMBERS, POLICY: text + "codeowners: github\n"})
    assert problems(loaded) == []
    (acme,) = loaded.catalog.organizations
    assert acme.registry
    assert acme.members == (
        Member("ann", Role.ADMIN),
        Member("bob@example.com", Role.ADMIN),
        Member("@acme/platform", Role.MIRROR_MANAGER),
    )
    path = "catalog/policies/all.yaml"
    assert loaded.catalog.policy.approvals == (
        ApprovalRule(Risk.KEY_CHANGE, Role.ADMIN, 3, Position(path, 3, 15), ("acme",)),
        ApprovalRule(Risk.RETENTION, None, 0, Position(path, 4, 14), ("acme",)),
    )
    assert loaded.catalog.policy.asked == Position(path, 3, 3)
    assert loaded.catalog.policy.codeowners == (("github", Position(path, 5, 13)),)


def test_approvals_begin_with_the_word_alone() -> None:
    assert load({POLICY: "approvals: {}"}).catalog.policy.asked is not None
    assert load({POLICY: "codeowners: gitlab"}).catalog.policy.asked is None
    assert load({ORGANIZATION: MEMBERS}).catalog.policy.asked is None


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "ann\\n* @mallory",
        "ann\\r@mallory",
        "ann\\t",
        "#ann",
        "@ann",
        "@acme/",
        "@/x",
        "-ann",
        "ann@",
        "ann@x y",
        "ann, bob",
        "änn",
        "",
        "a" * 101,
        "ann\\u2028bob",
        "[section]",
        "ann:@acme/x",
    ],
)
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    loaded = load({ORGANIZATION: f'namespaces: [acme]\nmembers: {{admin: ["{name}"]}}'})
    assert problems(loaded) == ["catalog/organizations/acme.yaml:2:19 CAT060"]


@pytest.mark.parametrize("name", ["ann", "Ann-1", "a.b_c", "007", "ann+x@example.co.uk", "@acme/platform", "@a/b/c"])
def test_the_names_of_forges_are_good(name: str) -> None:
    assert problems(load({ORGANIZATION: f'namespaces: [acme]\nmembers: {{admin: ["{name}"]}}'})) == []


def test_a_member_has_one_role_whatever_the_letter_case() -> None:
    problem = one_problem(ORGANIZATION, "namespaces: [acme]\nmembers:\n  admin: [ann]\n  viewer: [bob, ANN]\n")
    assert (problem.code.id, problem.position) == ("CAT061", Position("catalog/organizations/acme.yaml", 4, 17))


@pytest.mark.parametrize(
    ("text", "place", "code", "hint"),
    [
        ("approvals: {new_pakage: {role: admin}}", "1:13", "CAT006", "Did you mean new_package?"),
        ("approvals: {new_package: {role: amdin}}", "1:33", "CAT008", "Did you mean admin?"),
        ("approvals: {new_package: {people: 1}}", "1:13", "CAT007", ""),
        ("approvals: {new_package: {role: admin, people: 0}}", "1:48", "CFG009", ""),
        ("approvals:", "1:11", "CAT008", ""),
        ("organizations: [acmee]", "1:17", "CAT063", "Did you mean acme?"),
        ("organizations: [acme]\napprovals: {policy_change: {role: admin}}", "2:28", "CAT066", "without organizations"),
        ("codeowners: gitea", "1:13", "CAT008", ""),
        ("aprovals: {}", "1:1", "CAT006", "Did you mean approvals?"),
    ],
)
def test_each_mistake_of_a_policy_has_a_place(text: str, place: str, code: str, hint: str) -> None:
    loaded = load({ORGANIZATION: MEMBERS, POLICY: text})
    assert [f"{found.position}" for found in loaded.problems] == [f"catalog/policies/all.yaml:{place}"]
    assert loaded.problems[0].code.id == code
    assert hint in loaded.problems[0].hint


def test_other_members_leave_packages_as_they_are_and_other_namespaces_do_not() -> None:
    def digest(text: str, policy: str = "approvals: {}") -> str:
        (entry,) = load({MODULE: GIT, ORGANIZATION: text, POLICY: policy}).catalog.entries.values()
        return entry.digest

    assert digest(MEMBERS) == digest("namespaces: [acme]") == digest(MEMBERS, "codeowners: github")
    assert digest(MEMBERS) != digest(MEMBERS.replace("[acme]", "[acme, more]"))


def unmet(*files: str, policy: str = "approvals: {}") -> list[str]:
    loaded = load({**{f"organizations/o{n}.yaml": text for n, text in enumerate(files)}, POLICY: policy})
    assert loaded.problems == ()
    return [f"{found.code} {found.message}" for found in unmeetable(loaded.catalog)]


def test_rules_that_nobody_could_meet_are_a_problem() -> None:
    assert unmet("namespaces: [a]\nmembers: {admin: [ann, bob]}")[0].startswith(
        "CAT062 approvals are asked for, but no"
    )
    one = "namespaces: [a]\nregistry: true\nmembers: {admin: [ann]}"
    (default, *_) = found = unmet(one)
    assert "key_change could not be approved for what belongs to no organization" in default
    assert "2 with the role admin by default" in default
    assert len(found) == 4
    assert unmet(one.replace("[ann]", "[ann, bob]")) == []
    assert unmet(one.replace("ann", '"@acme/admins"')) == [], "a team may have any number of people"
    assert unmet(one, policy="codeowners: github") == []


def test_a_rule_about_an_organization_needs_people_who_could_meet_it_there() -> None:
    whole = "namespaces: [a]\nregistry: true\nmembers: {admin: [ann, bob]}"
    more = "organizations: [o1]\napprovals:\n  new_package: {role: publisher, people: 3}\n"
    (problem,) = unmet(whole, "namespaces: [b]", policy=more)
    assert "new_package could not be approved for the organization o1" in problem
    assert unmet(whole, "namespaces: [b]\nmembers: {publisher: [pat]}", policy=more) == []
