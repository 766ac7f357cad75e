"""A source that changes what it said of a published version is found out: an upstream of a mirror the day after."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from tests.support.builds import make_archive
from tests.support.http_server import HttpServer
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
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


def replace_sums(release: Path) -> None:
    sums = next(release.glob("*_SHA256SUMS"))
    sums.write_text(sums.read_text().replace("a", "b"))


def test_an_alarm_stays_although_another_version_is_mirrored_in_the_same_run(mirrored: tuple[Workspace, Path]) -> None:
    work, release = mirrored
    replace_sums(release)
    mirror = work.root / f"catalog/mirrors/{ADDRESS}.yaml"
    mirror.write_text(mirror.read_text().replace('"2.1.0"', '">= 2.0.0"'))
    first = work.publish(TOMORROW)
    assert ([intent.address.kind for intent in first.published], len(first.refusals)) == (["mirror"], 1)
    for hours in (1, 2):
        report = work.publish(TOMORROW + timedelta(hours=hours))
        assert [refusal.error.code.id for refusal in report.refusals] == ["PLN005"]
        assert report.puts == 0


def test_a_mirrored_version_is_listed_again_only_after_upstream_was_asked(mirrored: tuple[Workspace, Path]) -> None:
    work, release = mirrored
    mirror = work.root / f"catalog/mirrors/{ADDRESS}.yaml"
    wanted = mirror.read_text()
    mirror.write_text(wanted + "withdrawn:\n  - reason: A bug.\n")
    assert not work.publish().refusals
    kept = {path.name: path.read_bytes() for path in release.iterdir() if path.is_file()}
    replace_sums(release)
    mirror.write_text(wanted)

    report = work.publish(NOW + timedelta(hours=1))
    assert [refusal.error.code.id for refusal in report.refusals] == ["PLN005"]
    assert work.document(f"v1/mirror/{ADDRESS}/index.json") == {"versions": {}, "revision": 2}

    for name, data in kept.items():
        (release / name).write_bytes(data)
    assert not work.publish(NOW + timedelta(hours=2)).refusals
    assert "2.1.0" in work.document(f"v1/mirror/{ADDRESS}/index.json")["versions"]


def test_an_upstream_that_is_away_when_a_version_is_to_come_back_is_asked_in_the_next_run(
    mirrored: tuple[Workspace, Path],
) -> None:
    work, release = mirrored
    mirror = work.root / f"catalog/mirrors/{ADDRESS}.yaml"
    wanted = mirror.read_text()
    mirror.write_text(wanted + "withdrawn:\n  - reason: A bug.\n")
    work.publish()
    away = next(release.glob("*_SHA256SUMS"))
    away.rename(away.with_suffix(".away"))
    mirror.write_text(wanted)
    assert not work.publish(NOW + timedelta(hours=1)).published
    away.with_suffix(".away").rename(away)
    assert work.publish(NOW + timedelta(hours=2)).published


@pytest.fixture
def signed(tmp_path: Path, database: str) -> tuple[Workspace, Path]:
    """A registry with a provider that its publisher signed, and the folder of its release."""
    work = Workspace(tmp_path / "work", database)
    make_release(tmp_path / "widget", "widget", "1.0.0", key=make_key("acme"), platforms=("linux_amd64",))
    work.provider("acme/widget", tmp_path / "widget", key=make_key("acme").armor)
    assert not work.publish().refusals
    return work, tmp_path / "widget"


def alarms(work: Workspace) -> list[tuple[str, bool]]:
    before = work.tree()
    refusals = work.publish(TOMORROW).refusals
    assert work.tree() == before
    return [(refusal.error.code.id, refusal.violation) for refusal in refusals]


def test_a_release_that_another_key_signed_meanwhile_is_an_alarm(signed: tuple[Workspace, Path]) -> None:
    work, release = signed
    make_release(release, "widget", "1.0.0", key=make_key("another"), platforms=("linux_amd64",))
    assert alarms(work) == [("PLN019", True)]


def test_a_release_whose_signature_is_gone_is_an_alarm(signed: tuple[Workspace, Path]) -> None:
    work, release = signed
    next(release.glob("*.sig")).unlink()
    assert alarms(work) == [("PLN019", True)]


def test_a_zip_of_another_size_behind_the_same_sums_is_an_alarm(signed: tuple[Workspace, Path]) -> None:
    work, release = signed
    with next(release.glob("*.zip")).open("ab") as file:
        file.write(b"more")
    assert alarms(work) == [("PLN005", True)]


def test_a_release_that_is_gone_is_noted(signed: tuple[Workspace, Path]) -> None:
    work, release = signed
    for path in release.iterdir():
        path.unlink()
    report = work.publish(TOMORROW)
    assert not report.refusals
    assert [note.text for note in report.notes] == ["the release of published version 1.0.0 is gone from the source"]


def test_an_archive_that_is_gone_is_noted(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    folder = tmp_path / "builds"
    make_archive(folder, "network-1.0.0.zip")
    source = f"source:\n  archives: {folder}\n  pattern: network-{{version}}.zip\n"
    work.write("catalog/modules/acme/network/aws.yaml", source)
    assert not work.publish().refusals
    shutil.rmtree(folder)
    make_archive(folder, "network-1.1.0.zip")
    report = work.publish(TOMORROW)
    assert [note.text for note in report.notes] == ["the archive of published version 1.0.0 is gone from the source"]
