"""A registry in a bucket: published over S3, read without a key through nginx, installed by a real Terraform."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen import paths
from tests.e2e.conftest import ServedRegistry
from tests.support import azurite, fake_gcs
from tests.support.git_repo import GitRepo
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.runbook import ROOT
from tests.support.seaweedfs import keep_in, running
from tests.support.terraform import VERSIONS, Terraform
from tests.support.web_servers import Source, WebServer, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.http_server import HttpServer
    from tests.support.openpgp_keys import TestKey
    from tests.support.tls import Authority

pytestmark = pytest.mark.long

NETWORK: Final = "acme/network/aws"
WIDGET: Final = "acme/widget"
SPROCKET: Final = "registry.example.net/acme/sprocket"
UPSTREAM_KEY: Final = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
FIRST: Final = {"network": "1.0.0", "widget": "1.0.0", "sprocket": "2.0.0"}
SECOND: Final = {"network": "1.1.0", "widget": "1.1.0", "sprocket": "2.1.0"}
MAIN: Final = {"main.tf": 'output "found" {\n  value = "me"\n}\n'}
MIRRORED: Final = 'versions: ">= 2.0.0"\nplatforms: [linux_amd64]\n'


@dataclass(frozen=True, slots=True)
class Sold:
    """A registry with a package of each kind in a bucket, and the server that reads it for everybody."""

    registry: ServedRegistry
    bucket: Source
    server: WebServer
    root: Path
    repo: GitRepo
    key: TestKey

    def served(self, source: Source) -> AbstractContextManager[WebServer]:
        """Let nginx serve a bucket at the address that documents name."""
        return nginx(
            self.root / f"etc-{len([*self.root.glob('etc-*')])}", self.registry.authority, self.server.port, source
        )

    def move(self, url: str, **options: object) -> None:
        """Copy what is published to another storage, and publish there from then on."""
        file = self.registry.root / "registry.yaml"
        place = json.dumps({"url": url, **options})
        text = re.sub("(?m)^  public: .*$", lambda _: f"  public: {place}", file.read_text())
        (self.registry.root / "next.yaml").write_text(text)
        copied = self.registry.cli("storage", "copy", "public", url, "--to-config", "next.yaml")
        assert copied.returncode == 0, copied.stdout + copied.stderr
        file.write_text(text)

    def objects(self) -> Mapping[str, bytes | None]:
        """Every object, from where the registry is published to."""
        with self.registry.registry() as registry:
            storage = registry.public
            return {each.key: found[0] if (found := storage.get(each.key)) else None for each in storage.list("")}

    def offer(self, versions: Mapping[str, str]) -> None:
        """Let every source have these versions too."""
        self.repo.tag(f"v{versions['network']}", self.repo.commit({**MAIN, "version.txt": versions["network"]}))
        make_release(self.root / "widget" / versions["widget"], "widget", versions["widget"], key=self.key)
        offered = [version for version in (FIRST["sprocket"], SECOND["sprocket"]) if version <= versions["sprocket"]]
        make_upstream(
            self.root / "upstream", read_signer(ROOT / "deployments/demo/upstream-key.asc"), UPSTREAM_KEY, offered
        )

    def publish(self, gone: Mapping[str, str] | None = None) -> None:
        """Publish everything that the sources have, but for what is withdrawn."""
        withdrawn = {
            name: f'withdrawn:\n  - versions: "{version}"\n    reason: It holds a secret.\n'
            for name, version in (gone or {}).items()
        }
        self.registry.module(NETWORK, self.repo.url, withdrawn.get("network", ""))
        self.registry.provider(WIDGET, self.root / "widget", withdrawn.get("widget", ""), key=self.key.armor)
        self.registry.mirror(SPROCKET, UPSTREAM_KEY, MIRRORED + withdrawn.get("sprocket", ""))
        self.registry.published()

    def installed(self, terraform: Terraform, name: str) -> Mapping[str, str]:
        """What ``terraform init`` takes where nothing of it was there before, the newest of each kind."""
        theirs = '["registry.example.net/*/*"]'
        mirror = f'network_mirror {{\n    url     = "{self.server.url}v1/mirror/"\n    include = {theirs}\n  }}'
        direct = f"direct {{\n    exclude = {theirs}\n  }}"
        token = f'credentials "{self.registry.host}" {{\n  token = "{"t" * 20}"\n}}\n'
        terraform.configure(f"{token}provider_installation {{\n  {mirror}\n  {direct}\n}}\n")
        providers = {"widget": f"{self.registry.host}/{WIDGET}", "sprocket": SPROCKET}
        blocks = [f'{each} = {{\n      source = "{source}"\n    }}' for each, source in providers.items()]
        required = "terraform {\n  required_providers {\n    " + "\n    ".join(blocks) + "\n  }\n}\n"
        folder = self.registry.use(name, self.registry.module_block(NETWORK) + required)
        result = self.registry.install(terraform, folder)
        assert result.code == 0, str(result)
        modules = json.loads((folder / ".terraform/modules/modules.json").read_text())["Modules"]
        locked = re.findall(
            r'provider "(?:.*)/(\w+)" \{\n  version\s+= "(.*)"', (folder / ".terraform.lock.hcl").read_text()
        )
        (version,) = [module["Version"] for module in modules if module["Key"]]
        assert (folder / ".terraform/modules/it/version.txt").read_text() == version
        return {"network": version, **dict(locked)}

    def check_labels(self) -> None:
        """Every object of the bucket is served with its type and cache rule, and what is not there is not there.

        SeaweedFS takes application/octet-stream for no type at all, and makes one of the name's end.
        """
        with self.registry.registry() as registry:
            keys = [each.key for each in registry.public.list("")]
        assert len(keys) > 40, keys
        for key in keys:
            rule, answer = paths.rule(key), self.server.ask(f"/{key}", "HEAD")
            assert answer.status == 200, key
            assert answer.headers["cache-control"] == rule.cache_control, key
            if rule.content_type != "application/octet-stream":
                assert answer.headers["content-type"] == rule.content_type, key
        assert self.server.ask(f"/v1/modules/{NETWORK}/9.9.9/download").status == 404

    def check(self) -> None:
        """Nothing is wrong, says the publisher, and says somebody from outside who reads through the server."""
        checked = self.registry.cli("fsck")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        key = self.registry.cli("log", "key").stdout.split()[0]
        env = {"SSL_CERT_FILE": str(self.registry.authority.ca_file), "XDG_STATE_HOME": str(self.root / "outsider")}
        verified = self.registry.cli("verify", self.server.url, "--key", key, env=env)
        assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.fixture
def sold(
    tmp_path: Path, database: str, authority: Authority, outside: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sold]:
    (tmp_path / "registry").mkdir()
    (tmp_path / "bucket").mkdir()
    registry = ServedRegistry(tmp_path / "registry", database, authority, outside)
    with running(tmp_path / "bucket", authority.server_file()) as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        place = bucket.place("some/folder")
        keep_in(registry, place)
        source = Source(bucket=bucket.public, prefix=f"/{place.bucket}/{place.prefix}/public")
        server = WebServer("nginx", registry.server.port, authority.ca_file)
        outside.folder("/", tmp_path / "upstream")
        yield Sold(registry, source, server, tmp_path, GitRepo(tmp_path / "network.git"), make_key("acme"))


def test_all_kinds_install_from_a_bucket_through_nginx_and_follow_new_versions_and_withdrawals(
    sold: Sold, tmp_path: Path
) -> None:
    clients = {version: Terraform(version, tmp_path / f"home-{version}") for version in VERSIONS}

    with sold.served(sold.bucket):
        sold.offer(FIRST)
        sold.publish()
        for version, terraform in clients.items():
            assert sold.installed(terraform, f"first-{version}") == FIRST, version

        sold.offer(SECOND)
        sold.publish()
        for version, terraform in clients.items():
            assert sold.installed(terraform, f"second-{version}") == SECOND, version

        sold.publish(gone=SECOND)
        for version, terraform in clients.items():
            assert sold.installed(terraform, f"third-{version}") == FIRST, version
        sold.check()
        sold.check_labels()
    assert not sold.registry.public.exists()


def test_a_registry_that_moves_from_s3_to_azure_and_google_stays_the_same_and_installs_from_azure(
    sold: Sold, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fake-gcs-server speaks no TLS beside its other door, so nobody installs from there."""
    sold.offer(FIRST)
    sold.publish()
    published = sold.objects()

    with azurite.running(tmp_path, authority) as azure, fake_gcs.running() as google:
        with azure.service() as service:
            service.create_container("public", public_access="blob")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))
        monkeypatch.setenv(azurite.KEY.removeprefix("env:"), azure.key)
        auth = {"kind": "shared_key", "key": azurite.KEY}
        sold.move(f"az://{azurite.ACCOUNT}/public/some/folder", endpoint=azure.url, auth=auth)
        assert sold.objects() == published
        host = azure.url.removesuffix(f"/{azurite.ACCOUNT}").replace("127.0.0.1", "localhost")
        with sold.served(Source(bucket=host, prefix=f"/{azurite.ACCOUNT}/public/some/folder")):
            for version in VERSIONS:
                terraform = Terraform(version, tmp_path / f"home-{version}")
                assert sold.installed(terraform, f"moved-{version}") == FIRST, version
            sold.check()

        sold.move(f"gs://{google.bucket()}/some/folder", endpoint=google.url, anonymous=True)
        assert sold.objects() == published
        checked = sold.registry.cli("fsck")
        assert checked.returncode == 0, checked.stdout + checked.stderr
