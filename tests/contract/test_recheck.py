"""An upstream that changes what it said of a version that was mirrored is found out the day after."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from tests.support.http_server import HttpServer
from tests.support.tls import Authority
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KEY = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
ADDRESS = "registry.example.net/acme/sprocket"
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def mirrored(tmp_path: Path, database: str) -> Iterator[tuple[Workspace, Path]]:
    """A registry that mirrored one version, and the folder of its upstream."""
    authority = Authority(tmp_path / "authority")
    upstream = tmp_path / "upstream"
    make_upstream(upstream, read_signer(ROOT / "deployments/demo/upstream-key.asc"), KEY)
    with HttpServer(authority=authority) as server:
        server.folder("/", upstream)
        upstreams = json.dumps({"registry.example.net": server.url("").rstrip("/")})
        network = f"  ca_file: {json.dumps(str(authority.ca_file))}\n  upstreams: {upstreams}\n"
        work = Workspace(tmp_path / "work", database, network=network)
        work.write("catalog/keys/sprocket.asc", KEY)
        trust = 'trust:\n  keys: [sprocket.asc]\nversions: "2.1.0"\nplatforms: [linux_amd64]\n'
        work.write(f"catalog/mirrors/{ADDRESS}.yaml", trust)
        assert not work.publish().refusals
        yield work, upstream / "v1/providers/acme/sprocket/2.1.0"


def test_an_upstream_that_replaced_a_zip_is_an_alarm_and_the_mirror_stays_as_it_is(
    mirrored: tuple[Workspace, Path],
) -> None:
    work, release = mirrored
    before = work.tree()
    sums = next(release.glob("*_SHA256SUMS"))
    sums.write_text(sums.read_text().replace("a", "b"))

    assert not work.publish().refusals, "it is not asked in every run"
    (refusal,) = work.publish(TOMORROW).refusals

    assert (refusal.error.code.id, refusal.violation, str(refusal.version)) == ("PLN005", True, "2.1.0")
    assert work.tree() == before
    with work.registry() as registry:
        assert [alarm.kind for alarm in registry.ledger.violations()] == ["PLN005"]
    assert work.publish(TOMORROW + timedelta(hours=1)).refusals, "an alarm does not go away by itself"


def test_an_upstream_that_says_the_same_is_asked_the_next_day_again(mirrored: tuple[Workspace, Path]) -> None:
    work, _ = mirrored
    assert not work.publish(TOMORROW).refusals
    with work.registry() as registry:
        (head,) = registry.ledger.heads().values()
    assert head.due_at == TOMORROW + timedelta(days=1)


def test_an_upstream_that_took_its_key_away_is_an_alarm(mirrored: tuple[Workspace, Path]) -> None:
    work, release = mirrored
    for document in release.glob("download/*/*"):
        said = json.loads(document.read_text())
        said["signing_keys"]["gpg_public_keys"] = []
        document.write_text(json.dumps(said))
    (refusal,) = work.publish(TOMORROW).refusals
    assert (refusal.error.code.id, refusal.violation) == ("PLN015", True)


def test_an_upstream_that_is_away_is_no_alarm(mirrored: tuple[Workspace, Path]) -> None:
    work, release = mirrored
    next(release.glob("*_SHA256SUMS")).unlink()
    report = work.publish(TOMORROW)
    assert not report.refusals
    assert [note.text for note in report.notes if "could not be compared" in note.text]
