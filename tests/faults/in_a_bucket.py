"""The steps of the registry's life in a bucket of a real server that speaks S3, beside the same ledger and sources."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import psycopg

from registry_gen import paths
from registry_gen.errors import RegistryError
from registry_gen.model.digest import sha256
from registry_gen.model.places import known_as
from registry_gen.storage import Put
from registry_gen.storage.s3 import S3Storage
from tests.faults.scenarios import STEPS, Scene, Stage
from tests.support.reader import DOCUMENTS, LISTINGS, check_reachable, check_versions, looking
from tests.support.seaweedfs import keep_in
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from registry_gen.model.places import S3Place
    from registry_gen.storage import Storage
    from tests.faults.scenarios import Sources, Step
    from tests.support.postgres import Postgres
    from tests.support.seaweedfs import SeaweedFS

EVERYTHING: Final = os.environ.get("FAULTS") == "all"
BUCKET_STEPS: Final = STEPS if EVERYTHING else STEPS[:2]
"""A run of the suite has packages of every kind that come, and in part go again."""

_THREADS: Final = 4
_READ_FIRST: Final = (tuple(LISTINGS.values()), DOCUMENTS, (paths.CHECKPOINT,))
"""A reader begins with what was written last, and looks up what that names; the rest comes after these."""


class BucketWorkspace(Workspace):
    """A workspace whose public storage is a part of a bucket."""

    def __init__(self, root: Path, dsn: str, place: S3Place, *, network: str) -> None:
        super().__init__(root, dsn, network=network)
        keep_in(self, place, ["public"])
        self.place = place
        self.storage: Storage = S3Storage(self.in_public)

    @property
    def in_public(self) -> S3Place:
        """Where the public storage is."""
        return _below(self.place, "public/")

    @property
    def public(self) -> Path:
        """There is no folder that could be looked into."""
        raise AssertionError("the public storage is a bucket")

    def tree(self) -> Mapping[str, bytes]:
        """Every object of the public storage."""
        return {key: data for key, data in self._read(self._keys()).items() if data is not None}

    def fill(self, tree: Mapping[str, bytes]) -> None:
        """Put what another one held."""
        puts = [Put(key, data, sha256(data) if paths.rule(key).immutable else None) for key, data in tree.items()]
        for result in self.storage.put_all(puts):
            assert not isinstance(result, RegistryError), result

    def read_into(self, folder: Path) -> None:
        """Write what a reader finds who follows listings, as far as it is there at the moment of each request."""
        for patterns in _READ_FIRST:  # what there is of a group is asked after the one before was read
            _write(folder, self._read([key for key in self._keys() if _fits(key, patterns)]))
        first = [pattern for patterns in _READ_FIRST for pattern in patterns]
        _write(folder, self._read([key for key in self._keys() if not _fits(key, first)]))

    def _keys(self) -> Sequence[str]:
        return [found.key for found in self.storage.list("")]

    def _read(self, keys: Sequence[str]) -> Mapping[str, bytes | None]:
        def read(key: str) -> bytes | None:
            found = self.storage.get(key)
            return found[0] if found else None

        with ThreadPoolExecutor(_THREADS) as pool:
            return dict(zip(keys, pool.map(read, keys), strict=True))


class BucketScene(Scene):
    """A scene whose readers ask the bucket."""

    work: BucketWorkspace

    def check(self) -> None:
        """Follow everything that a reader finds."""
        with TemporaryDirectory() as folder:
            self.work.read_into(Path(folder))
            check_versions(Path(folder))
            check_reachable(Path(folder))

    def watched(self) -> AbstractContextManager[None]:
        """Check it over and over while the block runs, and leave the server time for the publisher."""
        return looking(self.check, 0.2)


class BucketStage(Stage):
    """Makes scenes in parts of one bucket; what a step starts from is put there for each."""

    def __init__(
        self, root: Path, sources: Sources, postgres: Postgres, server: SeaweedFS, steps: Sequence[Step]
    ) -> None:
        self._server = server
        self._trees: dict[str, Mapping[str, bytes]] = {}
        super().__init__(root, sources, postgres, steps)

    def _kept(self, step: Step, before: Scene | None) -> tuple[Path, str]:
        self._trees[step.name] = before.work.tree() if before else {}
        return super()._kept(step, before)

    def _opened(self, step: Step, root: Path, dsn: str) -> Scene:
        place = self._server.place(f"{root.name}/")
        work = BucketWorkspace(root, dsn, place, network=self._sources.network)
        work.fill(self._trees[step.name])
        with psycopg.connect(dsn, autocommit=True) as connection:  # equal bytes have equal etags, so that is all
            here = known_as(work.in_public, str(root))
            connection.execute("UPDATE log_head SET place = %s WHERE place IS NOT NULL", (here,))
        return BucketScene(step, work, dsn)


def _below(place: S3Place, folder: str) -> S3Place:
    return replace(place, prefix=f"{place.prefix}{folder}")


def _fits(key: str, patterns: Sequence[str]) -> bool:
    """Whether one of them matches as in a folder: an asterisk stands for one name."""
    names = key.split("/")
    return any(
        len(names) == pattern.count("/") + 1 and all(map(fnmatchcase, names, pattern.split("/")))
        for pattern in patterns
    )


def _write(folder: Path, found: Mapping[str, bytes | None]) -> None:
    for key, data in found.items():
        if data is not None:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
