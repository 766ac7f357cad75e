"""Small catalogs in memory.

loaded = load({"modules/acme/network/aws.yaml": "source: {git: https://git.example.com/network.git}"})
problems(loaded) == ["catalog/modules/…:1:1 CAT006", …]
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry_gen.catalog.config import load_config
from registry_gen.catalog.load import Loaded, load_catalog
from registry_gen.errors import Code, RefusalError, RegistryError
from registry_gen.model.facts import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from registry_gen.model.config import Config

ROOT = Path("/srv/registry")
REGISTRY = """\
site: {host: registry.example.com}
storage: {public: ./public, private: ./private}
network: {schemes: [https, ssh, file]}
"""
GIT = "source: {git: https://git.example.com/network.git}\n"
BAD_KEY = Code("SIG999", "a key for tests that is bad", "Because.", "Take another.")


def config(text: str = REGISTRY, environ: Mapping[str, str] | None = None) -> Config:
    return load_config(text.encode(), "registry.yaml", ROOT, environ or {})


def read_key(armor: str, where: str) -> SigningKey:
    """The fingerprint is the text; the text "bad" is no key."""
    if armor == "bad":
        raise RefusalError(BAD_KEY, where=where)
    return SigningKey(armor, armor)


def load(files: Mapping[str, str | bytes | RegistryError], configuration: Config | None = None) -> Loaded:
    given: Iterable[tuple[str, Any]] = [
        (path, data.encode() if isinstance(data, str) else data) for path, data in files.items()
    ]
    return load_catalog(given, configuration or config(), read_key, None)


def problems(loaded: Loaded) -> list[str]:
    """Place and code of each problem, in their order."""
    return [f"{problem.position} {problem.code}" for problem in loaded.problems]


def one_problem(path: str, text: str | bytes, **others: str) -> RegistryError:
    """The only problem of a file; ``others`` are keys by name beneath keys/acme."""
    loaded = load({path: text, **{f"keys/acme/{name}.asc": armor for name, armor in others.items()}})
    assert len(loaded.problems) == 1, list(map(str, loaded.problems))
    return loaded.problems[0]
