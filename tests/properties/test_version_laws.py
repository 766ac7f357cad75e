from __future__ import annotations

from functools import cmp_to_key
from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from registry_gen.errors import InputError
from registry_gen.model.version import Constraints, Version, parse_constraints, parse_version

_NUMBERS = st.integers(0, 3) | st.integers(0, 10**18 - 1)
_WORDS = st.from_regex(r"[0-9]{0,2}[A-Za-z-][0-9A-Za-z-]{0,3}", fullmatch=True)
_IDENTIFIERS = st.lists(_WORDS | _NUMBERS.map(str), max_size=3).map(tuple)
_BUILDS = st.just("") | st.lists(st.from_regex(r"[0-9A-Za-z-]{1,4}", fullmatch=True), min_size=1, max_size=2).map(
    ".".join
)
VERSIONS = st.builds(Version, _NUMBERS, _NUMBERS, _NUMBERS, _IDENTIFIERS, _BUILDS)
STABLE = st.builds(Version, _NUMBERS, _NUMBERS, _NUMBERS)


def specified(left: Version, right: Version) -> int:
    """SemVer 2.0.0, clause 11, word for word: -1, 0 or 1."""
    numbers = [(left.major, right.major), (left.minor, right.minor), (left.patch, right.patch)]
    for one, other in numbers:
        if one != other:
            return -1 if one < other else 1
    if bool(left.prerelease) != bool(right.prerelease):
        return -1 if left.prerelease else 1
    for mine, theirs in zip_longest(left.prerelease, right.prerelease):
        if mine is None or theirs is None:
            return -1 if mine is None else 1
        if mine == theirs:
            continue
        if mine.isdigit() and theirs.isdigit():
            return -1 if int(mine) < int(theirs) else 1
        if mine.isdigit() != theirs.isdigit():
            return -1 if mine.isdigit() else 1
        return -1 if mine < theirs else 1
    return 0


@given(VERSIONS)
def test_reading_the_text_of_a_version_gives_the_version(version: Version) -> None:
    assert parse_version(str(version)) == version


@given(st.text(max_size=20) | st.from_regex(r"[0-9.+v-]{5,12}", fullmatch=True))
def test_text_is_a_version_whose_text_it_is_or_refused(text: str) -> None:
    try:
        version = parse_version(text)
    except InputError as refused:
        assert refused.code.id == "VER001"  # noqa: PT017
    else:
        assert str(version) == text


@given(VERSIONS, VERSIONS)
def test_the_order_is_that_of_the_specification_and_total(left: Version, right: Version) -> None:
    expected = specified(left, right)

    assert (left.precedence > right.precedence) - (left.precedence < right.precedence) == expected
    assert [left < right, left == right, left > right].count(True) == 1
    if expected:
        assert (left < right) == (expected < 0)


@given(st.data())
def test_sorting_does_not_depend_on_the_order_before(data: st.DataObject) -> None:
    versions = data.draw(st.lists(VERSIONS, max_size=8))

    assert sorted(data.draw(st.permutations(versions))) == sorted(versions)
    assert [found.precedence for found in sorted(versions)] == [
        found.precedence for found in sorted(versions, key=cmp_to_key(specified))
    ]


@given(VERSIONS, VERSIONS)
def test_equal_versions_hash_alike(left: Version, right: Version) -> None:
    assert (left == right) == (str(left) == str(right))
    if left == right:
        assert hash(left) == hash(right)


@given(_NUMBERS, _NUMBERS, STABLE)
def test_pessimistic_with_two_numbers_is_its_expansion(major: int, minor: int, version: Version) -> None:
    short = parse_constraints(f"~> {major}.{minor}")

    assert short.allows(version) == (Version(major, minor, 0) <= version < Version(major + 1, 0, 0))


@given(STABLE, STABLE)
def test_pessimistic_with_three_numbers_is_its_expansion(asked: Version, version: Version) -> None:
    constraint = parse_constraints(f"~> {asked}")

    assert constraint.allows(version) == (asked <= version < Version(asked.major, asked.minor + 1, 0))


_OPERATORS = st.sampled_from(["=", "!=", ">", ">=", "<", "<=", "~>", ""])
_CLAUSES = st.builds(lambda operator, version: f"{operator} {version}", _OPERATORS, VERSIONS)
CONSTRAINTS = st.lists(_CLAUSES, min_size=1, max_size=4).map(", ".join).map(parse_constraints)


@given(CONSTRAINTS)
def test_the_normal_form_reads_back_as_itself(constraints: Constraints) -> None:
    assert parse_constraints(str(constraints)) == constraints


@given(CONSTRAINTS, CONSTRAINTS, STABLE)
def test_a_comma_is_and(left: Constraints, right: Constraints, version: Version) -> None:
    both = parse_constraints(f"{left}, {right}")

    assert both.allows(version) == (left.allows(version) and right.allows(version))


@given(CONSTRAINTS, VERSIONS)
def test_a_prerelease_is_allowed_only_by_name(constraints: Constraints, version: Version) -> None:
    if version.is_prerelease and constraints.allows(version):
        assert f"= {version}" in str(constraints).split(", ")


@given(VERSIONS)
def test_a_version_allows_itself_alone(version: Version) -> None:
    assert parse_constraints(str(version)).allows(version)
    assert not parse_constraints(f"!= {version}").allows(version)


@given(CONSTRAINTS, VERSIONS)
def test_order_alone_covers_all_that_clients_allow_and_differs_for_prereleases_only(
    constraints: Constraints, version: Version
) -> None:
    if version.is_prerelease:
        assert constraints.covers(version) >= constraints.allows(version)
    else:
        assert constraints.covers(version) == constraints.allows(version)
