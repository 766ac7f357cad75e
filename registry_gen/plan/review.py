"""What a person who reviews a plan asks beside its actions: what is fetched, who will notice, and who must agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from registry_gen.model.digest import Sha256, sha256
from registry_gen.model.entries import ProviderEntry
from registry_gen.model.facts import ModuleVersion
from registry_gen.model.plan import (
    ChangeState,
    MirrorProvider,
    PublishModule,
    PublishProvider,
    Refusal,
    Relist,
    Withdraw,
)
from registry_gen.paths import zip_name
from registry_gen.render.records import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry_gen.model.address import Address, Platform
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import MirrorVersion, Package, PackageState, ProviderVersion, VersionFacts
    from registry_gen.model.plan import Action, PackagePlan, Plan
    from registry_gen.model.rules import Need
    from registry_gen.model.version import Version

EffectKind = Literal["version-withdrawn", "key-dropped", "platform-gone", "hosting-changed"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """What is to be fetched: ``size`` bytes in ``known`` files, and ``unknown`` more of which nobody said how large."""

    size: int = 0
    known: int = 0
    unknown: int = 0

    def __add__(self, more: Fetch) -> Fetch:
        """Both together."""
        return Fetch(self.size + more.size, self.known + more.known, self.unknown + more.unknown)


@dataclass(frozen=True, slots=True)
class Effect:
    """What consumers notice of a package.

    ``breaks`` says that a lock file or configuration which works today will not; else it is only good to know.
    ``about`` are versions, platforms, fingerprints or kinds of hosting, as ``kind`` says.
    """

    kind: EffectKind
    version: Version | None
    about: tuple[str, ...]
    breaks: bool


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One package with actions. ``new`` says that nothing of it was ever published.

    ``entry`` is the digest of its file and of all shared files that it depends on, ``state`` that of what clients will
    be told beside its versions: with ``plan.base``, what a saved plan is held to.
    """

    plan: PackagePlan
    new: bool
    entry: Sha256
    state: Sha256
    fetch: Fetch
    effects: tuple[Effect, ...]

    @property
    def needs(self) -> tuple[Need, ...]:
        """The approvals that the rules ask for."""
        return self.plan.needs

    @property
    def address(self) -> Address:
        """The package's address."""
        return self.plan.address


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan was made against. ``where`` is the public address that was read, None for the ledger.

    ``log_size`` counts the entries of its log, and ``verified`` says that its checkpoint was signed by a given key.
    """

    site: str
    commit: str | None
    where: str | None = None
    log_size: int | None = None
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Review:
    """A plan for people to judge; ``late`` are the refusals that staging added."""

    plan: Plan
    basis: Basis
    packages: tuple[Reviewed, ...]
    late: tuple[Refusal, ...] = ()

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """All of them."""
        return (*self.plan.refusals, *self.late)

    @property
    def fetch(self) -> Fetch:
        """What all packages together fetch."""
        return sum((package.fetch for package in self.packages), Fetch())


@dataclass(frozen=True, slots=True)
class Counts:
    """How many versions and packages a plan is about; ``documents`` counts packages of which only documents change."""

    packages: int = 0
    published: int = 0
    changed: int = 0
    relisted: int = 0
    withdrawn: int = 0
    documents: int = 0


def review(
    plan: Plan,
    catalog: Catalog,
    packages: Mapping[Address, Package],
    basis: Basis,
    late: Sequence[Refusal] = (),
) -> Review:
    """The plan as people judge it. ``packages`` are the published ones that it was made against."""
    reviewed = tuple(
        Reviewed(
            planned,
            new=planned.base == 0,
            entry=catalog.entries[planned.address].digest,
            state=state_digest(catalog.entries[planned.address], planned.state),
            fetch=sum((_fetch(action, packages.get(planned.address)) for action in planned.actions), Fetch()),
            effects=tuple(_effects(planned, packages.get(planned.address))),
        )
        for planned in plan.packages
        if planned.actions
    )
    return Review(plan, basis, reviewed, tuple(late))


def count(packages: Iterable[PackagePlan]) -> Counts:
    """What all of these packages are about."""
    work = [package for package in packages if package.actions]
    actions = [action for package in work for action in package.actions]
    made = [action for action in actions if isinstance(action, PublishModule | PublishProvider | MirrorProvider)]
    return Counts(
        packages=len(work),
        published=sum(not is_change(action) for action in made),
        changed=sum(is_change(action) for action in made),
        relisted=sum(isinstance(action, Relist) for action in actions),
        withdrawn=sum(isinstance(action, Withdraw) for action in actions),
        documents=sum(all(isinstance(each, ChangeState) for each in package.actions) for package in work),
    )


def is_change(action: PublishModule | PublishProvider | MirrorProvider) -> bool:
    """Whether the version is published already, and gains platforms or is hosted otherwise."""
    return action.rehost or (not isinstance(action, PublishModule) and action.added)


def state_digest(entry: Entry, state: PackageState) -> Sha256:
    """The SHA-256 of what clients are told of a package beside its versions.

    A key of this registry's own is left out: who plans may not have it at hand.
    """
    own = isinstance(entry, ProviderEntry) and entry.signature == "registry"
    said: dict[str, object] = {
        "deprecated": [dict(warning.as_json()) for warning in state.deprecated],
        "keys": [] if own else [[key.fingerprint, key.armor] for key in state.signing_keys],
        "rendering": state.rendering,
    }
    return sha256(canonical(said))


def _fetch(action: Action, package: Package | None) -> Fetch:
    match action:
        case PublishModule():
            return Fetch(unknown=0 if action.named else 1)
        case PublishProvider():
            wanted = [platform for platform in action.platforms if platform not in action.unfetched]
            names = [zip_name(action.address.type, action.version, platform) for platform in wanted]
            return _sizes(names, {**_published_sizes(action.version, package), **action.release.sizes})
        case MirrorProvider():
            names = [zip_name(action.address.type, action.version, platform) for platform in action.platforms]
            return _sizes(names, _published_sizes(action.version, package))
        case _:
            return Fetch()


def _sizes(names: Sequence[str], sizes: Mapping[str, int]) -> Fetch:
    found = [sizes[name] for name in names if name in sizes]
    return Fetch(sum(found), len(found), len(names) - len(found))


def _published_sizes(version: Version, package: Package | None) -> dict[str, int]:
    facts = _facts(version, package)
    if facts is None or isinstance(facts, ModuleVersion):
        return {}
    return {each.filename: each.size for each in facts.packages if each.size is not None}


def _facts(version: Version, package: Package | None) -> VersionFacts | None:
    return next((facts for facts in (package.versions if package else ()) if facts.version == version), None)


def _effects(planned: PackagePlan, package: Package | None) -> Iterator[Effect]:
    """Everything that consumers notice; new versions and platforms only where something else is missing in them."""
    for action in planned.actions:
        match action:
            case Withdraw():
                yield Effect("version-withdrawn", action.version, (action.reason,), breaks=True)
            case ChangeState() if package is not None:
                yield from _dropped_keys(planned, package)
            case PublishModule() | PublishProvider() | MirrorProvider() if action.rehost:
                facts = _facts(action.version, package)
                if facts is not None:
                    yield Effect("hosting-changed", action.version, (facts.hosting.value,), breaks=False)
            case PublishProvider() | MirrorProvider() if not action.added:
                yield from _missing_platforms(action, package)


def _dropped_keys(planned: PackagePlan, package: Package) -> Iterator[Effect]:
    """A key that signed nothing is missed by nobody; one that signed what is listed is refused before."""
    kept = {key.fingerprint for key in planned.state.signing_keys}
    signers = {facts.sums.signer for facts in package.versions if not isinstance(facts, ModuleVersion)}
    for key in package.head.state.signing_keys:
        if key.fingerprint not in kept:
            yield Effect("key-dropped", None, (key.fingerprint,), breaks=key.fingerprint in signers)


def _missing_platforms(action: PublishProvider | MirrorProvider, package: Package | None) -> Iterator[Effect]:
    """Platforms of the newest listed version before it: whoever upgrades there finds no zip."""
    listed = [facts for facts in (package.listed if package else ()) if not isinstance(facts, ModuleVersion)]
    before = max((facts for facts in listed if facts.version < action.version), key=_version, default=None)
    if before is None:
        return
    gone = sorted(_platforms(before) - set(action.platforms))
    if gone:
        yield Effect("platform-gone", action.version, tuple(map(str, gone)), breaks=True)


def _version(facts: ProviderVersion | MirrorVersion) -> Version:
    return facts.version


def _platforms(facts: ProviderVersion | MirrorVersion) -> set[Platform]:
    return {package.platform for package in facts.packages}
