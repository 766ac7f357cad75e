"""docs/configuration.md: made from the models, complete, and right in each example."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_gen.catalog.check import check
from registry_gen.catalog.location import Places
from registry_gen.catalog.schema import SHAPES
from registry_gen.catalog.yaml_reader import read_yaml
from registry_gen.cli.configuration import Section, configuration_as_markdown, sections

ROOT = Path(__file__).parents[2]
EVERYTHING = Places("/somewhere", frozenset({"https", "http", "ssh", "file"}))
EXAMPLES = [
    pytest.param(section, key, id=f"{section.shape.__name__}.{key}")
    for section in sections().values()
    for key in section.shape.model_fields
]


def test_the_page_in_the_repository_is_made_from_the_models() -> None:
    kept = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert kept == configuration_as_markdown() + "\n", "registry-gen schema --markdown > docs/configuration.md"


def test_every_kind_of_file_has_a_part_and_every_mapping_says_which_keys_hold_it() -> None:
    found = sections()

    assert {each.shape for each in found.values() if not each.places} == set(SHAPES.values())
    assert all(each.paths for each in found.values() if each.shape not in SHAPES.values())


@pytest.mark.parametrize(("section", "key"), EXAMPLES)
def test_each_example_is_accepted_beside_the_keys_that_must_be_there(section: Section, key: str) -> None:
    fields = section.shape.model_fields
    lines = [section.example(each) for each in fields if each == key or fields[each].is_required()]

    checked = check(read_yaml("\n".join(lines).encode(), "example.yaml"), section.shape, EVERYTHING)

    assert list(map(str, checked.problems)) == []
