"""A draft as plain values is the same draft again, and a catalog read with rows is the catalog read without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_gen.catalog import codes
from registry_gen.catalog.load import load_catalog
from registry_gen.errors import InputError, Position
from registry_gen.sources.files import read_catalog
from registry_gen.verify.openpgp import parse_key
from registry_gen.wiring import read_settings
from tests.support.catalogs import config, read_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.catalog.load import Loaded
    from registry_gen.catalog.rows import Row

ROOT = Path(__file__).parents[2]
KEYS = {"keys/acme.asc": b"A", "keys/beta.asc": b"B"}

_TEXTS = st.sampled_from(["Old.", "Use: the other one", "été 👍", 'Say "no".', "x" * 1000])
_NUMBERS = st.integers(0, 30).map(str)
_RELEASES = st.tuples(_NUMBERS, _NUMBERS, _NUMBERS).map(".".join)
_VERSIONS = st.builds(
    "{}{}{}".format, _RELEASES, st.sampled_from(["", "-rc.1", "-0a.b"]), st.sampled_from(["", "+x.1"])
)
_LONG = st.just("1.0.0-" + "a" * 122)  # as a version it may be so long, behind "= " it no longer can be read
_OPERATORS = st.sampled_from(["", "=", "!=", ">", ">= ", "<", "<=", "~>"])
_CLAUSES = (
    st.builds("{}{}".format, _OPERATORS, _VERSIONS)
    | st.sampled_from(["~> 1", "~> 1.2", "~> 1.2.0", ">= 1", "< 2.1"])
    | _LONG
)
_RANGES = st.lists(_CLAUSES, min_size=1, max_size=4).map(", ".join)
_COMMITS = st.sampled_from(["a" * 40, "b" * 64])
_PLATFORMS = st.sampled_from(["linux_amd64", "darwin_arm64", "windows_386"])
_FLAGS = st.booleans()


def _some(each: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(each, min_size=1, max_size=3, unique=True)


def _rules(**fields: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    rule = st.fixed_dictionaries(fields, optional={"versions": _RANGES})
    return st.lists(rule, min_size=1, max_size=2, unique_by=lambda each: each.get("versions"))


_HOSTING = st.sampled_from(["copy", "link"])
_COMMON: dict[str, st.SearchStrategy[object]] = {
    "versions": _RANGES,
    "prereleases": _FLAGS,
    "withdrawn": _rules(reason=_TEXTS),
    "retention": st.fixed_dictionaries({"latest": st.integers(1, 9)}, optional={"prerelease_days": st.integers(1, 9)}),
}
_DEPRECATED: st.SearchStrategy[object] = _TEXTS | _rules(message=_TEXTS)
_GIT = st.fixed_dictionaries(
    {"git": st.sampled_from(["https://git.example.com/network.git", "./network"])},
    optional={
        "path": st.sampled_from(["", "modules/network"]),
        "tags": _some(st.sampled_from(["v{version}", "network/v{version}", "été-{version}"])),
        "pins": st.dictionaries(_VERSIONS, _COMMITS, max_size=3),
    },
)
_ARCHIVES = st.fixed_dictionaries(
    {"archives": st.sampled_from(["https://example.com/a/", "./a"]), "pattern": st.just("network-{version}.tar.gz")}
)
_MODULES = st.fixed_dictionaries(
    {"source": _GIT | _ARCHIVES},
    optional={**_COMMON, "hosting": _HOSTING, "deprecated": _DEPRECATED, "allow_unpinned": _FLAGS},
)
_PROVIDERS = st.fixed_dictionaries(
    {
        "source": st.fixed_dictionaries(
            {"releases": st.just("https://example.com/{version}"), "versions": _some(_VERSIONS)}
        )
        | st.just({"releases": "./widget"})
    },
    optional={
        **_COMMON,
        "hosting": _HOSTING,
        "deprecated": _DEPRECATED,
        "signature": st.sampled_from(["publisher", "registry"]),
        "signing_keys": _some(st.sampled_from(["acme.asc", "beta.asc", "lost.asc"])),
        "platforms": _some(_PLATFORMS),
        "protocols": _some(st.sampled_from(["5.0", "6.0"])),
    },
)
_MIRRORS = st.fixed_dictionaries(
    {"trust": st.fixed_dictionaries({"keys": _some(st.sampled_from(["acme.asc", "beta.asc"]))})},
    optional={**_COMMON, "hosting": _HOSTING, "platforms": _some(_PLATFORMS)},
)
_CATALOGS = st.fixed_dictionaries(
    {},
    optional={
        "modules/acme/network/aws.yaml": _MODULES,
        "providers/acme/widget.yaml": _PROVIDERS,
        "mirrors/registry.example.net/acme/sprocket.yaml": _MIRRORS,
        "mirrors/registry.example.com/acme/own.yaml": _MIRRORS,
        "namespaces/acme.yaml": st.sampled_from([{"signing_keys": ["acme.asc"]}, {"signing_keys": ["lost.asc"]}, {}]),
    },
)


def _load(files: Mapping[str, bytes], known: Mapping[str, Row]) -> Loaded:
    return load_catalog(files.items(), config(), read_key, None, known)


def _stored(rows: Mapping[str, Row]) -> Mapping[str, Row]:
    found: Mapping[str, Row] = orjson.loads(orjson.dumps(rows))
    return found


def _same(known: Loaded, without: Loaded) -> None:
    assert known.catalog == without.catalog
    assert list(map(repr, known.catalog.entries.values())) == list(map(repr, without.catalog.entries.values()))
    assert [problem.as_json() for problem in known.problems] == [problem.as_json() for problem in without.problems]
    assert (known.left_out, known.rows) == (without.left_out, without.rows)


@given(_CATALOGS, st.lists(st.sampled_from([*KEYS]), max_size=1))
def test_a_catalog_is_the_same_with_rows_and_without(files: dict[str, object], lost: list[str]) -> None:
    """Rows of a catalog in which every key was there, read where one may be gone."""
    written = {path: json.dumps(text).encode() for path, text in files.items()}
    rows = _stored(_load({**written, **KEYS}, {}).rows)
    left = {path: data for path, data in KEYS.items() if path not in lost}

    _same(_load({**written, **left}, rows), _load({**written, **left}, {}))


@given(_MODULES)
def test_a_file_without_problems_has_a_row(module: dict[str, object]) -> None:
    loaded = _load({"modules/acme/network/aws.yaml": json.dumps(module).encode()}, {})
    assert len(loaded.rows) == len(loaded.catalog.entries) == (0 if loaded.problems else 1)


RULES = {
    "versions": ">= 1.0.0",
    "prereleases": True,
    "withdrawn": [{"reason": "Bad.", "versions": "1.0.0"}],
    "retention": {"latest": 2, "prerelease_days": 3},
}
DEPRECATED = {"deprecated": [{"message": "Old.", "versions": "< 2.0.0"}]}
GIT = {"git": "https://git.example.com/a.git", "path": "a", "tags": ["a/{version}"], "pins": {"1.0.0": "a" * 40}}
SIGNED = {"signing_keys": ["acme.asc"], "platforms": ["linux_amd64"], "protocols": ["6.0"]}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "modules/acme/network/aws.yaml",
            {"source": GIT, "hosting": "link", "allow_unpinned": True, **RULES, **DEPRECATED},
        ),
        (
            "providers/acme/widget.yaml",
            {"source": {"releases": "./a"}, "hosting": "copy", **SIGNED, **RULES, **DEPRECATED},
        ),
        ("providers/acme/widget.yaml", {"source": {"releases": "./a"}, "signature": "registry"}),
        ("mirrors/a.example/b/c.yaml", {"trust": {"keys": ["acme.asc"]}, "platforms": ["linux_amd64"], **RULES}),
    ],
    ids=["module", "provider", "signed here", "mirror"],
)
def test_every_key_of_a_file_is_in_its_row(path: str, text: dict[str, object]) -> None:
    files = {path: json.dumps(text).encode(), **KEYS}
    first = _load(files, {})
    assert (first.problems, len(first.rows)) == ((), 1)
    with patch("registry_gen.catalog.entries.read_draft", side_effect=AssertionError("the file was parsed")):
        _same(_load(files, _stored(first.rows)), first)


def test_a_file_that_cannot_be_read_has_no_row_whatever_is_known() -> None:
    """Its bytes count as none, and so does their name."""
    path = "modules/acme/network/aws.yaml"
    (row,) = _load({path: b'source: {git: "https://git.example.com/a.git"}'}, {}).rows.values()
    error = InputError(codes.UNREADABLE, position=Position(f"catalog/{path}"))

    class Everything(dict[str, "Row"]):
        def get(self, *_: object) -> Row:
            return row

    loaded = load_catalog([(path, error)], config(), read_key, None, Everything())

    assert (loaded.problems, loaded.rows) == ((error,), {})


@pytest.mark.parametrize("folder", ["catalog", "tests/golden/catalog"])
def test_the_catalogs_of_this_repository_are_the_same_with_rows_and_without(folder: str) -> None:
    settings = replace(read_settings(ROOT / "registry.yaml"), catalog=ROOT / folder)
    files = read_catalog(settings)
    first = load_catalog(files, settings, parse_key, None)

    again = load_catalog(files, settings, parse_key, None, _stored(first.rows))

    _same(again, first)
    assert len(first.rows) == len(first.catalog.entries) > 3
