"""What was seen outside (sightings), what is to be done about it (actions), and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry_gen.errors import RegistryError
    from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.digest import Commit, Sha256
    from registry_gen.model.facts import Deprecation, PackageState, VersionFacts
    from registry_gen.model.intent import Artifact
    from registry_gen.model.rules import Need
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """A tag of a git repository and the commit it peels to."""

    name: str
    commit: Commit


@dataclass(frozen=True, slots=True, order=True)
class ArchiveSeen:
    """A module archive that a SHA256SUMS vouches for."""

    version: Version
    filename: str
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """One release of a provider: where it is, the digest of its SHA256SUMS, and the sums by file name.

    ``signature`` is the digest of SHA256SUMS.sig, None where there is none. ``protocols`` from the goreleaser
    manifest, ("5.0",) where there is none, as goreleaser's documentation says. ``sizes`` are those, in bytes, of the
    files that can be looked at without a request for each.
    """

    version: Version
    location: str
    sums: Sha256
    signature: Sha256 | None
    files: Mapping[str, Sha256]
    protocols: tuple[str, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RememberedRelease:
    """What a URL said of a release at ``seen_at``.

    ``declared`` says that the catalog named its protocols then, so that nobody looked for a manifest the sums do not
    name.
    """

    release: ReleaseSeen
    declared: bool
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class AskedReleases:
    """What a run learnt of a package's releases: ``answers`` to remember, and ``lost`` versions that gave none."""

    answers: tuple[RememberedRelease, ...]
    lost: frozenset[Version]


@dataclass(frozen=True, slots=True, order=True)
class UpstreamSeen:
    """One version that an upstream registry offers."""

    version: Version
    protocols: tuple[str, ...]
    platforms: tuple[Platform, ...]


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """What upstream says now of a version that was mirrored before.

    ``files`` are its SHA256SUMS by file name, ``keys`` the fingerprints it gives clients. ``error`` says why nothing is
    known.
    """

    version: Version
    files: Mapping[str, Sha256]
    keys: tuple[str, ...]
    error: RegistryError | None = None


@dataclass(frozen=True, slots=True)
class ModuleSighting:
    """Tags of the repository, or archives; one of both is empty."""

    address: ModuleAddress
    tags: tuple[Tag, ...]
    archives: tuple[ArchiveSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderSighting:
    """The releases found; ``problems`` are releases that could not be read.

    Of ``remembered`` versions the source was not asked in this run: ``releases`` has what it said last.
    """

    address: ProviderAddress
    releases: tuple[ReleaseSeen, ...]
    problems: tuple[RegistryError, ...] = ()
    remembered: frozenset[Version] = frozenset()


@dataclass(frozen=True, slots=True)
class MirrorSighting:
    """The versions that upstream lists, and what it says of published ones where it was asked again."""

    address: MirrorAddress
    versions: tuple[UpstreamSeen, ...]
    answers: tuple[UpstreamAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedSighting:
    """A source that could not be looked at."""

    address: Address
    error: RegistryError


Sighting = ModuleSighting | ProviderSighting | MirrorSighting | FailedSighting


@dataclass(frozen=True, slots=True)
class PublishModule:
    """Publish a module's version from a tag or an archive: one of ``tag``, ``archive`` and ``named`` is set.

    ``rehost`` says that the version is published, and is to be hosted as the catalog says now. ``named`` is the tag
    that an import named: nothing is fetched then. Without ``tag`` nobody saw its commit, and the version is published
    unpinned; with it, one that was published so is pinned. ``other_archives`` says that of the archives published so
    far none lies any more under the names that the catalog gives: these may be another module's.
    """

    address: ModuleAddress
    version: Version
    tag: Tag | None
    archive: ArchiveSeen | None
    rehost: bool = False
    named: str | None = None
    other_archives: bool = False


@dataclass(frozen=True, slots=True)
class PublishProvider:
    """Publish these platforms of a provider's release; ``added`` says that the version is published and gains them.

    ``rehost`` says that it is published, and all of these are to be hosted as the catalog says now. The zips of
    ``unfetched`` platforms are linked to without a look: an import named the digests that the signed sums have.
    """

    address: ProviderAddress
    version: Version
    release: ReleaseSeen
    platforms: tuple[Platform, ...]
    added: bool
    rehost: bool = False
    unfetched: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True)
class MirrorProvider:
    """Mirror these platforms of a version; ``added`` says that the version is published and only gains them.

    ``rehost`` says that it is published, and all of these are to be hosted as the catalog says now. ``imported`` are
    digests of zips that the upstream must have, since another copy of it was taken over.
    """

    address: MirrorAddress
    version: Version
    protocols: tuple[str, ...]
    platforms: tuple[Platform, ...]
    added: bool
    rehost: bool = False
    imported: tuple[tuple[Platform, Sha256], ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeState:
    """The package's documents change without a new version: keys or the deprecation notice; ``why`` in words.

    ``warnings`` are all that it has afterwards where these change, else None.
    """

    address: Address
    why: str
    warnings: tuple[Deprecation, ...] | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a version off the listing, as the catalog or a retention policy asks; its artifacts stay for now."""

    address: Address
    version: Version
    reason: str


@dataclass(frozen=True, slots=True)
class Relist:
    """List a withdrawn version again, with the bytes that it always had."""

    address: Address
    version: Version


Action = PublishModule | PublishProvider | MirrorProvider | ChangeState | Withdraw | Relist


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is not done, and why. ``version`` is None where the whole package is concerned.

    ``violation`` says that the source contradicts what was published: an alarm, recorded and never acted on.
    """

    address: Address
    version: Version | None
    error: RegistryError
    violation: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An alarm that somebody looked at: both values as they were then, who it was and why it may stay so."""

    address: Address
    version: str
    kind: str
    published: str
    seen: str
    by: str
    reason: str

    def covers(self, refusal: Refusal) -> bool:
        """Whether a violation is this one, to the letter: another value is another alarm."""
        error = refusal.error
        found = (refusal.address, str(refusal.version), error.code.id, error.expected, error.found)
        return refusal.violation and found == (self.address, self.version, self.kind, self.published, self.seen)


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know that stops nothing."""

    address: Address
    text: str


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """What is to be done for one package.

    ``state`` is the package's state afterwards; ``inputs`` the digest of everything that was read to decide, or None
    where something was refused, so that the next run looks again. ``needs`` are the approvals that the rules ask for.
    """

    address: Address
    base: int
    state: PackageState
    actions: tuple[Action, ...]
    inputs: Sha256 | None
    due_at: datetime | None
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of deciding, sorted by address: packages with actions or new inputs, refusals and notes.

    ``unchanged`` counts packages whose inputs are those of the last complete run. ``needs`` are the approvals that a
    change of the rules themselves needs.
    """

    packages: tuple[PackagePlan, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[Note, ...]
    unchanged: int
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """One action, carried out up to the door: facts that are true of the staged bytes, and what must be put.

    For an action that adds platforms, ``facts`` are the version's whole facts afterwards. ``notes`` are for people.
    """

    action: PublishModule | PublishProvider | MirrorProvider
    facts: VersionFacts
    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...] = ()
