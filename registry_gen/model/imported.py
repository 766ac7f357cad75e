"""What another registry says of packages that are taken over from it: where their versions come from, and digests.

Nobody here has seen any of it. Digests hold the source to what the other registry said; a tag without a commit pins
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.address import ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.digest import Sha256
    from registry_gen.model.version import Version


@dataclass(frozen=True, slots=True)
class ImportedModule:
    """A module: the URL of its git repository, and the tag of each version that one tag alone names.

    ``versions`` are all of its versions, also those that two tags name: which of these it is, only a poll can say.
    """

    address: ModuleAddress
    git: str
    versions: frozenset[Version]
    tags: Mapping[Version, str]


@dataclass(frozen=True, slots=True)
class ImportedProvider:
    """A provider: the URL of its releases, which may hold ``{version}``, and the SHA-256 of each version's zips.

    ``keys`` are paths beneath catalog/keys; ``warning`` is what its users are told, "" for nothing.
    """

    address: ProviderAddress
    releases: str
    zips: Mapping[Version, Mapping[Platform, Sha256]]
    keys: tuple[str, ...]
    warning: str = ""


ImportedPackage = ImportedModule | ImportedProvider


@dataclass(frozen=True, slots=True)
class Imported:
    """What the ledger kept of a package's import: tags of a module's versions, digests of a provider's zips.

    ``git`` is the repository that the tags are of, "" for none.
    """

    git: str
    tags: Mapping[Version, str]
    zips: Mapping[Version, Mapping[Platform, Sha256]]


NOT_IMPORTED: Final = Imported("", {}, {})
