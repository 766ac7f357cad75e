"""registry.yaml as data. Secrets are references (``env:NAME`` or ``file:PATH``), never values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry_gen.model.places import Place
    from registry_gen.model.purge import Purging

MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """The public site: the ``host`` that people write in sources, the ``url`` (ends in "/") that serves the bucket."""

    host: str
    url: str

    @property
    def log_origin(self) -> str:
        """The name of the log (C2SP tlog-checkpoint: a URL without its scheme)."""
        return f"{self.host}/log"


@dataclass(frozen=True, slots=True)
class Network:
    """What the outside may be.

    ``schemes`` of git and release URLs; ``allow_private`` networks (CIDR) that may be connected to although they are
    private; ``ca_file`` more trusted certificate authorities (PEM); ``upstreams`` base URLs by mirrored hostname;
    ``hosts`` the only ones that packages may come from ("*.example.com": all below one), none for any.
    """

    schemes: tuple[str, ...] = ("https", "ssh")
    allow_private: tuple[str, ...] = ()
    ca_file: Path | None = None
    upstreams: Mapping[str, str] | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on hostile input; sizes in bytes, times in seconds; ``per_host`` of one host's requests at once."""

    module_bytes: int = 100 * MEGABYTE
    module_files: int = 20_000
    provider_bytes: int = 500 * MEGABYTE
    provider_unpacked_bytes: int = 2_000 * MEGABYTE
    git_seconds: float = 300.0
    http_seconds: float = 600.0
    workers: int = 8
    per_host: int = 8


@dataclass(frozen=True, slots=True)
class SigningRefs:
    """References to the registry's private keys; None means a key of its own making in the state folder.

    ``former_log_keys`` sign the log's checkpoints too, for those who do not know the present key yet.
    """

    openpgp: str | None = None
    log: str | None = None
    former_log_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """registry.yaml, with every relative path resolved against its folder.

    ``ledger`` is "embedded", "bucket", or a reference to, or value of, a PostgreSQL DSN. ``purge`` is None where no CDN
    is told.
    """

    root: Path
    catalog: Path
    state: Path
    site: Site
    public: Place
    private: Place
    ledger: str
    network: Network
    limits: Limits
    signing: SigningRefs
    purge: Purging | None = None
