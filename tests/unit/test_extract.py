"""What a module's record keeps: README, digests, HCL, with every cut marked."""

from __future__ import annotations

import json

import pytest

from registry_gen.extract.module import MAX_HCL, MAX_TEXT, Collector, FileFact, ModuleContents, Text, read_text
from registry_gen.model.digest import sha256
from registry_gen.model.tree import TreeFile


def collect(*files: tuple[str, bytes]) -> ModuleContents:
    collector = Collector()
    for path, data in files:
        collector.add(TreeFile(path, "file", data))
    return collector.contents()


def test_every_file_is_listed_with_its_digest() -> None:
    collector = Collector()
    collector.add(TreeFile("run.sh", "executable", b"#!"))
    assert collector.contents().files == (FileFact("run.sh", "executable", 2, sha256(b"#!")),)


@pytest.mark.parametrize(
    "path", ["main.tf", "main.tofu", "main.tf.json", "main.tofu.json", "modules/a/b/main.tf", "examples/x/main.tf"]
)
def test_hcl_of_the_root_the_nested_modules_and_the_examples_is_kept(path: str) -> None:
    assert collect((path, b"x = 1\n")).hcl == (Text(path, "x = 1\n", truncated=False, lossy=False),)


@pytest.mark.parametrize(
    "path", ["test/main.tf", "main.tfvars", "a/modules/main.tf", "main.tf.bak", "modules", "x.json"]
)
def test_other_files_are_not(path: str) -> None:
    assert collect((path, b"x")).hcl == ()


@pytest.mark.parametrize("path", ["README.md", "readme.MD", "README", "Readme.markdown", "README.txt"])
def test_a_readme_is_found_in_any_case(path: str) -> None:
    assert collect((path, b"# hi")).readme == Text(path, "# hi", truncated=False, lossy=False)


def test_markdown_is_the_better_readme_whatever_comes_first() -> None:
    files = [("README", b"plain"), ("README.md", b"markdown"), ("README.txt", b"text")]
    for order in (files, files[::-1]):
        readme = collect(*order).readme
        assert readme is not None
        assert readme.text == "markdown"


def test_a_readme_of_an_example_is_not_the_modules() -> None:
    assert collect(("examples/a/README.md", b"# example")).readme is None


def test_a_long_readme_is_cut_and_says_so() -> None:
    readme = collect(("README.md", b"a" * (MAX_TEXT + 1))).readme
    assert readme is not None
    assert (len(readme.text), readme.truncated, readme.lossy) == (MAX_TEXT, True, False)
    whole = collect(("README.md", b"a" * MAX_TEXT)).readme
    assert whole is not None
    assert not whole.truncated


@pytest.mark.parametrize(
    ("data", "limit", "expected"),
    [
        (b"caf\xc3\xa9", 4, Text("x", "caf", truncated=True, lossy=False)),
        (b"caf\xc3\xa9", 5, Text("x", "café", truncated=False, lossy=False)),
        (b"caf\xe9", 9, Text("x", "caf\ufffd", truncated=False, lossy=True)),
        (b"caf\xc3", 9, Text("x", "caf\ufffd", truncated=False, lossy=True)),
        (b"\xffcaf\xc3\xa9", 5, Text("x", "\ufffdcaf", truncated=True, lossy=True)),
        ("a\ufffdb".encode(), 9, Text("x", "a\ufffdb", truncated=False, lossy=False)),
        (b"abc", 0, Text("x", "", truncated=True, lossy=False)),
    ],
)
def test_text_is_cut_between_characters_and_damage_is_marked(data: bytes, limit: int, expected: Text) -> None:
    assert read_text("x", data, limit) == expected


def test_hcl_has_a_bound_in_all_and_what_is_left_out_is_still_named() -> None:
    files = [(f"modules/m{number:02d}/main.tf", b"#" * MAX_TEXT) for number in range(12)]
    found = collect(*files).hcl
    assert len(found) == 12
    assert sum(len(text.text) for text in found) == MAX_HCL
    assert [text.truncated for text in found] == [False] * 10 + [True] * 2


def test_a_file_that_is_cut_counts_only_what_is_kept() -> None:
    found = collect(("a.tf", b"#" * (MAX_TEXT + 5)), ("b.tf", b"x")).hcl
    assert [(len(text.text), text.truncated) for text in found] == [(MAX_TEXT, True), (1, False)]


def test_the_record_is_plain_json() -> None:
    contents = collect(("README.md", b"# hi"), ("main.tf", b"x"))
    assert json.loads(json.dumps(contents.as_json())) == {
        "readme": {"path": "README.md", "text": "# hi", "truncated": False, "lossy": False},
        "files": [
            {"path": "README.md", "kind": "file", "size": 4, "sha256": sha256(b"# hi")},
            {"path": "main.tf", "kind": "file", "size": 1, "sha256": sha256(b"x")},
        ],
        "hcl": [{"path": "main.tf", "text": "x", "truncated": False, "lossy": False}],
    }
    assert ModuleContents(None, (), ()).as_json() == {"readme": None, "files": [], "hcl": []}
