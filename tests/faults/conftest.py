"""Servers, sources and steps that the fault tests share."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import pytest

from registry_gen.publish import bucket, run
from tests.faults.scenarios import Sources, Stage, make_upstream_files
from tests.support.http_server import HttpServer
from tests.support.postgres import database, postgres
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

__all__ = ["database", "postgres"]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Stage]:
    """Every step of the registry's life, ready to be published; one thread uploads, and nothing is too slow a batch."""
    root = tmp_path_factory.mktemp("stage")
    authority = Authority(root / "authority")
    make_upstream_files(root / "upstream")
    with HttpServer(authority=authority) as server, pytest.MonkeyPatch.context() as patch:
        server.folder("/", root / "upstream")
        patch.setattr(bucket, "_UPLOADS", 1)
        patch.setattr(run, "BATCH_SECONDS", 3_600.0)
        # A killed process loses nothing of what it wrote; only a crash of the machine would.
        patch.setattr(os, "fsync", lambda _file: None)
        # Reading the system's certificates would take as long as the rest of a publish.
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda _context: None)
        sources = Sources(root / "sources", server.url("").rstrip("/"), authority.ca_file)
        yield Stage(root / "scenes", sources, postgres)
