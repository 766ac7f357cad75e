"""Sources for commands that look at them and publish nothing: no ledger, no storage, no state that stays."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_gen.model.config import Config
    from registry_gen.publish.look import Sources


@contextmanager
def open_sources(config: Config) -> Iterator[Sources]:
    """The outside, under the network settings and limits of registry.yaml, for as long as the block runs."""
    from registry_gen.publish.look import Sources
    from registry_gen.sources.archives import Archives
    from registry_gen.sources.git import Git
    from registry_gen.sources.http import Fetcher
    from registry_gen.sources.releases import Releases
    from registry_gen.sources.upstream import Upstream

    fetcher = Fetcher(config.network, config.limits)
    with (
        TemporaryDirectory(prefix="registry-gen-") as folder,
        closing(Git(Path(folder), config.network, config.limits)) as git,
    ):
        yield Sources(git, Archives(fetcher, config.limits), Releases(fetcher, config.limits), Upstream(fetcher))
