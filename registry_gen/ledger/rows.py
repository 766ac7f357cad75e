"""Facts and intents as rows and as JSON.

A version's JSON has the columns of its table as keys, so that the database can spread the payload of an intent
over its tables by itself, and one reader serves both.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry_gen.model.address import (
    Address,
    MirrorAddress,
    ModuleAddress,
    Platform,
    ProviderAddress,
    parse_address,
)
from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.facts import (
    Deprecation,
    Hosting,
    MirrorVersion,
    ModuleVersion,
    PackageState,
    ProviderPackage,
    ProviderVersion,
    SigningKey,
    Sums,
    VersionFacts,
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.model.intent import Artifact, AuditRow, Entry, Intent
from registry_gen.model.version import parse_constraints, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Json = dict[str, Any]

_ADDRESSES: Final[Mapping[str, Callable[..., Address]]] = {
    "module": ModuleAddress,
    "provider": ProviderAddress,
    "mirror": MirrorAddress,
}


def address_from(kind: str, text: str) -> Address:
    """An address that the ledger holds: checked when it was parsed first, so only taken apart here."""
    return _ADDRESSES[kind](*text.split("/"))


def instant(value: datetime) -> str:
    """A point in time as text, in UTC; ValueError for one without a time zone, which would be a guess."""
    if value.tzinfo is None:
        raise ValueError(f"a time without a time zone: {value}")
    return value.astimezone(UTC).isoformat()


def utc(value: datetime | str) -> datetime:
    """A point in time from a row or from JSON, in UTC whatever the session's time zone is."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def canonical(value: Mapping[str, object] | Sequence[object]) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8."""
    return orjson.dumps(value, default=dict, option=orjson.OPT_SORT_KEYS)


def token(value: Mapping[str, object] | Sequence[object]) -> Sha256:
    """The digest by which a repeated write finds what it wrote before."""
    return sha256(canonical(value))


def version_to_json(facts: VersionFacts) -> Json:
    """A version with the columns of its table as keys, and ``packages`` for its platforms."""
    common: Json = {
        "version": str(facts.version),
        "hosting": facts.hosting.value,
        "record": facts.record,
        "recorded_at": instant(facts.recorded_at),
        "withdrawn": _withdrawal_to_json(facts.withdrawn),
    }
    if isinstance(facts, ModuleVersion):
        return common | {
            "source": facts.source,
            "path": facts.path,
            "tag": facts.tag,
            "commit": facts.commit,
            "tree": facts.tree,
            "archive": facts.archive,
            "archive_size": facts.archive_size,
            "location": facts.location,
            "evidence": facts.evidence,
            "provenance": facts.provenance,
        }
    shared = common | {
        "origin": facts.origin,
        "protocols": list(facts.protocols),
        "sums": facts.sums.sums,
        "signature": facts.sums.signature,
        "signer": facts.sums.signer,
        "sums_url": facts.sums.sums_url,
        "signature_url": facts.sums.signature_url,
        "packages": [_package_to_json(package) for package in facts.packages],
    }
    return shared | {"evidence": facts.evidence} if isinstance(facts, ProviderVersion) else shared


def module_version(row: Mapping[str, Any]) -> ModuleVersion:
    """A module's version from its row or its JSON."""
    return ModuleVersion(
        version=parse_version(row["version"]),
        source=row["source"],
        path=row["path"],
        tag=row["tag"],
        commit=row["commit"],
        tree=row["tree"],
        hosting=Hosting(row["hosting"]),
        archive=row["archive"],
        archive_size=row["archive_size"],
        location=row["location"],
        record=row["record"],
        recorded_at=utc(row["recorded_at"]),
        evidence=row["evidence"],
        provenance=row["provenance"],
        withdrawn=_withdrawal(row["withdrawn"]),
        log_index=row.get("log_index"),
    )


def provider_version(row: Mapping[str, Any], packages: tuple[ProviderPackage, ...]) -> ProviderVersion:
    """A provider's version from its row or its JSON, and its platforms."""
    return ProviderVersion(
        version=parse_version(row["version"]),
        origin=row["origin"],
        evidence=row["evidence"],
        protocols=tuple(row["protocols"]),
        packages=packages,
        sums=_sums(row),
        hosting=Hosting(row["hosting"]),
        record=row["record"],
        recorded_at=utc(row["recorded_at"]),
        withdrawn=_withdrawal(row["withdrawn"]),
        log_index=row.get("log_index"),
    )


def mirror_version(row: Mapping[str, Any], packages: tuple[ProviderPackage, ...]) -> MirrorVersion:
    """A mirrored version from its row or its JSON, and its platforms."""
    return MirrorVersion(
        version=parse_version(row["version"]),
        origin=row["origin"],
        protocols=tuple(row["protocols"]),
        packages=packages,
        sums=_sums(row),
        hosting=Hosting(row["hosting"]),
        record=row["record"],
        recorded_at=utc(row["recorded_at"]),
        withdrawn=_withdrawal(row["withdrawn"]),
        log_index=row.get("log_index"),
    )


def package_of(row: Mapping[str, Any]) -> ProviderPackage:
    """The zip of one platform from its row or its JSON."""
    return ProviderPackage(
        Platform(row["os"], row["arch"]), row["filename"], row["zh"], row["h1"], row["size"], row["url"]
    )


def intent_to_json(intent: Intent) -> Json:
    """All of an intent; entries' payloads in base64, because jsonb holds no arbitrary bytes."""
    return {
        "address": str(intent.address),
        "base": intent.base,
        "versions": [version_to_json(facts) for facts in intent.versions],
        "state": {
            "deprecated": [dict(warning.as_json()) for warning in intent.state.deprecated],
            "rendering": intent.state.rendering,
            "signing_keys": [{"fingerprint": key.fingerprint, "armor": key.armor} for key in intent.state.signing_keys],
        },
        "artifacts": [{"key": made.key, "sha256": made.sha256, "size": made.size} for made in intent.artifacts],
        "entries": [
            {
                "type": entry.type,
                "payload": base64.b64encode(entry.payload).decode(),
                "version": str(entry.version) if entry.version else None,
            }
            for entry in intent.entries
        ],
        "inputs": intent.inputs,
        "due_at": None if intent.due_at is None else instant(intent.due_at),
        "created_at": instant(intent.created_at),
        "audit": _audit_to_json(intent.audit),
        "removes": list(intent.removes),
    }


def intent_from_json(data: Json) -> Intent:
    """The intent that ``intent_to_json`` wrote."""
    address = parse_address(data["address"])
    state = data["state"]
    return Intent(
        address=address,
        base=data["base"],
        versions=tuple(_version_from_json(address, row) for row in data["versions"]),
        state=PackageState(
            deprecated=deprecations(state["deprecated"]),
            signing_keys=tuple(SigningKey(key["fingerprint"], key["armor"]) for key in state["signing_keys"]),
            rendering=state["rendering"],
        ),
        artifacts=tuple(Artifact(made["key"], made["sha256"], made["size"]) for made in data["artifacts"]),
        entries=entries_from_json(data),
        inputs=data["inputs"],
        due_at=None if data["due_at"] is None else utc(data["due_at"]),
        created_at=utc(data["created_at"]),
        audit=audit_from_json(data),
        removes=tuple(data["removes"]),
    )


def entries_from_json(data: Json) -> tuple[Entry, ...]:
    """The log entries of an intent."""
    return tuple(
        Entry(
            entry["type"],
            base64.b64decode(entry["payload"]),
            parse_version(entry["version"]) if entry["version"] else None,
        )
        for entry in data["entries"]
    )


def audit_from_json(data: Json) -> AuditRow:
    """What the audit log will say of an intent."""
    row = data["audit"]
    return AuditRow(**{**row, "at": utc(row["at"])})


def deprecations(data: Sequence[Json]) -> tuple[Deprecation, ...]:
    """The warnings of a package, from its row or the JSON of an intent."""
    return tuple(
        Deprecation(
            item["message"],
            item.get("replacement", ""),
            parse_constraints(item["versions"]) if "versions" in item else None,
        )
        for item in data
    )


def _audit_to_json(row: AuditRow) -> Json:
    return {
        "actor": row.actor,
        "action": row.action,
        "address": row.address,
        "before": dict(row.before),
        "after": dict(row.after),
        "catalog_commit": row.catalog_commit,
        "run_url": row.run_url,
        "at": instant(row.at),
    }


def _withdrawal_to_json(withdrawal: Withdrawal | None) -> Json | None:
    if withdrawal is None:
        return None
    return {
        "reason": withdrawal.reason,
        "by": withdrawal.by,
        "at": instant(withdrawal.at),
        "stage": withdrawal.stage.value,
        "since": instant(withdrawal.since),
    }


def _withdrawal(data: Json | None) -> Withdrawal | None:
    if data is None:
        return None
    return Withdrawal(data["reason"], data["by"], utc(data["at"]), WithdrawalStage(data["stage"]), utc(data["since"]))


def _version_from_json(address: Address, row: Json) -> VersionFacts:
    if isinstance(address, ModuleAddress):
        return module_version(row)
    packages = tuple(package_of(package) for package in row["packages"])
    if isinstance(address, ProviderAddress):
        return provider_version(row, packages)
    return mirror_version(row, packages)


def _package_to_json(package: ProviderPackage) -> Json:
    return {
        "os": package.platform.os,
        "arch": package.platform.arch,
        "filename": package.filename,
        "zh": package.zh,
        "h1": package.h1,
        "size": package.size,
        "url": package.url,
    }


def _sums(row: Mapping[str, Any]) -> Sums:
    return Sums(row["sums"], row["signature"], row["signer"], row["sums_url"], row["signature_url"])
