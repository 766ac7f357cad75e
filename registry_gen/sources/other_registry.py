"""Packages of another registry, asked for as clients ask: nothing but its protocols is needed, and nothing is believed.

Protocols cannot list packages, so that the addresses are given (HashiCorp: "Module Registry Protocol", and "Provider
Registry Protocol").
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import orjson

from registry_gen.catalog import codes as catalog_codes
from registry_gen.catalog.layout_providers import read_provider
from registry_gen.catalog.layout_shapes import MAX_VERSIONS
from registry_gen.errors import InputError, Position, RegistryError, SourceError
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress, mirror_address
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import MirrorEntry
from registry_gen.model.facts import Hosting
from registry_gen.model.version import ANY, Version, parse_version
from registry_gen.sources import codes
from registry_gen.sources.guard import shown
from registry_gen.sources.other_modules import read_other_module
from registry_gen.sources.releases import SIGNATURE_BYTES, SUMS_BYTES
from registry_gen.sources.signed_sums import SignedSums, read_signed, usable_keys
from registry_gen.sources.taking import Taken, Taking, mirror_of, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from registry_gen.model.address import Address, Platform
    from registry_gen.model.plan import UpstreamSeen
    from registry_gen.model.version import Constraints
    from registry_gen.sources.http import Fetcher
    from registry_gen.sources.upstream import Upstream, UpstreamPackage

_VERSIONS_BYTES: Final = 8_000_000
_DOWNLOAD_BYTES: Final = 100_000
_MAX_LOCATION: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of a provider: what is said of each platform, and the sums that its publisher signed."""

    version: Version
    offers: tuple[UpstreamPackage, ...]
    signed: SignedSums


class OtherRegistry:
    """Reads packages of one registry; ``base`` is its root, ``host`` its name in addresses, ``now`` when keys count.

    ``versions`` are those to be taken. Requests are made by ``workers`` threads, within the fetcher's limits.
    """

    def __init__(self, fetcher: Fetcher, upstream: Upstream, base: str, host: str, workers: int, now: datetime) -> None:
        self._fetcher = fetcher
        self._upstream = upstream
        self._base = base
        self._host = host
        self._workers = workers
        self._now = now

    def read(self, addresses: Iterable[Address], *, versions: Constraints = ANY, hosting: str = "copy") -> Taken:
        """Every package that can be taken: a mirror's address becomes a mirror, others what they are here.

        What cannot be taken is a problem; raises SourceError only where the host as a whole cannot be asked.
        """
        taking = Taking()
        with ThreadPoolExecutor(self._workers, "import") as threads:
            for address in addresses:
                try:
                    if isinstance(address, ModuleAddress):
                        self._module(taking, address, versions, hosting, threads)
                    else:
                        self._provider(taking, address, versions, hosting, threads)
                except RegistryError as error:
                    taking.refuse(error, str(address))
        return taking.taken()

    def offered(self, address: MirrorAddress) -> tuple[Version, ...]:
        """Every version of a provider; raises as ``Upstream.sight`` does."""
        return tuple(seen.version for seen in self._sight(address))

    def signed_of(self, address: MirrorAddress, version: Version, platform: Platform) -> SignedSums:
        """The signed sums of a version, by way of one platform; raises SourceError, or RefusalError SIG0xx."""
        offer = self._upstream.package(self._base, address, version, platform)
        return self._signed([offer], f"{address} {version}")

    def _module(
        self, taking: Taking, address: ModuleAddress, wanted: Constraints, hosting: str, threads: ThreadPoolExecutor
    ) -> None:
        service = self._upstream.service(self._base, "modules.v1", codes.NO_MODULES_SERVICE)
        url = f"{service}{address.namespace}/{address.name}/{address.system}"
        document, _ = self._fetcher.json(f"{url}/versions", _VERSIONS_BYTES)
        found = []
        for text in _listed(document, f"{url}/versions"):
            try:
                version = parse_version(text)
            except InputError as error:
                taking.refuse(error, str(address), text)
                continue
            if wanted.covers(version):
                found.append(version)
        locations = {}
        asked = list(threads.map(lambda version: self._location(f"{url}/{version}/download"), found))
        for version, location in zip(found, asked, strict=True):
            if isinstance(location, RegistryError):
                taking.refuse(location, str(address), str(version))
            else:
                locations[version] = location
        read = read_other_module(address, locations, str(address))
        taking.problems.extend(read.problems)
        if read.package:
            taking.packages[address] = replace(read.package, hosting=hosting)

    def _location(self, url: str) -> str | RegistryError:
        """Where clients are sent: JSON counts before the header, as for OpenTofu, whose body is the better one here."""
        try:
            answer = self._fetcher.get(url, limit=_DOWNLOAD_BYTES, accept="application/json", empty=True)
        except RegistryError as error:
            return error
        location = ""
        try:
            document = orjson.loads(answer.body)
            said = document.get("location") if isinstance(document, dict) else None
            location = said if isinstance(said, str) else ""
        except orjson.JSONDecodeError:
            pass  # a body is not needed where the header is there
        location = location or answer.terraform_get
        if not location or len(location) > _MAX_LOCATION:
            expected = "a location, or a header X-Terraform-Get"
            return SourceError(codes.BAD_UPSTREAM, where=shown(url), expected=expected, hint=codes.BAD_UPSTREAM.fix)
        return urljoin(answer.url, location) if location.startswith(("/", "./", "../")) else location

    def _provider(
        self,
        taking: Taking,
        address: ProviderAddress | MirrorAddress,
        wanted: Constraints,
        hosting: str,
        threads: ThreadPoolExecutor,
    ) -> None:
        there = mirror_address(self._host, address.namespace, address.type)
        sighting = self._sight(there)
        found = []
        for seen in sighting:
            if not wanted.covers(seen.version):
                continue
            try:
                found.append(self._version(taking, there, seen, threads))
            except RegistryError as error:
                taking.refuse(error, str(address), str(seen.version))
        keys = [each.signed.signer for each in found]
        if isinstance(address, MirrorAddress):
            zips = {each.version: {offer.platform: offer.shasum for offer in each.offers} for each in found}
            mirror_of(taking, address, zips, keys, [seen.version for seen in sighting])
            return
        paths = taking.add_keys(address, keys)
        read = read_provider(address, _as_layout(found), str(address), paths)
        taking.problems.extend(read.problems)
        if read.package:
            taking.packages[address] = replace(read.package, hosting=hosting)

    def _version(
        self, taking: Taking, there: MirrorAddress, seen: UpstreamSeen, threads: ThreadPoolExecutor
    ) -> _Version:
        """Ask for every platform, and hold what is said of them against what the publisher signed."""
        if seen.version.build:
            raise InputError(catalog_codes.WITH_BUILD)
        where = f"{there} {seen.version}"
        offers: list[UpstreamPackage] = []
        asked = threads.map(lambda platform: self._offer(there, seen.version, platform), seen.platforms)
        for platform, offer in zip(seen.platforms, asked, strict=True):
            if isinstance(offer, RegistryError):
                taking.refuse(offer, str(there), f"{seen.version} {platform}")
            else:
                offers.append(offer)
        if not offers:
            raise InputError(catalog_codes.NOTHING_LEFT, "no zip of it can be taken over")
        signed = self._signed(offers, where)
        said = named(there.type, seen.version, {offer.platform: offer.shasum for offer in offers})
        taking.compare(where, said, signed.files)
        return _Version(seen.version, tuple(offers), signed)

    def _offer(self, there: MirrorAddress, version: Version, platform: Platform) -> UpstreamPackage | RegistryError:
        try:
            return self._upstream.package(self._base, there, version, platform)
        except RegistryError as error:
            return error

    def _sight(self, there: MirrorAddress) -> tuple[UpstreamSeen, ...]:
        entry = MirrorEntry(there, Position(""), Sha256(""), self._base, ANY, Hosting.COPY, (), ())
        found = self._upstream.sight(entry).versions
        if len(found) > MAX_VERSIONS:
            raise InputError(catalog_codes.LIMIT, expected=f"at most {MAX_VERSIONS} versions")
        return found

    def _signed(self, offers: Sequence[UpstreamPackage], where: str) -> SignedSums:
        """The sums that all offers name, signed by a key that they come with; raises what is wrong with them."""
        first = offers[0]
        for offer in offers:
            if (offer.sums_url, offer.signature_url) != (first.sums_url, first.signature_url):
                code = codes.NOT_ONE_RELEASE
                expected, found = shown(first.sums_url), shown(offer.sums_url)
                raise SourceError(code, where=where, expected=expected, found=found, hint=code.fix)
        sums = self._upstream.small(first.sums_url, SUMS_BYTES)
        signature = self._upstream.small(first.signature_url, SIGNATURE_BYTES)
        return read_signed(sums, signature, usable_keys(first.keys, where), where, self._now)


def _listed(document: object, url: str) -> list[str]:
    """The versions of a module's listing, as texts."""
    try:
        versions = document["modules"][0]["versions"]  # type: ignore[index]
        texts = [each["version"] for each in versions]
    except (TypeError, KeyError, IndexError):
        texts = [None]
    if len(texts) > MAX_VERSIONS or not all(isinstance(text, str) for text in texts):
        expected = f"a list of at most {MAX_VERSIONS} versions"
        raise SourceError(codes.BAD_UPSTREAM, where=shown(url), expected=expected, hint=codes.BAD_UPSTREAM.fix)
    return texts


def _as_layout(found: Sequence[_Version]) -> bytes:
    """The same in the shape of OpenTofu's registry, whose reader judges where the files of a release may lie."""
    versions = [
        {
            "version": str(each.version),
            "shasums_url": each.offers[0].sums_url,
            "shasums_signature_url": each.offers[0].signature_url,
            "targets": [
                {
                    "os": offer.platform.os,
                    "arch": offer.platform.arch,
                    "filename": offer.filename,
                    "download_url": offer.url,
                    "shasum": offer.shasum,
                }
                for offer in each.offers
            ],
        }
        for each in found
    ]
    return orjson.dumps({"versions": versions})
