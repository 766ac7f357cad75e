"""Staging one version of a module that was imported: its facts are what import and poll say, and nothing is fetched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.extract.module import ModuleContents
from registry_gen.model.digest import sha256
from registry_gen.model.entries import GitSource
from registry_gen.model.facts import Hosting, ModuleVersion
from registry_gen.model.plan import Staged
from registry_gen.render.version_records import module_record

if TYPE_CHECKING:
    from registry_gen.model.entries import ModuleEntry
    from registry_gen.model.plan import PublishModule
    from registry_gen.publish.stage import Stage

_UNSEEN: Final = ModuleContents(None, (), ())


def stage_unseen(stage: Stage, entry: ModuleEntry, action: PublishModule, named: str) -> Staged:
    """A link to the commit that a poll saw, or, unpinned, to the tag that the import named."""
    assert isinstance(entry.source, GitSource)  # noqa: S101 - the plan names tags of repositories only
    url, path = entry.source.url, entry.source.path
    tag, commit = (action.tag.name, action.tag.commit) if action.tag else (named, None)
    facts = ModuleVersion(
        version=action.version,
        source=url,
        path=path,
        tag=tag,
        commit=commit,
        tree=None,
        hosting=Hosting.LINK,
        archive=None,
        archive_size=None,
        location=git_location(url, path, commit or tag),
        record=sha256(b""),
        recorded_at=stage.now,
    )
    record = module_record(entry.address, facts, _UNSEEN, (), None, stage.catalog_commit)
    facts = replace(facts, record=sha256(record))
    return Staged(action, facts, (stage.staging.keep_bytes(record, paths.record(facts.record)),))


def git_location(url: str, path: str, ref: str) -> str:
    """A go-getter address of a folder in a repository: ``git::URL//PATH?ref=REF``."""
    inside = f"//{path}" if path else ""
    return f"git::{url}{inside}?ref={ref}"
