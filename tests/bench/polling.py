"""Polling the refs of many repositories of one host, beside raw sockets that move the same bytes."""

from __future__ import annotations

import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

from registry_gen.model.config import Limits
from registry_gen.sources.git import Git
from registry_gen.sources.pkt_line import ls_refs
from tests.bench.git_host import LISTED, TAGS, git_host
from tests.bench.rows import ALLOW, Row

REPOSITORIES: Final = 3_000
TIMES: Final = 3


def polling_row() -> Row:
    """Repositories a second, as a publish looks at them; of each the best of some times, for others use the machine."""
    workers = Limits().workers
    with git_host() as port:
        floor = max(_raw(port, workers) for _ in range(TIMES))
        speed = max(_polled(port, workers) for _ in range(TIMES))
    detail = f"{REPOSITORIES} repositories of {TAGS} tags on one host, {workers} at a time"
    return Row("polling refs, against raw sockets", speed, floor, "repositories/s", 0.03, more=True, detail=detail)


def _polled(port: int, workers: int) -> float:
    """Repositories a second, the first question to the host included."""
    urls = [f"http://127.0.0.1:{port}/team/network-{number}.git" for number in range(REPOSITORIES)]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Git(Path(folder), ALLOW, Limits())) as git,
        ThreadPoolExecutor(workers) as pool,
    ):
        started = time.perf_counter()
        counts = set(map(len, pool.map(git.tags, urls)))
        seconds = time.perf_counter() - started
    assert counts == {TAGS}, counts
    return REPOSITORIES / seconds


def _raw(port: int, workers: int) -> float:
    """Questions and answers a second of as many sockets, which look at nothing but the length."""
    share = REPOSITORIES // workers
    with ThreadPoolExecutor(workers) as pool:
        started = time.perf_counter()
        asked = sum(pool.map(_raw_share, [port] * workers, [share] * workers))
        return asked / (time.perf_counter() - started)


def _raw_share(port: int, count: int) -> int:
    body = ls_refs(40, (b"refs/tags/", b"HEAD"))
    head = "POST /team/network-1000.git/git-upload-pack HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nUser-Agent: git/raw\r\n"
    question = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            connection.sendall(question)
            left = len(LISTED)
            while left:
                left -= len(connection.recv(65536))
    return count
