"""Records: what was written down of a version when it was published, and whether it is what was logged with it."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from registry_gen.errors import InputError, RefusalError
from registry_gen.inspect import codes
from registry_gen.inspect.promise import differs, pinned_problems
from registry_gen.log.read_entries import LoggedSums, ModuleDigests, Pinned, ZipDigests
from registry_gen.model.address import Platform, parse_platform
from registry_gen.model.digest import H1, Commit, Sha256, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.address import Address
    from registry_gen.model.version import Version


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Record(_Shape):
    kind: str
    address: str
    version: str
    hosting: str


class _Source(_Shape):
    url: str
    path: str
    tag: str | None
    commit: str | None
    archive: str | None


class _Archive(_Shape):
    sha256: str | None
    size: int | None


class ModuleRecord(_Record):
    """The record of a module's version, as far as it is compared; see ``render.version_records``."""

    source: _Source
    archive: _Archive
    location: str | None
    tree: str | None
    provenance: str | None = None


class _Package(_Shape):
    os: str
    arch: str
    filename: str
    zh: str
    h1: str | None
    size: int | None
    url: str | None


class ProviderRecord(_Record):
    """The record of a provider's version, of this registry or mirrored; ``signature`` is in base64."""

    protocols: tuple[str, ...]
    signer: str
    sums: str
    signature: str
    packages: tuple[_Package, ...]

    @property
    def signature_bytes(self) -> bytes:
        """The detached signature; b"" where it is no base64."""
        try:
            return base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError):
            return b""


_R = TypeVar("_R", ModuleRecord, ProviderRecord)


def read_record(data: bytes, shape: type[_R], where: str) -> _R:
    """Read a record; raises RefusalError INS025."""
    try:
        return shape.model_validate_json(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        found = f"{'.'.join(map(str, first['loc'])) or 'no JSON'}: {first['msg']}"
        raise RefusalError(codes.BAD_DOCUMENT, where=where, found=found[:200]) from None


def record_problems(
    record: ModuleRecord | ProviderRecord, address: Address, version: Version, pinned: Pinned, where: str
) -> Iterator[RefusalError]:
    """Everything in which a record is not what was logged with it: INS031."""
    pairs = {
        "kind": (address.kind, record.kind),
        "address": (str(address), record.address),
        "version": (str(version), record.version),
        "hosting": (pinned.hosting.value, record.hosting),
    }
    for name, (expected, found) in pairs.items():
        if expected != found:
            yield differs(codes.RECORD_DIFFERS, where, name, expected, found)
    try:
        said = _said_by(record, pinned)
    except InputError as error:
        yield RefusalError(codes.BAD_DOCUMENT, where=where, expected=error.expected, found=error.found)
        return
    yield from pinned_problems(codes.RECORD_DIFFERS, where, pinned, said)


def _said_by(record: ModuleRecord | ProviderRecord, pinned: Pinned) -> Pinned:
    """What a record says pins the version; its digests are only compared, so their spelling is not judged."""
    if isinstance(record, ModuleRecord):
        source = record.source
        digests = ModuleDigests(
            H1(record.tree) if record.tree else None, _digest(record.archive.sha256), _digest(source.archive)
        )
        commit = Commit(source.commit) if source.commit else None
        return Pinned(pinned.hosting, pinned.record, digests, tag=source.tag, commit=commit)
    zips: dict[Platform, ZipDigests] = {
        parse_platform(f"{each.os}_{each.arch}"): ZipDigests(
            Sha256(each.zh), H1(each.h1) if each.h1 else None, each.size
        )
        for each in record.packages
    }
    sums = LoggedSums(sha256(record.sums.encode()), sha256(record.signature_bytes), record.signer)
    return Pinned(pinned.hosting, pinned.record, zips, sums)


def _digest(text: str | None) -> Sha256 | None:
    return Sha256(text) if text else None
