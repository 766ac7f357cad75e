"""Single versions: proved to be in the log from a few tiles, however long the log is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.inspect.promise import promise_in, read_document
from registry_gen.inspect.public_log import Tiles, proved_entry, read_checkpoint, require_continued
from registry_gen.inspect.reader import MAX_DOCUMENT
from registry_gen.log.read_entries import read_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_gen.inspect.promise import Promise, VersionDocument
    from registry_gen.inspect.public_log import Signed
    from registry_gen.inspect.reader import Reader
    from registry_gen.model.address import Address
    from registry_gen.model.version import Version


class ProvedLog:
    """The log, of which single entries are asked for. Safe to use from several threads.

    While versions are looked at, more may be published: then the log goes on to the newer checkpoint.
    """

    def __init__(self, reader: Reader, keys: Sequence[str], signed: Signed) -> None:
        self._reader = reader
        self._keys = tuple(keys)
        self._lock = threading.Lock()
        self._now = (signed, Tiles(reader, signed.checkpoint.size))

    @property
    def newest(self) -> Signed:
        """The newest checkpoint that was believed."""
        return self._now[0]

    def promise(self, address: Address, version: Version) -> tuple[Promise, VersionDocument]:
        """What the entry that a version's document names promises, and the document.

        Raises SourceError, RefusalError INS010 to INS015, INS025, LOG004, LOG005, LOG008.
        """
        key = paths.version_document(address, version)
        document = read_document(self._reader.read(key, MAX_DOCUMENT), key)
        entry = read_entry(self._entry(document.log_index), document.log_index)
        promise = promise_in(entry)
        if promise is None or (entry.address, entry.version) != (address, version):
            expected = f"an entry about {address} {version}"
            found = f"entry {entry.index}, {entry.type} {entry.address or ''} {entry.version or ''}".rstrip()
            raise RefusalError(codes.UNPROVED, where=key, expected=expected, found=found)
        return promise, document

    def _entry(self, index: int) -> bytes:
        signed, tiles = self._now
        if index >= signed.checkpoint.size:
            signed, tiles = self._grown(index)
        return proved_entry(tiles, signed.checkpoint, index)

    def _grown(self, index: int) -> tuple[Signed, Tiles]:
        with self._lock:
            before = self._now[0]
            if index >= before.checkpoint.size:
                signed = read_checkpoint(self._reader, self._keys)
                tiles = Tiles(self._reader, signed.checkpoint.size)
                require_continued(tiles, before.checkpoint, signed.checkpoint)
                self._now = (signed, tiles)
            return self._now
