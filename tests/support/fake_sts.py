"""A service on loopback that gives out temporary keys, and remembers what it was asked.

with FakeSts(*OWNER) as sts:
    place = replace(place, sts_endpoint=sts.url, auth=S3WebIdentity(ROLE, "file:/token"))
    sts.asked == [{"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": "…", "signed by": ""}]
"""

from __future__ import annotations

import http.server
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from types import TracebackType


class FakeSts:
    """Gives the same keys to whoever asks, good for ``lasting``; or refuses with the code ``refusal``."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self.keys = (access_key, secret_key)
        self.lasting = timedelta(hours=1)
        self.refusal = ""
        self.asked: list[dict[str, str]] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: dict[str, str]) -> tuple[int, str]:
        """Status and XML, as in the AWS STS API Reference."""
        self.asked.append(asked)
        if self.refusal:
            return (
                403,
                f"<ErrorResponse><Error><Code>{self.refusal}</Code><Message>no</Message></Error></ErrorResponse>",
            )
        action = asked["Action"]
        until = (datetime.now(UTC) + self.lasting).isoformat()
        return 200, (
            f"<{action}Response><{action}Result><Credentials><AccessKeyId>{self.keys[0]}</AccessKeyId>"
            f"<SecretAccessKey>{self.keys[1]}</SecretAccessKey><SessionToken>a-token</SessionToken>"
            f"<Expiration>{until}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>"
            f"<AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser></{action}Result></{action}Response>"
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sts: FakeSts) -> None:
        self.sts = sts
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        asked = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        signed = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        status, text = self.server.sts.answer({**asked, "signed by": signed[1] if signed else ""})
        self.send_response_only(status)
        self.send_header("Content-Type", "text/xml")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass
