"""The public URL as one who looks at it from outside, and what the checks of it share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin, urlsplit

from registry_gen import paths
from registry_gen.doctor.result import CheckFailedError
from registry_gen.doctor.samples import Samples
from registry_gen.model.config import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from registry_gen.doctor.exchange import Answer, Asker
    from registry_gen.doctor.scratch import Scratch
    from registry_gen.model.config import Site
    from registry_gen.storage import Storage

MAX_DOCUMENT: Final = 16 * MEGABYTE
MAX_DISCOVERY: Final = 1_048_576
"""As much as clients read of it (Terraform's svchost)."""

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Outside:
    """``url`` ends in a slash. ``public`` is the storage behind it, ``scratch`` a scratch folder there.

    ``without`` says why there are no samples where more than nothing is published.
    """

    url: str
    site: Site
    asker: Asker
    public: Storage
    scratch: Scratch
    now: Callable[[], datetime]
    module_bytes: int
    samples: Samples = field(default_factory=Samples)
    without: str = ""

    def at(self, key: str) -> str:
        """The URL of a key; the discovery document is asked for at the root of the host, wherever the registry is."""
        if key == paths.DISCOVERY:
            return urljoin(self.url, f"/{key}")
        return self.url + quote(key, safe="/+")

    def ask(self, key: str, *, limit: int = 0, method: str = "GET", encoding: str = "identity") -> Answer:
        """An answer of any status. Raises SourceError."""
        return self.asker.ask(self.at(key), limit=limit, method=method, encoding=encoding)

    def read(self, key: str, limit: int = MAX_DOCUMENT) -> Answer:
        """A whole document; raises CheckFailedError where there is none, and SourceError."""
        return self.read_url(self.at(key), limit)

    def read_url(self, url: str, limit: int = MAX_DOCUMENT) -> Answer:
        """The same at a URL that a document names."""
        answer = self.asker.document(url, limit=limit)
        require_found(url, answer)
        return answer

    def documents(self) -> Iterator[str]:
        """Keys of documents that are there."""
        if self.public.head(paths.DISCOVERY):
            yield paths.DISCOVERY
        if module := self.samples.module:
            yield paths.module_versions(module.address)
            yield paths.module_download(module.address, module.version)
            yield paths.module_hop(module.address, module.version)
        if provider := self.samples.provider:
            yield paths.provider_versions(provider.address)
            yield paths.provider_download(provider.address, provider.version, provider.platform)
        if mirror := self.samples.mirror:
            yield paths.mirror_index(mirror.address)
            yield paths.mirror_version(mirror.address, mirror.version)
        if self.public.head(paths.CHECKPOINT):
            yield paths.CHECKPOINT

    def archives(self) -> Iterator[str]:
        """Keys of archives that are there: what clients compare with a digest."""
        module, provider = self.samples.module, self.samples.provider
        if module and module.copied:
            yield paths.module_archive(module.address, module.version)
        if provider and provider.copied:
            yield paths.provider_zip(provider.address, provider.version, provider.platform)


def require_found(url: str, answer: Answer) -> None:
    """Raise CheckFailedError for any status but 200."""
    if answer.status != 200:
        raise CheckFailedError(f"200 for {url}", str(answer.status))


def joined(base: str, reference: str) -> str:
    """Where a reference of a document leads; raises CheckFailedError for one that is none."""
    try:
        url = urljoin(base, reference)
        urlsplit(url)
    except ValueError:
        raise CheckFailedError("a URL", shortened(reference)) from None
    return url


def shortened(text: str) -> str:
    """What a stranger says, in a length that fits a line or two."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
