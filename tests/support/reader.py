"""What a client may do at any moment: follow every listing to the last byte, and find that all of it verifies.

with watched(public):     # all of it over and over, from another thread
    publish(...)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from registry_gen import paths
from registry_gen.log.tiles import parse_bundle
from registry_gen.log.tree import Tail, append, leaf_hash, root
from registry_gen.verify.openpgp import parse_key, verify_detached

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "https://reader.invalid/"


def check_reachable(public: Path) -> int:
    """Follow every listing of a public folder; returns how many artifacts were verified. Raises AssertionError."""
    verified = 0
    for listing in sorted(public.glob("v1/modules/*/*/*/versions")):
        for item in json.loads(listing.read_bytes())["modules"][0]["versions"]:
            verified += _module(public, listing, item["version"])
    for listing in sorted(public.glob("v1/providers/*/*/versions")):
        for item in json.loads(listing.read_bytes())["versions"]:
            for platform in item["platforms"]:
                verified += _provider(public, listing, item["version"], platform["os"], platform["arch"])
    for listing in sorted(public.glob("v1/mirror/*/*/*/index.json")):
        for version in json.loads(listing.read_bytes())["versions"]:
            verified += _mirror(public, listing, version)
    return verified


def check_log(public: Path) -> int:
    """Make the root of a small log's checkpoint from its entries; returns its size. Raises AssertionError."""
    if not (public / paths.CHECKPOINT).exists():
        return 0
    _, size, promised, *_ = (public / paths.CHECKPOINT).read_text().splitlines()
    count = int(size)
    assert 0 < count < 256, "one partial tile"
    entries = parse_bundle((public / paths.log_entries(0, count)).read_bytes())
    assert len(entries) == count
    assert (public / paths.log_tile(0, 0, count)).read_bytes() == b"".join(map(leaf_hash, entries))
    assert root(append(Tail(), entries)) == base64.b64decode(promised)
    return count


@contextmanager
def watched(public: Path) -> Iterator[None]:
    """Check all that a reader could find, over and over while the block runs; raises the first failure at its end."""
    stop, failures, rounds = threading.Event(), list[Exception](), 0

    def look() -> None:
        nonlocal rounds
        while not failures:
            try:
                check_log(public)
                check_reachable(public)
                rounds += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, a reader met it
                failures.append(error)
            if stop.wait(0.003):
                break

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield
    finally:
        stop.set()
        reader.join()
    if failures:
        raise AssertionError("a reader found something that does not fit") from failures[0]
    assert rounds, "nobody looked"


def _module(public: Path, listing: Path, version: str) -> int:
    leaf = listing.parent / version / "download"
    target = urljoin(_url(public, leaf), json.loads(leaf.read_bytes())["location"])
    page = (listing.parent / version / "get.html").read_text()
    content = re.search(r'<meta name="terraform-get" content="([^"]+)"', page)
    assert content, page
    promised = re.search(r"checksum=sha256:([0-9a-f]{64})", target)
    assert promised, target
    assert promised[1] in content[1]
    assert _sha256(public, target) == promised[1]
    return 1


def _provider(public: Path, listing: Path, version: str, os: str, arch: str) -> int:
    leaf = listing.parent / version / "download" / os / arch
    document = json.loads(leaf.read_bytes())
    url = _url(public, leaf)
    assert _sha256(public, urljoin(url, document["download_url"])) == document["shasum"]
    sums = _read(public, urljoin(url, document["shasums_url"])).decode()
    assert f"{document['shasum']}  {document['filename']}" in sums
    signature = _read(public, urljoin(url, document["shasums_signature_url"]))
    keys = [parse_key(key["ascii_armor"], str(leaf)) for key in document["signing_keys"]["gpg_public_keys"]]
    assert verify_detached(sums.encode(), signature, keys, str(leaf), datetime.now(UTC))
    return 1


def _mirror(public: Path, listing: Path, version: str) -> int:
    leaf = listing.parent / f"{version}.json"
    archives = json.loads(leaf.read_bytes())["archives"]
    for archive in archives.values():
        promised = next(found for found in archive["hashes"] if found.startswith("zh:"))
        assert f"zh:{_sha256(public, urljoin(_url(public, leaf), archive['url']))}" == promised
    return len(archives)


def _url(public: Path, path: Path) -> str:
    return BASE + path.relative_to(public).as_posix()


def _read(public: Path, url: str) -> bytes:
    return (public / urlsplit(url).path.lstrip("/")).read_bytes()


def _sha256(public: Path, url: str) -> str:
    return hashlib.sha256(_read(public, url)).hexdigest()
