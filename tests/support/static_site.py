"""A public folder served over real TLS, as ``registry-gen serve`` does it, from a thread of the test.

    with StaticSite(public, authority) as site:
        site.host        # 127.0.0.1:PORT, which is a registry host that clients accept
        site.url         # https://127.0.0.1:PORT/

The port can be had before anything is served, because a registry's documents name its address:
``StaticSite(public, authority, port=free_port())``.
"""

from __future__ import annotations

import queue
import socket
import threading
from typing import TYPE_CHECKING, Self

from registry_gen.shim.server import serve
from registry_gen.shim.static import public_files

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tests.support.tls import Authority


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class StaticSite:
    """Serves ``public`` between ``with`` and its end."""

    def __init__(
        self,
        public: Path,
        authority: Authority,
        *,
        private: Path | None = None,
        prefix: str = "/",
        port: int = 0,
    ) -> None:
        self.ca_file = authority.ca_file
        self.port = port
        self._app = public_files(public, private, prefix)
        self._certificate = authority.server_file()
        self._prefix = prefix
        self._stop = threading.Event()
        self._started: queue.Queue[int | BaseException] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.host}{self._prefix}"

    def __enter__(self) -> Self:
        self._thread.start()
        outcome = self._started.get(timeout=30)
        if isinstance(outcome, BaseException):
            raise outcome
        self.port = outcome
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        try:
            serve(
                self._app,
                "127.0.0.1",
                self.port,
                self._certificate,
                self._certificate,
                lambda _address, port: self._started.put(port),
                self._stop,
            )
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            self._started.put(error)
