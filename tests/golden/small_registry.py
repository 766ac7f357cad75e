"""The small registry behind the golden tree: the catalog beside this file, made sources, fixed time, keys and actor.

    python -m tests.golden.small_registry FOLDER DSN        # publishes into FOLDER/work/public

Records and log entries name the URLs of sources, and ports and temporary folders differ from run to run. So the
catalog names hosts under example.com, and only the last step, opening a URL, is led to what was made here.
"""

from __future__ import annotations

import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar
from unittest.mock import patch

from registry_gen import wiring
from registry_gen.model.digest import Commit
from registry_gen.model.plan import FailedSighting, MirrorSighting, ModuleSighting, ProviderSighting
from registry_gen.publish import planning, run
from registry_gen.publish.look import Again, Sources, look
from registry_gen.publish.progress import Silent
from registry_gen.sources.archives import Archives
from registry_gen.sources.git import Git
from registry_gen.sources.http import Downloaded, Fetched, Fetcher
from registry_gen.sources.releases import Releases
from registry_gen.sources.upstream import Upstream
from registry_gen.wiring import prepare_state
from tests.golden.sources import UPSTREAM, make_sources
from tests.support.http_server import HttpServer
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from random import Random

    from registry_gen.model.address import Address
    from registry_gen.model.config import Limits, Network
    from registry_gen.model.entries import Catalog
    from registry_gen.model.plan import Sighting, Tag
    from registry_gen.model.tree import TreeFile
    from registry_gen.publish.progress import Progress
    from registry_gen.publish.registry import Registry

T = TypeVar("T")

CATALOG: Final = Path(__file__).parent / "catalog"
LOG_KEY: Final = Path(__file__).parents[1] / "fixtures/golden/log.key"
ACTOR: Final = "golden"
RUN_URL: Final = "https://ci.example.com/acme/registry/7"
CATALOG_COMMIT: Final = Commit("c0ffee" * 6 + "c0ff")


def publish_small_registry(root: Path, dsn: str, order: Random | None = None) -> Workspace:
    """Make the sources and a workspace below ``root`` and publish everything twice; the second time changes nothing.

    ``order`` shuffles whatever comes in an order: catalog files, packages and what is seen of each.
    """
    make_sources(root)
    authority = Authority(root / "authority")
    work = Workspace(
        root / "work",
        dsn,
        network=f"  ca_file: {authority.ca_file}\n  upstreams:\n    registry.terraform.io: {UPSTREAM}\n",
    )
    _write_catalog(work.root / "catalog", order)
    prepare_state(work.root / "state")
    key = work.root / "state/keys/log.key"
    key.parent.mkdir(parents=True, mode=0o700)
    shutil.copyfile(LOG_KEY, key)
    key.chmod(0o600)
    with HttpServer(authority=authority) as server, work.registry() as registry:
        places = {"https://git.example.com/": f"file://{root}/git/"}
        for name in ("releases", "archives", "upstream"):
            server.folder(f"/{name}/", root / name)
            places[f"https://{name}.example.com/"] = server.url(f"/{name}/")
        first, again = (_publish(registry, _Places(places), order) for _ in range(2))
    assert first.refusals == (), [str(refusal.error) for refusal in first.refusals]
    assert (again.puts, again.plan.unchanged) == (0, len(first.published))
    return work


def _write_catalog(folder: Path, order: Random | None) -> None:
    files = sorted(path for path in CATALOG.rglob("*") if path.is_file())
    if order:
        order.shuffle(files)
    for file in files:
        target = folder / file.relative_to(CATALOG)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _publish(registry: Registry, places: _Places, order: Random | None) -> run.Report:
    config = registry.config
    fetcher = _MovedFetcher(config.network, config.limits, places)
    sources = Sources(
        _MovedGit(config.state, config.network, config.limits, places),
        Archives(fetcher, config.limits),
        Releases(fetcher, config.limits),
        Upstream(fetcher),
    )
    workspace = wiring.read_workspace(config.root / "registry.yaml")
    assert workspace.problems == ()
    catalog = replace(workspace.catalog, commit=CATALOG_COMMIT)
    # A slow machine would publish in two batches, and the log would be in another order.
    with patch.object(run, "BATCH_SECONDS", math.inf), patch.object(planning, "look", _shuffled_look(order)):
        known = replace(registry, sources=sources, actor=ACTOR, run_url=RUN_URL)
        return run.publish(known, wiring.open_keys(registry), catalog, NOW, Silent())


def _shuffled_look(order: Random | None) -> Callable[..., Mapping[Address, Sighting]]:
    """``look``, with its results and what is in each of them in another order."""

    def shuffled(items: Iterable[T]) -> tuple[T, ...]:
        ordered = list(items)
        return tuple(order.sample(ordered, len(ordered)) if order else ordered)

    def seen(sighting: Sighting) -> Sighting:
        match sighting:
            case ModuleSighting(tags=tags, archives=archives):
                return replace(sighting, tags=shuffled(tags), archives=shuffled(archives))
            case ProviderSighting(releases=releases):
                turned = (replace(release, files=dict(shuffled(release.files.items()))) for release in releases)
                return replace(sighting, releases=shuffled(turned))
            case MirrorSighting(versions=versions):
                offers = (replace(offer, platforms=shuffled(offer.platforms)) for offer in versions)
                return replace(sighting, versions=shuffled(offers))
            case FailedSighting():
                return sighting

    def looked(
        catalog: Catalog, sources: Sources, executor: Executor, progress: Progress, again: Again
    ) -> Mapping[Address, Sighting]:
        found = look(catalog, sources, executor, progress, again)
        return {address: seen(sighting) for address, sighting in shuffled(found.items())}

    return looked


class _Places:
    """Where the hosts that the catalog names really are: prefixes of URLs, one of which every URL has."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __call__(self, url: str) -> str:
        (old,) = (prefix for prefix in self._places if url.startswith(prefix))
        return self._places[old] + url.removeprefix(old)


class _MovedGit(Git):
    def __init__(self, state: Path, network: Network, limits: Limits, places: _Places) -> None:
        super().__init__(state, network, limits)
        self._here = places

    def tags(self, url: str) -> tuple[Tag, ...]:
        return super().tags(self._here(url))

    def fetch(self, url: str, tags: Sequence[Tag]) -> None:
        super().fetch(self._here(url), tags)

    def tree(self, url: str, commit: Commit, path: str) -> Iterator[TreeFile]:
        return super().tree(self._here(url), commit, path)


class _MovedFetcher(Fetcher):
    def __init__(self, network: Network, limits: Limits, places: _Places) -> None:
        super().__init__(network, limits)
        self._here = places

    def get(self, url: str, *, limit: int, accept: str = "*/*", empty: bool = False) -> Fetched:
        return replace(super().get(self._here(url), limit=limit, accept=accept, empty=empty), url=url)

    def download(self, url: str, out: BinaryIO, *, limit: int) -> Downloaded:
        return super().download(self._here(url), out, limit=limit)


if __name__ == "__main__":
    publish_small_registry(Path(sys.argv[1]), sys.argv[2])
