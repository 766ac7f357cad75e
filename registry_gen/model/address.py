"""Addresses: the identity of a package, forever.

A module is namespace/name/system, a provider namespace/type, a mirrored provider hostname/namespace/type.
The grammar is the clients' own (Module and Provider Registry Protocol; hashicorp/terraform-registry-address),
narrowed to lower case because clients lower-case provider names but keep the case of module names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from registry_gen.errors import InputError
from registry_gen.model import codes

Kind = Literal["module", "provider", "mirror"]

_NAME = re.compile(r"[0-9a-z](?:[0-9a-z_-]{0,62}[0-9a-z])?")
_SYSTEM = re.compile(r"[0-9a-z]{1,64}")
_PROVIDER_PART = re.compile(r"[0-9a-z](?:[0-9a-z_-]{0,62}[0-9a-z])?")
_LABEL = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?")
# Go's longest is mips64p32le. A zip's file name holds type, version and platform, and file systems end it at 255 bytes.
_PLATFORM = re.compile(r"([0-9a-z]{1,16})_([0-9a-z]{1,16})")


@dataclass(frozen=True, slots=True, order=True)
class ModuleAddress:
    """namespace/name/system."""

    namespace: str
    name: str
    system: str

    @property
    def kind(self) -> Kind:
        """Which protocol serves it: ``module``."""
        return "module"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}/{self.system}"


@dataclass(frozen=True, slots=True, order=True)
class ProviderAddress:
    """namespace/type of a provider that this registry publishes."""

    namespace: str
    type: str

    @property
    def kind(self) -> Kind:
        """Which protocol serves it: ``provider``."""
        return "provider"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.type}"


@dataclass(frozen=True, slots=True, order=True)
class MirrorAddress:
    """hostname/namespace/type of a provider that is mirrored from elsewhere; the hostname has no port."""

    hostname: str
    namespace: str
    type: str

    @property
    def kind(self) -> Kind:
        """Which protocol serves it: ``mirror``."""
        return "mirror"

    def __str__(self) -> str:
        return f"{self.hostname}/{self.namespace}/{self.type}"


Address = ModuleAddress | ProviderAddress | MirrorAddress


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system and architecture as Go names them."""

    os: str
    arch: str

    def __str__(self) -> str:
        return f"{self.os}_{self.arch}"


def module_address(namespace: str, name: str, system: str) -> ModuleAddress:
    """Check the three parts and return the address; raises InputError ADR001."""
    text = f"{namespace}/{name}/{system}"
    _require(_NAME, namespace, text)
    _require(_NAME, name, text)
    _require(_SYSTEM, system, text)
    return ModuleAddress(namespace, name, system)


def provider_address(namespace: str, type_: str) -> ProviderAddress:
    """Check both parts and return the address; raises InputError ADR001."""
    text = f"{namespace}/{type_}"
    _require_provider_part(namespace, text)
    _require_provider_part(type_, text)
    return ProviderAddress(namespace, type_)


def mirror_address(hostname: str, namespace: str, type_: str) -> MirrorAddress:
    """Check the three parts and return the address; raises InputError ADR001.

    A hostname needs a dot, so that it can be told from a namespace, and has no port:
    clients cannot ask a network mirror for a host with a port.
    """
    text = f"{hostname}/{namespace}/{type_}"
    labels = hostname.split(".")
    if len(labels) < 2 or len(hostname) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(text, hostname)
    _require_provider_part(namespace, text)
    _require_provider_part(type_, text)
    return MirrorAddress(hostname, namespace, type_)


def parse_address(text: str) -> Address:
    """Read an address as a person types it: two parts are a provider, three parts with a dot in the first a mirror."""
    match text.split("/"):
        case [namespace, type_]:
            return provider_address(namespace, type_)
        case [hostname, namespace, type_] if "." in hostname:
            return mirror_address(hostname, namespace, type_)
        case [namespace, name, system]:
            return module_address(namespace, name, system)
        case _:
            raise _bad(text, text)


@lru_cache(128)
def parse_platform(text: str) -> Platform:
    """Read ``os_arch``; raises InputError ADR002."""
    found = _PLATFORM.fullmatch(text)
    if not found:
        shown = text[:80]
        raise InputError(codes.BAD_PLATFORM, where=shown, expected="os_arch such as linux_amd64", found=repr(shown))
    return Platform(found[1], found[2])


def _require(grammar: re.Pattern[str], part: str, address: str) -> None:
    if not grammar.fullmatch(part):
        raise _bad(address, part)


def _require_provider_part(part: str, address: str) -> None:
    # Clients read provider names as internationalised labels, where '--' in places 3 and 4 means punycode.
    if "--" in part or "__" in part:
        raise _bad(address, part)
    _require(_PROVIDER_PART, part, address)


def _bad(address: str, part: str) -> InputError:
    return InputError(codes.BAD_ADDRESS, where=address, found=repr(part), hint=codes.BAD_ADDRESS.fix)
