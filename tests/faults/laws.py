"""What must hold after every step of the state machine, whatever was stopped, woken up or edited before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.ledger.postgres import PostgresLedger
from registry_gen.log.note import stated
from registry_gen.model.config import Site
from registry_gen.model.facts import WithdrawalStage
from registry_gen.render.artifacts import version_artifacts
from registry_gen.render.discovery import render_site
from registry_gen.render.document import revision_of, stamp
from registry_gen.render.package import render_package
from tests.support.reader import check_reachable, check_versions, read_log
from tests.support.workspace import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from registry_gen.model.facts import Package

SITE = Site(HOST, f"https://{HOST}/")


class Laws:
    """Holds what was seen so far: entries, checkpoints, revisions."""

    def __init__(self, public: Path, dsn: str) -> None:
        self._public = public
        self._ledger = PostgresLedger(dsn)
        self._entries: Sequence[Mapping[str, Any]] = []
        self._checkpoints: dict[int, bytes] = {}
        self._revisions: dict[str, int] = {}

    def close(self) -> None:
        self._ledger.close()

    def packages(self) -> Sequence[Package]:
        """Everything that was ever published."""
        heads = self._ledger.heads()
        return tuple(self._ledger.packages([*heads]).values())

    def check(self) -> None:
        """All of them; raises AssertionError."""
        check_reachable(self._public)
        check_versions(self._public)
        self._check_log()
        self._check_revisions()
        self._ledger.verify_audit()
        packages = self.packages()
        for package in packages:
            self._check_artifacts(package)
        busy = self._busy()
        at_rest = [package for package in packages if str(package.head.address) not in busy]
        for package in at_rest:
            self._check_documents(package)

    def _check_log(self) -> None:
        """It only grows, and one size has one checkpoint."""
        entries = read_log(self._public)
        assert entries[: len(self._entries)] == self._entries, "the log was rewritten"
        self._entries = entries
        checkpoint = self._public / paths.CHECKPOINT
        if checkpoint.exists():
            self.saw_checkpoint(checkpoint.read_bytes())

    def saw_checkpoint(self, body: bytes) -> None:
        """A checkpoint was in the bucket for a moment."""
        size = stated(body).size
        assert self._checkpoints.setdefault(size, body) == body, f"two checkpoints of size {size}"

    def _check_revisions(self) -> None:
        """A document never goes back."""
        for key, body in _documents(self._public):
            revision = revision_of(key, body)
            assert revision is not None, key
            assert revision >= self._revisions.get(key, 0), f"{key} went back to revision {revision}"
            self._revisions[key] = revision

    def _check_artifacts(self, package: Package) -> None:
        """What a logged version consists of is there to the last byte, until it is collected."""
        for facts in package.versions:
            wanted = {paths.record(facts.record): facts.record}
            if not facts.withdrawn or facts.withdrawn.stage is not WithdrawalStage.COLLECTED:
                wanted |= version_artifacts(package.head.address, facts)
            for key, digest in wanted.items():
                path = self._public / key
                assert path.exists(), f"{key} of {package.head.address} {facts.version} is gone"
                assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, f"{key} has other bytes"

    def _busy(self) -> set[str]:
        """The packages that a run has left unfinished."""
        with self._ledger.inspection() as books:
            return {str(item.intent.address) for item in books.unfinished()}

    def _check_documents(self, package: Package) -> None:
        """The bucket says of a package what the ledger says, and nothing else."""
        address = package.head.address
        assert package.head.visible == package.head.revision, address
        rendered = {document.key: document.content for document in render_package(package, SITE)}
        there = {key: body for key, body in _documents(self._public) if f"/{address}/" in f"/{key}"}
        assert there.keys() == rendered.keys(), f"{address}: {there.keys() ^ rendered.keys()}"
        for key, body in there.items():
            revision = revision_of(key, body)
            assert revision is not None
            assert body == stamp(key, rendered[key], revision), f"{key} is not what the ledger says: {body!r}"


def _documents(public: Path) -> Iterator[tuple[str, bytes]]:
    """Every mutable document but the checkpoint."""
    for path in public.rglob("*"):
        key = path.relative_to(public).as_posix()
        if path.is_file() and not key.startswith((".staging/", "log/")) and not paths.rule(key).immutable:
            yield key, path.read_bytes()


def site_documents() -> frozenset[str]:
    """The keys of the documents that belong to no package."""
    return frozenset(document.key for document in render_site(SITE))
