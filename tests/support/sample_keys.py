"""One key, or a few, of each kind that ``paths`` makes: what every way to serve a bucket is compared with."""

from __future__ import annotations

from typing import Final

from registry_gen import paths
from registry_gen.model.address import MirrorAddress, ModuleAddress, Platform, ProviderAddress
from registry_gen.model.digest import Sha256
from registry_gen.model.version import parse_version

_MODULE: Final = ModuleAddress("acme", "network", "aws")
_PROVIDER: Final = ProviderAddress("acme", "widget")
_MIRROR: Final = MirrorAddress("registry.example.net", "acme", "sprocket")
_VERSION: Final = parse_version("1.2.0-rc.1")
_PLATFORM: Final = Platform("linux", "amd64")
_DIGEST: Final = Sha256("0f" * 32)

DOWNLOAD: Final = paths.module_download(_MODULE, _VERSION)
ARCHIVE: Final = paths.module_archive(_MODULE, _VERSION)

KEYS: Final = (
    paths.DISCOVERY,
    paths.module_versions(_MODULE),
    DOWNLOAD,
    paths.module_hop(_MODULE, _VERSION),
    ARCHIVE,
    paths.module_provenance(_MODULE, _VERSION),
    paths.provider_versions(_PROVIDER),
    paths.provider_download(_PROVIDER, _VERSION, _PLATFORM),
    paths.provider_zip(_PROVIDER, _VERSION, _PLATFORM),
    paths.provider_sums(_PROVIDER, _VERSION, _DIGEST),
    paths.provider_signature(_PROVIDER, _VERSION, _DIGEST),
    paths.mirror_index(_MIRROR),
    paths.mirror_version(_MIRROR, _VERSION),
    paths.mirror_zip(_MIRROR, _VERSION, _PLATFORM),
    *(paths.version_document(address, _VERSION) for address in (_MODULE, _PROVIDER, _MIRROR)),
    paths.record(_DIGEST),
    paths.scratch_new(_DIGEST[:32]),
    paths.scratch_swap(_DIGEST[:32]),
    paths.CHECKPOINT,
    paths.log_entries(1000),
    paths.log_entries(0, 1),
    paths.log_tile(0, 0),
    paths.log_tile(1, 1_234_067, 12),
)

COMPRESSED: Final = (".tar.gz", ".zip")
"""Ends of keys whose bytes a client unpacks and checks: nothing on the way may compress them again."""
