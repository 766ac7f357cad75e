from __future__ import annotations

import pickle

import pytest

from registry_gen.errors import InputError
from registry_gen.model.version import ANY, MAX_LENGTH, Version, parse_constraints, parse_version


def test_every_part_of_a_version_is_read() -> None:
    version = parse_version("1.20.3-rc.1.x-y+build.007")

    assert (version.major, version.minor, version.patch) == (1, 20, 3)
    assert version.prerelease == ("rc", "1", "x-y")
    assert version.build == "build.007"
    assert version.is_prerelease


@pytest.mark.parametrize(
    "text",
    ["0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha", "1.0.0-0A.is.legal", "1.0.0--", "1.0.0-x+y", "1.0.0+001", "1.0.0+-"],
)
def test_a_valid_version_keeps_its_text(text: str) -> None:
    assert str(parse_version(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "v1.2.3",
        "01.2.3",
        "1.02.3",
        "1.2.03",
        "1.2.3-",
        "1.2.3-01",
        "1.2.3-a..b",
        "1.2.3+",
        "1.2.3+a+b",
        "1.2.3-ä",
        "1.2.3\n",
        " 1.2.3",
        "-1.2.3",
        "1.2.x",
        "1\N{ARABIC-INDIC DIGIT ZERO}.2.3",
        "1.2.3/../..",
        "1000000000000000000.0.0",
        "1.0.0-1000000000000000000",
    ],
)
def test_anything_but_a_strict_semantic_version_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_version(text)

    assert caught.value.code.id == "VER001"


def test_a_leading_v_is_refused_with_the_version_that_was_meant() -> None:
    with pytest.raises(InputError) as caught:
        parse_version("v1.2.3")

    assert caught.value.hint == "Did you mean 1.2.3?"


def test_a_version_may_be_as_long_as_the_bound_and_no_longer() -> None:
    longest = "1.0.0-" + "a" * (MAX_LENGTH - 6)

    assert str(parse_version(longest)) == longest
    with pytest.raises(InputError, match="VER001") as caught:
        parse_version(longest + "a")
    assert str(MAX_LENGTH) in caught.value.hint
    assert len(str(caught.value)) < 300


def test_the_order_is_the_example_of_the_specification() -> None:
    chain = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "2.0.0",
        "2.1.0",
        "2.1.1",
        "2.11.0",
    ]

    assert [str(version) for version in sorted(map(parse_version, reversed(chain)))] == chain


def test_builds_of_one_version_differ_and_still_have_an_order() -> None:
    plain, first, second = map(parse_version, ["1.0.0", "1.0.0+a", "1.0.0+b"])

    assert plain < first < second
    assert len({plain, first, second}) == 3
    assert plain.precedence == first.precedence == second.precedence


def test_equal_versions_are_one_key_however_they_were_made() -> None:
    assert {parse_version("1.2.3-rc.1"): "found"}[Version(1, 2, 3, ("rc", "1"))] == "found"


def test_a_version_survives_being_sent_to_another_process() -> None:
    version = parse_version("1.2.3-rc.1+x")

    assert pickle.loads(pickle.dumps(version)) == version  # noqa: S301


# Expected results are those of hashicorp/go-version's own table where apparentlymart/go-versions agrees with it.
@pytest.mark.parametrize(
    ("constraint", "version", "allowed"),
    [
        (">= 1.0, < 1.2", "1.1.5", True),
        ("< 1.0, < 1.2", "1.1.5", False),
        ("= 1.0", "1.1.5", False),
        ("= 1.0", "1.0.0", True),
        ("1.0", "1.0.0", True),
        ("1.0.1", "1.0.0", False),
        ("!= 1.0.0", "1.0.0", False),
        ("!= 1.0.0", "1.0.1", True),
        ("> 1.2", "1.2.0", False),
        ("> 1.2", "1.2.1", True),
        ("<= 1.2", "1.2.0", True),
        ("<= 1.2", "1.2.1", False),
        ("~> 1.0", "2.0.0", False),
        ("~> 1.0", "1.1.0", True),
        ("~> 1.0", "1.2.3", True),
        ("~> 1.0.0", "1.2.3", False),
        ("~> 1.0.0", "1.0.7", True),
        ("~> 1.0.0", "1.1.0", False),
        ("~> 1.0.7", "1.0.4", False),
        ("~> 1.0.7", "1.0.7", True),
        ("~> 1.0.7", "1.0.8", True),
        ("~> 2.0", "2.1.0-beta", False),
        ("> 2.0", "2.1.0-beta", False),
        (">= 2.0.0", "2.1.0-beta", False),
        (">= 2.1.0-a", "2.1.1-beta", False),
        (">= 2.1.0-a", "2.1.1", True),
        (">= 2.1.0-a", "2.1.0", True),
        ("<= 2.1.0-a", "2.0.0", True),
        ("2.0.0-beta1", "2.0.0-beta1", True),
        ("2.0.0-beta1", "2.0.0-beta2", False),
        ("2.0.0-beta1", "2.0.0", False),
        ("!= 2.0.0", "2.0.0-beta1", False),
        ("= 2.0.0-beta1, > 1.0", "2.0.0-beta1", True),
        ("= 2.0.0-beta1, != 2.0.0-beta1", "2.0.0-beta1", False),
        ("= 2.0.0-beta1, >= 2.0.0", "2.0.0-beta1", False),
    ],
)
def test_a_constraint_allows_what_init_would_take(constraint: str, version: str, allowed: bool) -> None:
    assert parse_constraints(constraint).allows(parse_version(version)) is allowed


# The corners where the two libraries disagree, and the reading of providers is taken.
@pytest.mark.parametrize(
    ("constraint", "version", "allowed"),
    [
        (">= 2.1.0-a", "2.1.0-beta", False),
        ("~> 2.1.0-a", "2.1.0-beta", False),
        ("~> 2.1.0-a", "2.1.0", True),
        ("~> 2.1.0-a", "2.2.0", False),
        ("~> 1", "1.9.0", True),
        ("~> 1", "2.0.0", False),
        ("= 1.0.0", "1.0.0+x", False),
        ("= 1.0.0+x", "1.0.0+x", True),
        ("!= 1.0.0", "1.0.0+x", True),
        (">= 1.0.0+z", "1.0.0+x", True),
    ],
)
def test_where_the_clients_libraries_disagree_providers_decide(constraint: str, version: str, allowed: bool) -> None:
    assert parse_constraints(constraint).allows(parse_version(version)) is allowed


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        ">= 1.0,",
        ">=",
        "v1.0.0",
        ">= v1.0",
        ">= 1.x",
        "1.*",
        "^1.2",
        "~1.2",
        "=> 1.0",
        "== 1.0",
        ">= 1.0 < 2.0",
        "1.0 || 2.0",
        "1.0.0.0",
        ">= 01.0",
        "~> 1.2-beta",
        "1.2+x",
        "1.0.0 - 2.0.0",
        "11387778780781445675529500000000000000000",
        ">= 1.0\n",
        "= 1.0.0-" + "a" * MAX_LENGTH,
    ],
)
def test_anything_but_a_constraint_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_constraints(text)

    assert caught.value.code.id == "VER002"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("=> 1.0", "Did you mean '>= 1.0'?"),
        ("=< 1.0", "Did you mean '<= 1.0'?"),
        (">= v1.0", "Leave out the leading v."),
    ],
)
def test_a_common_slip_is_answered_with_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_constraints(f"!= 1.5, {text}")

    assert caught.value.hint == hint
    assert text in caught.value.found


def test_too_many_comparisons_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        parse_constraints(",".join(["!= 1.0"] * 33))

    assert caught.value.found == "33 of them"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1.2", "= 1.2.0"),
        (">=1", ">= 1.0.0"),
        ("<2.0.0,>=1.2", ">= 1.2.0, < 2.0.0"),
        ("!= 1.0 , != 1.0.0", "!= 1.0.0"),
        ("~> 1.2", "~> 1.2"),
        ("~> 1.2.0", "~> 1.2.0"),
        ("~> 1", "~> 1"),
        ("~>1.2.0-rc.1+x", "~> 1.2.0-rc.1+x"),
    ],
)
def test_the_normal_form_says_the_same_in_one_way(text: str, normal: str) -> None:
    constraints = parse_constraints(text)

    assert str(constraints) == normal
    assert parse_constraints(normal) == constraints


def test_any_is_every_stable_version() -> None:
    assert ANY.allows(parse_version("0.0.0"))
    assert ANY.allows(parse_version("99.0.0"))
    assert not ANY.allows(parse_version("1.0.0-rc1"))
    assert parse_constraints(str(ANY)) == ANY
