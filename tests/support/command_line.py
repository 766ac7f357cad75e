"""The command line as its users meet it, in this process, in one of its own, or on a terminal.

ran = run_here(work, "plan", "--only", "acme/widget")      # fast: no new interpreter
ran.code, ran.out, ran.err, ran.json
with Running(work, "publish") as running: ...              # a process to send signals to
on_terminal(work, "publish")                               # everything that the terminal was sent
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from registry_gen.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.workspace import Workspace

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """What stands on stderr, but for the private keys that a first publish makes."""
        return "".join(line for line in self.err.splitlines(keepends=True) if "private keys" not in line).strip()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run_here(work: Workspace, *arguments: str) -> Ran:
    """Run a command in this process, as if in the workspace's folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(work.root), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return Ran(code, out.getvalue(), err.getvalue())


def command(*arguments: str) -> list[str]:
    """What to start for a command in a process of its own."""
    return [sys.executable, "-m", "registry_gen", *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for ``command``, without what would change colours."""
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {**plain, "PYTHONPATH": str(ROOT), **(more or {})}


def run_apart(
    work: Workspace,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> Ran:
    """Run a command in a process of its own; ``before`` is called in it first, to bound what it may do."""
    done = subprocess.run(
        command(*arguments),
        cwd=work.root,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=before,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


class Running:
    """A command in a process of its own, until the end of the with block."""

    def __init__(self, work: Workspace, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=work.root,
            env=environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 60) -> Ran:
        """Send a signal, which Ctrl-C is too, and wait for the end."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=seconds)
        return Ran(self.process.returncode, out, err)


def on_terminal(
    work: Workspace, *arguments: str, env: Mapping[str, str] | None = None, says: str = ""
) -> tuple[int, str]:
    """Run a command whose output and progress go to a terminal; returns its exit status and what that showed.

    ``says`` is what the person at the terminal types beforehand.
    """
    leader, follower = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # Linux says EIO once nobody has the terminal open any more
            while data := os.read(leader, 65536):
                shown.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        process = subprocess.Popen(
            command(*arguments),
            cwd=work.root,
            env=environment({"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **(env or {})}),
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        os.write(leader, says.encode())
    finally:
        os.close(follower)
    status = process.wait(timeout=120)
    reader.join()
    os.close(leader)
    return status, shown.decode().replace("\r\n", "\n")


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Look again and again until it is so; raises AssertionError where it is not so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)
