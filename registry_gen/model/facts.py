"""What the registry knows of published versions: all that rendering the protocol documents needs, and no more.

Facts live in the ledger, one row each. Everything larger (README, HCL, file lists, provenance) lives in the
version's immutable record, a JSON object in the bucket whose SHA-256 the facts carry as ``record``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry_gen.model.address import Address, Platform
    from registry_gen.model.digest import H1, Commit, Sha256
    from registry_gen.model.version import Constraints, Version


class Hosting(StrEnum):
    """Whether the artifact is stored by us (copy) or documents point at the upstream (link)."""

    COPY = "copy"
    LINK = "link"


class WithdrawalStage(StrEnum):
    """How far a withdrawal is: each stage begins when no cache can still lead to what the next one deletes.

    Unlisted: gone from the listing. Unlinked: its leaf documents are deleted. Collected: its artifacts are deleted.
    """

    UNLISTED = "unlisted"
    UNLINKED = "unlinked"
    COLLECTED = "collected"


@dataclass(frozen=True, slots=True)
class Stock:
    """What versions take up that are not collected: ``size`` bytes of stored archives and zips, and their number."""

    size: int = 0
    versions: int = 0

    def __add__(self, more: Stock) -> Stock:
        """Both together."""
        return Stock(self.size + more.size, self.versions + more.versions)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Why a version is listed no more, who took it back and when; ``since`` is when its ``stage`` began.

    A withdrawn version keeps its facts and its place in the log, so that it can never be published with other bytes.
    """

    reason: str
    by: str
    at: datetime
    stage: WithdrawalStage
    since: datetime


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A warning to whoever selects one of ``versions`` (None: any). ``replacement`` is an address, "" for none."""

    message: str
    replacement: str = ""
    versions: Constraints | None = None

    def concerns(self, version: Version) -> bool:
        """Whether users of this version are warned."""
        return self.versions is None or self.versions.covers(version)

    def as_json(self) -> Mapping[str, str]:
        """For documents, entries and rows: ``message``, and ``replacement`` and ``versions`` where there are any."""
        fields = {"message": self.message, "replacement": self.replacement, "versions": str(self.versions or "")}
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class ModuleVersion:
    """One published version of a module.

    ``source`` is the repository or archive URL as the catalog names it, never with credentials;
    ``path`` the folder inside it that became the archive's root ("" for all of it).
    ``archive`` and ``archive_size`` (bytes) are set for copies; ``location``, a go-getter address, for links.
    ``tag`` and ``commit`` are None for modules that come from archives; for those ``evidence`` is the SHA-256 of the
    archive at its source, which was unpacked and packed again. A link may also be ``unpinned``, and ``tree``, the h1 of
    its files, is None for one that was imported: nothing of it was fetched. ``provenance`` is the digest of the
    signed statement beside a copy's archive. ``log_index`` is the newest entry of the log that names the version.
    """

    version: Version
    source: str
    path: str
    tag: str | None
    commit: Commit | None
    tree: H1 | None
    hosting: Hosting
    archive: Sha256 | None
    archive_size: int | None
    location: str | None
    record: Sha256
    recorded_at: datetime
    evidence: Sha256 | None = None
    provenance: Sha256 | None = None
    withdrawn: Withdrawal | None = None
    log_index: int | None = None

    @property
    def unpinned(self) -> bool:
        """Whether only the tag is known, which may be moved: no poll has seen its commit yet."""
        return self.tag is not None and self.commit is None


@dataclass(frozen=True, slots=True)
class ProviderPackage:
    """The zip of one platform. ``zh`` is its SHA-256, ``h1`` the dirhash of its contents, ``size`` in bytes.

    ``url`` is the upstream address, set for links only; ``h1`` and ``size`` are None only where nothing was fetched.
    """

    platform: Platform
    filename: str
    zh: Sha256
    h1: H1 | None
    size: int | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """A SHA256SUMS document and its detached binary signature.

    Digests are those of the documents' bytes; the URLs are set for links only.
    ``signer`` is the fingerprint (upper-case hex) of the certificate that signed.
    """

    sums: Sha256
    signature: Sha256
    signer: str
    sums_url: str | None = None
    signature_url: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderVersion:
    """One published version of a provider of this registry; ``packages`` sorted by platform.

    ``protocols`` such as ("5.0", "6.0"); ``origin`` the release folder or URL, never with credentials.
    ``evidence`` is the SHA-256 of the SHA256SUMS at the source: other than ``sums`` where the registry signs its own.
    """

    version: Version
    origin: str
    evidence: Sha256
    protocols: tuple[str, ...]
    packages: tuple[ProviderPackage, ...]
    sums: Sums
    hosting: Hosting
    record: Sha256
    recorded_at: datetime
    withdrawn: Withdrawal | None = None
    log_index: int | None = None


@dataclass(frozen=True, slots=True)
class MirrorVersion:
    """One mirrored version of another registry's provider; ``packages`` sorted by platform.

    ``sums`` says what vouched for the zips upstream; a mirror never serves it.
    """

    version: Version
    origin: str
    protocols: tuple[str, ...]
    packages: tuple[ProviderPackage, ...]
    sums: Sums
    hosting: Hosting
    record: Sha256
    recorded_at: datetime
    withdrawn: Withdrawal | None = None
    log_index: int | None = None


VersionFacts = ModuleVersion | ProviderVersion | MirrorVersion


@dataclass(frozen=True, slots=True, order=True)
class SigningKey:
    """An OpenPGP certificate that provider clients get: upper-case hex ``fingerprint``, ``armor`` as text."""

    fingerprint: str
    armor: str

    @property
    def key_id(self) -> str:
        """The last 16 digits of the fingerprint, as protocol documents name a key."""
        return self.fingerprint[-16:]


@dataclass(frozen=True, slots=True)
class PackageState:
    """What rendering needs of a package beside its versions: it comes from the catalog and may change.

    ``deprecated`` are the warnings to those who select the package, in the catalog's order.
    ``signing_keys`` is used for providers only, sorted by fingerprint. ``rendering`` names the renderer's version and
    the site's URL that the documents were made with.
    """

    deprecated: tuple[Deprecation, ...] = ()
    signing_keys: tuple[SigningKey, ...] = ()
    rendering: str = ""


@dataclass(frozen=True, slots=True)
class PackageHead:
    """Where a package stands in the ledger.

    ``revision`` grows by one with every logged change of the package; documents carry it.
    ``visible`` is the revision whose documents are all in the bucket: smaller than ``revision`` means unfinished.
    ``inputs`` is the digest of everything the last complete run read for this package; None asks for a full plan.
    ``due_at`` is when time alone may change the outcome; None for never. ``listed`` counts the versions that are not
    withdrawn.
    """

    address: Address
    revision: int
    visible: int
    inputs: Sha256 | None
    due_at: datetime | None
    state: PackageState
    listed: int = 0


@dataclass(frozen=True, slots=True)
class Package:
    """A package's head and all its versions, oldest first in SemVer order."""

    head: PackageHead
    versions: tuple[VersionFacts, ...]

    @property
    def listed(self) -> tuple[VersionFacts, ...]:
        """The versions that are not withdrawn."""
        return tuple(facts for facts in self.versions if facts.withdrawn is None)


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """A mutable document in the bucket.

    ``content`` is the SHA-256 of the rendered bytes before the revision was stamped into them;
    ``revision`` the stamped one; ``etag`` what the storage called these bytes.
    """

    key: str
    content: Sha256
    revision: int
    etag: str
