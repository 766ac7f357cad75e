"""What a registry offers, by its public documents: asked once for each package and version, and only so often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from registry_gen import paths
from registry_gen.errors import InputError, RefusalError, SourceError
from registry_gen.inspect import codes
from registry_gen.inspect.listing import read_listing
from registry_gen.inspect.promise import read_document
from registry_gen.inspect.reader import MAX_DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.inspect.listing import Listed
    from registry_gen.inspect.reader import Reader
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version

MAX_ASKED: Final = 10_000
"""Documents for one audit: code may name more packages than anybody uses."""

_MAX_SAID: Final = 500
_MAX_WARNINGS: Final = 20


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Warning(_Shape):
    message: str
    replacement: str = ""


class _Warnings(_Shape):
    deprecated: tuple[_Warning, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a version's document says: why it was ``withdrawn`` (None: it was not), and ``deprecated`` in sentences."""

    pinned: Pinned
    withdrawn: str | None
    deprecated: tuple[str, ...]


class Offered:
    """A registry's listings and versions. Raises SourceError where it cannot be asked, RefusalError INS025."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._listings: dict[Address, Mapping[Version, Listed]] = {}
        self._known: dict[tuple[Address, Version], Known | None] = {}

    def versions(self, address: Address) -> list[Version]:
        """The versions that are listed, in order; none where the package is not there."""
        if address not in self._listings:
            self._count()
            self._listings[address] = read_listing(self.reader, address)
        return sorted(self._listings[address])

    def known(self, address: Address, version: Version) -> Known | None:
        """What is known of a version, withdrawn ones too; None where the registry has no document of it."""
        if (address, version) not in self._known:
            self._count()
            self._known[address, version] = self._ask(address, version)
        return self._known[address, version]

    def _ask(self, address: Address, version: Version) -> Known | None:
        key = paths.version_document(address, version)
        try:
            data = self.reader.read(key, MAX_DOCUMENT)
        except SourceError as error:
            if error.code is not codes.MISSING:
                raise
            return None
        document = read_document(data, key)
        if (document.kind, document.address, document.version) != (address.kind, str(address), str(version)):
            expected, found = f"{address} {version}", f"{document.address} {document.version}"
            raise RefusalError(codes.DOCUMENT_DIFFERS, where=key, expected=expected, found=found[:_MAX_SAID])
        try:
            warnings = _Warnings.model_validate_json(data)
        except ValidationError:
            raise RefusalError(codes.BAD_DOCUMENT, where=key, found="warnings of another form") from None
        return Known(document.pinned, document.withdrawn, tuple(map(_sentence, warnings.deprecated[:_MAX_WARNINGS])))

    def _count(self) -> None:
        if len(self._listings) + len(self._known) >= MAX_ASKED:
            raise InputError(
                codes.TOO_MUCH_CODE, expected=f"code that asks for at most {MAX_ASKED} packages and versions"
            )


def _sentence(warning: _Warning) -> str:
    instead = f" Use {warning.replacement} instead." if warning.replacement else ""
    return f"{warning.message}{instead}"[:_MAX_SAID]
