"""Staging one version of a module: its tree is checked, read and packed in one pass."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from registry_gen import __version__, paths
from registry_gen.errors import RefusalError
from registry_gen.model.digest import sha256
from registry_gen.model.entries import ArchiveSource, GitSource
from registry_gen.model.facts import Hosting, ModuleVersion
from registry_gen.model.plan import Staged
from registry_gen.publish.module_source import ArchivePin, GitPin, pack_pinned
from registry_gen.publish.stage_unseen import git_location, stage_unseen
from registry_gen.render.provenance import Builder, module_provenance, subject
from registry_gen.render.version_records import module_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.model.entries import ModuleEntry
    from registry_gen.model.plan import PublishModule
    from registry_gen.model.version import Version
    from registry_gen.pack.tar import Packed
    from registry_gen.publish.module_source import Pin
    from registry_gen.publish.stage import Stage


def stage_module(stage: Stage, entry: ModuleEntry, action: PublishModule) -> Staged:
    """Fetch, check and pack one version, and sign where it came from.

    Raises RefusalError or SourceError; nothing of it is kept then.
    """
    if action.named is not None:
        return stage_unseen(stage, entry, action, action.named)
    pin = _pin(entry, action)
    copied = entry.hosting is Hosting.COPY
    artifacts = []
    with stage.staging.file() as out:
        made = pack_pinned(stage, pin, out, f"{entry.address} {action.version}")
        if copied:
            key = paths.module_archive(entry.address, action.version)
            artifacts.append(stage.staging.keep(out, key, made.packed.sha256))
    facts = _facts(stage, entry, action, pin, made.packed)
    attestation = None
    if copied:
        key = paths.module_provenance(entry.address, action.version)
        kept = _kept(stage, entry, facts, key) if action.rehost else None
        attestation = kept or _attestation(stage, entry, facts, pin)
        artifacts.append(stage.staging.keep_bytes(attestation, key))
        facts = replace(facts, provenance=sha256(attestation))
    record = module_record(entry.address, facts, made.contents, made.dangling, attestation, stage.catalog_commit)
    facts = replace(facts, record=sha256(record))
    artifacts.append(stage.staging.keep_bytes(record, paths.record(facts.record)))
    return Staged(action, facts, tuple(artifacts), _notes(action.version, made.dangling))


def _pin(entry: ModuleEntry, action: PublishModule) -> Pin:
    match entry.source:
        case GitSource() as source if action.tag:
            return GitPin(source.url, source.path, action.tag.commit)
        case ArchiveSource() as source if action.archive:
            return ArchivePin(source.location, action.archive)
        case _:
            raise TypeError(f"{entry.address}: an action for another kind of source")


def _facts(stage: Stage, entry: ModuleEntry, action: PublishModule, pin: Pin, packed: Packed) -> ModuleVersion:
    copied = entry.hosting is Hosting.COPY
    return ModuleVersion(
        version=action.version,
        source=pin.url if isinstance(pin, GitPin) else pin.location,
        path=pin.path if isinstance(pin, GitPin) else "",
        tag=action.tag.name if action.tag else None,
        commit=action.tag.commit if action.tag else None,
        tree=packed.tree,
        hosting=entry.hosting,
        archive=packed.sha256 if copied else None,
        archive_size=packed.size if copied else None,
        location=None if copied else _location(pin),
        record=sha256(b""),
        recorded_at=stage.now,
        evidence=action.archive.sha256 if action.archive else None,
    )


def _kept(stage: Stage, entry: ModuleEntry, facts: ModuleVersion, key: str) -> bytes | None:
    """The statement that this registry made of this very archive when it was a copy before: it stays as it is."""
    found = stage.public.get(key)
    if found is None:
        return None
    try:
        statement = json.loads(stage.log.opened(found[0], key))
    except RefusalError:
        return None  # then the key is taken, and the put says so
    return found[0] if statement["subject"] == [subject(entry.address, facts)] else None


def _attestation(stage: Stage, entry: ModuleEntry, facts: ModuleVersion, pin: Pin) -> bytes:
    """The signed statement about the archive: a bundle of one line (in-toto/attestation, spec/v1/bundle.md)."""
    filename = pin.seen.filename if isinstance(pin, ArchivePin) else None
    builder = Builder(stage.log.name, __version__, stage.run_url)
    statement = module_provenance(entry.address, facts, filename, builder, stage.catalog_commit)
    return stage.log.sign_statement(statement) + b"\n"


def _notes(version: Version, dangling: Sequence[str]) -> tuple[str, ...]:
    if not dangling:
        return ()
    links = f"{len(dangling)} symbolic links lead" if len(dangling) > 1 else "a symbolic link leads"
    return (f"{version} is published without what is not there: {links} to nothing ({dangling[0]})",)


def _location(pin: Pin) -> str:
    """A go-getter address of what is pinned: ``git::URL//PATH?ref=COMMIT``, or an archive with its checksum."""
    if isinstance(pin, GitPin):
        return git_location(pin.url, pin.path, pin.commit)
    return f"{pin.location}{pin.seen.filename}?checksum=sha256:{pin.seen.sha256}"
