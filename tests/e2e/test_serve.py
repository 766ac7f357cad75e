"""``registry-gen serve`` as a process: what it prints works as typed, and Ctrl-C ends it."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import pytest

from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.static_site import free_port
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.terraform import Terraform

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
MAIN = {"main.tf": 'output "found" {\n  value = "me"\n}\n'}


class Serving:
    """A ``registry-gen serve`` process between ``with`` and its end; ``text`` is its result on stdout."""

    def __init__(self, work: Workspace, *arguments: str) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self._out = work.root / "serve.out"
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "registry_gen", "serve", *arguments],
                cwd=work.root,
                env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert self.process.stderr is not None
        self._thread = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_for("Stop with Ctrl-C")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def text(self) -> str:
        return self._out.read_text()

    def wait_for(self, words: str, seconds: float = 60) -> str:
        """The first line on stderr from now on that holds the words; raises queue.Empty where none comes."""
        while True:
            line = self._lines.get(timeout=seconds)
            if words in line:
                return line
            if not line:
                raise AssertionError(f"serve ended with {self.process.wait()}")

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self._thread.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put("")


def _blocks(text: str) -> list[str]:
    """The indented blocks, which are what is to be typed."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    return [textwrap.dedent(block).strip() + "\n" for block in found]


def _trusted(text: str) -> dict[str, str]:
    found = re.search(r"export SSL_CERT_FILE=(\S+)", text)
    assert found
    return {"SSL_CERT_FILE": found[1]}


def _publish(work: Workspace, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    key = make_key("acme")
    make_release(tmp_path / "releases/1.0.0", "widget", "1.0.0", key=key)
    work.module("acme/network/aws", repo.url)
    work.provider("acme/widget", tmp_path / "releases", key=key.armor)
    done = work.cli("publish")
    assert done.returncode == 0, done.stderr


def test_what_it_prints_installs_as_typed(tmp_path: Path, database: str, terraform: Terraform) -> None:
    port = free_port()
    work = Workspace(tmp_path, database, host=f"127.0.0.1:{port}")
    _publish(work, tmp_path)

    with Serving(work, "--port", str(port)) as server:
        blocks = [block for block in _blocks(server.text) if "source" in block]
        folder = tmp_path / "use"
        folder.mkdir()
        (folder / "main.tf").write_text("\n".join(blocks))
        result = terraform.init(folder, env=_trusted(server.text))

    assert result.code == 0, result
    assert (folder / ".terraform/modules/network/main.tf").exists()
    assert f"Installed 127.0.0.1:{port}/acme/widget v1.0.0" in result.out


def test_a_site_of_another_name_is_reached_by_the_cli_configuration_it_prints(
    tmp_path: Path, database: str, terraform: Terraform
) -> None:
    work = Workspace(tmp_path, database, host="registry.example.com")
    _publish(work, tmp_path)

    with Serving(work, "--port", "0") as server:
        (cli_config,) = (block for block in _blocks(server.text) if block.startswith("host "))
        (required,) = (block for block in _blocks(server.text) if "required_providers" in block)
        folder = tmp_path / "use"
        folder.mkdir()
        (folder / "main.tf").write_text(required.partition("\nmodule")[0])
        terraform.configure(cli_config)
        result = terraform.init(folder, env=_trusted(server.text))

    assert result.code == 0, result
    assert "Installed registry.example.com/acme/widget v1.0.0" in result.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(tmp_path: Path, database: str, number: signal.Signals) -> None:
    work = Workspace(tmp_path, database)

    with Serving(work, "--port", "0", "--watch") as server:
        assert server.stop(number) == 0


def test_a_port_in_use_is_a_clear_error_without_a_traceback(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path, database)

    with Serving(work, "--port", str(port := free_port())):
        done = work.cli("serve", "--port", str(port))

    assert done.returncode == 1
    assert "error SRV001 the address cannot be listened on" in done.stderr
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_watch_a_change_of_the_catalog_is_published(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path, database)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))

    with Serving(work, "--port", "0", "--watch") as server:
        # Whether the watch has begun cannot be seen from outside, so the change is made until it is noticed.
        for attempt in range(60):
            work.module("acme/network/aws", repo.url, f"# attempt {attempt}\n")
            try:
                server.wait_for("publishing", seconds=1)
                break
            except queue.Empty:
                continue
        server.stop()

    assert work.document("v1/modules/acme/network/aws/versions")["modules"][0]["versions"] == [{"version": "1.0.0"}]
