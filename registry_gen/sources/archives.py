"""Built module archives beside a SHA256SUMS, in a folder or under a base URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from registry_gen.errors import InputError, SourceError
from registry_gen.model.entries import ArchiveSource
from registry_gen.model.plan import ArchiveSeen, ModuleSighting
from registry_gen.model.version import Version, parse_version
from registry_gen.sources import codes
from registry_gen.sources.guard import shown
from registry_gen.sources.places import names, place
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from registry_gen.model.config import Limits
    from registry_gen.model.digest import Sha256
    from registry_gen.model.entries import ModuleEntry
    from registry_gen.sources.http import Downloaded, Fetcher

SUMS: Final = "SHA256SUMS"
_SUMS_BYTES: Final = 1_000_000


class Archives:
    """Looks for module archives and reads them. Safe to use from several threads."""

    def __init__(self, fetcher: Fetcher, limits: Limits) -> None:
        self._fetcher = fetcher
        self._limits = limits

    def sight(self, entry: ModuleEntry) -> ModuleSighting:
        """The archives that the sums name under the entry's pattern, by version; names without a version are others'.

        Raises SourceError where sums or folder cannot be read, SRC002 where a folder holds an archive that the sums
        do not name, RefusalError SUM001 to SUM004 for broken sums.
        """
        source = entry.source
        if not isinstance(source, ArchiveSource):
            raise TypeError("the module comes from git")
        where = f"{shown(source.location)} {SUMS}"
        files = parse_sums(place(source.location, self._fetcher).read(SUMS, _SUMS_BYTES), where)
        if source.location.startswith("/"):
            for name in names(Path(source.location)):
                version = _version_of(name, source.pattern)
                if version is not None and entry.wants(version) and name not in files:
                    raise SourceError(
                        codes.BAD_RELEASE,
                        "an archive that SHA256SUMS does not name",
                        where=where,
                        found=name,
                        hint=f"Run sha256sum over all archives again and write the result to {SUMS}.",
                    )
        versions = ((_version_of(name, source.pattern), name, digest) for name, digest in files.items())
        seen = (ArchiveSeen(version, name, digest) for version, name, digest in versions if version is not None)
        return ModuleSighting(
            entry.address, (), tuple(sorted(archive for archive in seen if entry.wants(archive.version)))
        )

    def find(self, location: str, version: Version, digest: Sha256) -> ArchiveSeen:
        """The archive with this digest, by whatever name the sums in ``location`` call it today.

        Raises SourceError where the sums cannot be read, SRC010 where they name no such archive.
        """
        where = f"{shown(location)} {SUMS}"
        files = parse_sums(place(location, self._fetcher).read(SUMS, _SUMS_BYTES), where)
        for name, found in files.items():
            if found == digest:
                return ArchiveSeen(version, name, digest)
        raise SourceError(codes.NO_ARCHIVE, where=where, expected=f"SHA-256 {digest}", hint=codes.NO_ARCHIVE.fix)

    def copy(self, location: str, seen: ArchiveSeen, out: BinaryIO, limit: int) -> Downloaded:
        """Stream an archive into ``out``, within ``limit`` and ``limits.module_bytes``.

        Raises SourceError; SRC004 where its digest is not the one that was seen.
        """
        done = place(location, self._fetcher).copy(seen.filename, out, min(limit, self._limits.module_bytes))
        if done.sha256 != seen.sha256:
            raise SourceError(
                codes.SUMS_DIFFER,
                where=f"{shown(location)} {seen.filename}",
                expected=seen.sha256,
                found=done.sha256,
                hint=codes.SUMS_DIFFER.fix,
            )
        return done


def _version_of(name: str, pattern: str) -> Version | None:
    before, _, after = pattern.partition("{version}")
    if not (name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)):
        return None
    try:
        return parse_version(name[len(before) : len(name) - len(after)])
    except InputError:
        return None
