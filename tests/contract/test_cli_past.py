"""``plan --as-of``: what the registry said at a point of its past, from a real ledger."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen import wiring
from registry_gen.log.note import stated
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

MAIN = {"main.tf": 'variable "name" {}\n'}
DAY = timedelta(days=1)
KEY = make_key("acme")


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    """A registry with a past: day 0 a module, day 1 a provider, day 2 a withdrawal and a warning."""
    made = Workspace(tmp_path / "work", database)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    repo.tag("v1.1.0", repo.commit({**MAIN, "outputs.tf": ""}))
    made.module("acme/network/aws", repo.url)
    made.publish(NOW)
    make_release(tmp_path / "widget", "widget", "1.0.0", key=KEY, platforms=("linux_amd64",))
    made.provider("acme/widget", tmp_path / "widget", key=KEY.armor)
    made.publish(NOW + DAY)
    taken = 'withdrawn:\n  - versions: "1.0.0"\n    reason: It leaks.\ndeprecated: Use acme/vpc/aws.\n'
    made.module("acme/network/aws", repo.url, taken)
    made.publish(NOW + 2 * DAY)
    return made


def as_of(work: Workspace, moment: str, *more: str) -> dict[str, object]:
    ran = run_here(work, "--json", "plan", "--as-of", moment, *more)
    assert ran.code == 0, ran.err
    found = ran.json
    assert isinstance(found, dict)
    return found


def listed(past: dict[str, object]) -> dict[str, object]:
    packages = past["packages"]
    assert isinstance(packages, list)
    return {package["address"]: package["listed"] for package in packages}


def test_the_past_of_a_day_lists_what_was_listed_at_its_end(work: Workspace) -> None:
    before, *days = [(NOW + number * DAY).date().isoformat() for number in range(-1, 3)]
    assert listed(as_of(work, before)) == {}
    assert listed(as_of(work, days[0])) == {"acme/network/aws": ["1.0.0", "1.1.0"]}
    assert listed(as_of(work, days[1])) == {"acme/network/aws": ["1.0.0", "1.1.0"], "acme/widget": ["1.0.0"]}
    now = as_of(work, days[2])
    assert listed(now) == {"acme/network/aws": ["1.1.0"], "acme/widget": ["1.0.0"]}
    assert listed(as_of(work, (NOW + 2 * DAY - timedelta(microseconds=1)).isoformat())) == listed(as_of(work, days[1]))
    packages: Any = now["packages"]
    module, provider = packages
    assert as_of(work, days[0])["root"] == as_of(work, str(as_of(work, days[0])["size"]))["root"]
    assert module["withdrawn"] == {"1.0.0": "It leaks."}
    assert module["deprecated"] == [{"message": "Use acme/vpc/aws."}]
    assert provider["signers"] == [KEY.fingerprint]


def test_a_position_counts_entries_and_tells_the_root_of_then(work: Workspace) -> None:
    checkpoint = stated((work.public / "log/checkpoint").read_bytes())
    now = as_of(work, str(checkpoint.size))
    assert (now["size"], now["root"]) == (checkpoint.size, base64.b64encode(checkpoint.root).decode())
    first = as_of(work, "1")
    assert (first["size"], first["entries"]) == (1, checkpoint.size)
    assert listed(first) == {"acme/network/aws": ["1.0.0"]}
    assert first["root"] != now["root"]
    assert as_of(work, "0")["root"] == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    ran = run_here(work, "plan", "--as-of", str(checkpoint.size + 1))
    assert (ran.code, ran.out) == (1, "")
    assert "LOG011" in ran.err


def test_the_past_needs_neither_the_catalog_nor_the_bucket(work: Workspace) -> None:
    for path in [*work.root.rglob("catalog/**/*.yaml"), *work.public.rglob("versions")]:
        path.write_text("no: [yaml")
    assert listed(as_of(work, "1")) == {"acme/network/aws": ["1.0.0"]}


def test_only_shows_the_packages_that_are_named(work: Workspace) -> None:
    assert listed(as_of(work, "2100-01-01", "--only", "acme/widget")) == {"acme/widget": ["1.0.0"]}
    ran = run_here(work, "plan", "--as-of", "1", "--only", "acme/widget")
    assert (ran.code, "acme/widget: nothing of it was published then." in ran.out) == (0, True)


def test_the_past_as_people_read_it(work: Workspace) -> None:
    ran = run_here(work, "plan", "--as-of", "2100-01-01")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[:4] == [
        "module acme/network/aws",
        "  1.1.0",
        "  - 1.0.0  withdrawn: It leaks.",
        "  ! deprecated: Use acme/vpc/aws.",
    ]
    assert f"  signed by: {KEY.fingerprint}" in lines
    assert lines[-2].endswith("2 versions listed in 2 packages.")


@pytest.mark.parametrize(
    "arguments",
    [("yesterday",), ("1", "--fetch"), ("1", "--detailed-exitcode"), ("1", "--allow-mass-withdrawal")],
    ids=" ".join,
)
def test_what_makes_no_sense_for_the_past_is_wrong_usage(work: Workspace, arguments: tuple[str, ...]) -> None:
    ran = run_here(work, "plan", "--as-of", *arguments)
    assert (ran.code, ran.out) == (64, "")
    assert "--as-of" in ran.err


def test_the_log_is_listed_with_the_positions_that_the_past_is_asked_by(work: Workspace) -> None:
    ran = run_here(work, "log", "list", "acme/network/aws")
    day = {number: (NOW + number * DAY).date() for number in range(3)}
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == f"""\
     7  {day[2]} 03:04:05  deprecated       acme/network/aws
     6  {day[2]} 03:04:05  withdrawn        acme/network/aws 1.0.0
     2  {day[0]} 03:04:05  published        acme/network/aws 1.1.0
     1  {day[0]} 03:04:05  published        acme/network/aws 1.0.0
"""
    )
    assert listed(as_of(work, "6"))["acme/network/aws"] == ["1.1.0"]
    assert listed(as_of(work, "5"))["acme/network/aws"] == ["1.0.0", "1.1.0"]
    assert run_here(work, "log", "list", "acme/network/aws", "--limit", "1").out == ran.out.splitlines(True)[0]


def test_the_newest_entries_of_the_whole_log_come_first_and_no_others_are_read(work: Workspace) -> None:
    everything = run_here(work, "--json", "log", "list").json
    assert everything["format"] == 1
    entries = everything["entries"]
    assert [(entry["index"], entry["position"]) for entry in entries] == [(at, at + 1) for at in reversed(range(8))]
    assert entries[0]["type"] == "audit-head"
    assert entries[0]["address"] is entries[0]["version"] is None
    assert entries[-1] == {
        "index": 0,
        "position": 1,
        "time": "2026-01-02T03:04:05Z",
        "type": "published",
        "kind": "module",
        "address": "acme/network/aws",
        "version": "1.0.0",
        "revision": 1,
        "catalog_commit": None,
    }
    with psycopg.connect(wiring.read_settings(work.root / "registry.yaml").ledger) as connection:
        connection.execute("ALTER TABLE log_entries DISABLE TRIGGER ALL")
        connection.execute("UPDATE log_entries SET payload = 'x' WHERE index = 0")
    assert run_here(work, "--json", "log", "list", "--limit", "7").json["entries"] == entries[:7]
    broken = run_here(work, "log", "list")
    assert (broken.code, broken.out, "LOG008" in broken.err, "entry 0 of the log" in broken.err) == (1, "", True, True)


def test_a_log_without_entries_says_so(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    assert run_here(work, "log", "list").out == "The log is empty.\n"
    assert run_here(work, "log", "list", "acme/wigdet").out == "Nothing of acme/wigdet is in the log.\n"
    assert run_here(work, "log", "list", "Acme").code == 64
