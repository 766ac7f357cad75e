"""Running git: an environment of our own, a deadline, and bounded output.

Plain subprocesses rather than GitPython: its runner inherits the whole environment, keeps all output in memory,
and kills only the first process at a timeout, while here the helper that talks to the host is what hangs.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final

from registry_gen.errors import SourceError
from registry_gen.sources import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_OLDEST: Final = (2, 38)
"""The first git with safe.bareRepository; an older one would ignore it, and before 2.37 the pinned address too."""

_FILE_BYTES: Final = 4_000_000_000
"""The largest file, so the largest pack, that git may write: its server decides how much it sends."""

_CONFIG: Final = {
    "core.hooksPath": os.devnull,
    "core.askPass": "",
    "core.fsmonitor": "false",  # it may name a program
    "credential.helper": "",
    "protocol.ext.allow": "never",
    "http.followRedirects": "false",  # git would follow to an address that nobody judged
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # keep packs, which appear as a whole, unlike loose objects
    "gc.auto": "0",
    "maintenance.auto": "false",
    # Any folder of a commit can be made to look like a bare repository, and its config runs programs.
    "safe.bareRepository": "explicit",
    # Object ids are recomputed from what arrives in any case. Full fsck refuses old but harmless history of many
    # real repositories; names in trees are checked where they are read.
    "transfer.fsckObjects": "false",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How git ended: its exit status (negative for a signal), whether time was up, the beginning of its stderr."""

    status: int
    late: bool
    said: str

    @property
    def killed(self) -> bool:
        """Whether a signal ended git; a shell or a parent git adds 128 to its number."""
        return self.status < 0 or self.status in (128 + signal.SIGKILL, 128 + signal.SIGTERM)


class CommandError(Exception):
    """Git did not end well."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.said)
        self.ended = ended


class OutputError(Exception):
    """Git printed more than allowed."""


@dataclass(slots=True)
class Running:
    """A running git: its output, and after the block how it ended."""

    output: IO[bytes]
    ended: Ended | None = field(default=None)


class GitCommand:
    """Runs git. Safe to use from several threads.

    ``schemes`` are the transports that git may use at all; ``seconds`` bounds each command. Each runs from the root
    folder, in the bare repository ``repository`` or in none: what lies where the caller happens to be is never looked
    at. Only ``folder`` makes git search, there and above, for a ".git" of this user's.
    """

    def __init__(self, schemes: Sequence[str], seconds: float) -> None:
        self._seconds = seconds
        self._checked = False
        self._closed = False
        self._running: set[_Watched] = set()
        self._running_lock = threading.Lock()
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.devnull,  # nobody's .netrc
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(set(schemes) & {"https", "http", "ssh", "file", "git"})),
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_VARIANT": "ssh",
        }
        # The agent and its keys are what a private repository over ssh is read with.
        if "SSH_AUTH_SOCK" in os.environ:
            self._environment["SSH_AUTH_SOCK"] = os.environ["SSH_AUTH_SOCK"]

    def run(
        self,
        *arguments: str,
        limit: int,
        repository: Path | None = None,
        folder: Path | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run to the end and return at most ``limit`` bytes of stdout.

        Raises CommandError where git fails, OutputError where it prints more, SourceError GIT012 without a usable git.
        """
        with self.stream(
            *arguments, repository=repository, folder=folder, stdin=stdin, environment=environment
        ) as running:
            output = running.output.read(limit + 1)
            if len(output) > limit:
                raise OutputError
        return output

    @contextlib.contextmanager
    def stream(
        self,
        *arguments: str,
        repository: Path | None = None,
        folder: Path | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """Run while the block reads ``output``; leaving the block early kills git and all that it started.

        Raises CommandError after the block where git failed.
        """
        self._check_version()
        where = {} if folder else {"GIT_DIR": str(repository or os.devnull)}
        with tempfile.TemporaryFile() as file:
            # A file and not a pipe: nobody has to write while git waits for its output to be read.
            file.write(stdin)
            file.seek(0)
            settings = [word for name, value in _CONFIG.items() for word in ("-c", f"{name}={value}")]
            process = subprocess.Popen(  # noqa: S603 (no shell reads these arguments; see below)
                [*_BOUNDED, "git", *settings, *arguments],
                cwd=folder or "/",
                env={**self._environment, **where, **(environment or {})},
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        with self._watched(process) as watched:
            running = Running(watched.output)
            yield running
            running.ended = watched.wait()
        if running.ended.status or running.ended.late:
            raise CommandError(running.ended)

    def close(self) -> None:
        """Kill whatever runs at this moment: a session of its own, which Ctrl-C does not reach."""
        with self._running_lock:
            self._closed = True
            for watched in self._running:
                watched.kill()

    @contextlib.contextmanager
    def _watched(self, process: subprocess.Popen[bytes]) -> Iterator[_Watched]:
        with _Watched(process, self._seconds) as watched:
            with self._running_lock:
                self._running.add(watched)
                if self._closed:  # meanwhile, by the thread that was interrupted
                    watched.kill()
            try:
                yield watched
            finally:
                with self._running_lock:
                    self._running.discard(watched)

    def _check_version(self) -> None:
        if self._checked:
            return
        try:
            said = subprocess.run(
                ["git", "version"],  # noqa: S607 (git is wherever PATH says)
                cwd="/",
                env=self._environment,
                capture_output=True,
                check=False,
                timeout=self._seconds,
            ).stdout.decode(errors="replace")
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceError(codes.NO_GIT, found=str(error), hint=codes.NO_GIT.fix) from None
        numbers = re.search(r"(\d+)\.(\d+)", said)
        if numbers is None or (int(numbers[1]), int(numbers[2])) < _OLDEST:
            raise SourceError(codes.NO_GIT, found=said.strip()[:100], hint=codes.NO_GIT.fix)
        self._checked = True


# The shell only lowers the limit on file sizes (in blocks of 512 bytes) before it becomes git: its text is fixed,
# and what follows is passed on as arguments, never read as text.
_BOUNDED: Final = ("/bin/sh", "-c", f'ulimit -f {_FILE_BYTES // 512} && exec "$@"', "sh")


class _Watched:
    """A process group that ends with the block, or when its time is up."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._late = threading.Event()
        self._said = bytearray()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._listener = threading.Thread(target=self._listen, daemon=True)

    @property
    def output(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise AssertionError("started with a pipe")
        return self._process.stdout

    def __enter__(self) -> _Watched:
        self._timer.start()
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._process.poll() is None:
            self.kill()
        self.output.close()
        self._process.wait()
        self._listener.join()

    def wait(self) -> Ended:
        """Wait for the end; output that nobody read is thrown away."""
        while self.output.read(65536):
            pass
        status = self._process.wait()
        self._listener.join()
        return Ended(status, self._late.is_set(), self._said.decode(errors="replace"))

    def _expire(self) -> None:
        self._late.set()
        self.kill()

    def kill(self) -> None:
        """Kill git and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _listen(self) -> None:
        """Keep the first kilobytes of stderr and let the rest go: the other side can make git talk without end."""
        stderr = self._process.stderr
        if stderr is None:
            raise AssertionError("started with a pipe")
        with stderr:
            while chunk := stderr.read1(65536):  # type: ignore[attr-defined] # Popen's pipes are buffered
                self._said += chunk[: max(0, 8192 - len(self._said))]
