"""A git host in a process of its own that says the same refs of every repository, as fast as can be.

    python -m tests.bench.git_host          # prints its port

It answers as github.com does: protocol version 2, a dozen headers, kept connections. One thread for all connections,
no file, no git: what is measured is the client.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from registry_gen.sources.pkt_line import packet

if TYPE_CHECKING:
    from collections.abc import Iterator

TAGS: Final = 10
_IDS: Final = tuple(f"{number:040x}".encode() for number in range(1, 2 * TAGS + 1))
_REFS: Final = b"".join(
    [
        packet(_IDS[0] + b" HEAD\n"),
        *(
            packet(b"%b refs/tags/v1.0.%d peeled:%b\n" % (_IDS[2 * number], number, _IDS[2 * number + 1]))
            for number in range(TAGS)
        ),
        b"0000",
    ]
)
_CAPABILITIES: Final = b"".join(
    [
        *(packet(b"# service=git-upload-pack\n"), b"0000", packet(b"version 2\n"), packet(b"agent=git/made\n")),
        *(packet(b"ls-refs=unborn\n"), packet(b"fetch=shallow\n"), packet(b"object-format=sha1\n"), b"0000"),
    ]
)


def _answer(kind: bytes, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nServer: a git host\r\nContent-Type: application/x-git-upload-pack-%b\r\n"
        b"Cache-Control: no-cache, max-age=0, must-revalidate\r\nExpires: Fri, 01 Jan 1980 00:00:00 GMT\r\n"
        b"Pragma: no-cache\r\nVary: Accept-Encoding\r\nX-Frame-Options: DENY\r\nX-Request-Id: 1\r\n"
        b"Content-Length: %d\r\n\r\n" % (kind, len(body))
    ) + body


ADVERTISED: Final = _answer(b"advertisement", _CAPABILITIES)
LISTED: Final = _answer(b"result", _REFS)


@contextmanager
def git_host() -> Iterator[int]:
    """The port of a host."""
    with subprocess.Popen([sys.executable, "-m", "tests.bench.git_host"], stdout=subprocess.PIPE, text=True) as host:
        try:
            assert host.stdout
            yield int(host.stdout.readline())
        finally:
            host.kill()


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET "):
            self._read = rest
            self._transport.write(ADVERTISED)
        elif rest.endswith(b"0000"):  # a client asks again only after it was answered
            self._read = b""
            self._transport.write(LISTED)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=64)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
