"""One module, required provider or locked provider against what a registry offers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_gen.errors import InputError, Position
from registry_gen.extract.configuration import resolved
from registry_gen.extract.module_source import PUBLIC_HOSTS, Direct, InRegistry, module_source, provider_source
from registry_gen.inspect import codes
from registry_gen.inspect.level import Finding, Level
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.address import mirror_address, module_address, provider_address
from registry_gen.model.version import ANY, parse_constraints, parse_version
from registry_gen.sources.guard import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from registry_gen.errors import Code
    from registry_gen.extract.configuration import Asked, Expression
    from registry_gen.inspect.lock_file import LockedProvider
    from registry_gen.inspect.offered import Known, Offered
    from registry_gen.model.address import Address, Platform
    from registry_gen.model.version import Constraints, Version

_LEVELS: Final = {
    codes.COMPUTED_SOURCE: Level.WARNING,
    codes.DEPRECATED_USED: Level.WARNING,
    codes.PLATFORM_NOT_LOCKED: Level.WARNING,
    codes.NEWER_VERSION: Level.NOTE,
}
"""Whatever is not named here is an error: it must change."""

_LEADING_V = re.compile(r"(?<![0-9A-Za-z.+-])v(?=[0-9])")
"""Which clients pass over in the version of a module."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at, in ``words``, and where it is written."""

    words: str
    position: Position

    def finding(self, code: Code, expected: str = "", found: str = "", level: Level | None = None) -> Finding:
        """Something about it."""
        problem = InputError(
            code, f"{code.title}: {self.words}", expected=expected, found=found, position=self.position
        )
        return Finding(level or _LEVELS.get(code, Level.ERROR), problem)


@dataclass(frozen=True, slots=True)
class Checks:
    """``host`` is how sources name the registry. Every check raises SourceError, RefusalError INS024, INS025."""

    offered: Offered
    host: str
    platforms: tuple[Platform, ...] = ()

    def module(self, asked: Asked, subject: Subject, known: Mapping[str, Expression]) -> Iterator[Finding]:
        """A module that is called; ``known`` are the locals of its folder."""
        if asked.source is None:
            yield subject.finding(codes.UNREAD_CODE, "a source", "none")
            return
        text = resolved(asked.source, known)
        if text is None:
            yield subject.finding(codes.COMPUTED_SOURCE, "a source as a plain text")
            return
        source = module_source(text)
        if isinstance(source, Direct):
            yield subject.finding(codes.BYPASSED, f"a module of {self.host}", shown(text))
        elif isinstance(source, InRegistry):
            address = _address_or_none(lambda: module_address(*source.names))
            if source.host == self.host:
                yield from self._asked(subject, source, address, asked, known)
            elif address and self.offered.versions(address):
                yield subject.finding(codes.BYPASSED, f"{self.host}/{address}", str(source))

    def provider(
        self, asked: Asked, subject: Subject, known: Mapping[str, Expression], locked: frozenset[str]
    ) -> Iterator[Finding]:
        """A provider that is required; what the folder's lock file pins (``locked``) is judged there."""
        text = resolved(asked.source, known) if asked.source else asked.name
        if text is None:
            yield subject.finding(codes.COMPUTED_SOURCE, "a source as a plain text")
            return
        source = provider_source(text)
        if source is None:
            yield subject.finding(codes.UNREAD_CODE, "HOST/NAMESPACE/TYPE", shown(text))
            return
        address, bypassed = self._provider_address(source)
        if bypassed:
            yield subject.finding(codes.BYPASSED, f"{self.host}/{'/'.join(source.names)}", str(source))
        elif address or source.host == self.host:
            yield from self._asked(subject, source, address, asked, known, pinned=str(source) in locked)

    def locked(self, pinned: LockedProvider, subject: Subject) -> Iterator[Finding]:
        """A provider in a lock file."""
        source = provider_source(pinned.source)
        if source is None:
            yield subject.finding(codes.BAD_LOCK, "HOST/NAMESPACE/TYPE", shown(pinned.source))
            return
        address, bypassed = self._provider_address(source)
        if bypassed:
            yield subject.finding(codes.BYPASSED, f"{self.host}/{'/'.join(source.names)}", str(source))
            return
        if address is None:
            if source.host == self.host:
                yield subject.finding(codes.NO_SUCH_PACKAGE, found=str(source))
            return
        versions = self.offered.versions(address)
        if not versions:
            yield subject.finding(codes.NO_SUCH_PACKAGE, found=str(source))
            return
        try:
            version = parse_version(pinned.version)
        except InputError:
            yield subject.finding(codes.NO_SUCH_VERSION, _newest(versions), shown(pinned.version))
            return
        if version not in versions:
            yield self._not_listed(subject, address, version, versions)
            return
        yield from self._chosen(subject, address, version, versions)
        known = self.offered.known(address, version)
        if known:
            yield from self._platforms(subject, pinned, known)

    def _provider_address(self, source: InRegistry) -> tuple[Address | None, bool]:
        """Under which address the registry serves a provider, and whether it has it as its own under another host."""
        own = _address_or_none(lambda: provider_address(*source.names))
        if source.host == self.host or own is None:
            return own, False
        for host in (source.host,) if source.named else PUBLIC_HOSTS:
            mirrored = _address_or_none(lambda host=host: mirror_address(host, *source.names))  # type: ignore[misc]
            if mirrored and self.offered.versions(mirrored):
                return mirrored, False
        return None, bool(self.offered.versions(own))

    def _asked(
        self,
        subject: Subject,
        source: InRegistry,
        address: Address | None,
        asked: Asked,
        known: Mapping[str, Expression],
        *,
        pinned: bool = False,
    ) -> Iterator[Finding]:
        """A package of this registry, and the version that the code asks for."""
        versions = self.offered.versions(address) if address else []
        if address is None or not versions:
            yield subject.finding(codes.NO_SUCH_PACKAGE, found=str(source))
            return
        text = resolved(asked.version, known) if asked.version else ""
        if text is None:
            yield subject.finding(codes.COMPUTED_SOURCE, "a version as a plain text")
            return
        try:
            constraints = parse_constraints(_LEADING_V.sub("", text)) if text.strip() else ANY
        except InputError as error:
            yield subject.finding(error.code, error.expected, error.found)
            return
        allowed = [version for version in versions if constraints.allows(version)]
        if not allowed:
            yield self._none_allowed(subject, address, constraints, versions)
        elif not pinned:
            yield from self._chosen(subject, address, allowed[-1], versions)

    def _none_allowed(
        self, subject: Subject, address: Address, constraints: Constraints, versions: list[Version]
    ) -> Finding:
        exact = [clause.version for clause in constraints.clauses if clause.operator == "="]
        if exact:
            return self._not_listed(subject, address, exact[0], versions)
        return subject.finding(codes.NO_SUCH_VERSION, _newest(versions), str(constraints))

    def _not_listed(self, subject: Subject, address: Address, version: Version, versions: list[Version]) -> Finding:
        known = self.offered.known(address, version)
        if known and known.withdrawn is not None:
            return subject.finding(codes.WITHDRAWN_USED, _newest(versions), f"{version}: {known.withdrawn[:500]}")
        return subject.finding(codes.NO_SUCH_VERSION, _newest(versions), str(version))

    def _chosen(
        self, subject: Subject, address: Address, version: Version, versions: list[Version]
    ) -> Iterator[Finding]:
        """A version that is listed and used."""
        known = self.offered.known(address, version)
        for warning in known.deprecated if known else ():
            yield subject.finding(codes.DEPRECATED_USED, found=f"{version}: {warning}")
        newest = max((each for each in versions if not each.is_prerelease), default=version)
        if newest > version:
            yield subject.finding(codes.NEWER_VERSION, str(newest), str(version))

    def _platforms(self, subject: Subject, pinned: LockedProvider, known: Known) -> Iterator[Finding]:
        """Whether the lock file has a hash of every platform: an h1, or a zh, by which clients check a zip too."""
        zips = known.pinned.digests
        assert not isinstance(zips, ModuleDigests)  # noqa: S101 - the address is a provider's
        locked = {each.text for each in pinned.hashes}
        absent = [each for each in self.platforms if each not in zips]
        missing = [
            each
            for each in self.platforms or sorted(zips)
            if each in zips and not locked & {f"zh:{zips[each].zh}", str(zips[each].h1)}
        ]
        level = Level.ERROR if self.platforms else None
        if absent:
            named = f"not held by the registry: {', '.join(map(str, absent))}"
            yield subject.finding(codes.PLATFORM_NOT_LOCKED, found=named, level=level)
        if missing:
            yield subject.finding(codes.PLATFORM_NOT_LOCKED, found=", ".join(map(str, missing)), level=level)


def _address_or_none(make: Callable[[], Address]) -> Address | None:
    """An address, or None where no registry of ours could have it."""
    try:
        return make()
    except InputError:
        return None


def _newest(versions: list[Version]) -> str:
    return f"a listed version, up to {versions[-1]}"
