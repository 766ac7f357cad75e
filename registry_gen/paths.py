"""Every key in the buckets, its content type and its cache rule: here and nowhere else.

Keys are relative, use '/', and are built only from parsed addresses, versions, platforms and digests,
so no part of them can climb out of the bucket. Sources: the protocols' paths (protocols v1), C2SP tlog-tiles,
in-toto/attestation spec/v1/bundle.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, Platform, ProviderAddress
    from registry_gen.model.digest import Sha256
    from registry_gen.model.version import Version

DISCOVERY: Final = ".well-known/terraform.json"
MODULES: Final = "v1/modules/"
PROVIDERS: Final = "v1/providers/"
MIRROR: Final = "v1/mirror/"
CHECKPOINT: Final = "log/checkpoint"
STATE: Final = "state/"
"""Where the private bucket keeps the state of a ledger."""
STATE_HEAD: Final = "state/head"
SCRATCH: Final = "scratch/"
"""What ``doctor`` tries a bucket with; nothing under it outlives its run, unless that was killed."""

TERRAFORM_GET: Final = "./get.html"
"""The value of X-Terraform-Get on each ``download`` of a module (Module Registry Protocol): the hop page beside it."""

_PAGES: Final = {"module": "modules", "provider": "providers", "mirror": "mirror"}
_JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"
_LISTING_FRESH: Final = 60
_LISTING_REVALIDATES: Final = 60
_LISTING_SURVIVES: Final = 3600
_LEAF_FRESH: Final = 300
_LISTING: Final = (
    f"public, max-age={_LISTING_FRESH}, stale-while-revalidate={_LISTING_REVALIDATES}, "
    f"stale-if-error={_LISTING_SURVIVES}"
)
_LEAF: Final = f"public, max-age={_LEAF_FRESH}"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_NO_CACHE: Final = "no-cache"
_NO_STORE: Final = "private, no-store"

LISTING_WINDOW: Final = timedelta(seconds=_LISTING_FRESH + _LISTING_REVALIDATES + _LISTING_SURVIVES)
"""How long any cache may go on to serve a listing after it was replaced (RFC 9111, RFC 5861)."""

LEAF_WINDOW: Final = timedelta(seconds=_LEAF_FRESH)
"""The same for every other mutable document."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How an object is served: its Content-Type and Cache-Control, and whether it is written once for good."""

    content_type: str
    cache_control: str
    immutable: bool


def module_versions(address: ModuleAddress) -> str:
    """The listing of a module."""
    return f"{MODULES}{address}/versions"


def module_download(address: ModuleAddress, version: Version) -> str:
    """The document whose ``location`` OpenTofu reads; Terraform reads the header that is put on it."""
    return f"{MODULES}{address}/{version}/download"


def module_hop(address: ModuleAddress, version: Version) -> str:
    """The page whose terraform-get meta element names the archive and its checksum."""
    return f"{MODULES}{address}/{version}/get.html"


def module_archive(address: ModuleAddress, version: Version) -> str:
    """The archive of one version."""
    return f"{MODULES}{address}/{version}/module.tar.gz"


def module_provenance(address: ModuleAddress, version: Version) -> str:
    """The signed statement about where the archive came from, named as in-toto names a bundle for a file."""
    return f"{module_archive(address, version)}.intoto.jsonl"


def provider_versions(address: ProviderAddress) -> str:
    """The listing of a provider."""
    return f"{PROVIDERS}{address}/versions"


def provider_download(address: ProviderAddress, version: Version, platform: Platform) -> str:
    """The document that names zip, sums, signature and keys of one platform."""
    return f"{PROVIDERS}{address}/{version}/download/{platform.os}/{platform.arch}"


def provider_zip(address: ProviderAddress, version: Version, platform: Platform) -> str:
    """The zip of one platform, under the name that SHA256SUMS gives it."""
    return f"{PROVIDERS}{address}/{version}/{zip_name(address.type, version, platform)}"


def provider_sums(address: ProviderAddress, version: Version, sums: Sha256) -> str:
    """A SHA256SUMS document, named by its content."""
    return f"{PROVIDERS}{address}/{version}/{sums}_SHA256SUMS"


def provider_signature(address: ProviderAddress, version: Version, signature: Sha256) -> str:
    """A detached signature of a SHA256SUMS document, named by its own content."""
    return f"{PROVIDERS}{address}/{version}/{signature}_SHA256SUMS.sig"


def mirror_index(address: MirrorAddress) -> str:
    """The listing of a mirrored provider."""
    return f"{MIRROR}{address}/index.json"


def listing(address: Address) -> str:
    """The listing of a package of any kind."""
    name = "index.json" if address.kind == "mirror" else "versions"
    return f"v1/{_PAGES[address.kind]}/{address}/{name}"


def mirror_version(address: MirrorAddress, version: Version) -> str:
    """The document that names the zips of one mirrored version."""
    return f"{MIRROR}{address}/{version}.json"


def mirror_zip(address: MirrorAddress, version: Version, platform: Platform) -> str:
    """The zip of one platform; the tree is a packed filesystem_mirror too, so its name is fixed by the clients."""
    return f"{MIRROR}{address}/{zip_name(address.type, version, platform)}"


def zip_name(type_: str, version: Version, platform: Platform) -> str:
    """``terraform-provider-TYPE_VERSION_OS_ARCH.zip``."""
    return f"terraform-provider-{type_}_{version}_{platform}.zip"


def version_document(address: Address, version: Version) -> str:
    """The document that says what is known of one version; it will lie beside the version's page."""
    return f"{_PAGES[address.kind]}/{address}/{version}/index.json"


def record(digest: Sha256) -> str:
    """The immutable record of one version."""
    return f"records/{digest}"


def state_change(number: int, digest: Sha256) -> str:
    """One change of the ledger's state, in the private bucket; ``number`` counts them from 0."""
    return f"{STATE}journal/{number:010d}-{digest}"


def state_part(generation: int, digest: Sha256) -> str:
    """A part of a snapshot of the ledger's state. ``generation`` keeps what two holders of the lease wrote apart."""
    return f"{STATE}parts/{generation}-{digest}"


def state_snapshot(generation: int, digest: Sha256) -> str:
    """The list of a snapshot's parts."""
    return f"{STATE}snapshots/{generation}-{digest}"


def scratch_new(name: str) -> str:
    """An object that ``doctor`` puts and deletes again; ``name`` is 32 random hex digits."""
    return f"{SCRATCH}{name}/new"


def scratch_swap(name: str) -> str:
    """A document that ``doctor`` puts, swaps and deletes again."""
    return f"{SCRATCH}{name}/swap"


def log_tile(level: int, index: int, width: int = 256) -> str:
    """A tile of hashes; ``width`` below 256 names a partial tile (C2SP tlog-tiles)."""
    return f"log/tile/{level}/{_tile_index(index)}{_partial(width)}"


def log_entries(index: int, width: int = 256) -> str:
    """A bundle of entries; ``width`` below 256 names a partial bundle (C2SP tlog-tiles)."""
    return f"log/tile/entries/{_tile_index(index)}{_partial(width)}"


def rule(key: str) -> Rule:
    """How the object under ``key`` is served. Raises ValueError for a key that is never made for the public bucket."""
    found = _ANY_RULE.fullmatch(key)
    if not found or not found.lastindex:
        raise ValueError(f"no rule for the key {key!r}")
    return _RULES[found.lastindex - 1]


def rule_of_any(key: str) -> Rule:
    """How the object under ``key`` is kept, in whichever bucket. Raises ValueError for a key that is never made."""
    if key == STATE_HEAD:
        return _STATE_HEAD_RULE
    return _STATE_RULE if _STATE.fullmatch(key) else rule(key)


def is_made(key: str) -> bool:
    """Whether the registry makes such a key in any bucket: what has another one is somebody else's."""
    try:
        rule_of_any(key)
    except ValueError:
        return False
    return True


def wave(key: str) -> int:
    """When an artifact of a version is put: 0 for archives and zips, 1 for what speaks of them, 2 for the record.

    An attempt that ends at other bytes under a key of wave 0 has put nothing that the next one makes otherwise.
    """
    if key.endswith((".tar.gz", ".zip")):
        return 0
    return 2 if key.startswith("records/") else 1


def is_listing(key: str) -> bool:
    """Whether the document under ``key`` makes versions visible, so that it is written last and shortened first."""
    return rule(key).cache_control == _LISTING


def is_provenance(key: str) -> bool:
    """Whether an object is the statement beside an archive: whoever installs the archive does not ask for it."""
    return key.endswith(".tar.gz.intoto.jsonl")


def owner(key: str) -> str | None:
    """The address of the package that an object is of, as text; None for what is of no package."""
    found = _OWNED.fullmatch(key)
    return found and (found[1] or found[2])


def tile_end(key: str) -> int:
    """How many entries a log must have to hold this tile or bundle. Raises ValueError for any other key."""
    found = _TILE.fullmatch(key)
    if not found:
        raise ValueError(f"no tile of the log: {key!r}")
    level, index = int(found[1] or 0), int(found[2].replace("x", "").replace("/", ""))
    return (index * 256 + int(found[3] or 256)) << (8 * level)


def _tile_index(index: int) -> str:
    """Groups of three digits, all but the last behind an x: 1234067 is x001/x234/067 (C2SP tlog-tiles)."""
    text = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        text = f"x{index % 1000:03d}/{text}"
    return text


def _partial(width: int) -> str:
    return "" if width == 256 else f".p/{width}"


_OWNED: Final = re.compile(r"(?:v1/)?(?:(?:modules|mirror)/([^/]+/[^/]+/[^/]+)|providers/([^/]+/[^/]+))/.+")
_TILE: Final = re.compile(r"log/tile/(?:entries|(\d{1,2}))/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?")

_GRAMMAR: Final = (
    (r"\.well-known/terraform\.json", Rule(_JSON, _LEAF, False)),
    (r"v1/modules/[^/]+/[^/]+/[^/]+/versions", Rule(_JSON, _LISTING, False)),
    (r"v1/modules/[^/]+/[^/]+/[^/]+/[^/]+/download", Rule(_JSON, _LEAF, False)),
    (r"v1/modules/[^/]+/[^/]+/[^/]+/[^/]+/get\.html", Rule("text/html; charset=utf-8", _LEAF, False)),
    (r"v1/modules/[^/]+/[^/]+/[^/]+/[^/]+/module\.tar\.gz", Rule("application/gzip", _IMMUTABLE, True)),
    (
        r"v1/modules/[^/]+/[^/]+/[^/]+/[^/]+/module\.tar\.gz\.intoto\.jsonl",
        Rule("application/vnd.in-toto.bundle", _IMMUTABLE, True),
    ),
    (r"v1/providers/[^/]+/[^/]+/versions", Rule(_JSON, _LISTING, False)),
    (r"v1/providers/[^/]+/[^/]+/[^/]+/download/[^/]+/[^/]+", Rule(_JSON, _LEAF, False)),
    (r"v1/providers/[^/]+/[^/]+/[^/]+/[^/]+\.zip", Rule("application/zip", _IMMUTABLE, True)),
    (
        r"v1/providers/[^/]+/[^/]+/[^/]+/[0-9a-f]{64}_SHA256SUMS",
        Rule("text/plain; charset=utf-8", _IMMUTABLE, True),
    ),
    (r"v1/providers/[^/]+/[^/]+/[^/]+/[0-9a-f]{64}_SHA256SUMS\.sig", Rule(_BYTES, _IMMUTABLE, True)),
    (r"v1/mirror/[^/]+/[^/]+/[^/]+/index\.json", Rule(_JSON, _LISTING, False)),
    (r"v1/mirror/[^/]+/[^/]+/[^/]+/[^/]+\.json", Rule(_JSON, _LEAF, False)),
    (r"v1/mirror/[^/]+/[^/]+/[^/]+/[^/]+\.zip", Rule("application/zip", _IMMUTABLE, True)),
    (r"modules/[^/]+/[^/]+/[^/]+/[^/]+/index\.json", Rule(_JSON, _LEAF, False)),
    (r"providers/[^/]+/[^/]+/[^/]+/index\.json", Rule(_JSON, _LEAF, False)),
    (r"mirror/[^/]+/[^/]+/[^/]+/[^/]+/index\.json", Rule(_JSON, _LEAF, False)),
    (r"records/[0-9a-f]{64}", Rule(_JSON, _IMMUTABLE, True)),
    (r"scratch/[0-9a-f]{32}/new", Rule(_BYTES, _LEAF, True)),
    (r"scratch/[0-9a-f]{32}/swap", Rule(_BYTES, _LEAF, False)),
    (r"log/checkpoint", Rule("text/plain; charset=utf-8", _NO_CACHE, False)),
    (r"log/tile/entries/(?:x\d{3}/)*\d{3}(?:\.p/\d{1,3})?", Rule(_BYTES, _IMMUTABLE, True)),
    (r"log/tile/\d{1,2}/(?:x\d{3}/)*\d{3}(?:\.p/\d{1,3})?", Rule(_BYTES, _IMMUTABLE, True)),
)
# One expression asks for all of them at once: the number of the group that matched is that of the rule.
_ANY_RULE: Final = re.compile("|".join(f"({pattern})" for pattern, _ in _GRAMMAR))
_RULES: Final = tuple(found for _, found in _GRAMMAR)

_STATE: Final = re.compile(r"state/(?:journal/\d{10,19}|(?:parts|snapshots)/\d{1,19})-[0-9a-f]{64}")
_STATE_HEAD_RULE: Final = Rule(_JSON, _NO_STORE, False)
_STATE_RULE: Final = Rule(_BYTES, _NO_STORE, True)
