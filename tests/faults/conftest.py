"""Servers, sources and steps that the fault tests share."""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from registry_gen.publish import bucket, run
from tests.faults.in_a_bucket import BUCKET_STEPS, BucketStage
from tests.faults.scenarios import Sources, Stage, make_upstream_files
from tests.support.http_server import HttpServer
from tests.support.postgres import database, postgres
from tests.support.seaweedfs import seaweedfs
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import Postgres
    from tests.support.seaweedfs import SeaweedFS

__all__ = ["database", "postgres", "seaweedfs"]


@pytest.fixture(scope="session")
def calm() -> Iterator[None]:
    """One thread uploads, so that equal runs do the same in the same order; and what only takes time is left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket, "_UPLOADS", 1)
        patch.setattr(run, "BATCH_SECONDS", 3_600.0)
        # A killed process loses nothing of what it wrote; only a crash of the machine would.
        patch.setattr(os, "fsync", lambda _file: None)
        # Reading the system's certificates would take as long as the rest of a publish.
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda _context: None)
        yield


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, calm: None) -> Iterator[Stage]:
    """Every step of the registry's life, ready to be published."""
    del calm
    root = tmp_path_factory.mktemp("stage")
    with _offered(root) as sources:
        yield Stage(root / "scenes", sources, postgres)


@pytest.fixture(scope="session")
def bucket_stage(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, seaweedfs: SeaweedFS, calm: None
) -> Iterator[BucketStage]:
    """The first steps of it, or every one where everything is tried, in a bucket."""
    del calm
    root = tmp_path_factory.mktemp("bucket-stage")
    with _offered(root) as sources, pytest.MonkeyPatch.context() as patch:
        for name, value in seaweedfs.environment.items():
            patch.setenv(name, value)
        yield BucketStage(root / "bucket", sources, postgres, seaweedfs, BUCKET_STEPS)


@contextmanager
def _offered(root: Path) -> Iterator[Sources]:
    authority = Authority(root / "authority")
    make_upstream_files(root / "upstream")
    with HttpServer(authority=authority) as server:
        server.folder("/", root / "upstream")
        yield Sources(root / "sources", server.url("").rstrip("/"), authority.ca_file)
