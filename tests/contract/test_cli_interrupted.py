"""Ctrl-C and SIGTERM in the middle of a publish: at once, without a trace, and the next run finishes."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from registry_gen import wiring
from tests.support.command_line import Running, run_here, until
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.git_repo import GitRepo as Repo

STOPPED = "Stopped. The next publish finishes what was begun."
SECONDS = 60
"""A bound for what takes a moment; a download that hangs is given up only after ten minutes."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(authority=Authority(tmp_path / "authority")) as running:
        yield running


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit({"main.tf": "# network\n"}))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, server: HttpServer, repo: Repo) -> Workspace:
    """A module, and a provider behind the server."""
    made = Workspace(tmp_path / "work", database, network=f"  ca_file: {tmp_path}/authority/ca.pem\n")
    made.module("acme/network/aws", repo.url)
    key = make_key("acme")
    make_release(tmp_path / "releases", "widget", "1.0.0", key=key, platforms=("linux_amd64",))
    server.folder("/widget/", tmp_path / "releases")
    made.provider("acme/widget", server.url("/widget"), key=key.armor)
    entry = made.root / "catalog/providers/acme/widget.yaml"
    entry.write_text(entry.read_text().replace("signing_keys", '  versions: ["1.0.0"]\nsigning_keys'))
    return made


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_download_that_hangs_is_left_at_once(
    work: Workspace, server: HttpServer, tmp_path: Path, number: signal.Signals
) -> None:
    zip_name = "terraform-provider-widget_1.0.0_linux_amd64.zip"
    data = (tmp_path / "releases" / zip_name).read_bytes()
    server.route(f"/widget/{zip_name}", Reply(body=data, hold_at=10), Reply(body=data))
    with Running(work, "publish") as running:
        until(lambda: server.asked(f"/widget/{zip_name}") > 0, "the zip was asked for")
        ran = running.stop(number, SECONDS)
    assert (ran.code, ran.out) == (130, "")
    assert ran.told == STOPPED
    check_reachable(work.public)
    assert run_here(work, "publish").code == 0
    assert check_reachable(work.public) == 2
    with psycopg.connect(wiring.read_settings(work.root / "registry.yaml").ledger) as connection:
        runs = connection.execute("SELECT status FROM sync_runs ORDER BY id").fetchall()
    assert runs == [("interrupted",), ("succeeded",)]


def test_a_git_that_hangs_is_ended_with_it(work: Workspace, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\nPATH={os.environ['PATH']}\n"
        f'case "$*" in *" fetch "*) sleep 600 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; wait;; esac\n'
        'exec git "$@"\n'
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    with Running(work, "publish", env={"PATH": f"{fake.parent}:{os.environ['PATH']}"}) as running:
        until(pids.exists, "git was asked to fetch")
        ran = running.stop(signal.SIGINT, SECONDS)
    assert (ran.code, ran.told) == (130, STOPPED)
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: not runs(pid), f"process {pid} ended")  # type: ignore[misc]
    assert run_here(work, "publish").code == 0
    assert check_reachable(work.public) == 2


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie that its new parent has not noticed yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_waiting_for_another_publisher_can_be_given_up(work: Workspace) -> None:
    with work.registry() as registry, registry.ledger.publication(0), Running(work, "publish") as running:
        until(lambda: _waits(registry.ledger._dsn), "it waits for the lock")  # type: ignore[attr-defined]
        ran = running.stop(signal.SIGINT, SECONDS)
    assert (ran.code, ran.out, ran.told) == (130, "", STOPPED)
    assert run_here(work, "publish").code == 0


def _waits(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return found is not None
