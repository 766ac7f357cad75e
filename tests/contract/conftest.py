"""Servers and registries that the contract tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.azurite import azure_place, azurite
from tests.support.azurite.front import azure_behind, azure_front
from tests.support.fake_gcs import fake_gcs
from tests.support.http_server import HttpServer
from tests.support.kinds import Kinds
from tests.support.postgres import database, postgres
from tests.support.seaweedfs import s3_place, seaweedfs
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

__all__ = [
    "azure_behind",
    "azure_front",
    "azure_place",
    "azurite",
    "database",
    "fake_gcs",
    "postgres",
    "s3_place",
    "seaweedfs",
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Makes certificates that only its own file vouches for."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Kinds]:
    """A registry with a package of every kind, to be copied and changed."""
    root = tmp_path_factory.mktemp("kinds")
    authority = Authority(root / "authority")
    with HttpServer(authority=authority) as server:
        made = Kinds(root, server, authority, postgres)
        yield made
        made.close()
