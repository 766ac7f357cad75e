"""Published packages as anybody can read them: what a ledger would know of them, from documents, records and proofs.

Only what is asked for is read: a package's listing, a document for each version, and records where they are needed.
With keys of the log every version is proved to be in it; without them, what is served is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import InputError, RefusalError, SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.artifacts import require_bytes
from registry_gen.inspect.leaves import read_shape
from registry_gen.inspect.listing import listing_key, read_listing
from registry_gen.inspect.promise import document_problems, read_document
from registry_gen.inspect.proved import ProvedLog
from registry_gen.inspect.public_log import read_checkpoint
from registry_gen.inspect.reader import MAX_DOCUMENT, MAX_RECORD
from registry_gen.inspect.side_by_side import side_by_side
from registry_gen.log.history import LoggedVersion
from registry_gen.log.note import MAX_NOTE_BYTES, parse_verifier_key, stated
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.log.recorded import recorded, unrecorded
from registry_gen.model.entries import MirrorEntry, ProviderEntry
from registry_gen.model.facts import (
    Package,
    PackageHead,
    PackageState,
    ProviderVersion,
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.render import shapes
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from registry_gen.inspect.budget import Budget
    from registry_gen.inspect.promise import VersionDocument
    from registry_gen.log.note import Checkpoint
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import Deprecation, SigningKey, VersionFacts
    from registry_gen.model.version import Version

_WORKERS: Final = 4
"""Packages at a time, and versions of each."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A registry that is read from outside. ``log`` proves versions; None where no key was given.

    ``whole`` asks for every record, so that documents can be rendered from the facts; else only those are read that
    say what no document does.
    """

    reader: Budget
    checkpoint: Checkpoint
    log: ProvedLog | None
    rendering: str
    whole: bool = False


def open_outside(reader: Budget, keys: Sequence[str], origin: str, rendering: str, *, whole: bool = False) -> Outside:
    """The registry whose log is called ``origin``, by its checkpoint, which one of ``keys`` signed if any is given.

    Raises InputError LOG007 for what is no key or INS002 for those of another log, RefusalError INS051 for another
    registry, LOG004 and LOG005 for a checkpoint that cannot be believed, SourceError where there is none.
    """
    for key in keys:
        _require_key(key, origin)
    if keys:
        signed = read_checkpoint(reader, keys)
        checkpoint, log = signed.checkpoint, ProvedLog(reader, keys, signed)
    else:
        checkpoint, log = stated(reader.read(paths.CHECKPOINT, MAX_NOTE_BYTES)), None
    if checkpoint.origin != origin:
        raise RefusalError(
            codes.OTHER_REGISTRY,
            where=reader.name,
            expected=f"the log {origin}",
            found=checkpoint.origin,
            hint=codes.OTHER_REGISTRY.fix,
        )
    return Outside(reader, checkpoint, log, rendering, whole)


def read_packages(
    outside: Outside, entries: Mapping[Address, Entry], offered: Mapping[Address, Set[Version]]
) -> Mapping[Address, Package]:
    """The published packages among ``entries``, with every listed version, and those of ``offered`` that are withdrawn.

    Raises SourceError, RefusalError for what cannot be read or believed: INS006, INS010 to INS015, INS024, INS025,
    INS030, INS050, LOG004 to LOG012.
    """
    found = side_by_side(
        lambda entry: _package(outside, entry, offered.get(entry.address, frozenset())),
        entries.values(),
        workers=_WORKERS,
    )
    return {package.head.address: package for package in found if package is not None}


def read_heads(outside: Outside, addresses: Set[Address]) -> Mapping[Address, PackageHead]:
    """Of packages that the catalog lost, how many of their versions are listed; those of which none is are left out."""
    found = {address: len(read_listing(outside.reader, address)) for address in sorted(addresses, key=str)}
    return {
        address: PackageHead(address, 0, 0, None, None, PackageState(), listed)
        for address, listed in found.items()
        if listed
    }


def _require_key(key: str, origin: str) -> None:
    try:
        name = parse_verifier_key(key)[0]
    except RefusalError as error:
        raise InputError(error.code, where="--key", expected=error.expected, found=error.found) from None
    if name != origin:
        raise InputError(codes.OTHER_LOG, where="--key", expected=origin, found=name, hint=codes.OTHER_LOG.fix)


def _package(outside: Outside, entry: Entry, offered: Set[Version]) -> Package | None:
    """None where there is no listing: nothing was ever published, since a listing stays when all of it is withdrawn."""
    address, reader = entry.address, outside.reader
    listed = read_listing(reader, address)
    if not listed and not reader.revision(listing_key(address)):
        return None
    versions = sorted(listed.keys() | offered)
    found = side_by_side(lambda version: _version(outside, address, version), versions, workers=_WORKERS)
    known = {version: each for version, each in zip(versions, found, strict=True) if each is not None}
    for version in listed.keys() - known.keys():
        raise SourceError(codes.MISSING, where=paths.version_document(address, version))
    documents = {version: document for version, (document, _) in known.items()}
    facts = tuple(facts for _, (_, facts) in sorted(known.items()))
    keys = [listing_key(address), *(paths.version_document(address, version) for version in known)]
    revision = max(reader.revision(key) for key in keys)
    state = PackageState(_warnings(entry, documents), _keys(outside, entry, facts), outside.rendering)
    head = PackageHead(address, revision, revision, None, None, state, len(listed))
    return Package(head, facts)


def _version(outside: Outside, address: Address, version: Version) -> tuple[VersionDocument, VersionFacts] | None:
    """One version, proved where that is possible; None where it was never published."""
    key = paths.version_document(address, version)
    try:
        document = _document(outside, address, version, key)
    except SourceError as error:
        if error.code is codes.MISSING and error.where == key:
            return None
        raise
    logged = LoggedVersion(
        version=version,
        pinned=document.pinned,
        first=document.log_index,
        published_at=document.recorded_at,
        index=document.log_index,
        at=document.recorded_at,
        recorded_at=document.recorded_at,
        withdrawn=document.withdrawn,
        withdrawn_at=document.withdrawn_at,
    )
    record = _record(outside, address, logged)
    if record is None:
        facts = unrecorded(address, logged, document.provenance)
    else:
        facts = recorded(address, logged, record).facts
    if document.withdrawn is not None and document.withdrawn_at is not None:
        # Whether its artifacts are deleted shows in its record, which goes with them.
        stage = WithdrawalStage.COLLECTED if record is None else WithdrawalStage.UNLISTED
        at = document.withdrawn_at
        facts = replace(facts, withdrawn=Withdrawal(document.withdrawn, "", at, stage, at))
    return document, facts


def _document(outside: Outside, address: Address, version: Version, key: str) -> VersionDocument:
    if outside.log is not None:
        promise, document = outside.log.promise(address, version)
        for problem in document_problems(document, address, promise, key):
            raise problem
        return document
    document = read_document(outside.reader.read(key, MAX_DOCUMENT), key)
    said = (document.kind, document.address, document.version)
    if said != (address.kind, str(address), str(version)):
        expected, found = f"{address.kind} {address} {version}", " ".join(said)
        raise RefusalError(codes.DOCUMENT_DIFFERS, where=key, expected=expected, found=found[:300])
    return document


def _record(outside: Outside, address: Address, logged: LoggedVersion) -> bytes | None:
    """A version's record, where it says what its document does not; None where that is enough, or it is deleted.

    Of a module that was fetched, the document says all that is compared with its source.
    """
    digests = logged.pinned.digests
    fetched = isinstance(digests, ModuleDigests) and digests.h1 is not None
    if fetched and logged.listed and not outside.whole:
        return None
    digest = logged.pinned.record
    try:
        data = outside.reader.read(paths.record(digest), MAX_RECORD)
    except SourceError as error:
        if error.code is codes.MISSING and not logged.listed:
            return None
        raise
    require_bytes(data, digest, f"{address} {logged.version}: records/{digest}")
    return data


def _warnings(entry: Entry, documents: Mapping[Version, VersionDocument]) -> tuple[Deprecation, ...]:
    """The package's warnings: each document has those of its version, so one that concerns none is not to be seen.

    Where the catalog's lead to the very documents that are there, they are taken to be the ones.
    """
    wanted = () if isinstance(entry, MirrorEntry) else entry.deprecated
    if all(
        document.deprecated == tuple(each for each in wanted if each.concerns(version))
        for version, document in documents.items()
    ):
        return wanted
    return tuple(dict.fromkeys(each for document in documents.values() for each in document.deprecated))


def _keys(outside: Outside, entry: Entry, versions: Sequence[VersionFacts]) -> tuple[SigningKey, ...]:
    """The keys that clients get now; where nothing is listed, those of the catalog, as nobody gets any."""
    if not isinstance(entry, ProviderEntry):
        return ()
    listed = [facts for facts in versions if isinstance(facts, ProviderVersion) and facts.withdrawn is None]
    if not listed:
        return entry.signing_keys if entry.signature == "publisher" else ()
    newest = listed[-1]
    key = paths.provider_download(entry.address, newest.version, newest.packages[0].platform)
    leaf = read_shape(outside.reader, key, shapes.ProviderDownload)
    return tuple(sorted(parse_key(each.ascii_armor, key) for each in leaf.signing_keys.gpg_public_keys))
