"""Copying immutable objects from one storage to another: each is hashed on its way, and none is copied twice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.errors import ConflictError, RegistryError, StorageError
from registry_gen.model.digest import Sha256, sha256
from registry_gen.publish import codes
from registry_gen.storage import Put
from registry_gen.storage import codes as storage_codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from registry_gen.publish.staging import Staging
    from registry_gen.storage import Storage, Stored

SMALL: Final = 65_536
"""Up to how many bytes an object is held in memory, and written together with others."""

_TOGETHER: Final = 250


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that the copy must have; ``sha256`` is what the registry knows of it, None where nothing is known.

    ``optional`` ones are copied where the source has them.
    """

    key: str
    sha256: Sha256 | None
    optional: bool = False


class Copier:
    """Copies from ``source`` to ``target``; what cannot be copied gathers in ``problems``.

    ``copied`` and ``size`` count objects and bytes that were written, ``kept`` objects that were there already.
    """

    def __init__(self, source: Storage, target: Storage, staging: Staging, executor: Executor) -> None:
        self.source = source
        self.target = target
        self._staging = staging
        self.executor = executor
        self.copied = 0
        self.kept = 0
        self.size = 0
        self.problems: list[RegistryError] = []

    def copy(self, wanted: Iterable[Wanted], here: Mapping[str, Stored], there: Mapping[str, Stored]) -> None:
        """Copy objects; ``here`` and ``there`` are what was listed of both storages, by key."""
        for some in _portions(wanted, _TOGETHER):
            there_already = self.executor.map(lambda one: self._is_there(one, here, there), some)
            missing = [one for one, done in zip(some, there_already, strict=True) if not done]
            self.kept += len(some) - len(missing)
            small = [one for one in missing if one.key in here and here[one.key].size <= SMALL]
            self._copy_small(small)
            # What was not listed may have been put since, and be of any size.
            large = [one for one in missing if one.key not in here or here[one.key].size > SMALL]
            for stored in self.executor.map(self._copy_large, large):
                self._count(stored)

    def put(self, puts: Sequence[Put]) -> None:
        """Put objects whose bytes are at hand, and that are what they must be."""
        for result in self.target.put_all(puts):
            self._count(result)

    def _count(self, result: Stored | RegistryError | None) -> None:
        if isinstance(result, RegistryError):
            self.problems.append(result)
        elif result is not None:
            self.copied += 1
            self.size += result.size

    def _is_there(self, one: Wanted, here: Mapping[str, Stored], there: Mapping[str, Stored]) -> bool:
        """Whether nothing is to be done, or can be, about an object."""
        stored = there.get(one.key)
        if stored is None:
            return one.optional and one.key not in here
        try:
            expected = one.sha256 or _digest(self.source, here[one.key])
            found = _digest(self.target, stored)
        except RegistryError as error:
            self.problems.append(error)
            return True
        if found not in (None, expected):
            where = f"{self.target.name}/{one.key}"
            code = storage_codes.IMMUTABLE_CONFLICT
            self.problems.append(
                ConflictError(code, where=where, expected=f"SHA-256 {expected}", found=f"{found}", hint=code.fix)
            )
        return found is not None

    def _copy_small(self, wanted: Sequence[Wanted]) -> None:
        self.put([put for put in self.executor.map(self._read_small, wanted) if put])

    def _read_small(self, one: Wanted) -> Put | None:
        try:
            found = self.source.get(one.key)
            digest = self._checked(one, sha256(found[0]) if found else None)
        except RegistryError as error:
            self.problems.append(error)
            return None
        return Put(one.key, found[0], digest) if found and digest else None

    def _copy_large(self, one: Wanted) -> Stored | RegistryError | None:
        """Through a file of the staging area: nothing large is ever in memory, and nothing unchecked is sent."""
        try:
            with self._staging.file() as out:
                digest = self._checked(one, self.source.read_into(one.key, out))
                out.flush()
                return self.target.put_new(one.key, Path(out.name), digest) if digest else None
        except RegistryError as error:
            return error

    def _checked(self, one: Wanted, found: Sha256 | None) -> Sha256 | None:
        """The digest of what was read; None where nothing was there that need not be.

        Raises StorageError PUB030 or PUB031.
        """
        if found and one.sha256 in (None, found):
            return found
        if found is None and one.optional:
            return None
        code = codes.OBJECT_ALTERED if found else codes.OBJECT_MISSING
        expected = f"SHA-256 {one.sha256}" if one.sha256 else ""
        where = f"{self.source.name}/{one.key}"
        raise StorageError(code, where=where, expected=expected, found=found or "", hint=code.fix)


def _digest(storage: Storage, stored: Stored) -> Sha256 | None:
    """The digest of what was listed; read to the end only where the storage knows it by nothing less."""
    if stored.sha256:
        return stored.sha256
    found = storage.head(stored.key)
    return (found.sha256 or storage.digest(stored.key)) if found else None


def _portions(wanted: Iterable[Wanted], size: int) -> Iterator[Sequence[Wanted]]:
    left = iter(wanted)
    while some := list(islice(left, size)):
        yield some
