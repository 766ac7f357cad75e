"""Serving an application over TLS until someone says stop."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final

import uvicorn

from registry_gen.errors import InputError, StorageError
from registry_gen.shim import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

_HIGHEST_PORT: Final = 65535
_GRACE_SECONDS: Final = 3
"""How long a running transfer may go on after the stop."""


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    cert: Path,
    key: Path,
    on_started: Callable[[str, int], None] = lambda *_: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve ``app`` over TLS 1.2 or later on ``host`` and ``port`` (0 for any free one).

    ``cert`` and ``key`` are PEM files. ``on_started`` gets the real address and port once connections are accepted.
    Returns after Ctrl-C, SIGTERM, or within a tenth of a second after ``stop`` is set from another thread. Raises
    InputError SRV001 where the address cannot be had, StorageError SRV003 where the certificate cannot be read.
    """
    context = _context(cert, key)
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        # Loaded first, so that the context is ours: uvicorn's own options leave the lowest version to the build.
        config.load()
        config.ssl = context
        with _sigterm_as_interrupt(), contextlib.suppress(KeyboardInterrupt):
            _Server(config, on_started, stop or threading.Event()).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[str, int], None], stop: threading.Event) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            address, port = listener.getsockname()[:2]
            self._on_started(address, port)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stop.is_set()


def _context(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise StorageError(codes.TLS_FILES, str(error), where=str(cert), hint=codes.TLS_FILES.fix) from error
    return context


def _listen(host: str, port: int) -> socket.socket:
    where = f"{host}:{port}"
    if not 0 <= port <= _HIGHEST_PORT:  # getaddrinfo would take the rest of a division for it
        raise _cannot_listen(where, f"no port {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(where, str(error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        in_use = error.errno == errno.EADDRINUSE
        raise _cannot_listen(where, "the port is in use" if in_use else str(error)) from error
    return listener


def _cannot_listen(where: str, reason: str) -> InputError:
    return InputError(codes.CANNOT_LISTEN, found=reason, where=where, hint=codes.CANNOT_LISTEN.fix)


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end as Ctrl-C does, so that whoever called ``serve`` gets to clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
