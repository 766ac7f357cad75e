"""nginx and Caddy as ``deployments/`` has them get a green list; nginx as one might write it at first does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import web_servers
from tests.support.command_line import run_here
from tests.support.git_repo import GitRepo
from tests.support.static_site import free_port
from tests.support.web_servers import Source, caddy, nginx
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.tls import Authority
    from tests.support.web_servers import WebServer

NAIVE = """
{user}
events {{}}
http {{
  gzip on;
  gzip_types *;
  gzip_min_length 1;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    root {root};
    location / {{
      try_files /public$uri $uri =403;
      expires 1h;
      add_header X-Terraform-Get ./get.html;
    }}
  }}
}}
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def work(tmp_path: Path, database: str, authority: Authority, port: int) -> Workspace:
    work = Workspace(tmp_path / "work", database, host=f"127.0.0.1:{port}", network=f"  ca_file: {authority.ca_file}\n")
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": "# network\n"}))
    work.module("acme/network/aws", repo.url)
    assert not work.publish().refusals
    return work


@pytest.mark.parametrize("start", [nginx, caddy], ids=["nginx", "caddy"])
def test_a_server_as_we_configure_it_gets_a_green_list(
    start: Callable[[Path, Authority, int, Source], AbstractContextManager[WebServer]],
    work: Workspace,
    authority: Authority,
    port: int,
    tmp_path: Path,
) -> None:
    with start(tmp_path / "etc", authority, port, Source(folder=work.public)) as server:
        ran = run_here(work, "doctor", "--url", server.url)

    assert ran.code == 0, ran.out
    assert "ok      the private storage is not behind it" in ran.out


def test_a_server_as_one_might_write_it_at_first_is_told_everything_and_what_to_do_with_nginx(
    work: Workspace, authority: Authority, port: int, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    text = NAIVE.format(user=web_servers.nginx_user(), port=port, certificate=authority.server_file(), root=work.root)
    (tmp_path / "etc/nginx.conf").write_text(text)
    with web_servers.running_nginx(tmp_path / "etc"):
        found = run_here(work, "doctor", "--url", f"https://127.0.0.1:{port}/", "--json").json

    failed = {check["code"]: check["fix"] for check in found["checks"] if check["outcome"] == "failed"}
    assert set(failed) == {"DIA031", "DIA033", "DIA036", "DIA037", "DIA038", "DIA044"}
    assert "gzip_types" in failed["DIA037"]
    assert "try_files $uri =404;" in failed["DIA033"]
