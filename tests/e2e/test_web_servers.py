"""A real Terraform installs through nginx and Caddy as deployments/ has them, from a folder and from a bucket."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from tests.e2e.conftest import ServedRegistry, required_provider
from tests.support.git_repo import GitRepo
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.web_servers import Source, caddy, nginx

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.http_server import Request
    from tests.support.terraform import Terraform
    from tests.support.tls import Authority
    from tests.support.web_servers import WebServer

MAIN = {
    "main.tf": 'output "found" {\n  value = "me"\n}\n',
    "modules/subnet/main.tf": 'output "bits" {\n  value = 4\n}\n',
}


@pytest.fixture
def published(tmp_path: Path, database: str, authority: Authority, outside: HttpServer) -> ServedRegistry:
    """A registry with a module and a provider; its own server is not started."""
    (tmp_path / "registry").mkdir()
    registry = ServedRegistry(tmp_path / "registry", database, authority, outside)
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    key = make_key("acme")
    make_release(tmp_path / "releases/1.0.0", "widget", "1.0.0", key=key)
    registry.module("acme/network/aws", repo.url)
    registry.provider("acme/widget", tmp_path / "releases", key=key.armor)
    registry.published()
    return registry


@contextmanager
def _bucket(public: Path, authority: Authority) -> Iterator[HttpServer]:
    """A store of the objects of a folder, each with its labels; 403 for what it has not, as if it may not be listed."""

    def answer(request: Request) -> Reply:
        key = request.path.removeprefix("/")
        file = public / key
        if "?" in key or not file.is_file() or "authorization" in request.headers:
            return Reply(status=403)
        return Reply(body=file.read_bytes(), content_type=paths.rule(key).content_type)

    with HttpServer(authority=authority) as server:
        for key in [path.relative_to(public).as_posix() for path in public.rglob("*") if path.is_file()]:
            server.route(f"/{key}", answer)
        yield server


@pytest.mark.parametrize("kind", ["folder", "bucket"])
@pytest.mark.parametrize("start", [nginx, caddy], ids=["nginx", "caddy"])
def test_a_module_and_a_provider_install_and_the_registry_verifies_through_it(
    start: Callable[[Path, Authority, int, Source], AbstractContextManager[WebServer]],
    kind: str,
    published: ServedRegistry,
    authority: Authority,
    tmp_path: Path,
    terraform: Terraform,
) -> None:
    host = published.host
    terraform.configure(f'credentials "{host}" {{\n  token = "{"t" * 20}"\n}}\n')
    configuration = published.module_block("acme/network/aws//modules/subnet") + required_provider(
        f"{host}/acme/widget"
    )
    folder = published.use("consumer", configuration)

    with ExitStack() as stack:
        source = Source(folder=published.public)
        if kind == "bucket":
            store = stack.enter_context(_bucket(published.public, authority))
            source = Source(bucket=store.url("", "localhost"))
        server = stack.enter_context(start(tmp_path / "etc", authority, published.server.port, source))
        result = published.install(terraform, folder)
        verified = _verified(published, tmp_path)

    assert result.code == 0, result
    assert "- it in .terraform/modules/it/modules/subnet" in result.out
    assert f"Installed {host}/acme/widget v1.0.0" in result.out
    (installed,) = [
        module
        for module in json.loads((folder / ".terraform/modules/modules.json").read_text())["Modules"]
        if module["Key"]
    ]
    assert installed["Version"] == "1.0.0"
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert server.url == published.server.url


def _verified(published: ServedRegistry, home: Path) -> subprocess.CompletedProcess[str]:
    """What somebody from outside says of all that is served, archives and log too."""
    key = published.cli("log", "key").stdout.split()[0]
    env = {"SSL_CERT_FILE": str(published.authority.ca_file), "XDG_STATE_HOME": str(home / "outsider")}
    return published.cli("verify", published.server.url, "--key", key, env=env)
