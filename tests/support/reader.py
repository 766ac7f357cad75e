"""What a client may do at any moment: follow every listing to the last byte, and find that all of it verifies.

with watched(public):     # all of it over and over, from another thread
    publish(...)
with looking(check):      # the same for a check of one's own
    publish(...)
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from registry_gen import paths
from registry_gen.log.note import stated
from registry_gen.log.tiles import parse_bundle, tiles
from registry_gen.log.tree import TILE_WIDTH, Tail, append, root
from registry_gen.verify.openpgp import parse_key, verify_detached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

BASE = "https://reader.invalid/"
LISTINGS = {
    "module": "v1/modules/*/*/*/versions",
    "provider": "v1/providers/*/*/versions",
    "mirror": "v1/mirror/*/*/*/index.json",
}
DOCUMENTS = ("modules/*/*/*/*/index.json", "providers/*/*/*/index.json", "mirror/*/*/*/*/index.json")


def check_reachable(public: Path) -> int:
    """Follow every listing of a public folder; returns how many artifacts were verified. Raises AssertionError."""
    verified = 0
    for listing, document in _listings(public, LISTINGS["module"]):
        for item in document["modules"][0]["versions"]:
            verified += _module(public, listing, item["version"])
    for listing, document in _listings(public, LISTINGS["provider"]):
        for item in document["versions"]:
            for platform in item["platforms"]:
                verified += _provider(public, listing, item["version"], platform["os"], platform["arch"])
    for listing, document in _listings(public, LISTINGS["mirror"]):
        for version in document["versions"]:
            verified += _mirror(public, listing, version)
    return verified


def listed(public: Path) -> frozenset[tuple[str, str, str]]:
    """Kind, address and version of everything that a listing offers."""
    found: set[tuple[str, str, str]] = set()
    for kind, pattern in LISTINGS.items():
        for listing, document in _listings(public, pattern):
            address = "/".join(listing.relative_to(public).parts[2:-1])
            versions = document["modules"][0]["versions"] if kind == "module" else document["versions"]
            names = versions if kind == "mirror" else [item["version"] for item in versions]
            found |= {(kind, address, name) for name in names}
    return frozenset(found)


def check_log(public: Path) -> int:
    """Make every tile of the log from its entries, and the checkpoint's root; returns its size."""
    return len(read_log(public))


def read_log(public: Path) -> Sequence[Mapping[str, Any]]:
    """The entries that the checkpoint promises, in order, once they are proved. Raises AssertionError."""
    checkpoint = _bytes(public / paths.CHECKPOINT)
    if checkpoint is None:
        return []
    promised = stated(checkpoint)
    payloads: list[bytes] = []
    for start in range(0, promised.size, TILE_WIDTH):
        key = paths.log_entries(start // TILE_WIDTH, min(promised.size - start, TILE_WIDTH))
        payloads += parse_bundle((public / key).read_bytes())
    assert len(payloads) == promised.size > 0
    tail = append(Tail(), payloads)
    assert root(tail) == promised.root
    for key, tile in tiles(0, tail, payloads):
        assert (public / key).read_bytes() == tile, key
    return [json.loads(payload) for payload in payloads]


def check_versions(public: Path) -> int:
    """Every version that is listed, and every one that was, has its document, which the log proves.

    Returns how many there are. Raises AssertionError.
    """
    offered = listed(public)
    documents = [json.loads(path.read_bytes()) for pattern in DOCUMENTS for path in sorted(public.glob(pattern))]
    entries = read_log(public)  # after them: what they name is in the log by now
    for document in documents:
        entry = entries[document["log_index"]]
        for name in ("kind", "address", "version", "record"):
            assert entry[name] == document[name], f"{name} of {document}, but the log has {entry}"
        record = public / paths.record(document["record"])
        assert hashlib.sha256(record.read_bytes()).hexdigest() == document["record"]
    told = {(document["kind"], document["address"], document["version"]) for document in documents}
    assert offered <= told, f"no document for {offered - told}"
    return len(documents)


@contextmanager
def watched(public: Path, seconds: float = 0.003) -> Iterator[None]:
    """Check all that a reader could find, over and over while the block runs; raises the first failure at its end.

    ``seconds`` pass between two looks.
    """

    def check() -> None:
        check_versions(public)
        check_reachable(public)

    with looking(check, seconds):
        yield


@contextmanager
def looking(check: Callable[[], object], seconds: float = 0.003) -> Iterator[None]:
    """Check over and over while the block runs; raises the first failure at its end."""
    stop, failures, rounds = threading.Event(), list[Exception](), 0

    def look() -> None:
        nonlocal rounds
        while not failures:
            try:
                check()
                rounds += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, a reader met it
                failures.append(error)
            if stop.wait(seconds):
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


def _listings(public: Path, pattern: str) -> Iterator[tuple[Path, Any]]:
    """The listings that are there, as a reader finds them who saw their names a moment before."""
    for path in sorted(public.glob(pattern)):
        data = _bytes(path)
        if data is not None:
            yield path, json.loads(data)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _module(public: Path, listing: Path, version: str) -> int:
    """Both ways to the module lead to what was promised; while its hosting changes, one may be a link already.

    A tag promises nothing: a link to one is there only where the version's document says that it is unpinned.
    """
    leaf = listing.parent / version / "download"
    page = (listing.parent / version / "get.html").read_text()
    content = re.search(r'<meta name="terraform-get" content="([^"]+)"', page)
    assert content, page
    address = listing.parent.relative_to(public / "v1/modules")
    known = json.loads((public / "modules" / address / version / "index.json").read_bytes())
    for location in (json.loads(leaf.read_bytes())["location"], html.unescape(content[1])):
        if known.get("unpinned") and location.endswith(f"?ref={known['tag']}"):
            continue
        if not re.fullmatch(r"git::.+\?ref=[0-9a-f]{40}", location):
            target = urljoin(_url(public, leaf), location)
            promised = re.search(r"checksum=sha256:([0-9a-f]{64})", target)
            assert promised, target
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
