"""A registry's public files, made without a ledger or a catalog: true ones, and lies that no publisher would tell.

    made = MadeRegistry(tmp_path / "public")
    made.module("acme/network/aws", "1.0.0", {"main.tf": b""})
    made.provider("acme/widget", "1.0.0", "linux_amd64", "darwin_arm64")
    made.mirror("registry.example.net/hashicorp/random", "3.1.0", "linux_amd64")
    made.withdraw("acme/network/aws", "1.0.0", "It leaks.")
    made.write()                        # may be called again after more was added: the log grows
    made.flip("log/tile/0/000.p/4")     # one byte of an object
    made.log(entries)                   # a log of other entries, signed all the same

Documents, records and entries come from the code that publishes; what holds them together is made here.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from registry_gen import paths
from registry_gen.extract.module import Collector
from registry_gen.log import entries as say
from registry_gen.log.tiles import tiles
from registry_gen.log.tree import Tail, append, root
from registry_gen.model.address import parse_address, parse_platform
from registry_gen.model.config import Site
from registry_gen.model.digest import Commit, Sha256, sha256
from registry_gen.model.facts import (
    Deprecation,
    Hosting,
    MirrorVersion,
    ModuleVersion,
    Package,
    PackageHead,
    PackageState,
    ProviderPackage,
    ProviderVersion,
    SigningKey,
    Sums,
    Withdrawal,
    WithdrawalStage,
)
from registry_gen.model.tree import TreeFile
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.pack.tar import pack_module
from registry_gen.render.discovery import render_site
from registry_gen.render.document import stamp
from registry_gen.render.package import render_package
from registry_gen.render.provenance import Builder, module_provenance
from registry_gen.render.version_records import module_record, provider_record
from registry_gen.signing.log import LogSigner, make_log_key
from registry_gen.verify.zips import check_zip
from tests.support.openpgp_keys import make_key
from tests.support.releases import provider_zip, sums_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, ProviderAddress
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.intent import Entry
    from tests.support.openpgp_keys import TestKey

_F = TypeVar("_F", ModuleVersion, ProviderVersion, MirrorVersion)

HOST = "registry.example.com"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMMIT = Commit("c0ffee" + "0" * 34)
MAIN = {"README.md": b"# Network\n", "main.tf": b'variable "name" {}\n'}


class MadeRegistry:
    """See the module's docstring. Everything has revision 1, which verifying does not look at.

    ``linked`` are the last provider's zips, sums and signature, or the last linked archive, to be served elsewhere.
    """

    def __init__(self, folder: Path, *, url: str = f"https://{HOST}/", host: str = HOST) -> None:
        self.folder = folder
        self.site = Site(host, url)
        self._secret = make_log_key()
        self.signer = LogSigner(f"{host}/log", self._secret)
        self.key: TestKey = make_key("publisher")
        self.entries: list[bytes] = []
        self.linked: tuple[bytes, ...] = ()
        self._packages: dict[Address, Package] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def vkey(self) -> str:
        """The log's verifier key."""
        return self.signer.vkey

    def module(
        self,
        address: str,
        version: str,
        files: Mapping[str, bytes] | None = None,
        *,
        link: str | None = None,
        commit: Commit = COMMIT,
    ) -> ModuleVersion:
        """Publish a module from a tag of network.git; ``link`` is the repository, or the archive, that clients get."""
        module: ModuleAddress = parse_address(address)  # type: ignore[assignment]
        archive, collector = io.BytesIO(), Collector()
        tree = [TreeFile(path, "file", data) for path, data in sorted((files or MAIN).items())]
        for file in tree:
            collector.add(file)
        packed = pack_module(tree, archive)
        facts = ModuleVersion(
            version=parse_version(version),
            source=link or "https://git.example.com/network.git",
            path="",
            tag=f"v{version}",
            commit=commit,
            tree=packed.tree,
            hosting=Hosting.LINK if link else Hosting.COPY,
            archive=None if link else packed.sha256,
            archive_size=None if link else packed.size,
            location=f"git::{link}?ref={commit}" if link else None,
            record=Sha256(""),
            recorded_at=NOW,
        )
        if link and link.endswith(".tar.gz"):
            self.linked = (archive.getvalue(),)
            location = f"{link}?checksum=sha256:{packed.sha256}"
            facts = replace(facts, tag=None, commit=None, evidence=packed.sha256, location=location)
        statement = None
        if not link:
            self.put(paths.module_archive(module, facts.version), archive.getvalue())
            builder = Builder(self.signer.name, "0", None)
            statement = self.signer.sign_statement(module_provenance(module, facts, None, builder, None)) + b"\n"
            facts = replace(facts, provenance=sha256(statement))
            self.put(paths.module_provenance(module, facts.version), statement)
        record = module_record(module, facts, collector.contents(), (), statement, None)
        return self._publish(module, facts, record)

    def provider(self, address: str, version: str, *platforms: str, link: str | None = None) -> ProviderVersion:
        """Publish a provider, signed by ``key``; ``link`` is the URL of the folder where ``linked`` is to be had."""
        provider: ProviderAddress = parse_address(address)  # type: ignore[assignment]
        number = parse_version(version)
        zips = {name: provider_zip(provider.type, version, name) for name in platforms}
        packages = tuple(self._package(provider.type, version, name, zips[name], link) for name in sorted(zips))
        sums = sums_document({each.filename: zips[str(each.platform)] for each in packages})
        signature = self.key.sign(sums)
        facts = ProviderVersion(
            version=number,
            origin="https://releases.example.com/",
            evidence=sha256(sums),
            protocols=("5.0",),
            packages=packages,
            sums=Sums(
                sha256(sums),
                sha256(signature),
                self.key.fingerprint,
                f"{link}SHA256SUMS" if link else None,
                f"{link}SHA256SUMS.sig" if link else None,
            ),
            hosting=Hosting.LINK if link else Hosting.COPY,
            record=Sha256(""),
            recorded_at=NOW,
        )
        self.linked = (*zips.values(), sums, signature)
        if not link:
            self.put(paths.provider_sums(provider, number, facts.sums.sums), sums)
            self.put(paths.provider_signature(provider, number, facts.sums.signature), signature)
            for name, data in zips.items():
                self.put(paths.provider_zip(provider, number, parse_platform(name)), data)
        return self._publish(provider, facts, provider_record(provider, facts, sums, signature, None))

    def mirror(self, address: str, version: str, *platforms: str, lacking: Sequence[str] = ()) -> MirrorVersion:
        """Mirror these platforms of a release that has those in ``lacking``, too."""
        mirror: MirrorAddress = parse_address(address)  # type: ignore[assignment]
        number = parse_version(version)
        zips = {name: provider_zip(mirror.type, version, name) for name in (*platforms, *lacking)}
        packages = tuple(self._package(mirror.type, version, name, zips[name], None) for name in sorted(platforms))
        sums = sums_document({paths.zip_name(mirror.type, number, parse_platform(name)): zips[name] for name in zips})
        signature = self.key.sign(sums)
        facts = MirrorVersion(
            version=number,
            origin="https://registry.example.net",
            protocols=("5.0",),
            packages=packages,
            sums=Sums(
                sha256(sums), sha256(signature), self.key.fingerprint, "https://x.example/", "https://x.example/"
            ),
            hosting=Hosting.COPY,
            record=Sha256(""),
            recorded_at=NOW,
        )
        for name in platforms:
            self.put(paths.mirror_zip(mirror, number, parse_platform(name)), zips[name])
        return self._publish(mirror, facts, provider_record(mirror, facts, sums, signature, None))

    def published(self, address: str) -> Package:
        """A package as it would be in a ledger."""
        return self._packages[parse_address(address)]

    def withdraw(self, address: str, version: str, reason: str = "It leaked a token.") -> None:
        """Take a version back."""
        package, facts = self._find(address, version)
        gone = Withdrawal(reason, "ada", NOW, WithdrawalStage.UNLISTED, NOW)
        entry = say.withdrawn(package.head.address, facts, reason, 1, None, NOW)
        self._turn(package, replace(facts, withdrawn=gone), entry)

    def relist(self, address: str, version: str) -> None:
        """List a withdrawn version again."""
        package, facts = self._find(address, version)
        entry = say.relisted(package.head.address, facts, 1, None, NOW)
        self._turn(package, replace(facts, withdrawn=None), entry)

    def deprecate(self, address: str, message: str, replacement: str = "", versions: str = "") -> None:
        """Warn the users of a package."""
        package = self._packages[parse_address(address)]
        warning = Deprecation(message, replacement, parse_constraints(versions) if versions else None)
        state = replace(package.head.state, deprecated=(warning,))
        self._packages[package.head.address] = replace(package, head=replace(package.head, state=state))

    def change_keys(self, address: str, *keys: TestKey) -> None:
        """Let a provider's clients get these keys."""
        package = self._packages[parse_address(address)]
        state = replace(package.head.state, signing_keys=tuple(SigningKey(key.fingerprint, key.armor) for key in keys))
        entry = say.key_changed(package.head.address, [key.fingerprint for key in keys], 1, None, NOW)
        self._packages[package.head.address] = replace(package, head=replace(package.head, state=state))
        self.entries.append(entry.payload)

    def retire(self) -> None:
        """Let the former keys of the log sign no more."""
        self.signer = LogSigner(self.signer.name, self._secret)

    def rotate(self, *, lost: bool = False) -> None:
        """Give the log a new key; the old one signs beside it where it is not ``lost``."""
        former = () if lost else ((self._secret, "former"),)
        self._secret = make_log_key()
        self.signer = LogSigner(self.signer.name, self._secret, former=former)
        self.entries.append(say.log_key_changed(self.signer.name, self.signer.vkeys, None, NOW).payload)

    def write(self) -> None:
        """Write all documents and the log as they are now."""
        for package in self._packages.values():
            for document in render_package(package, self.site):
                self.put(document.key, stamp(document.key, document.content, 1))
        for document in render_site(self.site):
            self.put(document.key, document.content)
        self.log(self.entries)

    def log(self, entries: Sequence[bytes], signer: LogSigner | None = None) -> None:
        """Write a log of these entries, whatever they say, and a checkpoint by the log's key or another one."""
        tail = append(Tail(), list(entries))
        for key, data in tiles(0, tail, list(entries)):
            self.put(key, data)
        self.put(paths.CHECKPOINT, (signer or self.signer).sign_checkpoint(tail.size, root(tail)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def get(self, key: str) -> bytes:
        """Read an object."""
        return (self.folder / key).read_bytes()

    def remove(self, key: str) -> None:
        """Delete an object."""
        (self.folder / key).unlink()

    def flip(self, key: str, at: int = -1) -> None:
        """Change one bit of an object."""
        data = bytearray(self.get(key))
        data[at] ^= 1
        self.put(key, bytes(data))

    def edit(self, key: str, change: Callable[[Any], object]) -> None:
        """Change a JSON object in place."""
        value = json.loads(self.get(key))
        change(value)
        self.put(key, json.dumps(value, separators=(",", ":")).encode())

    def _package(self, type_: str, version: str, name: str, data: bytes, link: str | None) -> ProviderPackage:
        platform = parse_platform(name)
        filename = paths.zip_name(type_, parse_version(version), platform)
        contents = check_zip(io.BytesIO(data), len(data), max_unpacked=10**6, max_entries=10, where=filename)
        url = f"{link}{filename}" if link else None
        return ProviderPackage(platform, filename, sha256(data), contents.h1, len(data), url)

    def _publish(self, address: Address, facts: _F, record: bytes) -> _F:
        facts = replace(facts, record=sha256(record), log_index=len(self.entries))
        self.put(paths.record(facts.record), record)
        self.entries.append(say.published(address, facts, 1, None).payload)
        keys = (SigningKey(self.key.fingerprint, self.key.armor),) if address.kind == "provider" else ()
        head = PackageHead(address, 1, 1, None, None, PackageState(signing_keys=keys))
        package: Package = self._packages.get(address, Package(head, ()))
        versions: tuple[VersionFacts, ...] = (*package.versions, facts)
        self._packages[address] = replace(package, versions=versions)
        return facts

    def _find(self, address: str, version: str) -> tuple[Package, VersionFacts]:
        package = self._packages[parse_address(address)]
        return package, next(facts for facts in package.versions if facts.version == parse_version(version))

    def _turn(self, package: Package, facts: VersionFacts, entry: Entry) -> None:
        facts = replace(facts, log_index=len(self.entries))
        self.entries.append(entry.payload)
        others = tuple(each for each in package.versions if each.version != facts.version)
        self._packages[package.head.address] = replace(package, versions=(*others, facts))
