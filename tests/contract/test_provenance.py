"""Beside each copied archive lies a signed statement of where it came from, and the record and the log pin it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry_gen import __version__, wiring
from registry_gen.cli.selection import selected
from registry_gen.log.note import key_id, parse_verifier_key
from registry_gen.model.facts import ModuleVersion
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish
from registry_gen.signing.log import LogSigner, make_log_key
from registry_gen.verify.dsse import IN_TOTO, open_envelope
from tests.support.builds import make_archive
from tests.support.git_repo import GitRepo
from tests.support.workspace import HOST, NOW, Workspace

DOCUMENTATION = Path(__file__).parents[2] / "docs/reproducibility.md"
ARCHIVE = "v1/modules/acme/network/aws/1.0.0/module.tar.gz"
BUNDLE = f"{ARCHIVE}.intoto.jsonl"
RUN_URL = "https://ci.example.com/acme/registry/7"


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path / "work", database)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit({"modules/vpc/main.tf": 'variable "name" {}\n'}))
    return made


def vkey(work: Workspace) -> str:
    with work.registry() as registry:
        return wiring.open_keys(registry).log.vkey


def statement(work: Workspace) -> Any:
    """What the bundle says, verified with nothing but the verifier key that the registry tells."""
    name, key = parse_verifier_key(vkey(work))
    (line,) = (work.public / BUNDLE).read_bytes().splitlines()
    return json.loads(open_envelope(line, IN_TOTO, {key_id(name, key).hex(): key}, BUNDLE))


def published(work: Workspace) -> list[ModuleVersion]:
    with work.registry() as registry:
        packages = registry.ledger.packages([*registry.ledger.heads()]).values()
        return [facts for package in packages for facts in package.versions if isinstance(facts, ModuleVersion)]


def test_a_published_archive_has_provenance_that_verifies_with_the_key_of_the_log(
    work: Workspace, repo: GitRepo
) -> None:
    work.module("acme/network/aws", repo.url, "  path: modules/vpc\n")
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        catalog = replace(selected(workspace, ()), commit="ca7a109")
        report = publish(replace(registry, run_url=RUN_URL), wiring.open_keys(registry), catalog, NOW, Silent())
    assert report.refusals == ()
    found = statement(work)
    (subject,) = found["subject"]
    assert subject["name"] == "acme/network/aws/1.0.0/module.tar.gz"
    assert subject["digest"]["sha256"] == hashlib.sha256((work.public / ARCHIVE).read_bytes()).hexdigest()
    definition, run = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    assert definition["externalParameters"] == {
        "address": "acme/network/aws",
        "version": "1.0.0",
        "source": f"file://{repo.url}",
        "path": "modules/vpc",
        "tag": "v1.0.0",
    }
    assert definition["internalParameters"] == {"catalogCommit": "ca7a109"}
    assert definition["resolvedDependencies"] == [
        {"uri": f"git+file://{repo.url}@refs/tags/v1.0.0", "digest": {"gitCommit": repo.resolve("v1.0.0")}}
    ]
    assert run == {
        "builder": {"id": f"https://{HOST}/log", "version": {"registry-gen": __version__}},
        "metadata": {"invocationId": RUN_URL, "startedOn": "2026-01-02T03:04:05Z"},
    }


def test_the_record_and_the_ledger_name_the_provenance_and_the_record_keeps_its_text(
    work: Workspace, repo: GitRepo
) -> None:
    work.module("acme/network/aws", repo.url, "  path: modules/vpc\n")
    work.publish()
    (facts,) = published(work)
    bundle = (work.public / BUNDLE).read_bytes()
    record = work.document(f"records/{facts.record}")
    assert facts.provenance == record["provenance"] == hashlib.sha256(bundle).hexdigest()
    assert record["attestation"].encode() == bundle
    assert bundle.endswith(b"}\n")
    assert work.document("modules/acme/network/aws/1.0.0/index.json")["provenance"] == facts.provenance


def test_a_built_archive_has_provenance_that_pins_it_by_its_digest(work: Workspace, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "builds", "network-1.0.0.zip")
    work.write(
        "catalog/modules/acme/network/aws.yaml",
        f"source:\n  archives: {tmp_path / 'builds'}\n  pattern: network-{{version}}.zip\n",
    )
    assert work.publish().refusals == ()
    definition = statement(work)["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"] == [
        {
            "uri": f"file://{tmp_path}/builds/network-1.0.0.zip",
            "digest": {"sha256": hashlib.sha256(archive).hexdigest()},
        }
    ]


def test_a_link_has_no_archive_and_so_no_provenance(work: Workspace, repo: GitRepo) -> None:
    work.module("acme/network/aws", repo.url, "  path: modules/vpc\nhosting: link\n")
    assert work.publish().refusals == ()
    assert not (work.public / BUNDLE).exists()
    (facts,) = published(work)
    assert facts.provenance is None
    assert work.document(f"records/{facts.record}")["attestation"] is None


def test_a_copy_that_was_a_link_for_a_while_keeps_the_statement_of_its_first_publication(
    work: Workspace, repo: GitRepo
) -> None:
    for days, hosting in enumerate(("copy", "link", "copy")):
        work.module("acme/network/aws", repo.url, f"  path: modules/vpc\nhosting: {hosting}\n")
        assert work.publish(NOW + timedelta(days=days)).refusals == ()
    assert statement(work)["predicate"]["runDetails"]["metadata"]["startedOn"] == "2026-01-02T03:04:05Z"
    (facts,) = published(work)
    assert facts.provenance == hashlib.sha256((work.public / BUNDLE).read_bytes()).hexdigest()
    assert work.document(f"records/{facts.record}")["attestation"].encode() == (work.public / BUNDLE).read_bytes()


@pytest.mark.parametrize("other", ["nonsense", "about another archive"])
def test_a_statement_of_something_else_is_never_taken_for_the_one_of_before(
    work: Workspace, repo: GitRepo, other: str
) -> None:
    for hosting in ("copy", "link"):
        work.module("acme/network/aws", repo.url, f"  path: modules/vpc\nhosting: {hosting}\n")
        assert work.publish().refusals == ()
    with work.registry() as registry:
        about = b'{"subject":[{"name":"acme/network/aws/1.0.0/module.tar.gz","digest":{}}]}'
        planted = wiring.open_keys(registry).log.sign_statement(about) if other != "nonsense" else b"nonsense"
    (work.public / BUNDLE).write_bytes(planted)
    work.module("acme/network/aws", repo.url, "  path: modules/vpc\n")
    (refusal,) = work.publish(NOW + timedelta(days=2)).refusals
    assert (refusal.error.code.id, refusal.error.where) == ("STO001", BUNDLE)
    assert (work.public / BUNDLE).read_bytes() == planted


def test_the_commands_in_the_documentation_verify_a_statement_and_notice_every_change(
    work: Workspace, repo: GitRepo, tmp_path: Path
) -> None:
    work.module("acme/network/aws", repo.url, "  path: modules/vpc\n")
    work.publish()
    (commands,) = re.findall(r"```sh\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    archive, bundle, key = (work.public / ARCHIVE).read_bytes(), (work.public / BUNDLE).read_bytes(), vkey(work)

    def verified(archive: bytes, bundle: bytes, key: str) -> bool:
        (tmp_path / "module.tar.gz").write_bytes(archive)
        (tmp_path / "module.tar.gz.intoto.jsonl").write_bytes(bundle)
        environment = {"PATH": os.environ["PATH"], "VKEY": key}
        done = subprocess.run(["sh"], input=commands.encode(), cwd=tmp_path, env=environment, check=False)
        return done.returncode == 0

    assert verified(archive, bundle, key)
    assert not verified(archive + b" ", bundle, key)
    payload = json.loads(bundle)["payload"].encode()
    forged = base64.b64encode(base64.b64decode(payload).replace(b"v1.0.0", b"v1.0.1"))
    assert not verified(archive, bundle.replace(payload, forged), key)
    name, keyid, _ = key.split("+", 2)
    other = LogSigner(name, make_log_key()).vkey.split("+", 2)[2]
    assert not verified(archive, bundle, f"{name}+{keyid}+{other}")
