"""Another registry with one provider, on this machine, so that the demo has something to mirror without a network."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from registry_gen.demo.releases import PLATFORMS, release_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    from deployments.demo.signing import Signer

NAMESPACE: Final = "acme"
TYPE: Final = "sprocket"
VERSIONS: Final = ("1.9.0", "2.0.0", "2.1.0")

_PROTOCOL: Final = "5.0"


def make_upstream(folder: Path, signer: Signer, public_key: str, versions: Sequence[str] = VERSIONS) -> None:
    """Write the files of a registry that speaks the provider protocol; ``public_key`` is the armor of its key."""
    base = folder / "v1/providers" / NAMESPACE / TYPE
    _write_json(folder / ".well-known/terraform.json", {"providers.v1": "/v1/providers/"})
    platforms = [dict(zip(("os", "arch"), platform.split("_"), strict=True)) for platform in PLATFORMS]
    listed = [{"version": version, "protocols": [_PROTOCOL], "platforms": platforms} for version in versions]
    _write_json(base / "versions", {"versions": listed})
    for version in versions:
        files = release_files(TYPE, version, _PROTOCOL, signer)
        for name, content in files.items():
            _write(base / version / name, content)
        for platform in PLATFORMS:
            os, arch = platform.split("_")
            document = _download(version, platform, files, signer, public_key)
            _write_json(base / version / "download" / os / arch, document)


def _download(
    version: str, platform: str, files: Mapping[str, bytes], signer: Signer, public_key: str
) -> dict[str, object]:
    """The document of one platform; URLs are relative to it (provider registry protocol, Find a Provider Package)."""
    os, arch = platform.split("_")
    stem = f"terraform-provider-{TYPE}_{version}"
    name = f"{stem}_{platform}.zip"
    return {
        "protocols": [_PROTOCOL],
        "os": os,
        "arch": arch,
        "filename": name,
        "download_url": f"../../{name}",
        "shasum": hashlib.sha256(files[name]).hexdigest(),
        "shasums_url": f"../../{stem}_SHA256SUMS",
        "shasums_signature_url": f"../../{stem}_SHA256SUMS.sig",
        "signing_keys": {
            "gpg_public_keys": [{"key_id": signer.fingerprint[-8:].hex().upper(), "ascii_armor": public_key}]
        },
    }


@contextmanager
def serve_upstream(folder: Path, certificate: Path) -> Iterator[str]:
    """Serve the files over TLS on a free loopback port while the block runs; gives the base URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, name="upstream", daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Files(SimpleHTTPRequestHandler):
    def guess_type(self, path: str | PathLike[str]) -> str:
        """Documents are JSON whatever their names; clients insist on it for the discovery document only."""
        return "application/zip" if str(path).endswith(".zip") else "application/json"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: whoever runs the demo wants to read the registry's output."""


def _write_json(path: Path, document: object) -> None:
    _write(path, json.dumps(document).encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
