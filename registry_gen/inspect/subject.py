"""One version that is looked at, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from registry_gen.inspect.records import ModuleRecord, ProviderRecord
from registry_gen.model.address import MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.facts import Hosting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from registry_gen.inspect.artifacts import Copy
    from registry_gen.inspect.findings import Findings
    from registry_gen.inspect.links import Links
    from registry_gen.inspect.reader import Reader
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.version import Version

A = TypeVar("A", ModuleAddress, ProviderAddress, MirrorAddress)
R = TypeVar("R", ModuleRecord, ProviderRecord)


@dataclass(frozen=True, slots=True)
class Inspection:
    """How versions are looked at.

    ``artifacts``: whether archives and zips are fetched; ``links``: how links are followed, None for not at all;
    ``log_keys``: the log's keys as statements of origin name them; ``now``: for signatures that expire.
    """

    reader: Reader
    artifacts: bool
    links: Links | None
    log_keys: Mapping[str, bytes]
    now: datetime


@dataclass(frozen=True, slots=True)
class Subject(Generic[A, R]):
    """A listed version: what the log pins it with, its record, and where problems and counts go."""

    inspection: Inspection
    address: A
    version: Version
    pinned: Pinned
    record: R
    findings: Findings

    def __str__(self) -> str:
        return f"{self.address} {self.version}"

    @property
    def reader(self) -> Reader:
        """The registry."""
        return self.inspection.reader

    @property
    def linked(self) -> bool:
        """Whether clients are sent elsewhere for its artifacts."""
        return self.pinned.hosting is Hosting.LINK

    def copy(self, key: str) -> Copy:
        """What streams an object of the registry into a file."""
        return lambda out, limit: self.reader.copy(key, out, limit)
