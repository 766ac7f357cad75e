"""A package's file -> its draft: what the file says by itself, and the rules between its keys.

A draft depends on nothing but the address, the file's path and bytes, and the ``Places`` that it was read against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.check import Checked, check
from registry_gen.catalog.location import is_folder
from registry_gen.catalog.package_shapes import GitShape, MirrorFile, ModuleFile, ProviderFile
from registry_gen.catalog.problems import problem
from registry_gen.catalog.rules import read_rules
from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.entries import (
    ArchiveSource,
    GitSource,
    ReleaseSource,
    Retention,
    SignatureRule,
    WithdrawalRule,
)
from registry_gen.model.facts import Deprecation, Hosting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry_gen.catalog.location import Places
    from registry_gen.catalog.rules import PackageFile
    from registry_gen.catalog.shared import File
    from registry_gen.errors import RegistryError
    from registry_gen.model.address import Platform
    from registry_gen.model.version import Constraints

AnyChecked = Checked[ModuleFile] | Checked[ProviderFile] | Checked[MirrorFile]


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry as far as its own file says. ``keys`` are paths beneath keys/; a mirror's source is its address.

    What a kind of package does not have is as if it was left out.
    """

    source: GitSource | ArchiveSource | ReleaseSource | None
    versions: Constraints
    hosting: Hosting
    prereleases: bool
    deprecated: tuple[Deprecation, ...]
    withdrawn: tuple[WithdrawalRule, ...]
    retention: Retention | None
    keys: tuple[str, ...] = ()
    signature: SignatureRule = "publisher"
    platforms: tuple[Platform, ...] = ()
    protocols: tuple[str, ...] = ()
    allow_unpinned: bool = False


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft, or None where nothing can be said; with problems it is good for finding more of them, never for use.

    ``checked`` knows the places of what the file says.
    """

    draft: Draft | None
    problems: tuple[RegistryError, ...]
    checked: AnyChecked


def read_draft(address: Address, file: File, places: Places) -> Drafted:
    """Read the file of the package at ``address``."""
    match address:
        case ModuleAddress():
            return _module(address, check(file.document(), ModuleFile, places))
        case ProviderAddress():
            return _provider(address, check(file.document(), ProviderFile, places))
        case MirrorAddress():
            return _mirror(address, check(file.document(), MirrorFile, places))


def _module(address: ModuleAddress, checked: Checked[ModuleFile]) -> Drafted:
    values = checked.values
    if values is None:
        return Drafted(None, checked.problems, checked)
    rules = read_rules(address, checked, values)
    problems = [*checked.problems, *rules.problems]
    source: GitSource | ArchiveSource
    if isinstance(values.source, GitShape):
        source = GitSource(values.source.git, values.source.path, values.source.tags, values.source.pins)
    else:
        source = ArchiveSource(values.source.archives + "/", values.source.pattern)
        problems += _link_to_folder(checked, values.hosting, source.location)
    problems += _unpinned_copy(checked, values)
    draft = Draft(
        source,
        *_common(values),
        rules.deprecated,
        rules.withdrawn,
        rules.retention,
        allow_unpinned=values.allow_unpinned,
    )
    return Drafted(draft, tuple(problems), checked)


def _provider(address: ProviderAddress, checked: Checked[ProviderFile]) -> Drafted:
    values = checked.values
    if values is None:
        return Drafted(None, checked.problems, checked)
    rules = read_rules(address, checked, values)
    draft = Draft(
        ReleaseSource(values.source.releases, values.source.versions),
        *_common(values),
        rules.deprecated,
        rules.withdrawn,
        rules.retention,
        values.signing_keys,
        values.signature,
        tuple(sorted(values.platforms)),
        values.protocols,
    )
    return Drafted(draft, (*checked.problems, *rules.problems, *_release_problems(checked, values)), checked)


def _mirror(address: MirrorAddress, checked: Checked[MirrorFile]) -> Drafted:
    values = checked.values
    if values is None:
        return Drafted(None, checked.problems, checked)
    rules = read_rules(address, checked, values)
    draft = Draft(
        None,
        *_common(values),
        rules.deprecated,
        rules.withdrawn,
        rules.retention,
        values.trust.keys,
        platforms=tuple(sorted(values.platforms)),
    )
    return Drafted(draft, (*checked.problems, *rules.problems), checked)


def _common(values: PackageFile) -> tuple[Constraints, Hosting, bool]:
    return values.versions, Hosting(values.hosting), values.prereleases


def _release_problems(checked: Checked[ProviderFile], values: ProviderFile) -> Iterable[RegistryError]:
    releases, versions = values.source.releases, values.source.versions
    yield from _link_to_folder(checked, values.hosting, releases)
    if is_folder(releases) and versions:
        detail = "a folder is searched, so source.versions says nothing"
        hint = "Choose versions with the key versions at the top of the file."
        yield problem(codes.CONTRADICTION, checked.position("source", "versions"), detail, hint)
    elif not is_folder(releases) and not versions and not checked.lost("source", "versions"):
        detail = "source needs the key versions: a URL cannot be searched"
        yield problem(codes.MISSING_KEY, checked.position("source", "releases"), detail)
    if values.hosting == "link" and values.signature == "registry":
        detail = "hosting: link publishes the upstream's own sums, which this registry then cannot sign"
        yield problem(codes.CONTRADICTION, checked.position("signature"), detail, "Use hosting: copy.")


def _unpinned_copy(checked: Checked[ModuleFile], values: ModuleFile) -> Iterable[RegistryError]:
    if values.allow_unpinned and (values.hosting != "link" or not isinstance(values.source, GitShape)):
        detail = (
            "allow_unpinned is about links to tags of a git repository; whatever is copied has a commit or a digest"
        )
        hint = "Remove it, or use hosting: link."
        yield problem(codes.CONTRADICTION, checked.position("allow_unpinned"), detail, hint)


def _link_to_folder(
    checked: Checked[ModuleFile] | Checked[ProviderFile], hosting: str, source: str
) -> Iterable[RegistryError]:
    if hosting == "link" and is_folder(source):
        yield problem(codes.LINK_TO_FOLDER, checked.position("hosting"))
