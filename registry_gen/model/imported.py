"""What another registry says of packages that are taken over from it: where their versions come from, and digests.

Nobody here has seen any of it. Digests hold the source to what the other registry said; a tag without a commit pins
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.errors import RegistryError
    from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.digest import Commit, Sha256
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class ImportedModule:
    """A module: the URL of its git repository, and the tag of each version that one tag alone names.

    ``versions`` are all of its versions, also those that two tags name: which of these it is, only a poll can say.
    ``folder`` is the module's in the repository. ``patterns`` say which tags are versions, none for the usual ones;
    ``pins`` which commit a version is, where the other registry said so.
    """

    address: ModuleAddress
    git: str
    versions: frozenset[Version]
    tags: Mapping[Version, str]
    folder: str = ""
    patterns: tuple[str, ...] = ()
    pins: Mapping[Version, Commit] = field(default_factory=dict)
    hosting: str = "link"


@dataclass(frozen=True, slots=True)
class ImportedArchives:
    """A module of built archives: the folder or URL that holds them, and the pattern of their names."""

    address: ModuleAddress
    location: str
    pattern: str
    versions: frozenset[Version]


@dataclass(frozen=True, slots=True)
class ImportedProvider:
    """A provider: the place of its releases, which may hold ``{version}``, and the SHA-256 of each version's zips.

    ``keys`` are paths beneath catalog/keys; ``warning`` is what its users are told, "" for nothing. Releases in a
    folder are found by looking, so that their versions are not ``listed``.
    """

    address: ProviderAddress
    releases: str
    zips: Mapping[Version, Mapping[Platform, Sha256]]
    keys: tuple[str, ...]
    warning: str = ""
    hosting: str = "link"
    listed: bool = True


@dataclass(frozen=True, slots=True)
class ImportedMirror:
    """A mirrored provider: the SHA-256 of each version's zips, and the constraint that has just these versions."""

    address: MirrorAddress
    versions: str
    zips: Mapping[Version, Mapping[Platform, Sha256]]
    keys: tuple[str, ...]


ImportedPackage = ImportedModule | ImportedArchives | ImportedProvider | ImportedMirror


@dataclass(frozen=True, slots=True)
class Compared:
    """Digests held against those that a publisher signed: how many are equal, which are not, and what was not compared.

    ``different`` and ``open`` are problems, to be told as all others are.
    """

    equal: int = 0
    different: tuple[RegistryError, ...] = ()
    open: tuple[RegistryError, ...] = ()

    def plus(self, other: Compared) -> Compared:
        """Both."""
        return Compared(self.equal + other.equal, (*self.different, *other.different), (*self.open, *other.open))


@dataclass(frozen=True, slots=True)
class Imported:
    """What the ledger kept of a package's import: tags of a module's versions, digests of a provider's zips.

    ``git`` is the repository that the tags are of, "" for none.
    """

    git: str
    tags: Mapping[Version, str]
    zips: Mapping[Version, Mapping[Platform, Sha256]]


NOT_IMPORTED: Final = Imported("", {}, {})
