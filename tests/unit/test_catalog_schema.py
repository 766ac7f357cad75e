"""The files in schemas/ and the sample catalog are those of this code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry_gen.catalog.config import load_config
from registry_gen.catalog.load import load_catalog
from registry_gen.catalog.schema import json_schemas
from registry_gen.plan.schema import plan_schemas
from registry_gen.sources.files import read_catalog, read_registry_file
from registry_gen.verify.openpgp import parse_key

ROOT = Path(__file__).parents[2]


def test_the_schemas_in_the_repository_are_made_from_the_models() -> None:
    kept = {path.name: path.read_bytes() for path in (ROOT / "schemas").iterdir()}

    assert kept == {**json_schemas(), **plan_schemas()}


@pytest.mark.parametrize("name", json_schemas())
def test_every_key_of_a_schema_is_described_and_no_other_is_allowed(name: str) -> None:
    schema = json.loads(json_schemas()[name])
    objects = [schema, *schema.get("$defs", {}).values()]

    for found in objects:
        assert found["additionalProperties"] is False
        assert all({"description", "$ref"} & each.keys() for each in found["properties"].values())


def test_the_documentation_tells_of_every_key() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    schemas = [json.loads(data) for data in json_schemas().values()]
    objects = [found for schema in schemas for found in (schema, *schema.get("$defs", {}).values())]

    keys = {key for found in objects for key in found["properties"]}
    assert {key for key in keys if f"| `{key}` |" not in text} == set()


def test_the_sample_catalog_has_no_problem() -> None:
    config = load_config(read_registry_file(ROOT / "registry.yaml"), "registry.yaml", ROOT, {})
    loaded = load_catalog(read_catalog(config), config, parse_key, None)

    assert list(map(str, loaded.problems)) == []
    assert {(address.kind, str(address)) for address in loaded.catalog.entries} == {
        ("module", "acme/network/aws"),
        ("module", "acme/network-link/aws"),
        ("module", "acme/queue/aws"),
        ("provider", "acme/gadget"),
        ("provider", "acme/widget"),
        ("mirror", "registry.opentofu.org/acme/sprocket"),
    }
