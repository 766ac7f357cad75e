"""Which registry a consumer's code means: the one that was named, or the only one whose host its sources name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from registry_gen import paths
from registry_gen.errors import InputError, RegistryError, SourceError
from registry_gen.extract.configuration import resolved
from registry_gen.extract.module_source import (
    PUBLIC_HOSTS,
    InRegistry,
    host_in_sources,
    module_source,
    provider_source,
)
from registry_gen.inspect import codes
from registry_gen.inspect.reader import host_of, http_reader, network_of, open_reader
from registry_gen.log.note import MAX_NOTE_BYTES, stated
from registry_gen.model.config import Limits, Network
from registry_gen.render.shapes import Discovery
from registry_gen.sources.codes import FORBIDDEN_ADDRESS
from registry_gen.sources.guard import shown, system_resolver
from registry_gen.sources.http import Fetcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry_gen.extract.configuration import Expression
    from registry_gen.inspect.consumer import Consumer
    from registry_gen.inspect.reader import Reader
    from registry_gen.sources.guard import Resolver

_MAX_DISCOVERY: Final = 1_000_000
_DISCOVERY_SECONDS: Final = 60.0
_MAX_NAMED: Final = 10
_PUBLIC: Final = Network(schemes=("https",))


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry, and the ``host`` by which sources name it."""

    reader: Reader
    host: str


def find_registry(
    url: str | None, host: str | None, consumer: Consumer | None, resolve: Resolver = system_resolver
) -> Registry:
    """The registry at ``url``, or that of ``host``, or the only one that the consumer's code names.

    A host that a person names may be a private one. One that only code names may not: whoever writes code for others
    to look at must not choose what is asked in their network. Raises InputError INS005, INS061, SourceError.
    """
    if url is not None:
        reader = open_reader(url, resolve=resolve)
        return Registry(reader, _named(host or _stated_host(reader) or host_of(url)))
    if host is not None:
        named = _named(host)
        return _discovered(named, network_of(f"https://{named}/", resolve=resolve), resolve)
    hosts = sorted(set(_hosts(consumer))) if consumer else []
    if len(hosts) != 1:
        found = ", ".join(hosts[:_MAX_NAMED]) or "none but the public registries"
        raise InputError(codes.WHICH_REGISTRY, expected="one host in sources and lock files", found=found)
    try:
        return _discovered(hosts[0], _PUBLIC, resolve)
    except SourceError as error:
        if error.code is FORBIDDEN_ADDRESS:
            error.hint = f"If this registry is meant, name it: --url https://{hosts[0]}/."
        raise


def _named(text: str | None) -> str:
    """A host as sources name it; what a registry says of itself may be anything."""
    host = host_in_sources(text or "")
    if host is None:
        raise InputError(codes.WHICH_REGISTRY, expected="a host that sources can name", found=repr((text or "")[:200]))
    return host


def _discovered(host: str, network: Network, resolve: Resolver) -> Registry:
    """By the host's discovery document, as clients find it; raises SourceError, InputError INS061."""
    url = f"https://{host}/{paths.DISCOVERY}"
    fetcher = Fetcher(network, Limits(http_seconds=_DISCOVERY_SECONDS), resolve=resolve)
    fetched = fetcher.get(url, limit=_MAX_DISCOVERY)
    try:
        modules = urljoin(fetched.url, Discovery.model_validate_json(fetched.body).modules)
    except ValueError:
        raise InputError(codes.WHICH_REGISTRY, where=url, expected="a discovery document", found="none") from None
    if not modules.startswith("https://") or not modules.endswith(f"/{paths.MODULES}"):
        expected = f"modules.v1 at https://…/{paths.MODULES}"
        raise InputError(codes.WHICH_REGISTRY, where=url, expected=expected, found=shown(modules))
    return Registry(http_reader(modules.removesuffix(paths.MODULES), network, resolve), host)


def _stated_host(reader: Reader) -> str | None:
    """By the name of its log, which is HOST/log; None where it has none."""
    try:
        origin = stated(reader.read(paths.CHECKPOINT, MAX_NOTE_BYTES)).origin
    except RegistryError:
        return None
    return origin.removesuffix("/log") if origin.endswith("/log") else None


def _hosts(consumer: Consumer) -> Iterator[str]:
    """Hosts of registries that the code and its lock files name, without the public ones."""
    for folder in consumer.folders.values():
        known = folder.locals
        for file in folder.files.values():
            for asked in file.modules:
                yield from _host(module_source(_text(asked.source, known)))
            for asked in file.providers:
                yield from _host(provider_source(_text(asked.source, known)))
        for locked in folder.locked:
            yield from _host(provider_source(locked.source))


def _host(source: object) -> Iterator[str]:
    if isinstance(source, InRegistry) and source.named and source.host not in PUBLIC_HOSTS:
        yield source.host


def _text(source: Expression | None, known: Mapping[str, Expression]) -> str:
    return (resolved(source, known) if source else None) or ""
