"""Staging one version of a module: its tree is checked, read and packed in one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.extract.module import Collector
from registry_gen.model.digest import Commit, sha256
from registry_gen.model.entries import ArchiveSource, GitSource
from registry_gen.model.facts import Hosting, ModuleVersion
from registry_gen.model.plan import Staged
from registry_gen.pack.tar import pack_module
from registry_gen.publish import codes
from registry_gen.render.version_records import module_record
from registry_gen.verify.archives import read_archive
from registry_gen.verify.tree import check_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry_gen.model.entries import ModuleEntry
    from registry_gen.model.plan import PublishModule
    from registry_gen.model.tree import TreeFile
    from registry_gen.model.version import Version
    from registry_gen.publish.stage import Stage


def stage_module(stage: Stage, entry: ModuleEntry, action: PublishModule) -> Staged:
    """Fetch, check and pack one version. Raises RefusalError or SourceError; nothing of it is kept then."""
    match entry.source:
        case GitSource() as source if action.tag:
            tree = stage.sources.git.tree(source.url, action.tag.commit, source.path)
            location = git_location(source.url, source.path, action.tag.commit)
            return _pack(stage, entry, action, tree, location)
        case ArchiveSource() as source if action.archive:
            return _from_archive(stage, entry, source, action)
        case _:
            raise TypeError(f"{entry.address}: an action for another kind of source")


def _from_archive(stage: Stage, entry: ModuleEntry, source: ArchiveSource, action: PublishModule) -> Staged:
    seen = action.archive
    assert seen is not None  # noqa: S101 - stage_module looked
    where = f"{entry.address} {action.version}"
    with stage.staging.file() as out:
        stage.sources.archives.copy(source, seen, out, stage.limits.module_bytes)
        out.seek(0)
        tree = read_archive(
            out,
            seen.filename,
            max_bytes=stage.limits.module_bytes,
            max_files=stage.limits.module_files,
            where=where,
        )
        location = f"{source.location}{seen.filename}?checksum=sha256:{seen.sha256}"
        return _pack(stage, entry, action, tree, location)


def _pack(stage: Stage, entry: ModuleEntry, action: PublishModule, tree: Iterable[TreeFile], location: str) -> Staged:
    where = f"{entry.address} {action.version}"
    collector = Collector()
    checked = check_tree(tree, max_bytes=stage.limits.module_bytes, max_files=stage.limits.module_files, where=where)
    copied = entry.hosting is Hosting.COPY
    with stage.staging.file() as out:
        packed = pack_module(_collected(checked.files, collector), out)
        contents = collector.contents()
        if not contents.hcl:
            raise RefusalError(codes.NO_PATH, where=where, expected="at least one .tf file", hint=codes.NO_PATH.fix)
        key = paths.module_archive(entry.address, action.version)
        artifacts = [stage.staging.keep(out, key, packed.sha256)] if copied else []
    facts = ModuleVersion(
        version=action.version,
        source=entry.source.url if isinstance(entry.source, GitSource) else entry.source.location,
        path=entry.source.path if isinstance(entry.source, GitSource) else "",
        tag=action.tag.name if action.tag else None,
        commit=action.tag.commit if action.tag else None,
        tree=packed.tree,
        hosting=entry.hosting,
        archive=packed.sha256 if copied else None,
        archive_size=packed.size if copied else None,
        location=None if copied else location,
        record=sha256(b""),
        recorded_at=stage.now,
        evidence=action.archive.sha256 if action.archive else None,
    )
    record = module_record(entry.address, facts, contents, checked.dangling, stage.catalog_commit)
    facts = replace(facts, record=sha256(record))
    artifacts.append(stage.staging.keep_bytes(record, paths.record(facts.record)))
    return Staged(action, facts, tuple(artifacts), _notes(action.version, checked.dangling))


def _notes(version: Version, dangling: Sequence[str]) -> tuple[str, ...]:
    if not dangling:
        return ()
    links = f"{len(dangling)} symbolic links lead" if len(dangling) > 1 else "a symbolic link leads"
    return (f"{version} is published without what is not there: {links} to nothing ({dangling[0]})",)


def git_location(url: str, path: str, commit: Commit) -> str:
    """A go-getter address pinned to a commit: ``git::URL//PATH?ref=COMMIT``."""
    inside = f"//{path}" if path else ""
    return f"git::{url}{inside}?ref={commit}"


def _collected(files: Iterable[TreeFile], collector: Collector) -> Iterator[TreeFile]:
    for file in files:
        collector.add(file)
        yield file
