"""Whatever a layout holds, reading it ends with packages and problems, and what is taken makes a good catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from registry_gen.catalog.layout_files import catalog_files
from tests.support.catalogs import load, problems
from tests.support.layouts import HOST, ZH, key, read

if TYPE_CHECKING:
    from tests.support.layouts import File

WORDS = st.sampled_from(
    [
        "",
        "..",
        "1.0.0",
        "v1.0.0",
        "1.0.0-rc.1",
        "1.0.0+x",
        "{version}",
        "linux",
        "amd64",
        "https://github.com",
        "https://github.com/1.0.0",
        f"{HOST}/v1.0.0",
        "https://h.example/{version}/1.0.0",
        "\x00",
        "ﬀ",
    ]
)
NAMES = st.sampled_from(["acme", "Acme", "a--b", "..", "widget", "x.y", "", "İ", "network", "aws"])
STEM = "terraform-provider-widget_1.0.0"


@st.composite
def targets(draw: st.DrawFn, base: str) -> dict[str, str]:
    arch = draw(st.sampled_from(["amd64", "arm64"]) | WORDS)
    name = draw(st.just(f"{STEM}_linux_{arch}.zip") | WORDS)
    return {
        "os": draw(st.just("linux") | WORDS),
        "arch": arch,
        "filename": name,
        "download_url": f"{draw(st.just(base) | WORDS)}/{name}",
        "shasum": draw(st.sampled_from([ZH, "f" * 64]) | WORDS),
    }


@st.composite
def versions(draw: st.DrawFn) -> dict[str, object]:
    base = draw(WORDS)
    return {
        "version": draw(st.just("1.0.0") | WORDS),
        "shasums_url": f"{base}/{STEM}_SHA256SUMS",
        "shasums_signature_url": f"{base}/{STEM}_SHA256SUMS.sig",
        "targets": draw(st.lists(targets(base), max_size=3)),
    }


@st.composite
def files(draw: st.DrawFn) -> File:
    kind = draw(st.sampled_from(["modules", "providers"]))
    names = draw(st.just(["acme", "widget"]) | st.lists(NAMES, min_size=1, max_size=4))
    path = "/".join((kind, draw(st.sampled_from(["a", "A", "", "w"])), *names)) + draw(st.sampled_from([".json", ""]))
    warnings = draw(st.none() | st.lists(WORDS, max_size=2))
    listed = draw(st.lists(versions(), max_size=3))
    return path, json.dumps({"versions": listed, "warnings": warnings}).encode()


@given(st.lists(files(), max_size=4))
def test_any_layout_is_read_to_its_end_and_what_is_taken_makes_a_good_catalog(layout: list[File]) -> None:
    found = read(key("acme"), *layout)

    written = {file.path: file.data for file in catalog_files(found, allow_unpinned=False)}

    assert problems(load(written)) == []
    assert load(written).catalog.entries.keys() == found.packages.keys()


@given(st.binary(max_size=200), st.sampled_from(["modules/a/acme/network/aws.json", "providers/a/acme/widget.json"]))
def test_any_bytes_are_a_package_or_a_problem(data: bytes, path: str) -> None:
    found = read(key("acme"), (path, data))

    assert found.packages or found.problems


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["versions", "version", "targets", "warnings"]), inner)
        ),
    )
)
def test_any_json_is_a_package_or_a_problem(value: object) -> None:
    found = read(key("acme"), ("providers/a/acme/widget.json", json.dumps(value).encode("utf-8", "surrogatepass")))

    assert found.packages or found.problems
