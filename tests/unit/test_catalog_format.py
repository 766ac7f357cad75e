"""What ``fmt`` makes of a file, as a reviewer sees it."""

from __future__ import annotations

import pytest

from registry_gen.catalog.format import format_file
from registry_gen.catalog.key_order import ORDERS, Order
from registry_gen.catalog.problems import ProblemsError
from registry_gen.catalog.schema import json_schemas


def fmt(text: str, kind: str = "module") -> str:
    return format_file(text.encode(), "a.yaml", ORDERS[kind]).decode()


def test_keys_stand_in_the_order_of_the_documentation_and_comments_go_along_with_them() -> None:
    text = (
        "# yaml-language-server: $schema=x\n"
        "# Not before the first review.\n"
        'versions: ">= 1.0.0" # since May\n'
        "\n"
        "# Where it comes from.\n"
        "source:\n"
        "  # Only its network.\n"
        "  path: modules/network\n"
        "  git: https://h.x/y\n"
        "# The end.\n"
    )

    assert fmt(text) == (
        "# yaml-language-server: $schema=x\n"
        "# Where it comes from.\n"
        "source:\n"
        "  git: https://h.x/y\n"
        "  # Only its network.\n"
        "  path: modules/network\n"
        "# Not before the first review.\n"
        'versions: ">= 1.0.0" # since May\n'
        "# The end.\n"
    )


def test_a_comment_with_a_blank_line_below_it_stays_at_the_top() -> None:
    text = "# All of acme's networks.\n\nhosting: copy\nsource: {git: https://h.x/y}\n"

    assert fmt(text) == "# All of acme's networks.\n\nsource: {git: https://h.x/y}\nhosting: copy\n"


def test_what_is_inside_of_a_key_stands_two_spaces_deeper_and_lists_too() -> None:
    text = "source:\n      git: https://h.x/y\n      tags:\n      - v{version}\ndeprecated:\n- message: Old.\n  # May\n"

    assert fmt(text) == (
        "source:\n  git: https://h.x/y\n  tags:\n    - v{version}\ndeprecated:\n  - message: Old.\n    # May\n"
    )


def test_spaces_at_ends_of_lines_and_of_the_file_go_and_blank_lines_become_one() -> None:
    assert fmt("source: {git: https://h.x/y}  \r\n\r\n\r\n\r\nhosting: copy\r\n \r\n\r\n") == (
        "source: {git: https://h.x/y}\n\nhosting: copy\n"
    )


def test_spaces_and_blank_lines_of_a_text_stay_as_they_are() -> None:
    text = "source: {git: https://h.x/y}\ndeprecated: |\n  Old.  \n\n\n  # no comment\n"

    assert fmt(text) == text


def test_an_alias_stays_behind_its_anchor() -> None:
    text = 'versions: &all ">= 1.0.0"\nsource:\n    git: *all\n'

    assert fmt(text) == 'versions: &all ">= 1.0.0"\nsource:\n  git: *all\n'


def test_keys_that_nobody_knows_stand_behind_the_others_as_they_were() -> None:
    assert fmt("zeta: 1\nalpha: 2\nnamespaces: [a]\n", "organization") == "namespaces: [a]\nzeta: 1\nalpha: 2\n"


def test_what_is_in_braces_is_left_as_it_is() -> None:
    text = '{\n    "versions": "1.0.0", "source": {"git": "https://h.x/y"}\n}\n'

    assert fmt(text) == text


def test_a_file_that_cannot_be_read_is_told_and_not_touched() -> None:
    with pytest.raises(ProblemsError, match="CAT001"):
        fmt("source: [\n")


def test_an_empty_file_stays_empty() -> None:
    assert fmt("") == ""
    assert fmt("\n\n# only a comment\n\n") == "# only a comment\n"


def test_every_key_of_a_source_has_its_place_whatever_form_it_has() -> None:
    assert ORDERS["module"].inside["source"] == Order(("git", "path", "tags", "pins", "archives", "pattern"))
    assert ORDERS["mirror"].inside["trust"] == Order(("keys",))


def test_every_kind_of_file_of_the_catalog_has_a_form() -> None:
    kinds = {name.removesuffix(".schema.json") for name in json_schemas()}

    assert ORDERS.keys() == kinds - {"registry"}


def test_a_folded_text_at_the_very_end_keeps_its_value_and_gets_line_breaks_of_one_kind() -> None:
    assert fmt("versions: '1.0.0'\r\ndeprecated: >\r\n Use: this") == "versions: '1.0.0'\ndeprecated: >\n Use: this"
