"""The expected tree as it is committed: text as it is, everything else by its digest.

``expected/tree/KEY`` holds each text document byte for byte, ``expected/binaries.txt`` SHA-256, size and key of the
rest, and ``expected/log.txt`` the payloads of the log's entries in order, which the log's bundles hold too.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.log.tiles import parse_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPECTED: Final = Path(__file__).parent / "expected"
BINARIES: Final = "binaries.txt"

_HEAD: Final = f"""\
# SHA-256, size in bytes and key of every object that is not text.
#
# The bytes of module.tar.gz depend on the zlib that compressed them, here {zlib.ZLIB_RUNTIME_VERSION}. The tar inside
# and its h1 do not. An archive's digest is in its record, in its documents and in the log, so another zlib (zlib-ng,
# say) may change those too: compare the h1 in log.txt first. Everything else is the same on every machine.
"""


def is_text(key: str) -> bool:
    """Whether the object under a key is text that a person can review."""
    return not key.startswith("log/tile/") and not key.endswith((".tar.gz", ".zip", ".sig"))


def as_files(tree: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The files of ``expected/`` for a public tree, by path."""
    binaries = [
        f"{hashlib.sha256(data).hexdigest()} {len(data):>6} {key}\n" for key, data in tree.items() if not is_text(key)
    ]
    (bundle,) = (data for key, data in tree.items() if key.startswith("log/tile/entries/"))
    return {
        **{f"tree/{key}": data for key, data in tree.items() if is_text(key)},
        BINARIES: "".join(binaries).encode(),
        "log.txt": b"".join(payload + b"\n" for payload in parse_bundle(bundle)),
    }


def read_expected() -> Mapping[str, bytes]:
    """The committed files, by path; without the remark about zlib."""
    paths = sorted(path for path in EXPECTED.rglob("*") if path.is_file())
    files = {path.relative_to(EXPECTED).as_posix(): path.read_bytes() for path in paths}
    lines = files.get(BINARIES, b"").splitlines(keepends=True)
    return {**files, BINARIES: b"".join(line for line in lines if not line.startswith(b"#"))}


def refresh(tree: Mapping[str, bytes]) -> None:
    """Commit to a tree: write it over what was expected before."""
    shutil.rmtree(EXPECTED, ignore_errors=True)
    for name, data in as_files(tree).items():
        path = EXPECTED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_HEAD.encode() + data if name == BINARIES else data)
