"""Git repositories with tagged modules, the same commits on every machine.

The folder of a tag holds what changed since the tag before: files are added or replaced, never removed.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NETWORK: Final = ("v1.0.0", "v1.1.0", "v1.2.0-rc1")
MONOREPO: Final = ("queue/v0.1.0", "queue/v0.2.0")

_WHO: Final = "Acme Platform Team <platform@example.com>"
_FIRST_RELEASE: Final = 1_717_232_400  # 2024-06-01 09:00 UTC
_WEEK: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Release:
    """A commit and its tag: ``files`` are all files of the tree by path, ``at`` seconds of Unix time."""

    tag: str
    files: Mapping[str, bytes]
    at: int


def make_repository(path: Path, trees: Path, tags: Sequence[str]) -> None:
    """Make a bare repository with these tags, whose changes are the folders below ``trees``.

    Raises FileNotFoundError where git is missing, CalledProcessError where it fails.
    """
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    _git(path, "fast-import", "--quiet", stdin=b"".join(_stream(read_releases(trees, tags))))


def read_releases(trees: Path, tags: Sequence[str]) -> list[Release]:
    """The releases of one repository, from the folders below ``trees``."""
    releases: list[Release] = []
    files: dict[str, bytes] = {}
    for number, tag in enumerate(tags):
        changed = trees / tag
        files |= {
            path.relative_to(changed).as_posix(): path.read_bytes() for path in changed.rglob("*") if path.is_file()
        }
        releases.append(Release(tag, dict(files), _FIRST_RELEASE + number * _WEEK))
    return releases


def _stream(releases: Sequence[Release]) -> Iterator[bytes]:
    """Commands for git-fast-import(1): each release a commit on main and an annotated tag."""
    for mark, release in enumerate(releases, 1):
        yield f"commit refs/heads/main\nmark :{mark}\ncommitter {_WHO} {release.at} +0000\n".encode()
        yield _data(f"Release {release.tag}\n".encode())
        if mark > 1:
            yield f"from :{mark - 1}\n".encode()
        for path, content in sorted(release.files.items()):
            yield f"M 100644 inline {path}\n".encode() + _data(content)
        yield f"tag {release.tag}\nfrom :{mark}\ntagger {_WHO} {release.at} +0000\n".encode()
        yield _data(f"Release {release.tag}\n".encode())


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _git(path: Path, *arguments: str, stdin: bytes = b"") -> None:
    """Run git without anybody's configuration, which could sign commits or run hooks."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TEMPLATE_DIR": "",
    }
    subprocess.run(  # noqa: S603 - arguments of our own
        ["git", *arguments],  # noqa: S607 - as found on PATH
        cwd=path,
        env=environment,
        input=stdin,
        capture_output=True,
        check=True,
    )
