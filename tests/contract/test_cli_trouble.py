"""What goes wrong outside: the other packages are published, the message is clear, and the next run succeeds."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from registry_gen.wiring import prepare_state
from tests.support.command_line import Ran, run_apart, run_here
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_reachable
from tests.support.releases import make_release
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

STEM = "terraform-provider-widget_1.0.0"
SUMS = f"/widget/{STEM}_SHA256SUMS"
ZIP = f"/widget/{STEM}_linux_amd64.zip"
FILE_LIMIT = 1_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(authority=Authority(tmp_path / "authority")) as running:
        yield running


@pytest.fixture
def work(tmp_path: Path, database: str, server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A module in a folder, and a provider behind the server, which is the one that gets into trouble."""
    monkeypatch.setattr("registry_gen.sources.http.PAUSE", 0.0)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": "# network\n"}))
    made = Workspace(tmp_path / "work", database, network=f"  ca_file: {tmp_path}/authority/ca.pem\n")
    made.module("acme/network/aws", repo.url)
    key = make_key("acme")
    make_release(tmp_path / "releases", "widget", "1.0.0", key=key, platforms=("linux_amd64",), size=2 * FILE_LIMIT)
    server.folder("/widget/", tmp_path / "releases")
    made.provider("acme/widget", server.url("/widget"), key=key.armor)
    set_source(made, server.url("/widget"))
    return made


def set_source(work: Workspace, url: str) -> None:
    """Say where the provider's release is."""
    work.write(
        "catalog/providers/acme/widget.yaml",
        f'source:\n  releases: {url}\n  versions: ["1.0.0"]\nsigning_keys: [acme-widget.asc]\n',
    )


def healthy(tmp_path: Path, path: str) -> Reply:
    return Reply(body=(tmp_path / "releases" / path.rpartition("/")[2]).read_bytes())


def assert_one_refused(ran: Ran, work: Workspace, code: str, said: str) -> None:
    """The module is there, the provider is refused with a code and words, and nothing leads to a hole."""
    assert ran.code == 1, ran
    assert "✓ module  acme/network/aws  1.0.0\n" in ran.out
    assert re.search(rf"  refused acme/widget( 1\.0\.0)?: {code}", ran.out), ran.out
    assert said in ran.out, ran.out
    assert "    hint      " in ran.out
    assert ran.out.splitlines()[-1].endswith(" 1 refused.")
    assert "Traceback" not in ran.out + ran.err
    assert check_reachable(work.public) == 1


def assert_mended(ran: Ran, work: Workspace) -> None:
    """The next run publishes what was missing and touches nothing else."""
    assert ran.code == 0, ran
    assert ran.out.startswith("  ✓ provider  acme/widget  1.0.0\n\nPublished 1 version in 1 package with ")
    assert ran.out.endswith(" 1 package unchanged.\n")
    assert check_reachable(work.public) == 2


@pytest.mark.parametrize(
    ("path", "trouble", "code", "said"),
    [
        (SUMS, Reply(drop=True), "NET004", "could not be reached"),
        (SUMS, Reply.busy("3600"), "NET008", "429 Too Many Requests, asking to wait for 3600 s"),
        (ZIP, Reply.busy("3600"), "NET008", "429 Too Many Requests, asking to wait for 3600 s"),
        (ZIP, Reply.busy("0"), "NET008", "429 Too Many Requests"),
        (SUMS, Reply(500), "NET009", "500 Internal Server Error"),
        (SUMS, Reply(404), "NET006", "404 Not Found"),
        (ZIP, Reply(403), "NET007", "403 Forbidden"),
        (ZIP, Reply(body=b"x" * 1000, cut_at=10), "NET012", "expected  1000 bytes\n    found     10 bytes\n"),
        (SUMS, Reply.html(), "NET013", "an HTML page"),
        (SUMS, Reply(body=b"not sums at all\n"), "SUM0", "SHA256SUMS"),
        (ZIP, Reply(body=b"another file"), "PUB005", "SHA-256 "),
        (ZIP, Reply.redirect("http://example.com/widget.zip"), "NET002", "a redirect from https to something else"),
        (f"{SUMS}.sig", Reply(body=b"no signature"), "SIG0", "acme/widget 1.0.0"),
    ],
    ids=[
        "drop",
        "429-sums",
        "429-zip",
        "429-always",
        "500",
        "404",
        "403",
        "cut",
        "html",
        "no-sums",
        "bytes",
        "http",
        "no-signature",
    ],
)
def test_a_host_in_trouble_costs_its_own_package_alone_and_only_this_time(
    work: Workspace, server: HttpServer, tmp_path: Path, path: str, trouble: Reply, code: str, said: str
) -> None:
    server.route(path, trouble)
    ran = run_here(work, "publish")
    assert_one_refused(ran, work, code, said)
    server.route(path, healthy(tmp_path, path))
    assert_mended(run_here(work, "publish"), work)


def test_a_host_that_nobody_listens_on(work: Workspace, server: HttpServer) -> None:
    set_source(work, "https://127.0.0.1:1/widget")
    assert_one_refused(run_here(work, "publish"), work, "NET004", "Connection refused")
    set_source(work, server.url("/widget"))
    assert_mended(run_here(work, "publish"), work)


def test_a_busy_host_that_asks_for_a_moment_is_given_it(work: Workspace, server: HttpServer, tmp_path: Path) -> None:
    server.route(SUMS, Reply.busy("0"), Reply.busy("0"), healthy(tmp_path, SUMS))
    assert run_here(work, "publish").code == 0
    assert server.asked(SUMS) >= 3


def test_a_git_that_is_killed(work: Workspace, tmp_path: Path) -> None:
    other = GitRepo(tmp_path / "other.git")
    other.tag("v2.0.0", other.commit({"main.tf": "# other\n"}))
    work.module("acme/other/aws", other.url)
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\nPATH={os.environ["PATH"]}\ncase "$*" in *" fetch "*/other.git*) kill -9 $$;; esac\nexec git "$@"\n'
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    ran = run_apart(work, "publish", env={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert ran.code == 1
    assert "✓ module    acme/network/aws  1.0.0\n" in ran.out
    assert "✓ provider  acme/widget       1.0.0\n" in ran.out
    assert "refused acme/other/aws 2.0.0: GIT005 git was killed" in ran.out
    assert "killed" in ran.out
    assert check_reachable(work.public) == 2
    assert run_here(work, "publish").out.startswith("  ✓ module  acme/other/aws  2.0.0\n")


def test_a_disk_that_is_full_while_staging(work: Workspace) -> None:
    ran = run_apart(work, "publish", before=no_large_files)
    assert_one_refused(ran, work, "NET015", "File too large")
    assert_mended(run_here(work, "publish"), work)


def no_large_files() -> None:
    """Writing more into a file fails as on a full disk, with another number."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, hard))


def test_a_state_folder_that_cannot_hold_repositories(work: Workspace) -> None:
    prepare_state(work.root / "state")
    work.write("state/git", "in the way")
    ran = run_here(work, "publish")
    assert ran.code == 1
    assert "✓ provider  acme/widget  1.0.0\n" in ran.out
    assert "refused acme/network/aws: GIT015 the cache of repositories in the state folder cannot be used\n" in ran.out
    (work.root / "state/git").unlink()
    assert run_here(work, "publish").code == 0
    assert check_reachable(work.public) == 2


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("public", "STO006 the storage does not let us do this"),
        ("state/staging", "PUB004 the staging area in the state folder cannot be written"),
    ],
)
def test_a_folder_that_may_not_be_written(work: Workspace, database: str, folder: str, said: str) -> None:
    with work.registry():
        pass  # makes the folders and keys
    path = work.root / folder
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o555)
    open_socket(database)
    try:
        ran = run_apart(work, "publish", before=without_privileges)
    finally:
        path.chmod(0o755)
    assert ran.code == 1, ran
    text = ran.out + ran.err
    assert said in text, text
    assert str(path) in text, text
    assert "  found     Permission denied\n" in text
    assert "  hint      " in text
    assert "Traceback" not in ran.err
    assert check_reachable(work.public) == 0
    assert run_here(work, "publish").code == 0
    assert check_reachable(work.public) == 2


def open_socket(dsn: str) -> None:
    """Let others than its owner reach the test's server; root has to be one of them."""
    host = Path(str(conninfo_to_dict(dsn)["host"]))
    for path in (host.parent, host, *host.glob(".s.PGSQL.*")):
        path.chmod(0o777)


def without_privileges() -> None:
    """Root may write anywhere; without these two capabilities it is held to modes as everybody is."""
    drop_from_bounding_set, override, read_search = 24, 1, 2
    if os.geteuid() == 0:
        library = ctypes.CDLL(None, use_errno=True)
        for capability in (override, read_search):
            if library.prctl(drop_from_bounding_set, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


def test_a_catalog_that_may_not_be_read(work: Workspace) -> None:
    file = work.root / "catalog/providers/acme/widget.yaml"
    file.chmod(0)
    try:
        ran = run_apart(work, "validate", before=without_privileges)
    finally:
        file.chmod(0o644)
    assert (ran.code, ran.out) == (1, "1 problem.\n")
    assert "catalog/providers/acme/widget.yaml:1:1: CAT014 " in ran.err
    assert "Permission denied" in ran.err


def test_what_libraries_log_does_not_bury_our_own_errors() -> None:
    program = """
import logging
from registry_gen.cli.main import hush_libraries
hush_libraries()
logging.getLogger("azure.identity").warning("pages of hints")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
