"""Modules of another registry: where it sends clients for each version -> the repository, tags and commits.

Clients are sent to an address of go-getter, such as ``git::https://host/repository.git//folder?ref=v1.0.0``
(HashiCorp: "Module Registry Protocol", and "Module Sources").
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout_shapes import Found, refused
from registry_gen.catalog.location import SCHEMES, Places, git_url, inner_folder, shown, tag_pattern
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.digest import Commit, parse_commit
from registry_gen.model.imported import ImportedModule
from registry_gen.sources import codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.address import ModuleAddress
    from registry_gen.model.version import Version

_USUAL: Final = ("v{version}", "{version}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_FORGES: Final = ("github.com/", "bitbucket.org/")
"""What go-getter takes for a repository without being told so."""
_ANYWHERE: Final = Places("/", tuple(scheme for scheme in SCHEMES if scheme != "file"))


@dataclass(frozen=True, slots=True)
class GitPlace:
    """A repository, a folder in it, and the tag or commit that a version is."""

    git: str
    folder: str
    ref: str


def read_location(text: str) -> GitPlace:
    """The git repository that clients are sent to; raises InputError IMP020, CAT020, CAT021 or CAT023."""
    address, _, query = text.partition("?")
    if address.startswith("git::"):
        address = address.removeprefix("git::")
    elif address.startswith(_FORGES):
        address = f"https://{address}"
    else:
        raise InputError(codes.NOT_FROM_GIT, found=shown(text))
    scheme, mark, rest = address.partition("://")
    repository, _, folder = rest.partition("//")
    refs = parse_qs(query, max_num_fields=10).get("ref", [])
    if not mark or len(refs) != 1:
        raise InputError(codes.NOT_FROM_GIT, expected="a URL with one ref", found=shown(text))
    return GitPlace(git_url(f"{scheme}://{repository}", _ANYWHERE), inner_folder(folder), refs[0])


def read_other_module(address: ModuleAddress, locations: Mapping[Version, str], where: str) -> Found[ImportedModule]:
    """The module that these versions are of; what cannot be taken of it is a problem.

    A file names one repository and folder: the one that most versions have.
    """
    problems: list[RegistryError] = []
    places: dict[Version, GitPlace] = {}
    for version, text in sorted(locations.items()):
        try:
            places[version] = _place(version, text)
        except InputError as error:
            problems.append(refused(error, where, str(version)))
    if not places:
        problems.append(refused(InputError(catalog_codes.NOTHING_LEFT), where))
        return Found(None, tuple(problems))
    counted = Counter((place.git, place.folder) for place in places.values())
    git, folder = max(counted, key=lambda found: (counted[found], found))
    for version, place in list(places.items()):
        if (place.git, place.folder) != (git, folder):
            found = f"{place.git} {place.folder}".rstrip()
            other = InputError(catalog_codes.OTHER_PLACE, expected=f"{git} {folder}".rstrip(), found=found)
            problems.append(refused(other, where, str(version)))
            del places[version]
    pins = {version: Commit(place.ref) for version, place in places.items() if _COMMIT.fullmatch(place.ref)}
    tags = {version: place.ref for version, place in places.items() if version not in pins}
    patterns = {_pattern(version, tag) for version, tag in tags.items()}
    written = () if patterns <= set(_USUAL) else tuple(sorted(patterns))
    module = ImportedModule(address, git, frozenset(places), tags, folder, written, pins, "copy")
    return Found(module, tuple(problems))


def _place(version: Version, text: str) -> GitPlace:
    if version.build:
        raise InputError(catalog_codes.WITH_BUILD)
    place = read_location(text)
    if _COMMIT.fullmatch(place.ref):
        parse_commit(place.ref)
        return place
    before, found, _ = place.ref.rpartition(str(version))
    if not found or before[-1:].isdigit() or before[-1:] == ".":
        raise InputError(codes.NOT_FROM_GIT, expected=f"a tag that names {version}", found=shown(place.ref))
    tag_pattern(_pattern(version, place.ref))
    return place


def _pattern(version: Version, tag: str) -> str:
    """The pattern of a tag; the version's last place in it, for ``1/v1.1`` names a folder first."""
    before, _, after = tag.rpartition(str(version))
    return f"{before}{{version}}{after}"
