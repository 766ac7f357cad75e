"""What a storage is tried with: objects of random names in a folder of their own, deleted whatever happens."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from registry_gen.storage import Storage

OLD: Final = timedelta(hours=1)
"""What is older was left by a doctor that was killed; what is younger may be another's."""


@dataclass(slots=True)
class Scratch:
    """New names in one storage; ``left`` is why not all of them could be deleted in the end."""

    storage: Storage
    names: list[str] = field(default_factory=list)
    left: RegistryError | None = None

    def new(self) -> str:
        """The key of an immutable object that nobody has."""
        return paths.scratch_new(self._name())

    def swap(self) -> str:
        """The key of a document that nobody has."""
        return paths.scratch_swap(self._name())

    def clean(self) -> None:
        """Delete all that was made; what it raises is kept in ``left``."""
        keys = [key for name in self.names for key in (paths.scratch_new(name), paths.scratch_swap(name))]
        self.left = None
        try:
            self.storage.delete(keys)
        except RegistryError as error:
            self.left = error

    def sweep(self, now: datetime) -> int:
        """Delete what a doctor left that was killed, and only that; returns how many objects. Raises StorageError."""
        found = [
            stored
            for stored in self.storage.list(paths.SCRATCH)
            if stored.modified is not None and now - stored.modified > OLD and paths.is_made(stored.key)
        ]
        if found:
            self.storage.delete_found(found)
        return len(found)

    def _name(self) -> str:
        name = secrets.token_hex(16)
        self.names.append(name)
        return name


@contextmanager
def scratch(storage: Storage) -> Iterator[Scratch]:
    """A scratch folder for as long as the block runs."""
    made = Scratch(storage)
    try:
        yield made
    finally:
        made.clean()
