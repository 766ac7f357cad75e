"""A module of the layout of OpenTofu's registry: modules/LETTER/NAMESPACE/NAME/SYSTEM.json.

The file lists tags, ``{"versions": [{"version": "v1.0.0"}]}``, and no commits. The repository is known by the address:
``https://github.com/NAMESPACE/terraform-SYSTEM-NAME`` (opentofu/registry, src/internal/module/module.go).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from registry_gen.catalog import codes
from registry_gen.catalog.layout_shapes import MAX_VERSIONS, Found, Text, read_shape, refused, without_v
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.imported import ImportedModule
from registry_gen.model.version import Version, parse_version

if TYPE_CHECKING:
    from registry_gen.model.address import ModuleAddress


class _Listed(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    version: Text


class _Module(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    versions: Annotated[tuple[_Listed, ...], Field(max_length=MAX_VERSIONS, fail_fast=True)]


def read_module(address: ModuleAddress, data: bytes, path: str) -> Found[ImportedModule]:
    """The module in a file's bytes; what cannot be taken of it is a problem. Raises InputError IMP002."""
    tags: dict[Version, set[str]] = defaultdict(set)
    problems: list[RegistryError] = []
    for listed in read_shape(_Module, data, path).versions:
        try:
            version = parse_version(without_v(listed.version))
            if version.build:
                raise InputError(codes.WITH_BUILD)  # noqa: TRY301 - one way to refuse a version
        except InputError as error:
            problems.append(refused(error, path, listed.version))
            continue
        tags[version].add(listed.version)
    single = {version: next(iter(names)) for version, names in sorted(tags.items()) if len(names) == 1}
    for version in sorted(tags.keys() - single.keys()):
        found = " and ".join(sorted(tags[version]))
        problems.append(refused(InputError(codes.TWO_TAGS, found=found), path, str(version)))
    if not tags:
        problems.append(refused(InputError(codes.NOTHING_LEFT), path))
        return Found(None, tuple(problems))
    git = f"https://github.com/{address.namespace}/terraform-{address.system}-{address.name}"
    return Found(ImportedModule(address, git, frozenset(tags), single), tuple(problems))
