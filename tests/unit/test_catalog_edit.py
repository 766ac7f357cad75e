"""What an edit writes, as a reviewer sees it."""

from __future__ import annotations

import pytest

from registry_gen.catalog.edit import (
    Edit,
    deprecate_edit,
    undo_deprecate_edit,
    undo_withdraw_edit,
    withdraw_edit,
)
from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import InputError
from registry_gen.model.entries import WithdrawalRule
from registry_gen.model.facts import Deprecation
from registry_gen.model.version import parse_constraints

LEAK = WithdrawalRule(parse_constraints("1.2.0"), "Its examples held a live token.")
OLD = parse_constraints("< 2.0.0")


def withdraw(text: str, *rules: WithdrawalRule) -> str:
    return withdraw_edit(text.encode(), "a.yaml", rules or (LEAK,)).data.decode()


def test_a_key_that_is_not_there_is_made_at_the_end_below_comments() -> None:
    assert withdraw("# head\nsource:\n  git: https://h.x/y # here\n\n# the end\n\n") == (
        "# head\nsource:\n  git: https://h.x/y # here\n\n# the end\n"
        'withdrawn:\n  - versions: "1.2.0"\n    reason: Its examples held a live token.\n\n'
    )


def test_a_list_grows_at_its_end_as_it_is_indented_and_below_the_comments_of_its_last_item() -> None:
    text = "withdrawn:\n- reason: Old.\n  # as agreed\n# where from\nsource: {git: https://h.x/y}\n"

    assert withdraw(text) == (
        "withdrawn:\n- reason: Old.\n  # as agreed\n"
        '- versions: "1.2.0"\n  reason: Its examples held a live token.\n'
        "# where from\nsource: {git: https://h.x/y}\n"
    )


def test_a_message_alone_becomes_the_first_of_a_list_with_its_quotes_and_comment() -> None:
    text = "deprecated: 'Use it: now.' # since May\nsource: {git: https://h.x/y}\n"
    rule = Deprecation("Use acme/vpc/aws.", "acme/vpc/aws", OLD)

    assert deprecate_edit(text.encode(), "a.yaml", [rule]).data.decode() == (
        "deprecated:\n  - message: 'Use it: now.' # since May\n  - message: Use acme/vpc/aws.\n"
        '    replacement: acme/vpc/aws\n    versions: "< 2.0.0"\nsource: {git: https://h.x/y}\n'
    )


def test_json_stays_json() -> None:
    text = '{\n  "source": {"git": "https://h.x/y"}\n}\n'
    once = withdraw(text)

    assert once == (
        '{\n  "source": {"git": "https://h.x/y"},\n'
        '  "withdrawn": [{"versions": "1.2.0", "reason": "Its examples held a live token."}]\n}\n'
    )
    assert undo_withdraw_edit(once.encode(), "a.yaml", LEAK.versions).data.decode() == text


@pytest.mark.parametrize("comma", ["", ","])
def test_a_list_in_brackets_grows_by_a_line_and_keeps_its_comments_and_commas(comma: str) -> None:
    text = f"withdrawn: [\n  {{reason: Old.}}{comma} # as agreed\n]\nsource: {{git: https://h.x/y}}\n"
    grown = withdraw(text)

    assert grown == (
        "withdrawn: [\n  {reason: Old.}, # as agreed\n"
        f'  {{versions: "1.2.0", reason: "Its examples held a live token."}}{comma}\n'
        "]\nsource: {git: https://h.x/y}\n"
    )
    assert undo_withdraw_edit(grown.encode(), "a.yaml", LEAK.versions).data.decode() == text


def test_lines_end_as_they_did_and_a_file_without_a_last_line_end_gets_none() -> None:
    assert withdraw("source:\r\n  git: https://h.x/y") == (
        "source:\r\n  git: https://h.x/y\r\n"
        'withdrawn:\r\n  - versions: "1.2.0"\r\n    reason: Its examples held a live token.'
    )


def test_text_whose_end_decides_what_it_is_stays_at_the_end() -> None:
    text = "source: {git: https://h.x/y}\nversions: |\n  >= 1.0"

    assert withdraw(text).endswith("\n" + text.partition("\n")[2])
    assert withdraw(text).startswith("withdrawn:")


@pytest.mark.parametrize(
    ("reason", "written"),
    [
        ("It is old.", "It is old."),
        ("It's old", "It's old"),
        ("Old: very", '"Old: very"'),
        ("Old #1", '"Old #1"'),
        ("true", '"true"'),
        ("1.10", '"1.10"'),
        ('"No" \\ it says', '"\\"No\\" \\\\ it says"'),
        ("a\xa0b", '"a\\u00a0b"'),
        ("\U000e0fff", '"\\U000e0fff"'),
        ("  spaces  ", "spaces"),
    ],
)
def test_text_has_quotes_where_it_would_be_read_as_something_else(reason: str, written: str) -> None:
    text = withdraw("source: {git: https://h.x/y}\n", WithdrawalRule(None, reason))

    assert text == f"source: {{git: https://h.x/y}}\nwithdrawn:\n  - reason: {written}\n"


def test_several_rules_are_one_edit() -> None:
    rules = [WithdrawalRule(parse_constraints(text), "Rolled back.") for text in ("1.1.0", "1.0.0", "= 1.3.0, < 2")]
    edit = withdraw_edit(b"source: {git: https://h.x/y}\n", "a.yaml", rules)

    assert edit == Edit(
        edit.data,
        2,
        (),
        (
            "withdrawn:",
            '  - versions: "1.1.0"',
            "    reason: Rolled back.",
            '  - versions: "1.0.0"',
            "    reason: Rolled back.",
            '  - versions: "= 1.3.0, < 2.0.0"',
            "    reason: Rolled back.",
        ),
    )


def test_undo_removes_the_rule_with_its_comments_and_leaves_those_around_it() -> None:
    text = (
        "source: {git: https://h.x/y}\n"
        "# taken back\n"
        "withdrawn:\n"
        '  - versions: "1.1.0" # first\n'
        "    reason: Old.\n"
        "    # ask Ann\n"
        "  # second\n"
        '  - {versions: "1.2.0", reason: Leak.}\n'
        "# the end\n"
    )
    edit = undo_withdraw_edit(text.encode(), "a.yaml", parse_constraints("1.1.0"))
    last = undo_withdraw_edit(edit.data, "a.yaml", parse_constraints("1.2.0"))

    assert edit.removed == ('  - versions: "1.1.0" # first', "    reason: Old.", "    # ask Ann")
    assert (edit.line, edit.added) == (4, ())
    assert last.data.decode() == "source: {git: https://h.x/y}\n# taken back\n# the end\n"


def test_spaces_at_the_end_do_not_become_part_of_the_text_above() -> None:
    text = b"source: {git: https://h.x/y}\nversions: >-\n >= 1.0.0\ndeprecated: >-\n  Old.\n  "

    assert undo_deprecate_edit(text, "a.yaml", None).data == b"source: {git: https://h.x/y}\nversions: >-\n >= 1.0.0\n"


def test_a_message_alone_is_undone_as_the_rule_about_every_version() -> None:
    edit = undo_deprecate_edit(b"deprecated: Old.\nsource: {git: https://h.x/y}\n", "a.yaml", None)

    assert edit.data == b"source: {git: https://h.x/y}\n"


def test_a_second_rule_about_the_same_versions_is_refused() -> None:
    with pytest.raises(InputError, match=r"CAT031 withdrawn has a rule about the versions = 1\.2\.0 already"):
        withdraw(withdraw("source: {git: https://h.x/y}\n"))
    with pytest.raises(InputError, match="CAT031 deprecated has a rule about every version already"):
        deprecate_edit(b"deprecated: Old.\n", "a.yaml", [Deprecation("Older.")])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("source: {git: x}", "found none"),
        ("withdrawn: [{reason: x}]", "found every version"),
        ('withdrawn: [{versions: "1.2", reason: x}, {versions: < 2, reason: x}]', "found the versions = 1.2.0; "),
    ],
)
def test_only_a_rule_about_exactly_these_versions_is_undone(text: str, found: str) -> None:
    with pytest.raises(InputError, match=r"CAT033 withdrawn has no rule about the versions < 1\.2\.0") as caught:
        undo_withdraw_edit(text.encode(), "a.yaml", parse_constraints("< 1.2"))

    assert found in str(caught.value)


@pytest.mark.parametrize("text", ["withdrawn: [", "withdrawn: []", "withdrawn: [{reason: ''}]", "- a", "a: 1\na: 2"])
def test_a_file_whose_rules_cannot_be_read_is_not_edited(text: str) -> None:
    with pytest.raises(ProblemsError):
        withdraw(text)


def test_what_is_used_elsewhere_is_not_removed() -> None:
    text = b"withdrawn: [{versions: '1.0.0', reason: &why Old.}]\ndeprecated: *why\nsource: {git: https://h.x/y}\n"
    with pytest.raises(InputError, match="CAT034"):
        undo_withdraw_edit(text, "a.yaml", parse_constraints("1.0.0"))


def test_a_reason_that_is_no_line_of_text_is_not_written() -> None:
    with pytest.raises(InputError, match="CAT008 not a value for this key; expected one line"):
        withdraw("source: {git: https://h.x/y}\n", WithdrawalRule(None, "a\nb"))
