"""A made registry: catalog files, what its sources would be seen to say, and versions as if they had been fetched.

Only the outside is made up. Everything between is the real thing: reading the catalog, planning, settling, the ledger,
rendering, the log and the bucket.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from registry_gen import paths, wiring
from registry_gen.cli.selection import selected
from registry_gen.extract.module import ModuleContents, Text
from registry_gen.model.address import ModuleAddress, Platform, ProviderAddress, module_address, provider_address
from registry_gen.model.digest import H1, Commit, Sha256, sha256
from registry_gen.model.entries import GitSource, ModuleEntry, ProviderEntry
from registry_gen.model.facts import Hosting, ModuleVersion, ProviderPackage, ProviderVersion, Sums
from registry_gen.model.plan import (
    ModuleSighting,
    ProviderSighting,
    PublishModule,
    PublishProvider,
    ReleaseSeen,
    Staged,
    Tag,
)
from registry_gen.model.version import Version, parse_version
from registry_gen.publish import planning, stage
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from registry_gen.render.version_records import module_record, provider_record
from registry_gen.verify.sums import render_sums
from tests.support.openpgp_keys import make_key
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry_gen.model.address import Address
    from registry_gen.model.entries import Catalog, Entry
    from registry_gen.model.facts import PackageState
    from registry_gen.model.plan import Sighting
    from registry_gen.publish.registry import Registry
    from registry_gen.publish.run import Report
    from registry_gen.publish.stage import Stage
    from tests.bench.shape import Shape

NAMESPACES: Final = 400
HOST: Final = "https://git.example.com"
_SYSTEMS: Final = ("aws", "google", "azurerm", "kubernetes")
_ARCHES: Final = ("386", "amd64", "arm", "arm64")
_OSES: Final = ("darwin", "freebsd", "linux", "openbsd", "windows")
PLATFORMS: Final = tuple(Platform(os, arch) for os in _OSES for arch in _ARCHES)
KEY: Final = make_key("bench")
SIGNATURE: Final = b"\x88" * 566
"""As long as one by an RSA key of 4096 bits."""
CONTENTS: Final = ModuleContents(Text("README.md", "# A network\n", truncated=False, lossy=False), (), ())


class Made:
    """A registry of a shape, in a workspace; ``extra`` are versions that packages have beyond their shape."""

    def __init__(self, root: Path, dsn: str, made: Shape) -> None:
        self.work = Workspace(root, dsn)
        self.work.write("catalog/keys/bench.asc", KEY.armor)
        self.shape = made
        self.modules = {_module(rank): size for rank, size in enumerate(made.modules)}
        self.providers = {_provider(rank): sizes for rank, sizes in enumerate(made.providers)}
        self.extra: dict[Address, int] = {}
        self._seen: dict[Address, Sighting] = {}
        for module in self.modules:
            source = f"source:\n  git: {HOST}/{module.namespace}/{module.name}.git\nhosting: link\n"
            self.work.write(f"catalog/modules/{module}.yaml", source)
        for provider in self.providers:
            self._write(provider)

    def add(self, address: Address) -> None:
        """One more version of a package."""
        self.extra[address] = self.extra.get(address, 0) + 1
        self._seen.pop(address, None)
        if isinstance(address, ProviderAddress):
            self._write(address)

    def publish(self) -> Report:
        """Publish, with the sightings in hand."""
        workspace = wiring.read_workspace(self.work.root / "registry.yaml", keep=True)
        with self.outside(), wiring.open_registry(workspace) as registry:
            return publish(registry, wiring.open_keys(registry), selected(workspace, ()), NOW, Silent())

    @contextmanager
    def opened(self) -> Iterator[Registry]:
        """The adapters, as the command line has them."""
        with wiring.open_registry(wiring.read_workspace(self.work.root / "registry.yaml")) as registry:
            yield registry

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Sources and downloads are this registry's."""

        def look(catalog: Catalog, *_: object) -> Mapping[Address, Sighting]:
            return {address: self._sighting(address) for address in catalog.entries}

        with (
            patch.object(planning, "look", look),
            patch.object(stage, "_prepare", lambda *_: None),
            patch.object(stage, "_stage", _stage),
        ):
            yield

    def _sighting(self, address: Address) -> Sighting:
        """Made once, and in hand from then on."""
        if address not in self._seen:
            self._seen[address] = self.sighting(address)
        return self._seen[address]

    def sighting(self, address: Address) -> Sighting:
        """What the source of a package says."""
        if isinstance(address, ModuleAddress):
            names = (f"v{version}" for version in self._versions(address, self.modules[address]))
            return ModuleSighting(address, tuple(Tag(name, _commit(f"{address} {name}")) for name in names))
        assert isinstance(address, ProviderAddress)
        sizes = (*self.providers[address], *[12] * self.extra.get(address, 0))
        return ProviderSighting(
            address, tuple(_release(address, _version(number), size) for number, size in enumerate(sizes))
        )

    def _versions(self, address: Address, size: int) -> list[Version]:
        return [_version(number) for number in range(size + self.extra.get(address, 0))]

    def _write(self, address: ProviderAddress) -> None:
        versions = self._versions(address, len(self.providers[address]))
        quoted = ", ".join(f'"{version}"' for version in versions)
        releases = f"{HOST}/{address.namespace}/terraform-provider-{address.type}/releases/download/v{{version}}"
        self.work.write(
            f"catalog/providers/{address}.yaml",
            f"source:\n  releases: {releases}\n  versions: [{quoted}]\nsigning_keys: [bench.asc]\nhosting: link\n",
        )


def _module(rank: int) -> ModuleAddress:
    return module_address(f"team{rank % NAMESPACES}", f"network-{rank}", _SYSTEMS[rank % len(_SYSTEMS)])


def _provider(rank: int) -> ProviderAddress:
    return provider_address(f"team{rank % NAMESPACES}", f"widget{rank}")


def _version(number: int) -> Version:
    return parse_version(f"{number // 100}.{number // 10 % 10}.{number % 10}")


def _commit(words: str) -> Commit:
    return Commit(hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest())


def _h1(words: str) -> H1:
    return H1("h1:" + "A" * 10 + hashlib.sha256(words.encode()).hexdigest()[:33] + "=")


def _release(address: ProviderAddress, version: Version, size: int) -> ReleaseSeen:
    files = {
        paths.zip_name(address.type, version, platform): _zip(address, version, platform)
        for platform in PLATFORMS[:size]
    }
    location = f"{HOST}/{address.namespace}/terraform-provider-{address.type}/releases/download/v{version}"
    digest = sha256(f"{address} {version}".encode())
    return ReleaseSeen(version, location, digest, sha256(SIGNATURE), files, ("5.0",))


def _zip(address: ProviderAddress, version: Version, platform: Platform) -> Sha256:
    return sha256(f"{address} {version} {platform}".encode())


def _stage(stage: Stage, entry: Entry, action: object, _: object, state: PackageState) -> Staged:
    match entry, action:
        case ModuleEntry(source=GitSource()), PublishModule():
            return _staged_module(stage, entry, action)
        case ProviderEntry(), PublishProvider():
            return _staged_provider(stage, entry, action, state)
        case _:
            raise TypeError(f"{entry.address}: nothing of the kind is made")


def _staged_module(stage: Stage, entry: ModuleEntry, action: PublishModule) -> Staged:
    assert isinstance(entry.source, GitSource)
    assert action.tag
    facts = ModuleVersion(
        version=action.version,
        source=entry.source.url,
        path="",
        tag=action.tag.name,
        commit=action.tag.commit,
        tree=_h1(f"{entry.address} {action.version}"),
        hosting=Hosting.LINK,
        archive=None,
        archive_size=None,
        location=f"git::{entry.source.url}?ref={action.tag.commit}",
        record=Sha256(""),
        recorded_at=stage.now,
    )
    record = module_record(entry.address, facts, CONTENTS, (), None, None)
    return _with_record(stage, action, facts, record)


def _staged_provider(stage: Stage, entry: ProviderEntry, action: PublishProvider, state: PackageState) -> Staged:
    release, where = action.release, f"{action.release.location}/"
    files = {paths.zip_name(entry.address.type, action.version, platform): platform for platform in action.platforms}
    sums = render_sums({name: release.files[name] for name in files})
    packages = tuple(
        ProviderPackage(platform, name, release.files[name], _h1(name), 20_000_000, where + name)
        for name, platform in files.items()
    )
    name = f"terraform-provider-{entry.address.type}_{action.version}_SHA256SUMS"
    facts = ProviderVersion(
        version=action.version,
        origin=release.location,
        evidence=release.sums,
        protocols=release.protocols,
        packages=packages,
        sums=Sums(release.sums, sha256(SIGNATURE), KEY.fingerprint, where + name, f"{where}{name}.sig"),
        hosting=Hosting.LINK,
        record=Sha256(""),
        recorded_at=stage.now,
    )
    record = provider_record(entry.address, facts, sums, SIGNATURE, None, state.signing_keys)
    return _with_record(stage, action, facts, record)


def _with_record(
    stage: Stage, action: PublishModule | PublishProvider, facts: ModuleVersion | ProviderVersion, record: bytes
) -> Staged:
    digest = sha256(record)
    return Staged(action, replace(facts, record=digest), (stage.staging.keep_bytes(record, paths.record(digest)),))
