"""Provider releases in the layout that goreleaser makes, with stub zips.

    release = make_release(tmp_path / "1.0.0", "widget", "1.0.0", key=make_key("acme"))
    release.folder, release.sums, release.signature, release.zips["linux_amd64"]

``terraform init`` never runs a provider's binary, so a stub in the zip serves. Zips have no directory entries and
fixed times: equal arguments give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.openpgp_keys import TestKey

PLATFORMS = ("darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64")


@dataclass(frozen=True, slots=True)
class Release:
    """What was written: the folder, the documents' bytes and the zips' bytes by platform."""

    folder: Path
    sums: bytes
    signature: bytes | None
    zips: Mapping[str, bytes]


def make_release(
    folder: Path,
    type_: str,
    version: str,
    *,
    key: TestKey | None = None,
    platforms: Sequence[str] = PLATFORMS,
    protocols: Sequence[str] | None = ("5.0",),
    size: int = 0,
    compression: int = zipfile.ZIP_DEFLATED,
) -> Release:
    """Write a release; ``key`` None leaves it unsigned, ``protocols`` None leaves out the manifest.

    ``size`` adds so many bytes that do not compress to each binary. ``compression`` is zipfile's; what is only stored
    has the same bytes with every zlib.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"terraform-provider-{type_}_{version}"
    zips = {
        platform: provider_zip(type_, version, platform, size=size, compression=compression) for platform in platforms
    }
    files = {f"{stem}_{platform}.zip": data for platform, data in zips.items()}
    if protocols is not None:
        files[f"{stem}_manifest.json"] = manifest(protocols)
    sums = sums_document(files)
    signature = key.sign(sums) if key else None
    files[f"{stem}_SHA256SUMS"] = sums
    if signature is not None:
        files[f"{stem}_SHA256SUMS.sig"] = signature
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Release(folder, sums, signature, zips)


def manifest(protocols: Sequence[str]) -> bytes:
    """``terraform-registry-manifest.json`` as publishers write it."""
    return json.dumps({"version": 1, "metadata": {"protocol_versions": list(protocols)}}, indent=2).encode() + b"\n"


def sums_document(files: Mapping[str, bytes]) -> bytes:
    """SHA256SUMS: sorted by name, one line each, no blank line."""
    return b"".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n".encode() for name in sorted(files))


def provider_zip(
    type_: str, version: str, platform: str, *, size: int = 0, compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip with a stub binary and a licence."""
    suffix = ".exe" if platform.startswith("windows") else ""
    binary = f"#!/bin/sh\n# stub of {type_} {version} for {platform}\nexit 1\n".encode()
    binary += b"".join(hashlib.sha256(f"{platform}{block}".encode()).digest() for block in range((size + 31) // 32))
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data, mode in (
            ("LICENSE", b"MIT\n", 0o644),
            (f"terraform-provider-{type_}_v{version}{suffix}", binary, 0o755),
        ):
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = compression
            archive.writestr(entry, data)
    return out.getvalue()
