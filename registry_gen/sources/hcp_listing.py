"""Saved pages of HCP Terraform's listings of private modules and providers.

``GET /api/v2/organizations/ORGANIZATION/registry-modules`` and ``registry-providers`` answer in pages of JSON:API, for
a token (HashiCorp: "Registry modules API reference" and "Registry providers API reference"; hashicorp/go-tfe,
registry_module.go). We send no token to anybody, so that whoever has one saves the pages.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout_shapes import MAX_VERSIONS, Text, read_shape
from registry_gen.catalog.location import SCHEMES, Places, git_url, inner_folder, tag_pattern
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.address import module_address
from registry_gen.model.imported import ImportedModule
from registry_gen.model.version import parse_version
from registry_gen.sources import codes
from registry_gen.sources.places import FolderPlace
from registry_gen.sources.taking import Taken, Taking

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from registry_gen.model.version import Version

_PAGE_BYTES: Final = 16_000_000
_MAX_LISTED: Final = 1_000
_GOOD: Final = "ok"
_ANYWHERE: Final = Places("/", tuple(scheme for scheme in SCHEMES if scheme != "file"))


class _Shape(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", alias_generator=lambda name: name.replace("_", "-")
    )


class _Status(_Shape):
    version: Text
    status: Text = ""


class _Repository(_Shape):
    repository_http_url: Text = ""
    source_directory: Text | None = None
    tag_prefix: Text | None = None


class _Attributes(_Shape):
    name: Text
    namespace: Text = ""
    provider: Text = ""
    registry_name: Text = ""
    vcs_repo: _Repository | None = None
    version_statuses: Annotated[tuple[_Status, ...], Field(max_length=MAX_VERSIONS, fail_fast=True)] = ()


class _Listed(_Shape):
    type: Text
    attributes: _Attributes


class _Pagination(_Shape):
    current_page: int = 1
    total_pages: int = 1


class _Meta(_Shape):
    pagination: _Pagination = _Pagination()


class _Page(_Shape):
    data: Annotated[tuple[_Listed, ...], Field(max_length=_MAX_LISTED, fail_fast=True)]
    meta: _Meta = _Meta()


def read_hcp_listing(pages: Iterable[Path]) -> Taken:
    """The private modules that come from a repository; everything else that is listed is a problem.

    Raises InputError IMP002 for a file that is no such page, IMP029 where pages are missing, SourceError where a file
    cannot be read.
    """
    taking = Taking()
    seen: dict[str, set[int]] = defaultdict(set)
    total: dict[str, int] = {}
    for path in pages:
        page = read_shape(_Page, FolderPlace(path.absolute().parent).read(path.name, _PAGE_BYTES), str(path))
        kinds = {listed.type for listed in page.data}
        for kind in kinds:
            seen[kind].add(page.meta.pagination.current_page)
            total[kind] = page.meta.pagination.total_pages
        for listed in page.data:
            _take(taking, listed, path.name)
    for kind, found in sorted(seen.items()):
        if len(found) < total[kind]:
            code = codes.PAGES_MISSING
            expected = f"{total[kind]} pages"
            raise InputError(code, where=kind, expected=expected, found=str(len(found)), hint=code.fix)
    return taking.taken()


def _take(taking: Taking, listed: _Listed, page: str) -> None:
    said = listed.attributes
    name = "/".join(part for part in (said.namespace, said.name, said.provider) if part)
    try:
        if listed.type != "registry-modules" or said.registry_name == "public" or said.vcs_repo is None:
            raise InputError(codes.ONLY_LISTED)
        module = _module(taking, said, said.vcs_repo, f"{page} {name}")
    except RegistryError as error:
        taking.refuse(error, page, name)
        return
    if taking.packages.setdefault(module.address, module) != module:
        taking.refuse(InputError(catalog_codes.TWICE), page, name)


def _module(taking: Taking, said: _Attributes, repository: _Repository, where: str) -> ImportedModule:
    """Its tags are its versions, as they are there: PREFIX and the number."""
    address = module_address(said.namespace, said.name, said.provider)
    git = git_url(repository.repository_http_url, _ANYWHERE)
    folder = inner_folder(repository.source_directory or "")
    patterns = (tag_pattern(f"{repository.tag_prefix}{{version}}"),) if repository.tag_prefix else ()
    versions: set[Version] = set()
    for each in said.version_statuses:
        try:
            if each.status == _GOOD:
                versions.add(parse_version(each.version))
        except InputError as error:
            taking.refuse(error, where, each.version)
    if not versions:
        raise InputError(catalog_codes.NOTHING_LEFT)
    return ImportedModule(address, git, frozenset(versions), {}, folder, patterns, hosting="copy")
