"""The catalog as data: what a team says that its registry offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from registry_gen.model.rules import NO_POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.errors import Position
    from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.digest import Commit, Sha256
    from registry_gen.model.facts import Deprecation, Hosting, SigningKey
    from registry_gen.model.rules import Member, Policy
    from registry_gen.model.version import Constraints, Version


@dataclass(frozen=True, slots=True)
class GitSource:
    """A git repository: ``url`` on an allowed scheme, ``path`` the module's folder in it ("" for the root).

    ``tag_patterns`` hold ``{version}`` exactly once, such as "v{version}" or "network/v{version}";
    ``pins`` say which commit a version must be.
    """

    url: str
    path: str
    tag_patterns: tuple[str, ...]
    pins: Mapping[Version, Commit]


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """Built module archives beside a SHA256SUMS, in a folder or under a base URL (``location``, ends in "/").

    ``pattern`` names an archive and holds ``{version}`` once, such as "network-{version}.tar.gz". A folder's
    versions are found by listing it; a URL's are the names in its SHA256SUMS.
    """

    location: str
    pattern: str


@dataclass(frozen=True, slots=True)
class WithdrawalRule:
    """These versions (None: every one) are not listed, or no longer; ``reason`` is public."""

    versions: Constraints | None
    reason: str

    def concerns(self, version: Version) -> bool:
        """Whether the rule takes this version back."""
        return self.versions is None or self.versions.covers(version)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is withdrawn by itself: all but the ``latest`` so many releases, and prereleases that were recorded more
    than ``prerelease_days`` ago. Neither rule is about what the other one is about. None for no such rule.
    """

    latest: int | None = None
    prerelease_days: int | None = None


class Selecting:
    """What entries of every kind have in common: which versions they are about."""

    __slots__ = ()
    versions: Constraints
    prereleases: bool

    def wants(self, version: Version) -> bool:
        """Whether the version is to be published.

        Without ``prereleases`` as clients read a constraint, so that ``=`` must name a prerelease. With it by order
        alone: ``>= 1.0.0`` wants 1.1.0-rc.1, but not 1.0.0-rc.1, which precedes 1.0.0.
        """
        return self.versions.covers(version) if self.prereleases else self.versions.allows(version)


@dataclass(frozen=True, slots=True)
class ModuleEntry(Selecting):
    """catalog/modules/NAMESPACE/NAME/SYSTEM.yaml.

    ``allow_unpinned`` lets versions of which an import knows the tag alone be published, unfetched, as links to it.
    """

    address: ModuleAddress
    position: Position
    digest: Sha256
    source: GitSource | ArchiveSource
    versions: Constraints
    hosting: Hosting
    deprecated: tuple[Deprecation, ...] = ()
    withdrawn: tuple[WithdrawalRule, ...] = ()
    retention: Retention | None = None
    prereleases: bool = False
    allow_unpinned: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """Releases in goreleaser's layout.

    ``location`` is a folder (absolute path) or URL and may hold ``{version}``; without it a folder is searched for
    ``terraform-provider-TYPE_VERSION_SHA256SUMS`` at its top and one level down. ``versions`` are the
    versions to look at where the location is a URL, which cannot be listed; empty for folders.
    """

    location: str
    versions: tuple[Version, ...]


SignatureRule = Literal["publisher", "registry"]


@dataclass(frozen=True, slots=True)
class ProviderEntry(Selecting):
    """catalog/providers/NAMESPACE/TYPE.yaml.

    ``signature`` says who signs the sums that clients get: the publisher (checked against ``signing_keys``), or
    this registry because the publisher does not sign. ``platforms`` and ``protocols`` are empty for all that the
    release has.
    """

    address: ProviderAddress
    position: Position
    digest: Sha256
    source: ReleaseSource
    versions: Constraints
    hosting: Hosting
    deprecated: tuple[Deprecation, ...]
    signature: SignatureRule
    signing_keys: tuple[SigningKey, ...]
    platforms: tuple[Platform, ...]
    protocols: tuple[str, ...]
    withdrawn: tuple[WithdrawalRule, ...] = ()
    retention: Retention | None = None
    prereleases: bool = False


@dataclass(frozen=True, slots=True)
class MirrorEntry(Selecting):
    """catalog/mirrors/HOSTNAME/NAMESPACE/TYPE.yaml.

    ``upstream`` is where to ask: "https://HOSTNAME" unless registry.yaml says otherwise for that host.
    ``trusted_keys`` are the pinned certificates; one of them must have signed the sums.
    """

    address: MirrorAddress
    position: Position
    digest: Sha256
    upstream: str
    versions: Constraints
    hosting: Hosting
    platforms: tuple[Platform, ...]
    trusted_keys: tuple[SigningKey, ...]
    withdrawn: tuple[WithdrawalRule, ...] = ()
    retention: Retention | None = None
    prereleases: bool = False


Entry = ModuleEntry | ProviderEntry | MirrorEntry


@dataclass(frozen=True, slots=True)
class Quota:
    """What the versions of an organization's own packages may be: ``size`` bytes of archives and zips that are stored,
    and how many ``versions``; None for no bound.
    """

    size: int | None = None
    versions: int | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """catalog/organizations/NAME.yaml: whose namespaces these are, and who may approve what becomes of them.

    The roles of its ``members`` hold for its own namespaces; with ``registry`` for everything.
    """

    name: str
    namespaces: tuple[str, ...]
    quota: Quota | None = None
    members: tuple[Member, ...] = ()
    registry: bool = False


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every entry by address, and the commit of the catalog repository where there is one.

    An entry's ``digest`` covers its file and every shared file it depends on (namespace, organization, keys,
    registry.yaml's relevant part), so that equal digests mean an equal entry. ``whole`` is False where a run was
    limited to some packages, so that the others being absent says nothing, but for those that are ``gone`` since.
    ``rules_reviewed`` says that whoever approves what the run is about has seen its organizations and policies, too;
    ``reviewed`` are the packages whose files they have seen, None for all.
    """

    entries: Mapping[Address, Entry]
    commit: str | None
    whole: bool = True
    gone: frozenset[Address] = frozenset()
    organizations: tuple[Organization, ...] = ()
    policy: Policy = NO_POLICY
    rules_reviewed: bool = True
    reviewed: frozenset[Address] | None = None

    @property
    def limited(self) -> tuple[str, ...]:
        """The namespaces of organizations that have a quota, sorted."""
        return tuple(sorted(name for each in self.organizations if each.quota for name in each.namespaces))
