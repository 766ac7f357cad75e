"""What documents of ``hosting: link`` lead to, outside the registry; read only where a person asks for it."""

from __future__ import annotations

import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from registry_gen.model.config import Limits
from registry_gen.model.digest import dirhash, sha256
from registry_gen.sources.git import Git
from registry_gen.sources.http import Fetcher
from registry_gen.verify.tree import check_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.inspect.artifacts import Copy
    from registry_gen.model.config import Network
    from registry_gen.model.digest import H1, Commit


class Links:
    """Reads what links lead to: over https, from hosts on the public internet. Safe to use from several threads."""

    def __init__(self, fetcher: Fetcher, git: Git, limits: Limits) -> None:
        self._fetcher = fetcher
        self._git = git
        self._limits = limits

    def copy(self, url: str) -> Copy:
        """What downloads a URL; raises SourceError NET when it is called."""
        return lambda out, limit: self._fetcher.download(url, out, limit=limit)

    def small(self, url: str, limit: int) -> bytes:
        """A document of at most ``limit`` bytes; raises SourceError NET."""
        return self._fetcher.get(url, limit=limit).body

    def tree(self, url: str, commit: Commit, path: str, where: str) -> H1:
        """The h1 of the folder ``path`` in a commit of a git repository, links in it followed as when published.

        Raises SourceError GIT and NET, RefusalError ARC for a tree that could not have been published.
        """
        self._git.fetch_commit(url, commit)
        tree = self._git.tree(url, commit, path)
        limits = self._limits
        checked = check_tree(tree, max_bytes=limits.module_bytes, max_files=limits.module_files, where=where)
        return dirhash((file.path, sha256(file.data)) for file in checked.files)


@contextmanager
def open_links(network: Network) -> Iterator[Links]:
    """A reader of links with a cache of its own, which is deleted at the end of the block."""
    limits = Limits()
    with (
        tempfile.TemporaryDirectory(prefix="registry-gen-") as folder,
        closing(Git(Path(folder), network, limits)) as git,
    ):
        yield Links(Fetcher(network, limits), git, limits)
