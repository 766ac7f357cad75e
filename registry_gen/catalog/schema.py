"""The shapes as JSON Schemas, for editors and for checks outside this program. ``schemas/`` holds what this makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema

from registry_gen.catalog.package_shapes import MirrorFile, ModuleFile, ProviderFile
from registry_gen.catalog.policy_shapes import PolicyFile
from registry_gen.catalog.registry_shapes import RegistryFile
from registry_gen.catalog.shapes import NamespaceFile, OrganizationFile

if TYPE_CHECKING:
    from pydantic import BaseModel

    from registry_gen.catalog.shapes import Shape

SHAPES: Final[dict[str, type[Shape]]] = {
    "mirror": MirrorFile,
    "module": ModuleFile,
    "namespace": NamespaceFile,
    "organization": OrganizationFile,
    "policy": PolicyFile,
    "provider": ProviderFile,
    "registry": RegistryFile,
}
"""The kinds of files, each with its keys."""


class _Generator(GenerateJsonSchema):
    """Without titles that repeat the keys, and without defaults, which the descriptions tell in words."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def json_schemas() -> dict[str, bytes]:
    """Every schema by its file name, as bytes that are the same on each run (JSON Schema 2020-12, UTF-8)."""
    return {f"{kind}.schema.json": schema_bytes(kind, shape) for kind, shape in SHAPES.items()}


def schema_bytes(kind: str, shape: type[BaseModel]) -> bytes:
    """The schema of one model, entitled by its kind; as ``json_schemas`` has it."""
    made = shape.model_json_schema(schema_generator=_Generator)
    made |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"registry-gen {kind}"}
    return (json.dumps(made, indent=2, sort_keys=True) + "\n").encode()
