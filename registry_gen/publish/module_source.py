"""From where a module's source is pinned to its packed archive: one way, to publish it and to make it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from registry_gen.errors import RefusalError
from registry_gen.extract.module import Collector
from registry_gen.pack.tar import pack_module
from registry_gen.publish import codes
from registry_gen.verify.archives import read_archive
from registry_gen.verify.tree import check_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry_gen.extract.module import ModuleContents
    from registry_gen.model.config import Limits
    from registry_gen.model.digest import Commit
    from registry_gen.model.facts import ModuleVersion
    from registry_gen.model.plan import ArchiveSeen
    from registry_gen.model.tree import TreeFile
    from registry_gen.pack.tar import Packed
    from registry_gen.publish.look import Sources
    from registry_gen.publish.staging import Staging


@dataclass(frozen=True, slots=True)
class GitPin:
    """A folder of a commit ("" for all of it); the commit is in the cache, or ``tree`` refuses."""

    url: str
    path: str
    commit: Commit


@dataclass(frozen=True, slots=True)
class ArchivePin:
    """An archive under ``location``, by its digest."""

    location: str
    seen: ArchiveSeen


Pin = GitPin | ArchivePin


def pin_again(sources: Sources, facts: ModuleVersion) -> Pin:
    """What a published version was made from, by commit or digest alone: what its tag says today does not count.

    Raises SourceError where the source no longer has it.
    """
    if facts.commit:
        sources.git.fetch_commit(facts.source, facts.commit)
        return GitPin(facts.source, facts.path, facts.commit)
    if facts.evidence:
        return ArchivePin(facts.source, sources.archives.find(facts.source, facts.version, facts.evidence))
    raise ValueError(f"{facts.version} has neither a commit nor an archive")


class Workshop(Protocol):
    """What fetching and packing needs."""

    @property
    def sources(self) -> Sources:
        """Where things come from."""

    @property
    def staging(self) -> Staging:
        """Where they lie meanwhile."""

    @property
    def limits(self) -> Limits:
        """How much is too much."""


@dataclass(frozen=True, slots=True)
class PackedModule:
    """An archive, what its record keeps of its files, and the links to nothing that it lacks ("link -> target")."""

    packed: Packed
    contents: ModuleContents
    dangling: tuple[str, ...]


def pack_pinned(workshop: Workshop, pin: Pin, out: BinaryIO, where: str) -> PackedModule:
    """Read a module's tree from its source, check it and pack it into ``out``.

    Raises SourceError where the source cannot be read, RefusalError where its tree cannot be published.
    """
    if isinstance(pin, GitPin):
        return _packed(workshop, workshop.sources.git.tree(pin.url, pin.commit, pin.path), out, where)
    limits = workshop.limits
    with workshop.staging.file() as archive:
        workshop.sources.archives.copy(pin.location, pin.seen, archive, limits.module_bytes)
        name, size, count = pin.seen.filename, limits.module_bytes, limits.module_files
        tree = read_archive(archive, name, max_bytes=size, max_files=count, where=where)
        return _packed(workshop, tree, out, where)


def _packed(workshop: Workshop, tree: Iterable[TreeFile], out: BinaryIO, where: str) -> PackedModule:
    limits, collector = workshop.limits, Collector()
    checked = check_tree(tree, max_bytes=limits.module_bytes, max_files=limits.module_files, where=where)
    packed = pack_module(_collected(checked.files, collector), out)
    contents = collector.contents()
    if not contents.hcl:
        raise RefusalError(codes.NO_PATH, where=where, expected="at least one .tf file", hint=codes.NO_PATH.fix)
    return PackedModule(packed, contents, checked.dangling)


def _collected(files: Iterable[TreeFile], collector: Collector) -> Iterator[TreeFile]:
    for file in files:
        collector.add(file)
        yield file
