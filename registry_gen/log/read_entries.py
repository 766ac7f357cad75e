"""Entries of the log, read back: strictly, since whoever reads them trusts nothing else.

Known types must have all their members; members that are not known are passed over, and so are whole types that are
not known: a later release may have added them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

import orjson

from registry_gen.errors import InputError, RefusalError
from registry_gen.log import codes
from registry_gen.model.address import Platform, parse_address, parse_platform
from registry_gen.model.digest import H1, Commit, Sha256, parse_commit, parse_h1, parse_sha256
from registry_gen.model.facts import Deprecation, Hosting
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.render.records import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry_gen.model.address import Address
    from registry_gen.model.version import Version

_T = TypeVar("_T")

_FIRST_YEAR: Final = 1970
_NO_YEAR: Final = 9000
"""Years of times that are believed: days can be added to each, or taken away, without leaving the calendar."""

_PINNING: Final = frozenset({"published", "platform-added", "relisted", "hosting-changed"})
_TYPES: Final = _PINNING | {"withdrawn", "deprecated", "undeprecated", "key-changed", "audit-head"}
_KINDS: Final = frozenset({"module", "provider", "mirror"})
_KINDS_OF: Final = {"audit-head": frozenset({"registry"}), "key-changed": _KINDS | {"log"}}


@dataclass(frozen=True, slots=True)
class ModuleDigests:
    """``archive`` of a copy, ``h1`` of the tree, ``source``: the archive that it was made from, where it was one.

    ``h1`` is None for a link that was imported and never fetched.
    """

    h1: H1 | None
    archive: Sha256 | None
    source: Sha256 | None


@dataclass(frozen=True, slots=True)
class ZipDigests:
    """SHA-256, dirhash and size (bytes) of one platform's zip."""

    zh: Sha256
    h1: H1 | None
    size: int | None


@dataclass(frozen=True, slots=True)
class LoggedSums:
    """The digests of SHA256SUMS and of its signature, and the fingerprint of the certificate that signed."""

    sha256: Sha256
    signature: Sha256
    signer: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """What pins a version: modules have ``digests`` of one kind, and tag and commit; the others zips and sums."""

    hosting: Hosting
    record: Sha256
    digests: ModuleDigests | Mapping[Platform, ZipDigests]
    sums: LoggedSums | None = None
    tag: str | None = None
    commit: Commit | None = None

    @property
    def unpinned(self) -> bool:
        """Whether only a tag is known, which may be moved."""
        return self.tag is not None and self.commit is None


@dataclass(frozen=True, slots=True)
class PinningEntry:
    """published, platform-added, relisted or hosting-changed: a version is listed with these digests."""

    version: Version
    pinned: Pinned


@dataclass(frozen=True, slots=True)
class WithdrawnEntry:
    """A version is listed no more."""

    version: Version
    record: Sha256
    reason: str


@dataclass(frozen=True, slots=True)
class WarningsEntry:
    """deprecated, undeprecated: all warnings of the package afterwards."""

    warnings: tuple[Deprecation, ...]


@dataclass(frozen=True, slots=True)
class KeysEntry:
    """key-changed: the fingerprints of the provider's keys, or the verifier keys of the log, from now on."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The audit log ended with row ``seq`` and this hash."""

    seq: int
    hash: Sha256


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """One entry. ``address`` is None where it is about the log or the registry; ``said`` None for an unknown type."""

    index: int
    type: str
    address: Address | None
    revision: int
    time: datetime
    catalog_commit: str | None
    said: PinningEntry | WithdrawnEntry | WarningsEntry | KeysEntry | AuditHead | None

    @property
    def version(self) -> Version | None:
        """The version that it is about."""
        return self.said.version if isinstance(self.said, PinningEntry | WithdrawnEntry) else None


class NotSoError(Exception):
    """A member is missing or of another kind; its text says which and what was expected."""


class Members:
    """The members of a JSON object of strangers; each is asked for with the kind that it must have."""

    def __init__(self, value: object, name: str = "the whole") -> None:
        """Take an object that orjson read; raises NotSoError for anything else."""
        if not isinstance(value, dict):
            raise NotSoError(f"{name}: expected an object")
        self._values: dict[str, object] = value

    def text(self, name: str) -> str:
        """A text, which may be empty."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise NotSoError(f"{name}: expected a text")
        return value

    def number(self, name: str) -> int:
        """A whole number, 0 or more."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise NotSoError(f"{name}: expected a number")
        return value

    def flag(self, name: str) -> bool:
        """Whether there is such a member that is true; false is never written."""
        if name in self._values and self._values[name] is not True:
            raise NotSoError(f"{name}: expected true")
        return name in self._values

    def parsed(self, name: str, parse: Callable[[str], _T]) -> _T:
        """A text that ``parse`` understands, and that is written in the one way in which we write it."""
        text = self.text(name)
        try:
            value = parse(text)
        except (InputError, ValueError):
            raise NotSoError(f"{name}: {text[:100]!r} cannot be read") from None
        if isinstance(value, str) and value != text:
            raise NotSoError(f"{name}: {text[:100]!r} is written in another way")
        return value

    def maybe(self, name: str, parse: Callable[[str], _T]) -> _T | None:
        """The same where there is such a member."""
        return self.parsed(name, parse) if name in self._values else None

    def inside(self, name: str) -> Members:
        """An object."""
        return Members(self._values.get(name), name)

    def each(self, name: str) -> list[object]:
        """A list."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise NotSoError(f"{name}: expected a list")
        return value

    def names(self) -> tuple[str, ...]:
        """The names of all members."""
        return tuple(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values


def read_entry(payload: bytes, index: int) -> LoggedEntry:
    """What entry ``index`` says; raises RefusalError LOG008 where it is not canonical JSON of a known shape."""
    try:
        return _entry(payload, index)
    except NotSoError as problem:
        raise RefusalError(codes.BAD_ENTRY, where=f"entry {index} of the log", found=str(problem)) from None


def read_pinned(members: Members, kind: str) -> Pinned:
    """What pins a version, as entries of the log and a version's document say it alike; raises NotSoError."""
    hosting = members.parsed("hosting", Hosting)
    record = members.parsed("record", parse_sha256)
    digests = members.inside("digests")
    if kind == "module":
        found = ModuleDigests(
            digests.maybe("h1", parse_h1), digests.maybe("archive", parse_sha256), digests.maybe("source", parse_sha256)
        )
        tag, commit = members.maybe("tag", str), members.maybe("commit", parse_commit)
        _require_marked(members, hosting, found, tag, commit)
        return Pinned(hosting, record, found, tag=tag, commit=commit)
    zips = {_platform(name): _zip(digests.inside(name)) for name in digests.names()}
    if not zips:
        raise NotSoError("digests: expected a platform")
    sums = members.inside("sums")
    signed = LoggedSums(
        sums.parsed("sha256", parse_sha256), sums.parsed("signature", parse_sha256), sums.text("signer")
    )
    return Pinned(hosting, record, zips, signed)


def read_warning(members: Members) -> Deprecation:
    """A warning, as entries of the log and a version's document say it alike; raises NotSoError."""
    return Deprecation(
        members.text("message"), members.maybe("replacement", str) or "", members.maybe("versions", parse_constraints)
    )


def _require_marked(
    members: Members, hosting: Hosting, digests: ModuleDigests, tag: str | None, commit: Commit | None
) -> None:
    """Only a link to a tag may lack the h1 of its files; one that lacks the commit says so of itself."""
    if digests.h1 is None and (hosting is not Hosting.LINK or tag is None):
        raise NotSoError("digests: expected an h1")
    if members.flag("unpinned") != (tag is not None and commit is None):
        raise NotSoError("unpinned: expected to be true where a tag has no commit, and nowhere else")


def parse_time(text: str) -> datetime:
    """A point in time as we write it: RFC 3339, in UTC, not at the ends of the calendar. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if not text.endswith("Z") or at.isoformat().replace("+00:00", "Z") != text or not _FIRST_YEAR <= at.year < _NO_YEAR:
        raise ValueError("not a time in UTC")
    return at.astimezone(UTC)


def _entry(payload: bytes, index: int) -> LoggedEntry:
    members = Members(_json(payload))
    type_, kind = members.text("type"), members.text("kind")
    return LoggedEntry(
        index=index,
        type=type_,
        address=_address(members, kind) if kind in _KINDS else None,
        revision=members.number("revision"),
        time=members.parsed("time", parse_time),
        catalog_commit=members.maybe("catalog_commit", str),
        said=_said(members, type_, kind) if type_ in _TYPES else None,
    )


def _json(payload: bytes) -> object:
    """The value, where this is its one canonical text: a member given twice, say, has two meanings."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise NotSoError("expected JSON") from None
    try:
        again = canonical(value) if isinstance(value, dict) else payload
    except (TypeError, RecursionError):  # orjson's own errors are TypeErrors
        again = b""
    if again != payload:
        raise NotSoError("expected canonical JSON")
    return value


def _said(
    members: Members, type_: str, kind: str
) -> PinningEntry | WithdrawnEntry | WarningsEntry | KeysEntry | AuditHead:
    if kind not in _KINDS_OF.get(type_, _KINDS):
        raise NotSoError(f"kind: {kind[:100]!r} has no {type_} entries")
    if type_ in _PINNING:
        return PinningEntry(members.parsed("version", parse_version), read_pinned(members, kind))
    match type_:
        case "withdrawn":
            return WithdrawnEntry(
                members.parsed("version", parse_version),
                members.parsed("record", parse_sha256),
                members.text("reason"),
            )
        case "deprecated":
            return WarningsEntry(
                tuple(read_warning(Members(each, "deprecations")) for each in members.each("deprecations"))
            )
        case "undeprecated":
            return WarningsEntry(())
        case "key-changed":
            return KeysEntry(_texts(members, "keys"))
        case _:
            return AuditHead(members.number("seq"), members.parsed("hash", parse_sha256))


def _address(members: Members, kind: str) -> Address:
    address = members.parsed("address", parse_address)
    if address.kind != kind:
        raise NotSoError(f"address: {str(address)!r} is no {kind}")
    return address


def _zip(members: Members) -> ZipDigests:
    size = members.number("size") if "size" in members else None
    return ZipDigests(members.parsed("zh", parse_sha256), members.maybe("h1", parse_h1), size)


def _platform(name: str) -> Platform:
    try:
        return parse_platform(name)
    except InputError:
        raise NotSoError(f"digests: {name[:100]!r} is no platform") from None


def _texts(members: Members, name: str) -> tuple[str, ...]:
    values = members.each(name)
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values):
        raise NotSoError(f"{name}: expected texts")
    return texts
