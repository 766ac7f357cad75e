"""Whether a ledger's rows are what its log promised: documents are made of the rows, people hold us to the log."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from registry_gen.errors import RefusalError
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.log.recorded import pinned_by, recorded
from registry_gen.render.version_documents import rfc3339
from registry_gen.verify.openpgp import parse_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from registry_gen.log.history import LoggedVersion, PackageHistory
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.digest import Sha256
    from registry_gen.model.facts import Package, SigningKey, VersionFacts
    from registry_gen.model.version import Version

_LIFE: Final = frozenset({"withdrawn", "log_index"})
"""What is not of a version itself, and so in no record."""

_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Something that the log says of a package, or of a version of it, and what the row says instead."""

    version: Version | None
    logged: str
    kept: str


def disagreements(package: Package, history: PackageHistory) -> Iterator[Disagreement]:
    """Where the rows of a package say something else than its entries.

    Entries tell neither how far a withdrawal came, nor what is in records alone: see ``unlike_records``. A package's
    revision may be ahead of its entries, for some changes have none, but never behind.
    """
    head = package.head
    if head.revision < history.revision:
        yield Disagreement(None, f"revision {history.revision} or a later one", f"revision {head.revision}")
    keys = {key.fingerprint for key in head.state.signing_keys}
    if history.keys is not None and set(history.keys) != keys:
        yield Disagreement(None, f"the keys {', '.join(sorted(history.keys))}", f"the keys {', '.join(sorted(keys))}")
    promised, kept = ([dict(each.as_json()) for each in some] for some in (history.warnings, head.state.deprecated))
    if promised != kept:
        yield Disagreement(None, f"the warnings {promised}", f"the warnings {kept}")
    known = {facts.version: facts for facts in package.versions}
    for version in sorted(history.versions.keys() | known.keys()):
        facts, logged = known.get(version), history.versions.get(version)
        if facts is None:
            yield Disagreement(version, "a version that was published", "no row for it")
        elif logged is None:
            yield Disagreement(version, "no version of this number", "a row for it")
        else:
            yield from _unlike(facts, logged)


def unlike_records(
    package: Package, history: PackageHistory, record: Callable[[Sha256], bytes | None]
) -> Iterator[Disagreement]:
    """Where the rows say something else than the records that the log names, which hold what entries leave out.

    ``record`` gives the bytes that have a digest, None where they are not to be had: what they would say is not known.
    """
    for key in package.head.state.signing_keys:
        yield from _unlike_itself(key)
    for facts in package.versions:
        logged = history.versions.get(facts.version)
        data = record(logged.pinned.record) if logged else None
        if logged is None or data is None:
            continue
        try:
            said = recorded(package.head.address, logged, data).facts
        except RefusalError as error:
            yield Disagreement(facts.version, f"{error.expected}", f"{error.found}")
            continue
        if replace(facts, withdrawn=said.withdrawn, log_index=said.log_index) != said:
            yield Disagreement(facts.version, *_first_difference(said, facts))


def _unlike(facts: VersionFacts, logged: LoggedVersion) -> Iterator[Disagreement]:
    pinned = pinned_by(facts)
    if pinned != logged.pinned:
        promised, kept = _members(logged.pinned), _members(pinned)
        for name in sorted(promised.keys() | kept.keys()):
            if promised.get(name) != kept.get(name):
                yield _about(facts.version, name, promised.get(name), kept.get(name))
    if logged.recorded_at != facts.recorded_at:
        yield _about(facts.version, "time of record", rfc3339(logged.recorded_at), rfc3339(facts.recorded_at))
    gone = facts.withdrawn
    said = None if logged.withdrawn_at is None else f"{rfc3339(logged.withdrawn_at)}: {logged.withdrawn}"
    now = None if gone is None else f"{rfc3339(gone.at)}: {gone.reason}"
    if said != now:
        yield _about(facts.version, "withdrawal", said, now)


def _members(pinned: Pinned) -> Mapping[str, str | None]:
    """What pins a version, each digest under a name that people understand."""
    found: dict[str, str | None] = {"hosting": pinned.hosting.value, "record": pinned.record}
    found |= {"tag": pinned.tag, "commit": pinned.commit}
    if isinstance(pinned.digests, ModuleDigests):
        found |= {"h1": pinned.digests.h1, "archive": pinned.digests.archive, "source": pinned.digests.source}
    else:
        for platform, zip_ in pinned.digests.items():
            found |= {f"{platform} zh": zip_.zh, f"{platform} h1": zip_.h1, f"{platform} size": f"{zip_.size}"}
    if pinned.sums:
        sums = pinned.sums
        found |= {"sums": sums.sha256, "signature": sums.signature, "signer": sums.signer}
    return found


def _about(version: Version, name: str, logged: object, kept: object) -> Disagreement:
    return Disagreement(version, *(f"{name} {value}" if value else f"no {name}" for value in (logged, kept)))


def _unlike_itself(key: SigningKey) -> Iterator[Disagreement]:
    """Clients get the armor, the log names the fingerprint."""
    try:
        found = parse_key(key.armor, "").fingerprint
    except RefusalError as error:
        found = error.message
    if found != key.fingerprint:
        yield Disagreement(None, f"the armor of the key {key.fingerprint}", found)


def _first_difference(said: VersionFacts, kept: VersionFacts) -> tuple[str, str]:
    pairs = ((field.name, getattr(said, field.name), getattr(kept, field.name)) for field in fields(said))
    name, logged, row = next(each for each in pairs if each[1] != each[2] and each[0] not in _LIFE)
    return f"{name} {logged}"[:_SHOWN], f"{name} {row}"[:_SHOWN]
