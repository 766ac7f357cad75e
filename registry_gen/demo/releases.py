"""Provider releases in the layout that goreleaser makes, with stub executables."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PLATFORMS: Final = ("darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64")


class Signer(Protocol):
    """Whoever signs the sums of a release."""

    def sign(self, data: bytes) -> bytes:
        """A detached binary signature of ``data``."""


def make_release(folder: Path, type_: str, version: str, protocol: str, signer: Signer | None) -> None:
    """Write one release into ``folder``; without a signer it stays unsigned."""
    files = release_files(type_, version, protocol, signer)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def release_files(type_: str, version: str, protocol: str, signer: Signer | None) -> Mapping[str, bytes]:
    """The files of one release by name: zips, manifest, sums and, with a signer, the signature of the sums."""
    stem = f"terraform-provider-{type_}_{version}"
    files = {f"{stem}_{platform}.zip": _zip(type_, version, platform) for platform in PLATFORMS}
    files[f"{stem}_manifest.json"] = _manifest([protocol])
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()
    files[f"{stem}_SHA256SUMS"] = sums
    if signer:
        files[f"{stem}_SHA256SUMS.sig"] = signer.sign(sums)
    return files


def _manifest(protocols: Sequence[str]) -> bytes:
    return json.dumps({"version": 1, "metadata": {"protocol_versions": protocols}}, indent=2).encode() + b"\n"


def _zip(type_: str, version: str, platform: str) -> bytes:
    """A zip without directory entries, which would give it two h1 hashes; stored, so that no zlib changes it."""
    stub = f"#!/bin/sh\necho 'This is the demo, not a provider: {type_} {version} for {platform}.' >&2\nexit 1\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text, mode in (
            ("LICENSE", "MIT\n", 0o644),
            (f"terraform-provider-{type_}_v{version}", stub, 0o755),
        ):
            entry = zipfile.ZipInfo(name, (2024, 6, 1, 9, 0, 0))
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, text)
    return content.getvalue()
