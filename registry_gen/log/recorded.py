"""Facts of versions from the log and their records: what a ledger that was lost held of them.

The log names each record by its SHA-256, so a record that was read under its name is the one that was logged. It is
compared with the entry all the same: facts that contradict the log would be refused by everyone who verifies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log import codes
from registry_gen.log.read_entries import (
    LoggedSums,
    Members,
    ModuleDigests,
    NotSoError,
    Pinned,
    ZipDigests,
    parse_time,
)
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress
from registry_gen.model.digest import parse_commit, parse_h1, parse_sha256
from registry_gen.model.facts import (
    Hosting,
    MirrorVersion,
    ModuleVersion,
    ProviderPackage,
    ProviderVersion,
    SigningKey,
    Sums,
    VersionFacts,
)
from registry_gen.render.version_records import SCHEMA

if TYPE_CHECKING:
    from registry_gen.log.history import LoggedVersion
    from registry_gen.model.address import Address
    from registry_gen.model.digest import Sha256


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version's facts, as if it were listed, and the keys that clients got with it when it was recorded."""

    facts: VersionFacts
    keys: tuple[SigningKey, ...]


def recorded(address: Address, logged: LoggedVersion, record: bytes) -> Recorded:
    """The facts of a version from its record, which the caller found to have the digest that the log names.

    Raises RefusalError LOG012 where it cannot be read, or says something else than the log.
    """
    where = f"{paths.record(logged.pinned.record)}, {address} {logged.version}"
    try:
        members = Members(_without_null(orjson.loads(record)))
        _require_same(members, address, logged)
        found = _facts(members, address, logged)
    except (NotSoError, orjson.JSONDecodeError) as problem:
        raise RefusalError(codes.OTHER_RECORD, where=where, found=str(problem)) from None
    if found.facts.recorded_at != logged.recorded_at:
        seen = f"recorded_at: not {logged.recorded_at.isoformat()}, the time of its entry"
        raise RefusalError(codes.OTHER_RECORD, where=where, found=seen)
    pinned = pinned_by(found.facts)
    if pinned != logged.pinned:
        raise RefusalError(codes.OTHER_RECORD, where=where, expected=str(logged.pinned), found=str(pinned))
    return found


def unrecorded(address: Address, logged: LoggedVersion, provenance: Sha256 | None) -> VersionFacts:
    """What is left to know of a version whose record was deleted after its artifacts: what pins it.

    Where it came from is empty and sizes are 0: it can never be listed again.
    """
    pinned, linked = logged.pinned, logged.pinned.hosting is Hosting.LINK
    if isinstance(address, ModuleAddress):
        assert isinstance(pinned.digests, ModuleDigests)  # noqa: S101 - read_pinned looked at the kind
        return ModuleVersion(
            version=logged.version,
            source="",
            path="",
            tag=pinned.tag,
            commit=pinned.commit,
            tree=pinned.digests.h1,
            hosting=pinned.hosting,
            archive=pinned.digests.archive,
            archive_size=None if pinned.digests.archive is None else 0,
            location="" if linked else None,
            record=pinned.record,
            recorded_at=logged.recorded_at,
            evidence=pinned.digests.source,
            provenance=provenance,
            log_index=logged.index,
        )
    assert not isinstance(pinned.digests, ModuleDigests)  # noqa: S101 - as above
    packages = tuple(
        ProviderPackage(
            platform, paths.zip_name(address.type, logged.version, platform), zip_.zh, zip_.h1, zip_.size, None
        )
        for platform, zip_ in sorted(pinned.digests.items())
    )
    sums = _sums(logged, None, None)
    if isinstance(address, ProviderAddress):
        return ProviderVersion(
            logged.version,
            "",
            sums.sums,
            (),
            packages,
            sums,
            pinned.hosting,
            pinned.record,
            logged.recorded_at,
            log_index=logged.index,
        )
    return MirrorVersion(
        logged.version,
        "",
        (),
        packages,
        sums,
        pinned.hosting,
        pinned.record,
        logged.recorded_at,
        log_index=logged.index,
    )


def pinned_by(facts: VersionFacts) -> Pinned:
    """What the facts would have an entry say."""
    if isinstance(facts, ModuleVersion):
        digests = ModuleDigests(facts.tree, facts.archive, facts.evidence)
        return Pinned(facts.hosting, facts.record, digests, tag=facts.tag, commit=facts.commit)
    zips = {package.platform: ZipDigests(package.zh, package.h1, package.size) for package in facts.packages}
    sums = LoggedSums(facts.sums.sums, facts.sums.signature, facts.sums.signer)
    return Pinned(facts.hosting, facts.record, zips, sums)


def _require_same(members: Members, address: Address, logged: LoggedVersion) -> None:
    if members.number("schema") != SCHEMA:
        raise NotSoError(f"schema: {members.number('schema')}, and not {SCHEMA}")
    said = tuple(members.text(name) for name in ("kind", "address", "version"))
    if said != (address.kind, str(address), str(logged.version)):
        raise NotSoError(f"it is about {' '.join(said)[:200]}")


def _facts(members: Members, address: Address, logged: LoggedVersion) -> Recorded:
    if isinstance(address, ModuleAddress):
        return Recorded(_module(members, logged), ())
    hosting, at = members.parsed("hosting", Hosting), members.parsed("recorded_at", parse_time)
    origin, protocols = members.text("origin"), tuple(_each_text(members, "protocols"))
    packages = tuple(_package(Members(each, "packages")) for each in members.each("packages"))
    packages = tuple(sorted(packages, key=lambda package: package.platform))
    sums = _sums(logged, members.maybe("sums_url", str), members.maybe("signature_url", str), members.text("signer"))
    record, index = logged.pinned.record, logged.index
    if isinstance(address, MirrorAddress):
        return Recorded(
            MirrorVersion(logged.version, origin, protocols, packages, sums, hosting, record, at, log_index=index),
            (),
        )
    evidence = members.parsed("evidence", parse_sha256)
    keys = (Members(each, "keys") for each in members.each("keys"))
    return Recorded(
        ProviderVersion(
            logged.version, origin, evidence, protocols, packages, sums, hosting, record, at, log_index=index
        ),
        tuple(SigningKey(key.text("fingerprint"), key.text("armor")) for key in keys),
    )


def _module(members: Members, logged: LoggedVersion) -> ModuleVersion:
    source, archive = members.inside("source"), members.inside("archive")
    return ModuleVersion(
        version=logged.version,
        source=source.text("url"),
        path=source.text("path"),
        tag=source.maybe("tag", str),
        commit=source.maybe("commit", parse_commit),
        tree=members.maybe("tree", parse_h1),
        hosting=members.parsed("hosting", Hosting),
        archive=archive.maybe("sha256", parse_sha256),
        archive_size=archive.number("size") if "size" in archive else None,
        location=members.maybe("location", str),
        record=logged.pinned.record,
        recorded_at=members.parsed("recorded_at", parse_time),
        evidence=source.maybe("archive", parse_sha256),
        provenance=members.maybe("provenance", parse_sha256),
        log_index=logged.index,
    )


def _package(members: Members) -> ProviderPackage:
    return ProviderPackage(
        Platform(members.text("os"), members.text("arch")),
        members.text("filename"),
        members.parsed("zh", parse_sha256),
        members.maybe("h1", parse_h1),
        members.number("size") if "size" in members else None,
        members.maybe("url", str),
    )


def _sums(logged: LoggedVersion, sums_url: str | None, signature_url: str | None, signer: str | None = None) -> Sums:
    """The documents' digests are those of the log: the record holds the documents."""
    pinned = logged.pinned.sums
    assert pinned is not None  # noqa: S101 - read_pinned requires them of providers and mirrors
    return Sums(pinned.sha256, pinned.signature, signer or pinned.signer, sums_url, signature_url)


def _each_text(members: Members, name: str) -> list[str]:
    values = members.each(name)
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(values):
        raise NotSoError(f"{name}: expected texts")
    return texts


def _without_null(value: Any) -> Any:
    """Records say null where there is nothing; entries leave the member out."""
    if isinstance(value, dict):
        return {name: _without_null(each) for name, each in value.items() if each is not None}
    return [_without_null(each) for each in value] if isinstance(value, list) else value
