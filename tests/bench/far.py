"""A server in a process of its own, as far away as asked: it sends so many bytes to whoever asks, and nothing else.

    python -m tests.bench.far BYTES MILLISECONDS [FILE]        # prints its port

The bytes are those of a file or of a fixed pattern. It is as simple as can be, so that what is measured is the client.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PATTERN: Final = bytes(range(256)) * 4096


@contextmanager
def far_server(size: int, milliseconds: int = 0, file: Path | None = None) -> Iterator[int]:
    """The port of a server that sends ``size`` bytes (of ``file``), a round trip of so long after each request."""
    command = [sys.executable, "-m", "tests.bench.far", str(size), str(milliseconds), *([str(file)] if file else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield int(server.stdout.readline())
        finally:
            server.kill()


def body(size: int) -> Iterator[bytes]:
    """What is sent."""
    for start in range(0, size, len(PATTERN)):
        yield PATTERN[: min(len(PATTERN), size - start)]


def _serve(size: int, seconds: float, file: Path | None) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, size, seconds, file), daemon=True).start()


def _answer(connection: socket.socket, size: int, seconds: float, file: Path | None) -> None:
    with connection, connection.makefile("rb") as requests:
        while True:
            line = requests.readline()
            if not line:
                return
            while requests.readline().strip():
                pass
            time.sleep(seconds)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: %d\r\n\r\n" % size)
            if file:
                with file.open("rb") as source:
                    connection.sendfile(source)
                continue
            for piece in body(size):
                connection.sendall(piece)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]) / 1000, Path(sys.argv[3]) if len(sys.argv) > 3 else None)
