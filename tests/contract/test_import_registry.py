"""``import registry``: packages of another registry over its protocols, with digests held against what was signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.model.address import MirrorAddress, Platform, provider_address
from registry_gen.model.version import Version
from tests.support.command_line import run_here
from tests.support.http_server import HttpServer, Reply
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import Ran
    from tests.support.openpgp_keys import TestKey
    from tests.support.releases import Release
    from tests.support.tls import Authority

THEIRS = "registry.example.test"
WIDGET = provider_address("acme", "widget")
MIRRORED = MirrorAddress(THEIRS, "acme", "widget")
LINUX = Platform("linux", "amd64")
PLATFORMS = ("darwin_arm64", "linux_amd64")
V1 = Version(1, 0, 0)


@dataclass
class Theirs:
    """Another registry: a provider in two versions, and whatever a test changes of it."""

    server: HttpServer
    key: TestKey
    releases: dict[str, Release]

    def leaf(self, version: str, platform: str, **changes: Any) -> None:
        os, _, arch = platform.partition("_")
        stem = f"terraform-provider-widget_{version}"
        sums = {line.split()[1].decode(): line.split()[0].decode() for line in self.releases[version].sums.splitlines()}
        name = f"{stem}_{platform}.zip"
        document = {
            "protocols": ["5.0"],
            "os": os,
            "arch": arch,
            "filename": name,
            "download_url": f"/releases/{version}/{name}",
            "shasum": sums[name],
            "shasums_url": f"/releases/{version}/{stem}_SHA256SUMS",
            "shasums_signature_url": f"/releases/{version}/{stem}_SHA256SUMS.sig",
            "signing_keys": {"gpg_public_keys": [{"ascii_armor": self.key.armor}]},
            **changes,
        }
        self.server.route(f"/v1/providers/acme/widget/{version}/download/{os}/{arch}", Reply.json(document))

    def module(self, *locations: tuple[str, Reply]) -> None:
        listed = [{"version": version} for version, _ in locations]
        self.server.route("/m/acme/network/aws/versions", Reply.json({"modules": [{"versions": listed}]}))
        for version, reply in locations:
            self.server.route(f"/m/acme/network/aws/{version}/download", reply)


def sent(location: str) -> Reply:
    return Reply(204, headers={"X-Terraform-Get": location})


@pytest.fixture
def theirs(authority: Authority, tmp_path: Path) -> Iterator[Theirs]:
    key = make_key("acme")
    releases = {
        version: make_release(tmp_path / "releases" / version, "widget", version, key=key, platforms=PLATFORMS)
        for version in ("1.0.0", "1.1.0")
    }
    with HttpServer(authority=authority) as server:
        found = Theirs(server, key, releases)
        server.folder("/releases/", tmp_path / "releases")
        server.route("/.well-known/terraform.json", Reply.json({"providers.v1": "/v1/providers/", "modules.v1": "/m/"}))
        platforms = [{"os": "darwin", "arch": "arm64"}, {"os": "linux", "arch": "amd64"}]
        versions = [{"version": version, "protocols": ["5.0"], "platforms": platforms} for version in releases]
        server.route("/v1/providers/acme/widget/versions", Reply.json({"versions": versions}))
        for version in releases:
            for platform in PLATFORMS:
                found.leaf(version, platform)
        yield found


@pytest.fixture
def work(tmp_path: Path, database: str, theirs: Theirs, authority: Authority) -> Workspace:
    network = f"  ca_file: {authority.ca_file}\n  upstreams: {{{THEIRS}: '{theirs.server.url('')}'}}\n"
    return Workspace(tmp_path / "work", database, network=network)


def imported(work: Workspace, *arguments: str, code: int = 0) -> Ran:
    ran = run_here(work, "import", "registry", THEIRS, *arguments, "--json")
    assert ran.code == code, ran.err + ran.out
    return ran


def refused(ran: Ran) -> dict[str, str]:
    return {problem["where"]: problem["code"] for problem in ran.json["not_taken"]}


def test_a_provider_is_taken_with_digests_that_its_publisher_signed(work: Workspace, theirs: Theirs) -> None:
    ran = imported(work, "acme/widget")

    assert ran.json["not_taken"] == []
    assert ran.json["digests"] == {"equal": 4, "different": [], "not_compared": []}
    assert (ran.json["taken"]["provider_versions"], ran.json["taken"]["keys"]) == (2, 1)
    fingerprint = theirs.key.fingerprint.lower()
    text = (work.root / "catalog/providers/acme/widget.yaml").read_text()
    assert text == (
        f'source:\n  releases: "{theirs.server.url("/releases/{version}")}"\n'
        '  versions:\n    - "1.0.0"\n    - "1.1.0"\n'
        f"signing_keys:\n  - acme/{fingerprint}.asc\n"
    )
    assert run_here(work, "validate").code == 0
    with work.registry() as registry:
        found = registry.ledger.imported([WIDGET])[WIDGET].zips
    assert found[V1][LINUX] in theirs.releases["1.0.0"].sums.decode()
    assert not any(request.path.endswith(".zip") for request in theirs.server.requests)
    assert [len(changed.published) for changed in work.publish().published] == [2]


def test_a_digest_that_the_publisher_did_not_sign_is_told_before_anything_is_published(
    work: Workspace, theirs: Theirs
) -> None:
    theirs.leaf("1.0.0", "linux_amd64", shasum="f" * 64)

    ran = imported(work, "acme/widget", code=1)

    (other,) = ran.json["digests"]["different"]
    name = "terraform-provider-widget_1.0.0_linux_amd64.zip"
    assert (other["code"], other["where"]) == ("IMP021", f"{THEIRS}/acme/widget 1.0.0 {name}")
    assert other["found"] == "f" * 64
    report = work.publish()
    assert [refusal.error.code.id for refusal in report.refusals] == ["PLN021"]
    text = run_here(work, "import", "registry", THEIRS, "acme/widget")
    assert "Digests: 3 are what the publisher signed, 1 are not, 0 could not be compared." in text.out


def test_a_mirror_is_held_to_what_was_imported_when_its_registry_offers_other_bytes_later(
    work: Workspace, theirs: Theirs, tmp_path: Path
) -> None:
    ran = imported(work, "acme/widget", "--mirror")
    assert ran.json["digests"]["equal"] == 4
    text = (work.root / f"catalog/mirrors/{THEIRS}/acme/widget.yaml").read_text()
    assert 'versions: ">= 1.0.0, <= 1.1.0"' in text
    assert "platforms: [darwin_arm64, linux_amd64]" in text
    assert run_here(work, "validate").code == 0
    folder = tmp_path / "releases/1.1.0"
    theirs.releases["1.1.0"] = make_release(folder, "widget", "1.1.0", key=theirs.key, platforms=PLATFORMS, size=64)
    for platform in PLATFORMS:
        theirs.leaf("1.1.0", platform)

    report = work.publish()

    assert [(str(refusal.version), refusal.error.code.id) for refusal in report.refusals] == [("1.1.0", "PLN021")]
    assert "PLN021" in run_here(work, "violations").out
    assert list(work.document(f"v1/mirror/{MIRRORED}/index.json")["versions"]) == ["1.0.0"]


def test_a_version_that_its_publisher_did_not_sign_is_not_taken(work: Workspace, theirs: Theirs) -> None:
    stranger = {"gpg_public_keys": [{"ascii_armor": make_key("stranger").armor}]}
    for platform in PLATFORMS:
        theirs.leaf("1.1.0", platform, signing_keys=stranger)

    ran = imported(work, "acme/widget")

    assert refused(ran) == {"acme/widget 1.1.0": "SIG012"}
    assert ran.json["taken"]["provider_versions"] == 1


def test_files_that_lie_apart_are_not_taken_as_releases_but_as_a_mirror(work: Workspace, theirs: Theirs) -> None:
    for version in theirs.releases:
        for platform in PLATFORMS:
            theirs.leaf(version, platform, download_url=f"/blobs/{version}?token=secret")

    ran = imported(work, "acme/widget")
    mirror = imported(work, "acme/widget", "--mirror")

    assert set(refused(ran).values()) == {"IMP004", "IMP009"}
    assert "secret" not in ran.out
    assert mirror.json["taken"]["mirror_versions"] == 2


def test_platforms_that_name_different_sums_are_refused(work: Workspace, theirs: Theirs) -> None:
    theirs.leaf("1.1.0", "linux_amd64", shasums_url="/releases/1.1.0/other")

    assert refused(imported(work, "acme/widget")) == {"acme/widget 1.1.0": "IMP023"}


def test_a_busy_host_is_waited_for_and_a_lying_one_costs_one_version(work: Workspace, theirs: Theirs) -> None:
    leaf = "/v1/providers/acme/widget/1.0.0/download/linux/amd64"
    theirs.leaf("1.1.0", "linux_amd64", os="windows")
    good = theirs.server._find(leaf)
    theirs.server.route(leaf, Reply.busy(retry_after="0"), good)

    ran = imported(work, "acme/widget")

    assert refused(ran) == {f"{THEIRS}/acme/widget 1.1.0 linux_amd64": "SRC007"}
    assert (theirs.server.asked(leaf), ran.json["taken"]["zips"]) == (2, 3)


def test_a_module_is_its_repository_with_tags_and_pinned_commits(work: Workspace, theirs: Theirs) -> None:
    git = "git::https://git.example.com/acme/network.git"
    commit = "0123456789abcdef0123456789abcdef01234567"
    theirs.module(
        ("1.0.0", sent(f"{git}?ref=v1.0.0")),
        ("1.1.0", Reply.json({"location": f"{git}?ref={commit}"})),
        ("1.2.0", sent("https://dl.example.com/network.tar.gz?archive=tar.gz")),
        ("1.3.0", sent(f"{git}?ref=main")),
        ("1.4.0", Reply(204)),
        ("1.5", sent(git)),
    )

    ran = imported(work, "acme/network/aws")

    assert refused(ran) == {
        "acme/network/aws 1.2.0": "IMP020",
        "acme/network/aws 1.3.0": "IMP020",
        "acme/network/aws 1.4.0": "SRC007",
        "acme/network/aws 1.5": "VER001",
    }
    assert (work.root / "catalog/modules/acme/network/aws.yaml").read_text() == (
        f'source:\n  git: "https://git.example.com/acme/network.git"\n  pins:\n    "1.1.0": "{commit}"\n'
    )
    assert run_here(work, "validate").code == 0


def test_a_host_without_modules_and_one_that_lists_nonsense_are_told(work: Workspace, theirs: Theirs) -> None:
    theirs.server.route("/m/acme/network/aws/versions", Reply.json({"modules": [{"versions": [1]}]}))
    theirs.server.route("/v1/providers/acme/none/versions", Reply.json([]))
    assert refused(imported(work, "acme/network/aws", "acme/none")) == {
        "acme/network/aws": "SRC007",
        "acme/none": "SRC007",
    }
    theirs.server.route("/.well-known/terraform.json", Reply.json({}))

    assert refused(imported(work, "acme/network/aws")) == {"acme/network/aws": "IMP026"}


def test_a_dry_run_and_a_draft_touch_no_ledger_and_versions_narrow(work: Workspace, tmp_path: Path) -> None:
    dry = imported(work, "acme/widget", "--dry-run", "--versions", "> 1.0.0")
    imported(work, "acme/widget", "--into", str(tmp_path / "draft"))

    assert (dry.json["taken"]["provider_versions"], dry.json["ledger"]["zips"]) == (1, 0)
    assert list((work.root / "catalog").iterdir()) == []
    assert (tmp_path / "draft/providers/acme/widget.yaml").is_file()
    with work.registry() as registry:
        assert registry.ledger.imported([WIDGET]) == {}
