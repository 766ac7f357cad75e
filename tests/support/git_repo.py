"""Git repositories made from dictionaries, the same commit ids on every run and machine.

repo = GitRepo(tmp_path / "network.git")
first = repo.commit({"main.tf": "...", "bin/run": Executable("..."), "latest": Link("main.tf")})
repo.tag("v1.0.0", first)
repo.tag("v1.1.0", repo.commit({"main.tf": "..."}), annotated=True)   # a tag that exists is moved
repo.url    # absolute path, which counts as the scheme "file"
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_gen.model.digest import Commit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WHO = "A Tester <tester@example.test>"
_SECONDS = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Executable:
    """A file that may be executed."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Submodule:
    """A commit of another repository."""

    commit: str = "1" * 40


File = str | bytes | Executable | Link | Submodule


class GitRepo:
    """A bare repository; each commit holds exactly the files given, and follows the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0
        path.mkdir(parents=True)
        self.git("init", "-q", "--bare", "--initial-branch=main", ".")

    @property
    def url(self) -> str:
        return str(self.path)

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git in the repository without anybody's configuration; returns what it printed."""
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "A Tester",
            "GIT_AUTHOR_EMAIL": "tester@example.test",
            "GIT_AUTHOR_DATE": f"{_SECONDS} +0000",
            "GIT_COMMITTER_NAME": "A Tester",
            "GIT_COMMITTER_EMAIL": "tester@example.test",
            "GIT_COMMITTER_DATE": f"{_SECONDS} +0000",
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return done.stdout.decode()

    def commit(self, files: Mapping[str, File], message: str = "Change") -> Commit:
        """Commit exactly these files on main; returns the commit."""
        self._commits += 1
        text = message.encode()
        stream = [
            f"commit refs/heads/main\ncommitter {WHO} {_SECONDS + self._commits} +0000\ndata {len(text)}\n".encode(),
            text,
            b"\n",
        ]
        if self._commits > 1:
            stream.append(b"from refs/heads/main^0\n")
        stream.append(b"deleteall\n")
        stream.extend(_change(path, file) for path, file in files.items())
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(stream))
        return self.resolve("refs/heads/main")

    def tag(self, name: str, commit: Commit | None = None, *, annotated: bool = False) -> None:
        """Put a tag on a commit (the last one by default), moving it where it exists."""
        target = commit or self.resolve("refs/heads/main")
        if annotated:
            self.git("tag", "--force", "--annotate", "--message", f"Release {name}", "--", name, target)
        else:
            self.git("update-ref", f"refs/tags/{name}", target)

    def delete_tag(self, name: str) -> None:
        self.git("update-ref", "-d", f"refs/tags/{name}")

    def resolve(self, ref: str) -> Commit:
        """The commit that a ref peels to."""
        return Commit(self.git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").strip())


def _change(path: str, file: File) -> bytes:
    match file:
        case Submodule(commit):
            return f"M 160000 {commit} {path}\n".encode()
        case Executable(text):
            mode, data = "100755", text.encode()
        case Link(target):
            mode, data = "120000", target.encode()
        case str():
            mode, data = "100644", file.encode()
        case _:
            mode, data = "100644", file
    return f"M {mode} inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
