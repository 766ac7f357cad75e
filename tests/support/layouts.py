"""Layouts of another registry in memory, in the shape of OpenTofu's.

layout = read(module("acme/network/aws", "v1.0.0"), key("acme"), provider("acme/widget", release("1.0.0")))
refused(layout) == ["modules/a/acme/network/aws.json v1.0 VER001", …]
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry_gen.catalog.layout import Layout, read_layout
from registry_gen.model.digest import Sha256
from tests.support.catalogs import read_key

if TYPE_CHECKING:
    from registry_gen.errors import RegistryError

ZH = Sha256("0123456789abcdef" * 4)
HOST = "https://github.com/acme/terraform-provider-widget/releases/download"

File = tuple[str, bytes]


def module(address: str, *tags: str) -> File:
    path = f"modules/{address[0].lower()}/{address}.json"
    return path, json.dumps({"versions": [{"version": tag} for tag in tags]}).encode()


def provider(address: str, *releases: dict[str, Any], **more: object) -> File:
    return f"providers/{address[0].lower()}/{address}.json", json.dumps({"versions": releases, **more}).encode()


def key(owner: str, fingerprint: str = "ABCD", name: str = "provider.asc") -> File:
    return f"keys/{owner[0].lower()}/{owner}/{name}", fingerprint.encode()


def release(
    version: str, *platforms: str, base: str = "", type_: str = "widget", zh: str = ZH, **more: object
) -> dict[str, Any]:
    """A version as the layout has it; ``base`` is the place of its files."""
    base = base or f"{HOST}/v{version}"
    name = f"terraform-provider-{type_}_{version}"
    return {
        "version": version,
        "protocols": ["5.0"],
        "shasums_url": f"{base}/{name}_SHA256SUMS",
        "shasums_signature_url": f"{base}/{name}_SHA256SUMS.sig",
        "targets": [
            {
                "os": platform.partition("_")[0],
                "arch": platform.partition("_")[2],
                "filename": f"{name}_{platform}.zip",
                "download_url": f"{base}/{name}_{platform}.zip",
                "shasum": zh,
            }
            for platform in platforms or ("linux_amd64",)
        ],
        **more,
    }


def read(*files: tuple[str, bytes | RegistryError]) -> Layout:
    return read_layout(sorted(files, key=lambda file: file[0]), read_key)


def refused(layout: Layout) -> list[str]:
    """Place and code of everything that cannot be taken."""
    return [f"{problem.where} {problem.code}" for problem in layout.problems]
