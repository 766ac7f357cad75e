"""The risk class of each action of a plan."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from registry_gen.model.entries import ArchiveSource, GitSource, MirrorEntry, ModuleEntry, ProviderEntry
from registry_gen.model.facts import ModuleVersion
from registry_gen.model.plan import ChangeState, MirrorProvider, PublishModule, PublishProvider, Relist, Withdraw
from registry_gen.model.rules import Risk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import MirrorVersion, Package, ProviderVersion, VersionFacts
    from registry_gen.model.plan import Action, PackagePlan
    from registry_gen.model.version import Version

    Published = PublishModule | PublishProvider | MirrorProvider


def risks(planned: PackagePlan, entry: Entry, package: Package | None) -> Mapping[Risk, tuple[Version, ...]]:
    """The classes of a package's actions, each with the versions that it is about; () for the whole package.

    ``package`` is what is published of it, None for nothing. A change of documents that leaves the keys as they are has
    no class: a warning, or another renderer.
    """
    found: dict[Risk, list[Version]] = {}
    for action in planned.actions:
        risk = _risk(action, planned, entry, package)
        if risk is not None:
            found.setdefault(risk, []).extend(() if isinstance(action, ChangeState) else [action.version])
    return {risk: tuple(sorted(versions)) for risk, versions in sorted(found.items())}


def _risk(action: Action, planned: PackagePlan, entry: Entry, package: Package | None) -> Risk | None:
    match action:
        case Withdraw(version=version):
            written = any(rule.concerns(version) for rule in entry.withdrawn)
            return Risk.WITHDRAWAL if written else Risk.RETENTION
        case Relist():
            return Risk.WITHDRAWAL
        case ChangeState():
            before = package.head.state.signing_keys if package else ()
            return None if before == planned.state.signing_keys else Risk.KEY_CHANGE
        case _:
            return _publishing(action, entry, package.versions if package else ())


def _publishing(action: Published, entry: Entry, published: Sequence[VersionFacts]) -> Risk:
    if not published:
        return Risk.NEW_UPSTREAM if isinstance(entry, MirrorEntry) else Risk.NEW_PACKAGE
    # Not of any earlier time: a source that was given up may be in other hands by now.
    latest = max(facts.recorded_at for facts in published)
    known = [facts for facts in published if facts.recorded_at == latest]
    return Risk.NEW_VERSION if any(_same_source(action, entry, facts) for facts in known) else Risk.NEW_UPSTREAM


def _same_source(action: Published, entry: Entry, facts: VersionFacts) -> bool:
    if isinstance(facts, ModuleVersion):
        others = isinstance(action, PublishModule) and action.other_archives
        same = isinstance(entry, ModuleEntry) and (facts.source, facts.path) == _module_source(entry.source)
        return same and not others
    match entry:
        case ProviderEntry():
            return isinstance(action, PublishProvider) and _same_place(action, entry, facts)
        case MirrorEntry():
            return facts.origin == entry.upstream
        case _:
            return False


def _same_place(action: PublishProvider, entry: ProviderEntry, facts: ProviderVersion | MirrorVersion) -> bool:
    """Whether both releases lie at one place, whatever their versions, or in folders of the one that is searched."""
    searched = entry.source.location.rstrip("/")
    inside = searched.startswith("/") and posixpath.dirname(facts.origin.rstrip("/")) == searched
    return inside or _folder(action.release.location, action.version) == _folder(facts.origin, facts.version)


def _module_source(source: GitSource | ArchiveSource) -> tuple[str, str]:
    """Where a module comes from, and the folder in it: another folder of a repository is another module's code."""
    return (source.url, source.path) if isinstance(source, GitSource) else (source.location, "")


def _folder(location: str, version: Version) -> str:
    """Where a release lies, whatever its version."""
    return location.rstrip("/").replace(str(version), "{version}")


def other_signer(package: Package | None, facts: MirrorVersion) -> bool:
    """Whether a mirrored version was signed by a key that signed nothing of the package so far.

    Which of the trusted keys did is known only once the sums were fetched.
    """
    known = {each.sums.signer for each in package.versions if not isinstance(each, ModuleVersion)} if package else set()
    return bool(known) and facts.sums.signer not in known
