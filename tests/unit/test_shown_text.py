"""Text of strangers as it is shown: nothing steers a terminal, hides, turns the direction of text or forges a line."""

from __future__ import annotations

import click
import pytest

from registry_gen.catalog.problems import MAX_PROBLEMS, ProblemsError
from registry_gen.cli.show_error import failure_text, problems_text
from registry_gen.cli.show_plan import notes_text, plan_text, refusals_text
from registry_gen.errors import Code, InputError, Position, RefusalError, printable
from registry_gen.model.address import ModuleAddress
from registry_gen.model.digest import Commit
from registry_gen.model.facts import Deprecation, PackageState
from registry_gen.model.plan import ChangeState, Note, PackagePlan, Plan, Refusal, Tag
from registry_gen.plan.review import Basis, review
from registry_gen.sources.git import parse_tags
from registry_gen.verify import codes as verify_codes
from registry_gen.verify.names import check_path
from tests.support.catalogs import GIT, config, load, one_problem
from tests.support.entries import catalog, module

CODE = Code("ABC001", "the thing is wrong", "Because.", "Mend it.")
BASIS = Basis("https://registry.example.com/", None)
ADDRESS = ModuleAddress("acme", "network", "aws")
HOSTILE = "a\x1b]0;owned\x07\x9b2J\x7f\u202e\u200b\ud800\rb\nrefused acme/other: all is well"
HARMLESS = r"a\x1b]0;owned\x07\x9b2J\x7f\u202e\u200b\ud800\rb\nrefused acme/other: all is well"
MODULE = "modules/acme/network/aws.yaml"
INVISIBLE = ["\x1b", "\x9b", "\x7f", "\u202e", "\u200b", "\u2066", "\ufeff", "\u2028", "\u2029"]


def test_what_cannot_be_printed_is_shown_escaped_and_all_else_as_it_is() -> None:
    assert printable(HOSTILE) == HARMLESS
    assert printable("Größe, 大小, λ, ✓ and 'quotes'") == "Größe, 大小, λ, ✓ and 'quotes'"
    assert printable("\U000e0041") == r"\U000e0041"


def test_every_text_of_an_error_is_escaped_where_it_is_shown_and_kept_as_it_is_for_machines() -> None:
    error = InputError(CODE, HOSTILE, where=HOSTILE, expected=HOSTILE, found=HOSTILE, hint=HOSTILE)

    assert str(error) == (f"{HARMLESS}: ABC001 {HARMLESS}; expected {HARMLESS}; found {HARMLESS}\n  hint: {HARMLESS}")
    assert "\n" not in error.message
    assert click.unstyle(problems_text([error])) == str(error)
    assert error.found == HOSTILE
    placed = InputError(CODE, position=Position(HOSTILE, 1, 2))
    assert str(placed) == click.unstyle(problems_text([placed])) == f"{HARMLESS}:1:2: ABC001 the thing is wrong"


def test_a_block_of_an_error_keeps_its_lines_below_each_other_and_escapes_the_rest() -> None:
    error = InputError(CODE, HOSTILE, where="\x1bhere", found="first\x1b\nsecond")
    lines = click.unstyle(failure_text(error)).splitlines()

    assert lines[0] == f"error ABC001 {HARMLESS}"
    assert lines[1] == r"  where     \x1bhere"
    assert lines[2:4] == [r"  found     first\x1b", "            second"]
    assert all(line.startswith("  ") for line in lines[1:]), "nothing of it can pass for a line of ours"


def test_what_users_will_be_told_is_shown_escaped_and_of_many_warnings_the_first() -> None:
    warnings = tuple(Deprecation(HOSTILE, HOSTILE) for _ in range(20))
    change = ChangeState(ADDRESS, "deprecation notice", warnings)
    planned = PackagePlan(ADDRESS, 1, PackageState(), (change,), None, None)
    shown = click.unstyle(plan_text(review(Plan((planned,), (), (), 0), catalog(module()), {}, BASIS))).splitlines()
    assert shown[1] == "  ~ documents change: deprecation notice"
    assert set(shown[2:14]) == {f"    ! deprecated: {HARMLESS} (use {HARMLESS})"}
    assert shown[14:16] == ["    ! 8 more; --json has all", ""]


def test_notes_and_refusals_are_escaped() -> None:
    assert notes_text([Note(ADDRESS, HOSTILE)]).endswith(f"acme/network/aws: {HARMLESS}")
    shown = click.unstyle(refusals_text([Refusal(ADDRESS, None, RefusalError(CODE, HOSTILE, where=HOSTILE))]))
    assert f"ABC001 {HARMLESS}\n" in shown
    assert not any(mark in shown for mark in "\x07\x9b\u202e\ud800")


def test_of_many_refusals_with_one_code_the_first_are_shown_whole_the_next_briefly_and_alarms_always() -> None:
    refused = [
        Refusal(ModuleAddress("acme", f"m{number:02}", "aws"), None, RefusalError(CODE, hint="Wait."))
        for number in range(60)
    ]
    alarms = [Refusal(ADDRESS, None, RefusalError(CODE, hint="Look."), violation=True) for _ in range(5)]
    shown = click.unstyle(refusals_text([*refused, *alarms]))

    assert (shown.count("hint      Wait."), shown.count("hint      Look.")) == (3, 5)
    whole, brief = shown.rsplit("\n\n", 1)
    assert (whole.count("\n\n"), brief.splitlines()[0]) == (7, "  refused acme/m03/aws: ABC001 the thing is wrong")
    assert (len(brief.splitlines()), brief.splitlines()[-1]) == (51, "  refused 7 more; --json has all")
    assert refusals_text([]) == ""


def test_a_key_of_a_file_is_shown_quoted_and_short() -> None:
    forged = '{"\\e[2J\\nThe_catalog_is_good.": [1], "' + "x" * 500 + '": 1}'
    loaded = load({MODULE: f"source:\n  git: https://git.example.com/x.git\n  pins: {forged}\n"})

    shown = "\n".join(map(str, loaded.problems))
    assert loaded.problems
    assert "\x1b" not in shown
    assert "\nThe_catalog" not in shown
    assert max(map(len, shown.splitlines())) < 400


@pytest.mark.parametrize("mark", [*INVISIBLE, "\n", "\u0085"])
def test_a_notice_is_one_line_that_every_terminal_may_show(mark: str) -> None:
    escaped = "".join(f"\\U{ord(character):08x}" for character in mark)

    found = one_problem(MODULE, f'{GIT}deprecated: "moved{escaped}Error: run this"\n')

    assert (found.code.id, found.position) == ("CAT008", Position(f"catalog/{MODULE}", 2, 13))
    assert mark not in str(found).removesuffix(f"\n  hint: {found.hint}")


def test_a_notice_may_use_every_script() -> None:
    text = "Déconseillé\u00a0: utilisez 新しい\u3000モジュール ✓"
    loaded = load({MODULE: f"{GIT}deprecated: '{text}'\n"})
    assert loaded.problems == ()


@pytest.mark.parametrize("mark", INVISIBLE)
def test_a_tag_pattern_is_printable(mark: str) -> None:
    assert "CAT022" in str(
        load({MODULE: f'source:\n  git: https://h.example.com/x\n  tags: ["{esc(mark)}{{version}}"]\n'}).problems[0]
    )


def esc(mark: str) -> str:
    return f"\\U{ord(mark):08x}"


@pytest.mark.parametrize("mark", INVISIBLE)
def test_a_tag_that_cannot_be_printed_is_left_out(mark: str) -> None:
    commit = "a" * 40
    listed = f"{commit}\trefs/tags/v1.0.0\n{commit}\trefs/tags/v9{mark}.0.0\n{commit}\trefs/tags/größe-1\n"
    assert parse_tags(listed.encode()) == (Tag("größe-1", Commit(commit)), Tag("v1.0.0", Commit(commit)))


@pytest.mark.parametrize("mark", INVISIBLE)
def test_a_path_that_shows_as_another_one_is_refused(mark: str) -> None:
    with pytest.raises(RefusalError) as caught:
        check_path(f"modules/a{mark}b.tf", "acme/network/aws")
    assert caught.value.code is verify_codes.BAD_NAME
    assert mark not in caught.value.found


@pytest.mark.parametrize("path", ["größe/大小.tf", "e\u0301.md", "a b.tf", "a\u00a0b.txt", "✓.md", "😀.png"])
def test_a_path_of_letters_of_every_script_is_allowed(path: str) -> None:
    check_path(path, "acme/network/aws")


def test_the_problems_of_one_file_are_told_up_to_a_hundred_and_then_counted() -> None:
    keys = "".join(f"bad{number}: 1\n" for number in range(MAX_PROBLEMS + 57))
    loaded = load({MODULE: GIT + keys, "modules/acme/other/aws.yaml": "hostign: link\n" + GIT})

    of_one = [each for each in loaded.problems if each.position and each.position.path == f"catalog/{MODULE}"]
    assert len(of_one) == MAX_PROBLEMS + 1
    assert str(of_one[-1]).startswith(f"catalog/{MODULE}:{MAX_PROBLEMS + 2}:1: CAT003 57 more problems in this file")
    assert len(loaded.problems) == MAX_PROBLEMS + 2, "the other file's are told"
    with pytest.raises(ProblemsError) as caught:
        config(keys)
    assert len(caught.value.problems) == MAX_PROBLEMS + 1


SECRETS = {
    "a key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a token": "ghp_0123456789abcdefABCDEF",
    "a misspelt scheme": "htps://s3cret-user:s3cret@upstream.example.com/",
    "user and password": "https://s3cret-user:s3cret@upstream.example.com/",
    "a query": "https://upstream.example.com/s3cret-path?s3cret",
    "several lines": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIH\n",
    "another scheme": "s3cret://x",
}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
def test_the_value_of_a_variable_is_never_shown(value: str) -> None:
    text = "site: {host: r.example.com}\nstorage: {public: ./a, private: ./b}\n"
    with pytest.raises(ProblemsError) as caught:
        config(f"{text}network: {{upstreams: {{a.example.com: env:UPSTREAM}}}}\n", {"UPSTREAM": value})

    (problem,) = caught.value.problems
    everything = f"{problem} {problem.detail} {problem.expected} {problem.found} {problem.hint}"
    assert "UPSTREAM" in everything
    assert problem.code.id in ("CAT020", "CAT021")
    assert problem.position == Position("registry.yaml", 3, 38)
    pieces = [value[start : start + 6] for start in range(len(value) - 5)]
    assert [piece for piece in pieces if piece in everything] == []
