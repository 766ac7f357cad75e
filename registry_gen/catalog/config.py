"""registry.yaml -> Config."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from registry_gen.catalog import codes
from registry_gen.catalog.check import Checked, check
from registry_gen.catalog.location import Places, folder, web_url
from registry_gen.catalog.place_shapes import place_of
from registry_gen.catalog.places import option_problems, overlaps
from registry_gen.catalog.problems import ProblemsError, at
from registry_gen.catalog.purge_shapes import missing
from registry_gen.catalog.registry_shapes import LimitsShape, NetworkShape, RegistryFile
from registry_gen.catalog.yaml_reader import read_yaml
from registry_gen.errors import InputError, RegistryError
from registry_gen.model.config import Config, Limits, Network, SigningRefs, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CATALOG = "catalog"
STATE = ".registry"


def load_config(text: bytes, path: str, root: Path, environ: Mapping[str, str]) -> Config:
    """Read registry.yaml.

    ``text`` are its bytes, ``path`` is how people know it, ``root`` its folder (absolute), ``environ`` the variables
    that ``env:`` may refer to. References to secrets stay references. An upstream whose variable is not set stays a
    reference too, so that a catalog can be checked without it; ``policy.upstreams`` refuses it when it is used.
    Raises ProblemsError with every problem.
    """
    places = Places(str(root), ())
    checked = check(read_yaml(text, path), RegistryFile, places)
    values = checked.values
    if values is None:
        raise ProblemsError(checked.problems)
    catalog = values.catalog or folder(CATALOG, places.root)
    state = values.state or folder(STATE, places.root)
    upstreams, unusable = _upstreams(checked, values.network, environ)
    problems = [
        *checked.problems,
        *_place_problems(checked, values, catalog, state),
        *unusable,
        *_purge_problems(checked, values),
    ]
    if problems:
        raise ProblemsError(problems)
    return Config(
        root=root,
        catalog=Path(catalog),
        state=Path(state),
        site=Site(values.site.host, values.site.url or f"https://{values.site.host}/"),
        public=place_of(values.storage.public),
        private=place_of(values.storage.private),
        ledger=values.ledger,
        network=Network(
            schemes=values.network.schemes,
            allow_private=values.network.allow_private,
            ca_file=Path(values.network.ca_file) if values.network.ca_file else None,
            upstreams=upstreams,
            hosts=values.network.hosts,
        ),
        limits=_limits(values.limits),
        signing=SigningRefs(values.signing.openpgp, values.signing.log, values.signing.former_log_keys),
        purge=values.purge.made() if values.purge else None,
    )


def _upstreams(
    checked: Checked[RegistryFile], network: NetworkShape, environ: Mapping[str, str]
) -> tuple[dict[str, str], list[RegistryError]]:
    found: dict[str, str] = {}
    problems: list[RegistryError] = []
    for host, text in network.upstreams.items():
        name = text.removeprefix("env:") if text.startswith("env:") else ""
        url = environ.get(name) if name else text
        try:
            found[host] = web_url(url, network.schemes).rstrip("/") if url else text
        except InputError as error:
            told = _unusable(error, name) if name else error
            problems.append(at(told, checked.position("network", "upstreams", host)))
    return found, problems


def _unusable(error: InputError, variable: str) -> InputError:
    """What is wrong with a variable's value, and no part of it: the catalog's author may have named any variable."""
    return InputError(
        error.code,
        f"the variable {variable} holds no usable URL",
        expected="scheme://host/path on an allowed scheme, without user, password, query and fragment",
        hint=f"Look at {variable} where the registry runs; its value is not shown.",
    )


def _purge_problems(checked: Checked[RegistryFile], values: RegistryFile) -> Iterator[RegistryError]:
    """Options that need others beside them, and URLs that may not be asked."""
    if values.purge is None:
        return
    absent = missing(values.purge)
    if absent and not checked.lost("purge", absent):
        hint = "Give all of them, or none: then the vendor's own library looks for who we are."
        yield InputError(
            codes.MISSING_KEY, f"the key {absent} is missing", hint=hint, position=checked.position("purge")
        )
    for key in ("api", "url"):
        url = getattr(values.purge, key, None)
        try:
            web_url(url or "https://example.com", values.network.schemes)
        except InputError as error:
            yield at(error, checked.position("purge", key))


def _place_problems(
    checked: Checked[RegistryFile], values: RegistryFile, catalog: str, state: str
) -> Iterator[RegistryError]:
    found = {f"storage.{name}": place_of(value) for name, value in values.storage if not checked.lost("storage", name)}
    for key, place in found.items():
        position = partial(checked.position, *key.split("."))
        yield from option_problems(place, values.network.allow_private, position)
    for error in overlaps(found, {"catalog": catalog, "state": state}):
        yield at(error, checked.position(*error.where.split(".")))


def _limits(shape: LimitsShape) -> Limits:
    return Limits(
        module_bytes=shape.module_size,
        module_files=shape.module_files,
        provider_bytes=shape.provider_size,
        provider_unpacked_bytes=shape.provider_unpacked_size,
        git_seconds=shape.git_time,
        http_seconds=shape.http_time,
        workers=shape.workers,
        per_host=shape.per_host,
    )
