"""Made again from its source, a published version is what was published, or the difference is named."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from deployments.demo.signing import read_signer
from deployments.demo.upstream import make_upstream
from registry_gen import paths
from registry_gen.model.address import ModuleAddress, Platform, ProviderAddress, parse_address
from registry_gen.model.digest import Commit, sha256
from registry_gen.model.facts import ModuleVersion
from registry_gen.model.version import parse_version
from registry_gen.pack import tar
from registry_gen.publish.remake import remake_artifacts
from registry_gen.render.artifacts import version_artifacts
from registry_gen.sources.git import Git
from tests.support.command_line import run_here
from tests.support.git_repo import Executable, GitRepo
from tests.support.http_server import HttpServer
from tests.support.openpgp_keys import make_key
from tests.support.releases import make_release, provider_zip
from tests.support.tls import Authority
from tests.support.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.tree import TreeFile
    from registry_gen.publish.registry import Registry
    from tests.support.git_repo import File

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SPROCKET = "registry.example.net/acme/sprocket"
NETWORK = ModuleAddress("acme", "network", "aws")
WIDGET = ProviderAddress("acme", "widget")
V1 = parse_version("1.0.0")
ARCHIVE = paths.module_archive(NETWORK, V1)
MAIN: Final[Mapping[str, File]] = {
    "main.tf": 'variable "name" {}\n',
    "README.md": "# Network\n",
    "run.sh": Executable("#!/bin/sh\n"),
}


@pytest.fixture
def work(tmp_path: Path, database: str) -> Workspace:
    return Workspace(tmp_path / "work", database)


@pytest.fixture
def repo(tmp_path: Path, work: Workspace) -> GitRepo:
    """A published module."""
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    work.module("acme/network/aws", made.url)
    assert work.publish().refusals == ()
    return made


def verdicts(found: Mapping[str, list[Mapping[str, str]]]) -> dict[str, str]:
    return {each["name"]: each["verdict"] for each in found["compared"]}


def lie(monkeypatch: pytest.MonkeyPatch, change: Callable[[TreeFile], TreeFile]) -> None:
    """Let git give other files for the same commit, as one could whose SHA-1 is broken."""
    tree = Git.tree

    def lying(self: Git, url: str, commit: Commit, path: str) -> Iterator[TreeFile]:
        return map(change, tree(self, url, commit, path))

    monkeypatch.setattr(Git, "tree", lying)


def recompress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine have a zlib that makes other bytes."""
    monkeypatch.setattr(tar, "LEVEL", zlib.Z_BEST_SPEED)


class TestModules:
    def test_what_its_commit_gives_is_what_was_published_and_nothing_is_written(
        self, work: Workspace, repo: GitRepo
    ) -> None:
        tree = work.tree()
        ran = run_here(work, "rebuild", "acme/network/aws", "1.0.0")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == "module acme/network/aws 1.0.0"
        assert [line.split()[:2] for line in ran.out.splitlines()[1:]] == [["h1", "equal"], ["archive", "equal"]]
        assert work.tree() == tree
        assert not list((work.root / "state").glob("sources-*"))
        assert not list((work.root / "state/staging").glob("*.part"))

    def test_a_tag_that_was_pushed_again_does_not_count(self, work: Workspace, repo: GitRepo) -> None:
        published = repo.resolve("v1.0.0")
        orphan = repo.git("commit-tree", "-m", "Other", f"{repo.commit({'main.tf': '# evil'})}^{{tree}}").strip()
        repo.git("update-ref", "refs/heads/main", orphan)
        repo.tag("v1.0.0", Commit(orphan))
        assert repo.resolve("v1.0.0") != published
        assert run_here(work, "rebuild", "acme/network/aws", "1.0.0").code == 0

    def test_a_commit_that_the_source_no_longer_has_is_told_although_it_was_fetched_once(
        self, work: Workspace, repo: GitRepo
    ) -> None:
        published = repo.resolve("v1.0.0")
        orphan = repo.git("commit-tree", "-m", "Other", f"{repo.commit({'main.tf': '# evil'})}^{{tree}}").strip()
        repo.git("update-ref", "refs/heads/main", orphan)
        repo.tag("v1.0.0", Commit(orphan))
        repo.git("reflog", "expire", "--expire=all", "--all")
        repo.git("gc", "--quiet", "--prune=now")
        ran = run_here(work, "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 1
        assert "GIT006" in ran.err
        assert published in ran.err

    def test_a_changed_a_new_and_a_missing_file_are_named_with_both_digests(
        self, work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        changes = {"main.tf": {"data": b"# evil"}, "README.md": {"path": "READYOU.md"}}
        lie(monkeypatch, lambda file: replace(file, **changes.get(file.path, {})))  # type: ignore[arg-type]
        ran = run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 1
        assert verdicts(ran.json) == {"h1": "different", "archive": "different"}
        files = {each["path"]: (each["published"], each["rebuilt"]) for each in ran.json["files"]}
        assert set(files) == {"README.md", "READYOU.md", "main.tf"}
        assert files["README.md"][1] is files["READYOU.md"][0] is None
        assert [side["sha256"] for side in files["main.tf"]] == [
            sha256(str(MAIN["main.tf"]).encode()),
            sha256(b"# evil"),
        ]
        (problem,) = ran.json["problems"]
        assert problem["code"] == "PUB021"
        (tree, _) = ran.json["compared"]
        assert problem["expected"] == tree["published"]
        assert problem["found"] == f"{tree['rebuilt']}: README.md is missing, READYOU.md is new, main.tf differs"

    def test_a_file_that_became_executable_is_named_although_the_h1_is_the_same(
        self, work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lie(monkeypatch, lambda file: replace(file, kind="executable"))
        ran = run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 1
        assert verdicts(ran.json) == {"h1": "equal", "archive": "different"}
        assert [each["path"] for each in ran.json["files"]] == ["README.md", "main.tf"]

    def test_other_gzip_bytes_around_the_same_files_are_told_and_good(
        self, work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recompress(monkeypatch)
        ran = run_here(work, "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 0
        assert "same contents, other gzip bytes" in ran.out
        assert verdicts(run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0").json) == {
            "h1": "equal",
            "archive": "recompressed",
        }

    def test_without_its_record_other_bytes_are_never_called_good(
        self, work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (record,) = (work.public / "records").iterdir()
        record.write_bytes(record.read_bytes().replace(b'"executable"', b'"file"'))
        assert run_here(work, "rebuild", "acme/network/aws", "1.0.0").code == 0, "it is not needed where all is equal"
        recompress(monkeypatch)
        ran = run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 1
        assert verdicts(ran.json)["archive"] == "different"
        assert [problem["code"] for problem in ran.json["problems"]] == ["PUB021", "PUB020"]

    @pytest.mark.parametrize("key", [ARCHIVE, paths.module_provenance(NETWORK, V1)])
    def test_a_bucket_that_holds_something_else_is_told(self, work: Workspace, repo: GitRepo, key: str) -> None:
        promised = sha256((work.public / key).read_bytes())
        (work.public / key).write_bytes(b"evil")
        ran = run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 1
        assert verdicts(ran.json) == {"h1": "equal", "archive": "equal"}
        (problem,) = ran.json["problems"]
        assert (problem["code"], problem["where"]) == ("PUB022", key)
        assert (problem["expected"], problem["found"]) == (promised, sha256(b"evil"))
        (work.public / key).unlink()
        assert (
            run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0").json["problems"][0]["found"] == "nothing"
        )

    def test_a_link_is_compared_by_its_files(self, tmp_path: Path, work: Workspace) -> None:
        repo = GitRepo(tmp_path / "linked.git")
        repo.tag("v1.0.0", repo.commit({"modules/vpc/main.tf": ""}))
        work.module("acme/network/aws", repo.url, "  path: modules/vpc\nhosting: link\n")
        assert work.publish().refusals == ()
        ran = run_here(work, "--json", "rebuild", "acme/network/aws", "1.0.0")
        assert (ran.code, verdicts(ran.json)) == (0, {"h1": "equal"})

    def test_a_built_archive_is_found_by_its_digest_and_its_successor_does_not_count(
        self, tmp_path: Path, work: Workspace
    ) -> None:
        builds = tmp_path / "builds"
        builds.mkdir()
        name = "network-1.0.0.zip"
        data = provider_zip("network", "1.0.0", "linux_amd64").replace(b"LICENSE", b"main.tf")
        (builds / name).write_bytes(data)
        (builds / "SHA256SUMS").write_text(f"{sha256(data)}  {name}\n")
        source = f"source:\n  archives: {builds}\n  pattern: network-{{version}}.zip\n"
        work.write("catalog/modules/acme/network/aws.yaml", source)
        assert work.publish().refusals == ()
        assert run_here(work, "rebuild", "acme/network/aws", "1.0.0").code == 0
        (builds / "SHA256SUMS").write_text(f"{sha256(b'evil')}  {name}\n")
        (builds / name).write_bytes(b"evil")
        ran = run_here(work, "rebuild", "acme/network/aws", "1.0.0")
        assert ran.code == 1
        assert "SRC010" in ran.err
        assert sha256(data) in ran.err


class TestProviders:
    @pytest.fixture
    def widget(self, tmp_path: Path, work: Workspace) -> Path:
        """The folder of a published release."""
        key = make_key("acme")
        folder = tmp_path / "widget"
        make_release(folder, "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
        work.provider("acme/widget", folder, key=key.armor)
        assert work.publish().refusals == ()
        return folder

    def test_the_zips_of_every_platform_are_fetched_again(self, work: Workspace, widget: Path) -> None:
        ran = run_here(work, "--json", "rebuild", "acme/widget", "1.0.0")
        assert (ran.code, verdicts(ran.json)) == (0, {"darwin_arm64": "equal", "linux_amd64": "equal"})

    def test_a_replaced_zip_and_one_that_is_gone_are_told_each_for_itself(self, work: Workspace, widget: Path) -> None:
        other = provider_zip("widget", "1.0.0", "linux_amd64", size=100)
        (widget / "terraform-provider-widget_1.0.0_linux_amd64.zip").write_bytes(other)
        (widget / "terraform-provider-widget_1.0.0_darwin_arm64.zip").unlink()
        ran = run_here(work, "--json", "rebuild", "acme/widget", "1.0.0")
        assert (ran.code, verdicts(ran.json)) == (1, {"darwin_arm64": "unavailable", "linux_amd64": "different"})
        assert [problem["code"] for problem in ran.json["problems"]] == ["NET006", "PUB005"]
        assert ran.json["compared"][1]["rebuilt"] == sha256(other)
        text = run_here(work, "rebuild", "acme/widget", "1.0.0").out
        assert "linux_amd64   different" in text
        assert sha256(other) in text


class TestMirrors:
    @pytest.fixture
    def upstream(self, tmp_path: Path, database: str) -> Iterator[tuple[Workspace, Path]]:
        """A registry that mirrored one version for two platforms, and the folder of its upstream."""
        key = (ROOT / "catalog/keys/mirrors/sprocket.asc").read_text()
        authority = Authority(tmp_path / "authority")
        make_upstream(tmp_path / "upstream", read_signer(ROOT / "deployments/demo/upstream-key.asc"), key)
        with HttpServer(authority=authority) as server:
            server.folder("/", tmp_path / "upstream")
            upstreams = json.dumps({"registry.example.net": server.url("").rstrip("/")})
            network = f"  ca_file: {json.dumps(str(authority.ca_file))}\n  upstreams: {upstreams}\n"
            work = Workspace(tmp_path / "work", database, network=network)
            work.write("catalog/keys/sprocket.asc", key)
            wanted = 'trust:\n  keys: [sprocket.asc]\nversions: "2.1.0"\nplatforms: [darwin_arm64, linux_amd64]\n'
            work.write(f"catalog/mirrors/{SPROCKET}.yaml", wanted)
            assert work.publish().refusals == ()
            yield work, tmp_path / "upstream/v1/providers/acme/sprocket/2.1.0"

    def test_the_zips_are_asked_for_again_from_the_other_registry(self, upstream: tuple[Workspace, Path]) -> None:
        work, _ = upstream
        (work.root / f"catalog/mirrors/{SPROCKET}.yaml").unlink()
        ran = run_here(work, "--json", "rebuild", SPROCKET, "2.1.0")
        assert (ran.code, verdicts(ran.json)) == (0, {"darwin_arm64": "equal", "linux_amd64": "equal"})

    def test_a_zip_that_the_other_registry_replaced_is_told_with_both_digests(
        self, upstream: tuple[Workspace, Path]
    ) -> None:
        work, release = upstream
        other = provider_zip("sprocket", "2.1.0", "linux_amd64", size=100)
        (found,) = release.glob("*_linux_amd64.zip")
        published = sha256(found.read_bytes())
        found.write_bytes(other)
        ran = run_here(work, "--json", "rebuild", SPROCKET, "2.1.0")
        assert (ran.code, verdicts(ran.json)) == (1, {"darwin_arm64": "equal", "linux_amd64": "different"})
        (problem,) = ran.json["problems"]
        assert (problem["expected"], problem["found"]) == (f"SHA-256 {published}", sha256(other))

    def test_the_zips_come_back_byte_for_byte(self, upstream: tuple[Workspace, Path]) -> None:
        everything_comes_back(upstream[0], SPROCKET, 2)


class TestUsage:
    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            (("acme", "1.0.0"), "ADDRESS"),
            (("acme/network/aws", "v1"), "VERSION"),
            (("acme/network/aws", "1.0.1"), "Did you mean 1.0.0?"),
            (("acme/network/azure", "1.0.0"), "CLI020"),
        ],
    )
    def test_what_was_never_published_is_wrong_usage(
        self, work: Workspace, repo: GitRepo, typed: tuple[str, str], said: str
    ) -> None:
        ran = run_here(work, "rebuild", *typed)
        assert (ran.code, ran.out) == (64, "")
        assert said in ran.err


class TestRemake:
    """What a repair puts back: the very bytes, or nothing."""

    @pytest.mark.parametrize("signature", ["publisher", "registry"])
    def test_zips_sums_and_signature_come_back_byte_for_byte(
        self, tmp_path: Path, work: Workspace, signature: str
    ) -> None:
        key = make_key("acme")
        make_release(tmp_path / "widget", "widget", "1.0.0", key=key, platforms=("darwin_arm64", "linux_amd64"))
        work.provider("acme/widget", tmp_path / "widget", key=key.armor if signature == "publisher" else None)
        assert work.publish().refusals == ()
        everything_comes_back(work, "acme/widget", 4)

    def test_an_archive_and_its_provenance_come_back_byte_for_byte(self, work: Workspace, repo: GitRepo) -> None:
        everything_comes_back(work, "acme/network/aws", 2)

    def test_what_is_not_asked_for_is_not_fetched(self, work: Workspace, repo: GitRepo) -> None:
        key = paths.module_provenance(NETWORK, V1)
        with work.registry() as registry:
            away = replace(registry, sources=None)  # type: ignore[arg-type]
            made = remake_artifacts(away, NETWORK, facts_of(registry, "acme/network/aws"), [key])
        assert [artifact.key for artifact in made.artifacts] == [key]

    def test_other_bytes_are_never_taken(self, work: Workspace, repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
        (record,) = (work.public / "records").iterdir()
        record.write_bytes(record.read_bytes().replace(b"main", b"evil"))
        recompress(monkeypatch)
        with work.registry() as registry:
            facts = facts_of(registry, "acme/network/aws")
            made = remake_artifacts(registry, NETWORK, facts, version_artifacts(NETWORK, facts).keys())
        assert made.artifacts == ()
        assert {key: problem.code.id for key, problem in made.problems.items()} == {
            ARCHIVE: "PUB021",
            paths.module_provenance(NETWORK, V1): "PUB020",
        }
        assert "another zlib" in made.problems[ARCHIVE].hint
        assert not any((work.root / "state/staging").iterdir())

    def test_a_zip_that_was_replaced_at_its_source_is_never_taken(self, tmp_path: Path, work: Workspace) -> None:
        make_release(tmp_path / "widget", "widget", "1.0.0", platforms=("linux_amd64",))
        work.provider("acme/widget", tmp_path / "widget")
        assert work.publish().refusals == ()
        other = provider_zip("widget", "1.0.0", "linux_amd64", size=100)
        (tmp_path / "widget/terraform-provider-widget_1.0.0_linux_amd64.zip").write_bytes(other)
        key = paths.provider_zip(WIDGET, V1, Platform("linux", "amd64"))
        with work.registry() as registry:
            made = remake_artifacts(registry, WIDGET, facts_of(registry, "acme/widget"), [key])
        assert made.artifacts == ()
        assert made.problems[key].code.id == "PUB005"

    def test_what_the_record_holds_is_not_taken_where_the_ledger_says_otherwise(
        self, work: Workspace, repo: GitRepo
    ) -> None:
        key = paths.module_provenance(NETWORK, V1)
        with work.registry() as registry:
            facts = facts_of(registry, "acme/network/aws")
            assert isinstance(facts, ModuleVersion)
            made = remake_artifacts(registry, NETWORK, replace(facts, provenance=sha256(b"other")), [key])
        assert made.artifacts == ()
        assert (made.problems[key].code.id, made.problems[key].expected) == ("PUB021", sha256(b"other"))

    def test_a_key_of_another_version_is_a_mistake(self, work: Workspace, repo: GitRepo) -> None:
        key = paths.module_archive(NETWORK, parse_version("2.0.0"))
        with work.registry() as registry, pytest.raises(ValueError, match="not an artifact"):
            remake_artifacts(registry, NETWORK, facts_of(registry, "acme/network/aws"), [key])


def everything_comes_back(work: Workspace, text: str, count: int) -> None:
    address = parse_address(text)
    with work.registry() as registry:
        facts = facts_of(registry, text)
        promised = version_artifacts(address, facts)
        made = remake_artifacts(registry, address, facts, promised.keys())
        assert made.problems == {}
        assert {artifact.key: artifact.sha256 for artifact in made.artifacts} == promised
        assert len(promised) == count
        for artifact in made.artifacts:
            path = registry.staging.path(artifact)
            assert path
            assert path.read_bytes() == (work.public / artifact.key).read_bytes()


def facts_of(registry: Registry, text: str) -> VersionFacts:
    address = parse_address(text)
    (facts,) = registry.ledger.packages([address])[address].versions
    return facts
