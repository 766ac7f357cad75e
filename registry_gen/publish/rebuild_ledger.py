"""The ledger made again from the bucket after a total loss of the database: from the log, and the records it names.

Everything is read, made and compared before a single row is written, and all rows are written at once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from registry_gen import paths
from registry_gen.errors import LedgerError, RefusalError, StorageError
from registry_gen.ledger import Contents, LogHead, RebuiltEntry
from registry_gen.ledger import codes as ledger_codes
from registry_gen.ledger.audit import REBUILD, Anchor
from registry_gen.ledger.audit_export import read_file
from registry_gen.log.history import replay
from registry_gen.log.read_entries import AuditHead, ModuleDigests, read_entry
from registry_gen.model.address import MirrorAddress, ModuleAddress
from registry_gen.model.digest import sha256
from registry_gen.model.intent import AuditRow
from registry_gen.plan.restore import Held, Restored, compare, named_entry, restored
from registry_gen.publish import codes
from registry_gen.publish.bucket_log import left_tiles, read_log
from registry_gen.publish.registry import pool
from registry_gen.render.discovery import render_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from registry_gen.ledger import Publication
    from registry_gen.ledger.audit import StoredAuditRow
    from registry_gen.log.history import History, PackageHistory
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import PublishedDocument
    from registry_gen.model.intent import Run
    from registry_gen.publish.bucket_log import BucketLog
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry
    from registry_gen.storage import Storage

PHASE: Final = "Reading the bucket"
_READERS: Final = 16
_SHOWN: Final = 20
_FOLDERS: Final = ("v1/", "modules/", "providers/", "mirror/")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the ledger holds again.

    ``differences`` are documents that the next publish will mend; ``removed`` are keys of what a run left that was cut
    off before it logged anything. ``lost_rows`` are the first and the last row of the audit log that are lost, None
    where none is.
    """

    size: int
    packages: int
    versions: int
    documents: int
    differences: tuple[str, ...]
    removed: tuple[str, ...]
    lost_rows: tuple[int, int] | None


def rebuild_ledger(
    registry: Registry,
    vkeys: Sequence[str],
    run: Run,
    progress: Progress,
    *,
    audit: Path | None = None,
    force: bool = False,
) -> Rebuilt:
    """Fill the registry's empty ledger from its public bucket; ``vkeys`` are keys of the log, of which one must have
    signed it. ``audit`` is an export of the audit log. ``force`` makes a ledger although documents are not what the log
    leads to.

    What a run left that was cut off before it logged anything is deleted, so that the next one can publish it anew.

    Raises LedgerError LED030 where the ledger is in use, LED018 or LED033 for an export that is not what the log names;
    StorageError PUB020 and PUB050, RefusalError LOG004, LOG005, LOG008, LOG009, LOG012, PLN020 and PUB051 to PUB054
    where the bucket does not prove a whole registry. The ledger stays empty then.
    """
    with registry.ledger.publication(registry.lock_seconds) as publication, pool(_READERS, "read") as executor:
        _require_empty(publication)
        log = read_log(registry.public, executor, registry.log_origin, vkeys)
        history = _history(log)
        rows = read_file(audit, _anchors(log)) if audit else ()
        withdrawn_by = _withdrawn_by(rows)
        bucket = _listed(registry.public)
        progress.begin(PHASE, len(history.packages))

        def read(package: PackageHistory) -> Restored:
            held = _held(registry.public, package, bucket, log.tail.size)
            who = withdrawn_by.get(str(package.address), {})
            made = restored(package, held, registry.config.site, run.at, who)
            progress.step(PHASE, str(package.address))
            return made

        made = list(executor.map(read, (history.packages[address] for address in sorted(history.packages, key=str))))
        site, differences = _site(registry)
        differences += _unowned(registry.public, history, bucket, log.tail.size)
        differences = sorted([*differences, *(line for each in made for line in each.differences)])
        if differences and not force:
            raise _other_documents(differences)
        left = (*_left_artifacts(history, bucket), *left_tiles(registry.public, log.tail.size))
        lost = _lost(history, rows)
        contents = _contents(log, history, made, site, rows, _row(log, made, lost, run), registry.place)
        # A ledger beside what was left could never publish it, and could not be made again either.
        publication.rebuild(contents, lambda: registry.public.delete(left))
    return Rebuilt(
        size=log.tail.size,
        packages=len(made),
        versions=sum(len(each.package.versions) for each in made),
        documents=len(site) + sum(len(each.documents) for each in made),
        differences=tuple(differences),
        removed=left,
        lost_rows=lost,
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """What is in the bucket: keys of documents and of artifacts by the address in them, "" for those of no package."""

    documents: Mapping[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    artifacts: Mapping[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def _require_empty(publication: Publication) -> None:
    """Asked again when the rows are written; here so that nobody waits for an answer that is known."""
    if publication.log_head().tail.size or publication.open_intents():
        raise LedgerError(ledger_codes.IN_USE, hint=ledger_codes.IN_USE.fix)


def _history(log: BucketLog) -> History:
    history = replay(log.payloads)
    for error in history.contradictions:
        raise error
    if history.unknown:
        hint = codes.LATER_ENTRIES.fix
        raise RefusalError(codes.LATER_ENTRIES, found=", ".join(sorted(history.unknown)), hint=hint)
    return history


def _listed(storage: Storage) -> _Listed:
    found = _Listed()
    for folder in _FOLDERS:
        for stored in storage.list(folder):
            try:
                rule = paths.rule(stored.key)
            except ValueError:
                continue  # not of our making: pages of others, notes of people
            address = paths.owner(stored.key) or ""
            if rule.immutable:
                found.artifacts[address].add(stored.key)
            else:
                found.documents[address].append(stored.key)
    return found


def _held(storage: Storage, package: PackageHistory, bucket: _Listed, size: int) -> Held:
    address = str(package.address)
    documents = dict(_documents(storage, bucket.documents.get(address, ()), size))
    digests = {logged.pinned.record for logged in package.versions.values()}
    records = {digest: record for digest in sorted(digests) if (record := _record(storage, digest)) is not None}
    return Held(documents, bucket.artifacts.get(address, set()), records)


def _documents(storage: Storage, keys: Sequence[str], size: int) -> Iterator[tuple[str, tuple[bytes, str]]]:
    for key in keys:
        found = storage.get(key)
        if found is None:
            continue  # deleted since it was listed: the comparison tells
        body, stored = found
        entry = named_entry(key, body)
        if entry is not None and entry >= size:
            raise RefusalError(
                codes.LOG_SHORTENED,
                where=key,
                expected=f"an entry below {size}, the size that the checkpoint states",
                found=str(entry),
                hint=codes.LOG_SHORTENED.fix,
            )
        yield key, (body, stored.etag)


def _record(storage: Storage, digest: Sha256) -> bytes | None:
    key = paths.record(digest)
    found = storage.get(key)
    if found is None:
        return None
    if sha256(found[0]) != digest:
        hint = codes.NO_RECORD.fix
        raise StorageError(codes.NO_RECORD, where=key, found=f"SHA-256 {sha256(found[0])}", hint=hint)
    return found[0]


def _site(registry: Registry) -> tuple[tuple[PublishedDocument, ...], list[str]]:
    found = registry.public.get(paths.DISCOVERY)
    held = {paths.DISCOVERY: (found[0], found[1].etag)} if found else {}
    documents, differences = compare(held, render_site(registry.config.site))
    return documents, list(differences)


def _unowned(storage: Storage, history: History, bucket: _Listed, size: int) -> list[str]:
    """Documents of packages that the log never named."""
    known = {str(address) for address in history.packages}
    keys = [key for address, keys in bucket.documents.items() if address not in known for key in keys]
    return [f"{key}: nothing in the log leads to it" for key, _ in _documents(storage, sorted(keys), size)]


def _left_artifacts(history: History, bucket: _Listed) -> Iterator[str]:
    """Objects under names that are not their digest, of versions and platforms that the log never named: the next run
    may have other bytes for them.
    """
    named = {key for package in history.packages.values() for key in _named(package)}
    for keys in bucket.artifacts.values():
        yield from sorted(key for key in keys - named if "_SHA256SUMS" not in key)


def _named(package: PackageHistory) -> Iterator[str]:
    for version, logged in package.versions.items():
        digests = logged.pinned.digests
        match package.address:
            case ModuleAddress() as address:
                yield paths.module_archive(address, version)
                yield paths.module_provenance(address, version)
            case MirrorAddress() as address if not isinstance(digests, ModuleDigests):
                yield from (paths.mirror_zip(address, version, platform) for platform in digests)
            case address if not (isinstance(address, MirrorAddress) or isinstance(digests, ModuleDigests)):
                yield from (paths.provider_zip(address, version, platform) for platform in digests)


def _anchors(log: BucketLog) -> tuple[Anchor, ...]:
    """What the log says of the audit log, sorted."""
    entries = (read_entry(payload, index) for index, payload in enumerate(log.payloads))
    heads = ((entry.index, entry.said) for entry in entries if isinstance(entry.said, AuditHead))
    return tuple(sorted(Anchor(head.seq, index, head.hash) for index, head in heads))


def _withdrawn_by(rows: Sequence[StoredAuditRow]) -> Mapping[str, Mapping[tuple[str, datetime], str]]:
    """By address, who took back which version when: the log does not say who."""
    found: dict[str, dict[tuple[str, datetime], str]] = defaultdict(dict)
    for row in rows:
        withdrawn = orjson.loads(row.after).get("withdrawn")
        for version in withdrawn if isinstance(withdrawn, dict) else ():
            found[row.address][version, row.at] = row.actor
    return found


def _lost(history: History, rows: Sequence[StoredAuditRow]) -> tuple[int, int] | None:
    first, last = rows[-1].seq + 1 if rows else 1, history.audit[-1].seq if history.audit else 0
    return (first, last) if first <= last else None


def _row(log: BucketLog, made: Sequence[Restored], lost: tuple[int, int] | None, run: Run) -> AuditRow:
    after: dict[str, object] = {"log_size": log.tail.size, "packages": len(made)}
    return AuditRow(
        actor=run.actor,
        action=REBUILD,
        address="",
        before={},
        after={**after, "rows_lost": list(lost)} if lost else after,
        catalog_commit=run.catalog_commit,
        run_url=run.run_url,
        at=run.at,
    )


def _contents(
    log: BucketLog,
    history: History,
    made: Sequence[Restored],
    site: Sequence[PublishedDocument],
    rows: Sequence[StoredAuditRow],
    row: AuditRow,
    place: str,
) -> Contents:
    return Contents(
        packages=[each.package for each in made],
        documents={None: site, **{each.package.head.address: each.documents for each in made}},
        entries=[_entry(payload, index) for index, payload in enumerate(log.payloads)],
        head=LogHead(log.tail, log.checkpoint, log.etag, log.tail.size, place=place),
        audit=rows,
        anchored=history.audit[-1] if history.audit else None,
        row=row,
    )


def _entry(payload: bytes, index: int) -> RebuiltEntry:
    read = read_entry(payload, index)
    return RebuiltEntry(read.type, payload, read.address, read.version)


def _other_documents(differences: Sequence[str]) -> RefusalError:
    shown = [*differences[:_SHOWN], *([f"and {len(differences) - _SHOWN} more"] if len(differences) > _SHOWN else [])]
    detail = f"{codes.OTHER_DOCUMENTS.title}: {len(differences)} of them"
    return RefusalError(codes.OTHER_DOCUMENTS, detail, found="\n".join(shown), hint=codes.OTHER_DOCUMENTS.fix)
