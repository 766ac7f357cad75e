"""All that commands print, searched for secrets: of the environment, of URLs, and of what an upstream answers."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import Ran, run_apart
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import provider_zip, sums_document
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

PASSWORD = "pa55w0rd-of-the-ledger"
TOKEN = "ghp_0123456789abcdefABCDEF"
USER = "deploy-user:deploy-pa55w0rd"
SIGNED = "X-Amz-Signature=51gnature"
SECRETS = (PASSWORD, TOKEN, "deploy-user", "deploy-pa55w0rd", "51gnature")
ESCAPE = "\x1b]0;owned\x07\x9b2J\u202e\ud800"
COMMANDS = (("validate",), ("plan",), ("plan", "--fetch"), ("publish",))
VERSIONS = "/v1/providers/hashicorp/random/versions"
PACKAGE = "/v1/providers/hashicorp/random/1.0.0/download/linux/"
ENVIRONMENT = {"UPSTREAM_TOKEN": TOKEN, "AWS_SECRET_ACCESS_KEY": TOKEN, "PGPASSWORD": PASSWORD}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(authority=Authority(tmp_path / "authority")) as running:
        yield running


@pytest.fixture
def work(tmp_path: Path, server: HttpServer) -> Workspace:
    """A provider mirrored from the server, whose ledger is in a variable."""
    network = f"  ca_file: {tmp_path}/authority/ca.pem\n  upstreams:\n    registry.terraform.io: {server.url('')}\n"
    made = Workspace(tmp_path / "work", "env:LEDGER_URL", network=network)
    made.write("catalog/keys/hashi.asc", make_key("hashi").armor)
    made.write("catalog/mirrors/registry.terraform.io/hashicorp/random.yaml", "trust: {keys: [hashi.asc]}\n")
    server.route("/.well-known/terraform.json", Reply.json({"providers.v1": "/v1/providers/"}))
    listed = [{"os": "linux", "arch": arch} for arch in ("amd64", "arm64")]
    server.route(VERSIONS, Reply.json({"versions": [{"version": "1.0.0", "platforms": listed}]}))
    return made


def assert_silent(ran: Ran) -> None:
    """Neither a secret nor anything that steers a terminal; and never a trace."""
    everything = ran.out + ran.err
    assert ran.code == 1, ran
    assert [secret for secret in SECRETS if secret in everything] == []
    assert all(mark.isprintable() or mark == "\n" for mark in everything), ascii(everything)
    assert "Traceback" not in everything
    assert "CLI900" not in everything, "a mistake of ours"


def run_all(work: Workspace, dsn: str) -> list[Ran]:
    """Every command, for people and for machines."""
    return [
        run_apart(work, *arguments, *more, env={**ENVIRONMENT, "LEDGER_URL": dsn})
        for arguments in COMMANDS
        for more in ((), ("--json",))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "network: {upstreams: {registry.terraform.io: env:UPSTREAM_TOKEN}}",
        f"network: {{upstreams: {{registry.terraform.io: 'https://{USER}@upstream.example.com/?{SIGNED}'}}}}",
        f"ledger: postgresql://registry:{PASSWORD}@127.0.0.1:1/registry",
        f"signing: {{openpgp: {TOKEN}}}",
        f"signing: {{log: 'env:{TOKEN} {PASSWORD}'}}",
        f"site: {{host: registry.example.com, url: 'https://{USER}@registry.example.com/?{SIGNED}'}}",
    ],
)
def test_registry_yaml_is_refused_without_a_secret_that_stands_in_it_or_behind_it(
    work: Workspace, tmp_path: Path, text: str
) -> None:
    base = "site: {host: registry.example.com}\nstorage: {public: ./public, private: ./private}\nledger: embedded\n"
    kept = "".join(line for line in base.splitlines(keepends=True) if not line.startswith(text.partition(":")[0]))
    work.write("registry.yaml", f"{kept}{text}\n")
    for ran in run_all(work, "embedded"):
        assert_silent(ran)
        assert "registry.yaml:" in ran.err


def test_a_catalog_with_user_password_and_query_in_its_urls(work: Workspace) -> None:
    for number, url in enumerate((f"https://{USER}@h.example.com/x.git", f"https://h.example.com/x?{SIGNED}")):
        work.module(f"acme/m{number}/aws", url)
        work.provider(f"acme/p{number}", url)
    work.module("acme/m2/aws", f"https://deploy-user:{PASSWORD}/@h.example.com/x.git")
    for ran in run_all(work, "postgresql://nobody@127.0.0.1:1/nothing"):
        assert_silent(ran)
        assert "catalog/modules/acme/m0/aws.yaml:2:8" in ran.err


@pytest.mark.parametrize("dsn", ["postgresql://registry:{}@127.0.0.1:1/registry", "host=127.0.0.1 port=1 password={}"])
def test_a_ledger_out_of_reach(work: Workspace, dsn: str) -> None:
    for arguments in (("plan",), ("publish",), ("ledger", "migrate")):
        assert_silent(run_apart(work, *arguments, env={**ENVIRONMENT, "LEDGER_URL": dsn.format(PASSWORD)}))


SIGNED_URL = f"https://{USER}@127.0.0.1/away?{SIGNED}"
ANSWERS = {
    "a redirect to a signed URL": Reply.redirect(f"http://127.0.0.1/away?{SIGNED}"),
    "a redirect to a URL with a password": Reply.redirect(SIGNED_URL),
    "a redirect to what is no URL": Reply.redirect(f"https://[::1?{SIGNED}"),
    "a media type": Reply(body=b"x", content_type=f"https://h.example.com/{ESCAPE[:8]}?{SIGNED}"),
    "a listing that is none": Reply.json({"versions": f"https://h.example.com/?{SIGNED}"}),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_upstream_that_answers_with_secrets_and_escapes(
    work: Workspace, server: HttpServer, database: str, answer: Reply
) -> None:
    server.route(VERSIONS, answer)
    for arguments in (("plan",), ("publish", "--json")):
        ran = run_apart(work, *arguments, env={**ENVIRONMENT, "LEDGER_URL": database})
        assert_silent(ran)
        assert re.search("NET0|SRC0", ran.out)


@pytest.mark.parametrize(
    "changes",
    [
        {"shasums_url": f"https://{USER}@h.example.com/sums{{arch}}?{SIGNED}"},
        {"shasums_url": f"https://h.example.com/sums{ESCAPE[:-1]}{{arch}}?{SIGNED}"},
        {"shasums_url": f"https://h.example.com/sums{ESCAPE}{{arch}}?{SIGNED}"},
        {"download_url": f"{SIGNED_URL}{{arch}}"},
        {"download_url": f"ftp://h.example.com/?{SIGNED}"},
        {"download_url": f"https://[x?{SIGNED}"},
        {"filename": f"https://h.example.com/x.zip?{SIGNED}{ESCAPE[:-1]}"},
        {"shasum": f"https://h.example.com/?{SIGNED}"},
        {"os": f"https://h.example.com/?{SIGNED}"},
    ],
    ids=lambda changes: ascii(next(iter(changes.items())))[:40],
)
def test_a_package_whose_fields_hold_signed_urls_and_escapes(
    work: Workspace, server: HttpServer, database: str, changes: dict[str, str]
) -> None:
    names = {arch: f"terraform-provider-random_1.0.0_linux_{arch}.zip" for arch in ("amd64", "arm64")}
    sums = sums_document({name: provider_zip("random", "1.0.0", f"linux_{arch}") for arch, name in names.items()})
    server.route("/sums", Reply(body=sums))
    server.route("/sums.sig", Reply(body=make_key("hashi").sign(sums)))
    digests = {line.split()[1]: line.split()[0] for line in sums.decode().splitlines()}
    for arch, name in names.items():
        document = {
            "protocols": ["5.0"],
            "os": "linux",
            "arch": arch,
            "filename": name,
            "download_url": f"/{name}",
            "shasum": digests[name],
            "shasums_url": "/sums",
            "shasums_signature_url": "/sums.sig",
            "signing_keys": {"gpg_public_keys": []},
            **{field: text.replace("{arch}", arch) for field, text in changes.items()},
        }
        server.route(PACKAGE + arch, Reply.json(document))
    for arguments in (("plan", "--fetch"), ("publish", "--json")):
        ran = run_apart(work, *arguments, env={**ENVIRONMENT, "LEDGER_URL": database})
        assert_silent(ran)
        assert re.search("NET0|SRC0|PUB0", ran.out)


def test_what_a_library_logs_of_a_program_is_not_shown(work: Workspace, database: str) -> None:
    program = work.root / "bin/az"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '\\033[31m{TOKEN}' >&2\nexit 1\n")
    program.chmod(0o755)
    settings = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", settings.replace("public: ./public", "public: az://acmeaccount/registry"))
    # The one of Azure's ways that runs a program, so that none of the others asks anybody.
    chosen = {"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential", "PATH": f"{program.parent}:{os.environ['PATH']}"}
    ran = run_apart(work, "storage", "usage", env={**ENVIRONMENT, **chosen, "LEDGER_URL": database})

    assert_silent(ran)
    assert "STO010" in ran.err
