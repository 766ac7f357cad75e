"""A file of the catalog that was read once is not parsed again, and nobody can tell from what is said of it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import wiring
from registry_gen.catalog import shared, yaml_reader
from registry_gen.sources import reading_cache
from registry_gen.wiring import MADE_HERE
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry_gen.catalog.yaml_reader import Document

NETWORK = "catalog/modules/acme/network/aws.yaml"
WIDGET = "catalog/providers/acme/widget.yaml"
MIRROR = "catalog/mirrors/registry.example.net/acme/sprocket.yaml"
ALL = [MIRROR, NETWORK, WIDGET]
TEXTS = {
    NETWORK: "source: {git: https://git.example.com/network.git}\nversions: '>= 1.0.0'\ndeprecated: Old.\n",
    WIDGET: "source: {releases: https://example.com/widget, versions: ['1.0.0']}\nsigning_keys: [acme.asc]\n",
    MIRROR: "trust: {keys: [acme.asc]}\nplatforms: [linux_amd64]\n",
}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed, in their order; clear it between readings."""
    paths: list[str] = []

    def reading(data: bytes, path: str) -> Document:
        paths.append(path)
        return yaml_reader.read_yaml(data, path)

    monkeypatch.setattr(shared, "read_yaml", reading)
    return paths


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A package of each kind, and a state folder."""
    made = Workspace(tmp_path / "work")
    made.write("catalog/keys/acme.asc", make_key("acme").armor)
    for path, text in TEXTS.items():
        made.write(path, text)
    wiring.prepare_state(made.root / "state")
    return made


def read(work: Workspace) -> wiring.Workspace:
    return wiring.read_workspace(work.root / "registry.yaml")


def cache(work: Workspace) -> Path:
    return work.root / "state" / reading_cache.NAME


def written(work: Workspace) -> tuple[int, int]:
    """Which file the cache is, and when it was written."""
    found = cache(work).stat()
    return found.st_ino, found.st_mtime_ns


def names(work: Workspace) -> set[str]:
    """The names of what is kept."""
    return set(json.loads(cache(work).read_bytes().split(b"\n", 2)[2]))


def written_by_hand(work: Workspace, body: bytes) -> None:
    """Put another body into the cache, with its digest."""
    stamp = cache(work).read_bytes().split(b"\n", 1)[0]
    cache(work).write_bytes(b"\n".join((stamp, hashlib.sha256(body).hexdigest().encode(), body)))


def test_nothing_changed_parses_nothing_and_writes_nothing(work: Workspace, parsed: list[str]) -> None:
    first = read(work)
    assert (sorted(parsed), first.problems) == (ALL, ())
    before = written(work)
    parsed.clear()

    again = read(work)

    assert parsed == []
    assert again == first
    assert written(work) == before


def test_one_changed_file_is_the_only_one_that_is_parsed(work: Workspace, parsed: list[str]) -> None:
    read(work)
    parsed.clear()
    work.write(NETWORK, TEXTS[NETWORK].replace("Old", "Older"))

    changed = read(work)

    assert parsed == [NETWORK]
    parsed.clear()
    assert read(work) == changed
    assert parsed == []


def test_a_file_with_the_same_bytes_at_another_path_is_another_one(work: Workspace, parsed: list[str]) -> None:
    read(work)
    parsed.clear()
    work.write("catalog/modules/acme/other/aws.yaml", TEXTS[NETWORK])
    read(work)
    assert parsed == ["catalog/modules/acme/other/aws.yaml"]


def test_another_parser_parses_everything(work: Workspace, parsed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(work)
    parsed.clear()
    monkeypatch.setattr(reading_cache, "_parser", lambda: b"another")
    assert read(work) == first
    assert sorted(parsed) == ALL


def test_a_changed_line_of_the_parser_is_another_parser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = list(reading_cache._code())
    assert {"yaml_reader.py", "rows.py", "version.py", "package_shapes.py"} <= {path.name for path in code}
    before = reading_cache._parser.__wrapped__()
    copy = tmp_path / code[0].name
    copy.write_bytes(code[0].read_bytes() + b"# x\n")
    monkeypatch.setattr(reading_cache, "_code", lambda: iter([copy, *code[1:]]))
    assert reading_cache._parser.__wrapped__() != before


@pytest.mark.parametrize("rule", ["[https]", "[https, ssh, file]\n  hosts: [other.example.com]"])
def test_other_rules_for_places_parse_everything_and_are_obeyed(work: Workspace, parsed: list[str], rule: str) -> None:
    work.write(NETWORK, "source: {git: ssh://git@git.example.com/network.git}\n")
    assert read(work).problems == ()
    parsed.clear()
    registry = work.root / "registry.yaml"
    registry.write_text(registry.read_text().replace("[https, ssh, file]", rule))

    positions = [str(problem.position) for problem in read(work).problems]

    assert f"{NETWORK}:1:15" in positions
    assert sorted(parsed) == ALL


@pytest.mark.parametrize("path", ["catalog/keys/acme.asc", "catalog/organizations/acme.yaml", "registry.yaml"])
def test_whatever_else_an_entry_depends_on_is_looked_at_without_parsing_it_again(
    work: Workspace, parsed: list[str], path: str
) -> None:
    """The key is another one; the namespace got an owner; the mirror's host leads elsewhere."""
    first = read(work)
    parsed.clear()
    if path == "registry.yaml":
        registry = work.root / path
        registry.write_text(registry.read_text() + "  upstreams: {registry.example.net: https://other.example.net}\n")
    else:
        work.write(path, make_key("beta").armor if "keys" in path else "namespaces: [acme]\n")

    changed = read(work)

    assert not set(ALL) & set(parsed)
    cache(work).unlink()
    assert changed == read(work), "as if everything had been parsed"
    different = {
        str(address) for address, entry in changed.catalog.entries.items() if first.catalog.entries[address] != entry
    }
    mirror, widget, network = "registry.example.net/acme/sprocket", "acme/widget", "acme/network/aws"
    expected = {"catalog/keys/acme.asc": {mirror, widget}, "registry.yaml": {mirror}}
    assert different == expected.get(path, {widget, network})


def test_problems_are_the_same_and_their_files_are_parsed_each_time(work: Workspace, parsed: list[str]) -> None:
    work.write(NETWORK, "source: {git: https://git.example.com/network.git}\nversion: 1.0\n")
    work.write("catalog/providers/acme/gadget.yaml", "source: [\n")
    first = read(work)
    parsed.clear()

    again = read(work)

    assert len(first.problems) == 2
    assert list(map(str, again.problems)) == list(map(str, first.problems))
    assert sorted(parsed) == [NETWORK, "catalog/providers/acme/gadget.yaml"]
    assert len(names(work)) == 2


def test_a_key_that_went_away_is_told_at_its_place_in_files_that_were_known(work: Workspace) -> None:
    read(work)
    (work.root / "catalog/keys/acme.asc").unlink()
    (work.root / "catalog/keys/.keep").touch()

    problems = read(work).problems

    assert [str(problem.position) for problem in problems] == [f"{MIRROR}:1:16", f"{WIDGET}:2:16"]


def test_a_file_that_cannot_be_read_is_not_taken_for_what_it_was(work: Workspace) -> None:
    read(work)
    (work.root / NETWORK).unlink()
    (work.root / NETWORK).symlink_to(work.root / WIDGET)
    assert [problem.code.id for problem in read(work).problems] == ["CAT012"]


def test_what_is_no_longer_in_the_catalog_is_no_longer_kept(work: Workspace) -> None:
    read(work)
    before = names(work)
    (work.root / NETWORK).unlink()
    read(work)
    assert (len(before), len(names(work))) == (3, 2)
    assert names(work) < before


def _replaced(path: Path, make: Callable[[Path], Any]) -> None:
    path.unlink()
    make(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"Old.", b"New.")),
        lambda path: path.write_bytes(b"\xff\n" * 3),
        lambda path: _replaced(path, lambda at: at.symlink_to("/etc/hostname")),
        lambda path: _replaced(path, os.mkfifo),
    ],
    ids=["empty", "truncated", "changed", "garbage", "link", "pipe"],
)
def test_a_damaged_cache_is_as_if_there_was_none_and_is_made_anew(
    work: Workspace, parsed: list[str], damage: Callable[[Path], Any]
) -> None:
    first = read(work)
    good = cache(work).read_bytes()
    damage(cache(work))
    parsed.clear()

    again = read(work)

    assert again == first
    assert sorted(parsed) == ALL
    assert not cache(work).is_symlink()
    assert cache(work).read_bytes() == good


@pytest.mark.parametrize(
    "row",
    [
        None,
        1,
        [],
        ["x"] * 12,
        [["git", "u", "p", [], {}], "no range", "copy", False, [], [], None, [], "", [], [], False],
    ],
    ids=["null", "number", "short", "text", "no range"],
)
def test_rows_that_say_nothing_are_parsed_and_made_anew(work: Workspace, parsed: list[str], row: object) -> None:
    first = read(work)
    good = cache(work).read_bytes()
    for body in (b"[]", b"{", json.dumps(dict.fromkeys(names(work), row)).encode()):
        written_by_hand(work, body)
        parsed.clear()
        assert read(work) == first
        assert sorted(parsed) == ALL
        assert cache(work).read_bytes() == good


def test_a_row_of_another_kind_of_package_is_not_taken(work: Workspace, parsed: list[str]) -> None:
    first = read(work)
    rows = json.loads(cache(work).read_bytes().split(b"\n", 2)[2])
    turned = dict(zip(rows, [*list(rows.values())[1:], next(iter(rows.values()))], strict=True))
    written_by_hand(work, json.dumps(turned).encode())
    parsed.clear()
    assert read(work) == first
    assert sorted(parsed) == ALL


def test_where_nothing_can_be_written_reading_goes_on(work: Workspace, parsed: list[str]) -> None:
    (work.root / "state" / f".{reading_cache.NAME}.new").mkdir()
    first = read(work)
    assert not cache(work).exists()
    assert read(work) == first
    assert sorted(parsed) == sorted(2 * ALL)


def test_what_would_be_too_large_is_not_kept(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes of aliases are many in a row."""
    aliases = "\n".join(
        [
            "deprecated:",
            f"- message: &x {'Old. ' * 150}",
            *(f"- {{message: *x, versions: 1.0.{number}}}" for number in range(100)),
        ]
    )
    work.write(NETWORK, f"{TEXTS[NETWORK].splitlines()[0]}\n{aliases}\n")
    monkeypatch.setattr(reading_cache, "MAX_BYTES", 20_000)
    first = read(work)
    assert (first.problems, cache(work).exists()) == ((), False)
    assert read(work) == first


def test_a_cache_that_came_with_the_repository_is_not_believed(work: Workspace, parsed: list[str]) -> None:
    first = read(work)
    planted = cache(work).read_bytes().replace(b"git.example.com", b"evil.example.com")
    written_by_hand(work, planted.split(b"\n", 2)[2])
    assert read(work) != first, "it would be believed in a folder of ours"
    (work.root / "state" / MADE_HERE).rmdir()
    before = cache(work).read_bytes()
    parsed.clear()

    assert read(work) == first
    assert sorted(parsed) == ALL
    assert cache(work).read_bytes() == before, "nor is anything written there"


def test_validate_makes_no_state_folder_and_uses_the_one_that_publish_made(
    tmp_path: Path, database: str, parsed: list[str]
) -> None:
    work = Workspace(tmp_path / "work", database)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    work.module("acme/network/aws", repo.url)
    assert work.cli("validate").returncode == 0
    assert not (work.root / "state").exists()

    assert work.cli("publish").returncode == 0

    assert read(work).problems == ()
    assert parsed == []


def test_an_earlier_revision_is_compared_without_parsing_what_is_the_same(work: Workspace, parsed: list[str]) -> None:
    git = ["git", "-C", str(work.root), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for arguments in (["init", "-q"], ["add", "-A", "catalog", "registry.yaml"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True)
    work.write(NETWORK, TEXTS[NETWORK].replace("Old", "Older"))
    work.write("catalog/namespaces/acme.yaml", "signing_keys: [acme.asc]\n")
    read(work)
    parsed.clear()

    found = wiring.read_workspace(work.root / "registry.yaml", "HEAD")

    assert found.changed is not None
    assert sorted(map(str, found.changed)) == ["acme/network/aws", "acme/widget"]
    assert set(parsed) & set(ALL) == {NETWORK}, "what it was at that commit, which nobody keeps"
