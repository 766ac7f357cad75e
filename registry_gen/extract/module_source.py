"""What the source of a module or a provider names: a package of a registry, a path, or something fetched directly.

Sources: hashicorp/terraform, internal/addrs/module_source.go, and hashicorp/terraform-registry-address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PUBLIC_HOSTS: Final = ("registry.terraform.io", "registry.opentofu.org")
"""Which of them a source without a host means depends on the client."""

_DEFAULT: Final = PUBLIC_HOSTS[0]
_FORGES: Final = frozenset({"github.com", "bitbucket.org", "gitlab.com"})
_PART = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}[0-9A-Za-z])?")
_HOST = re.compile(r"[0-9a-z](?:[0-9a-z.-]{0,251}[0-9a-z])?(?::[0-9]{1,5})?")
_LOCAL: Final = ("./", "../", ".\\", "..\\", "/")


@dataclass(frozen=True, slots=True)
class InRegistry:
    """``names`` of a package at a host, in lower case with its port; ``named`` says whether the code names the host."""

    host: str
    names: tuple[str, ...]
    named: bool

    def __str__(self) -> str:
        return "/".join((self.host, *self.names))


@dataclass(frozen=True, slots=True)
class Direct:
    """A repository, a URL, or whatever else is fetched without a registry."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A path of the consumer's own."""


def module_source(text: str) -> InRegistry | Direct | Inside:
    """Read the ``source`` of a module; what is behind ``//`` is a folder inside of it."""
    if text in (".", "..") or text.startswith(_LOCAL):
        return Inside()
    if "::" in text or "://" in text or "?" in text:
        return Direct()
    parts = text.partition("//")[0].split("/")
    match parts:
        case [namespace, name, system] if all(map(_PART.fullmatch, parts)):
            return InRegistry(_DEFAULT, (namespace, name, system), named=False)
        case [host, *names] if len(names) == 3 and all(map(_PART.fullmatch, names)) and _is_host(host):
            return InRegistry(_host(host), tuple(names), named=True)
    return Direct()


def provider_source(text: str) -> InRegistry | None:
    """Read the ``source`` of a provider, ``TYPE`` alone being HashiCorp's; None where clients refuse it."""
    names = text.lower().split("/")
    match names:
        case [type_] if _PART.fullmatch(type_):
            return InRegistry(_DEFAULT, ("hashicorp", type_), named=False)
        case [namespace, type_] if all(map(_PART.fullmatch, names)):
            return InRegistry(_DEFAULT, (namespace, type_), named=False)
        case [host, namespace, type_] if all(map(_PART.fullmatch, names[1:])) and _HOST.fullmatch(host):
            return InRegistry(_host(host), (namespace, type_), named=True)
    return None


def host_in_sources(text: str) -> str | None:
    """A host, perhaps with its port, as sources are compared by it; None for what no source can name."""
    host = _host(text)
    return host if _HOST.fullmatch(host) else None


def _is_host(text: str) -> bool:
    host = text.lower()
    return bool(_HOST.fullmatch(host)) and ("." in host or ":" in host) and host not in _FORGES


def _host(text: str) -> str:
    return text.lower().removesuffix(":443")
