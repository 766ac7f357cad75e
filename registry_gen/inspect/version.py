"""One version, from what the log promises of it down to the bytes that clients install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.artifacts import require_bytes
from registry_gen.inspect.findings import Counted
from registry_gen.inspect.module_version import check_module_version
from registry_gen.inspect.provider_version import check_mirror_version, check_provider_version
from registry_gen.inspect.reader import MAX_RECORD
from registry_gen.inspect.records import ModuleRecord, ProviderRecord, read_record, record_problems
from registry_gen.inspect.subject import R, Subject
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress

if TYPE_CHECKING:
    from registry_gen.inspect.findings import Findings
    from registry_gen.inspect.promise import Promise
    from registry_gen.inspect.reader import Reader
    from registry_gen.inspect.subject import Inspection
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version


def check_contents(
    inspection: Inspection,
    address: Address,
    promise: Promise,
    logged_keys: tuple[str, ...] | None,
    findings: Findings,
) -> None:
    """All that belongs to one version beside its document; what is wrong becomes a problem, and the rest is looked at.

    Of a withdrawn version there is a record; what clients followed to it is no longer looked at. ``logged_keys`` are
    the fingerprints that the log has for a provider, None where it has none.
    """
    with findings.collecting():
        if promise.pinned is None or promise.withdrawn is not None:
            _check_withdrawn(inspection.reader, address, promise, findings)
        else:
            _check_listed(inspection, address, promise.version, promise.pinned, findings, logged_keys)
            findings.count(Counted.VERSIONS)


def read_logged_record(
    reader: Reader, address: Address, version: Version, pinned: Pinned, shape: type[R], findings: Findings
) -> R:
    """The record that was logged. Where it says something else than was logged, findings get INS031.

    Raises SourceError, RefusalError INS030 for other bytes, INS025 for what is no record.
    """
    where = _record_of(address, version, pinned.record)
    data = reader.read(paths.record(pinned.record), MAX_RECORD)
    require_bytes(data, pinned.record, where)
    record = read_record(data, shape, where)
    findings.add(record_problems(record, address, version, pinned, where))
    findings.count(Counted.RECORDS)
    return record


def _check_listed(
    inspection: Inspection,
    address: Address,
    version: Version,
    pinned: Pinned,
    findings: Findings,
    logged_keys: tuple[str, ...] | None,
) -> None:
    match address:
        case ModuleAddress():
            module = read_logged_record(inspection.reader, address, version, pinned, ModuleRecord, findings)
            check_module_version(Subject(inspection, address, version, pinned, module, findings))
        case ProviderAddress():
            record = read_logged_record(inspection.reader, address, version, pinned, ProviderRecord, findings)
            check_provider_version(Subject(inspection, address, version, pinned, record, findings), logged_keys)
        case MirrorAddress():
            record = read_logged_record(inspection.reader, address, version, pinned, ProviderRecord, findings)
            check_mirror_version(Subject(inspection, address, version, pinned, record, findings))


def _check_withdrawn(reader: Reader, address: Address, promise: Promise, findings: Findings) -> None:
    """Its record may have been deleted with its artifacts; one that is there must be right."""
    findings.count(Counted.WITHDRAWN)
    try:
        data = reader.read(paths.record(promise.record), MAX_RECORD)
    except SourceError as error:
        if error.code is not codes.MISSING:
            raise
        findings.count(Counted.RECORDS_GONE)
        return
    require_bytes(data, promise.record, _record_of(address, promise.version, promise.record))
    findings.count(Counted.RECORDS)


def _record_of(address: Address, version: Version, record: str) -> str:
    return f"{address} {version}: records/{record}"
