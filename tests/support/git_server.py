"""Real ``git http-backend`` behind a TLS server, for any bare repository in a folder.

    with HttpServer(authority=authority) as server:
        serve_git(server, tmp_path / "repositories")        # under /git/
        server.url("/git/network.git")

``version2=False`` makes it a server of protocol version 0, which refuses object ids that no ref names.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.support.http_server import HttpServer


def serve_git(server: HttpServer, repositories: Path, *, prefix: str = "/git/", version2: bool = True) -> None:
    """Serve every bare repository in the folder ``repositories`` under ``prefix``, for reading."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = _body(handler)
        url = urlsplit(handler.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": handler.command,
            "PATH_INFO": "/" + unquote(url.path.removeprefix(prefix)),
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if version2:
            environment["GIT_PROTOCOL"] = handler.headers.get("Git-Protocol", "")
        done = subprocess.run(
            ["git", "http-backend"],
            env=environment,
            input=body,
            capture_output=True,
            check=False,
        )
        _relay(handler, done.stdout)

    server.mount(prefix, answer)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
    chunks = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        chunks.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(chunks)


def _relay(handler: BaseHTTPRequestHandler, output: bytes) -> None:
    """Turn the CGI program's answer (RFC 3875) into HTTP."""
    head, _, body = output.partition(b"\r\n\r\n")
    headers = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if line]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    handler.send_response(status)
    for name, value in headers:
        if name != "Status":
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
