from __future__ import annotations

import hashlib
import os
import select
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import Code, RegistryError, SourceError
from registry_gen.model.config import Limits, Network
from registry_gen.model.digest import Commit
from registry_gen.model.plan import Tag
from registry_gen.model.tree import TreeFile
from registry_gen.sources import codes
from registry_gen.sources.git import Git
from registry_gen.sources.hosts import Hosts
from tests.support.git_repo import Executable, File, GitRepo, Link, Submodule
from tests.support.git_server import serve_git
from tests.support.http_server import HttpServer, Reply
from tests.support.made_time import MadeTime
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCAL = Network(schemes=("https", "ssh", "file"))


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "repositories" / "network.git")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(tmp_path / "state", LOCAL, Limits())


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as server:
        serve_git(server, tmp_path / "repositories")
        yield server


def online(tmp_path: Path, authority: Authority, *, seconds: float = 60.0, pinned: str = "127.0.0.1") -> Git:
    network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file)
    time = MadeTime()
    return Git(
        tmp_path / "state",
        network,
        Limits(git_seconds=seconds),
        resolve=lambda _host, _port: [pinned],
        hosts=Hosts(Limits().per_host, clock=time.clock, sleep=time.sleep),
    )


def refused(code: Code, call: Callable[[], object]) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        call()
    assert caught.value.code is code, caught.value
    return caught.value


def tagged(repo: GitRepo, files: dict[str, File], name: str = "v1.0.0") -> Tag:
    commit = repo.commit(files)
    repo.tag(name, commit)
    return Tag(name, commit)


def files_of(git: Git, url: str, tag: Tag, path: str = "") -> tuple[TreeFile, ...]:
    git.fetch(url, [tag])
    return tuple(git.tree(url, tag.commit, path))


# --- tags ---------------------------------------------------------------------------------------------------------


def test_tags_come_sorted_and_peeled(git: Git, repo: GitRepo) -> None:
    first = repo.commit({"main.tf": "1"})
    repo.tag("v1.0.0", first, annotated=True)
    second = repo.commit({"main.tf": "2"})
    repo.tag("v1.1.0", second)
    repo.tag("network/v0.1.0", second, annotated=True)
    assert git.tags(repo.url) == (Tag("network/v0.1.0", second), Tag("v1.0.0", first), Tag("v1.1.0", second))
    assert git.tags(f"file://{repo.url}") == git.tags(repo.url)


def test_a_tag_of_a_tag_peels_to_the_commit(git: Git, repo: GitRepo) -> None:
    tag = tagged(repo, {"main.tf": ""}, "inner")
    repo.tag("inner", tag.commit, annotated=True)
    repo.git("tag", "-a", "-m", "outer", "outer", "refs/tags/inner")
    assert git.tags(repo.url)[1] == Tag("outer", tag.commit)


def test_a_repository_without_tags_has_none_but_an_empty_one_is_told(git: Git, repo: GitRepo) -> None:
    refused(codes.NO_REPOSITORY, lambda: git.tags(repo.url))
    repo.commit({"main.tf": ""})
    assert git.tags(repo.url) == ()


def test_a_repository_over_https_is_read_by_name_from_the_judged_address(
    tmp_path: Path, repo: GitRepo, server: HttpServer, authority: Authority
) -> None:
    """The name resolves to nothing here: git reaches the server only through the pinned address."""
    tag = tagged(repo, {"main.tf": "x"})
    git = online(tmp_path, authority)
    url = server.url("/git/network.git", "git.example.test")
    assert git.tags(url) == (tag,)
    assert files_of(git, url, tag) == (TreeFile("main.tf", "file", b"x"),)


def test_a_server_of_protocol_version_0_is_read_too(tmp_path: Path, repo: GitRepo, authority: Authority) -> None:
    tag = tagged(repo, {"main.tf": "x"})
    repo.commit({"main.tf": "later"})
    with HttpServer(authority=authority) as server:
        serve_git(server, tmp_path / "repositories", version2=False)
        git = online(tmp_path, authority)
        assert git.tags(server.url("/git/network.git")) == (tag,)
        assert files_of(git, server.url("/git/network.git"), tag) == (TreeFile("main.tf", "file", b"x"),)


# --- hostile URLs and refs ----------------------------------------------------------------------------------------

CANARY = "touch${IFS}CANARY"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "--upload-pack=touch CANARY",
            "-uCANARY",
            "--",
            "",
            " ",
            "-",
            "ext::sh -c touch% CANARY",
            "ext::touch CANARY",
        ),
        *("fd::17", "transport::address", "https::https://github.com/x", "file::/x", "ssh://-oProxyCommand=touch/x"),
        *("ssh://-oProxyCommand=touch%20CANARY@host/x", "ssh://git@-oProxyCommand=touch/x", "ssh://git@host/x;touch"),
        *("ssh://git:password@host/x", "ssh://a@b@host/x", "ssh://host/`touch CANARY`", f"ssh://host/$({CANARY})"),
        *("git@host:acme/x.git", "host:x", "-oProxyCommand=touch CANARY:x", "[::1]:x", "https://user:secret@host/x"),
        *("https://host/x?service=1", "https://host/x#y", "https://host/../x", "https://host/%2e%2e/x", "https://host"),
        *(
            "https://host/x\n",
            "https://host/x\r\nHost: y",
            "https://host/\x00",
            "https://host/x y",
            "https://2130706433/x",
        ),
        *("https://0x7f.1/x", "http://host/x", "git://host/x", "ftp://host/x", "HTTPS://host/x", "https://[::1/x"),
        *("file://host/share", "file:x", "file:///x/../../etc", "relative/path", "./x", "../x", "/x/../y", "/x\n", "/"),
        *("rsync://host/x", "svn+ssh://host/x", "git+ssh://host/x", "https://host/" + "x" * 5000),
    ],
)
def test_a_hostile_url_is_refused_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    git = Git(tmp_path / "state", LOCAL, Limits(), resolve=lambda _host, _port: ["93.184.216.34"])
    for call in (lambda: git.tags(url), lambda: git.fetch(url, [Tag("v1", Commit("1" * 40))])):
        with pytest.raises(SourceError) as caught:
            call()
        assert caught.value.code in (codes.BAD_GIT_URL, codes.BAD_URL, codes.BAD_SCHEME, codes.FORBIDDEN_ADDRESS)
        assert "secret" not in str(caught.value)
        assert "password@" not in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*CANARY*")] == []
    assert not (tmp_path / "state").exists()


def test_local_repositories_need_the_scheme_file(tmp_path: Path, repo: GitRepo) -> None:
    tagged(repo, {"main.tf": ""})
    git = Git(tmp_path / "state", Network(), Limits())
    for url in (repo.url, f"file://{repo.url}"):
        refused(codes.BAD_SCHEME, lambda url=url: git.tags(url))  # type: ignore[misc]


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_a_private_address_is_refused_before_git_starts(tmp_path: Path, scheme: str) -> None:
    git = Git(tmp_path / "state", Network(), Limits(), resolve=lambda _host, _port: ["169.254.169.254"])
    refused(codes.FORBIDDEN_ADDRESS, lambda: git.tags(f"{scheme}://metadata.example.com/x"))


def test_a_redirect_to_another_repository_is_not_followed(
    tmp_path: Path, repo: GitRepo, server: HttpServer, authority: Authority
) -> None:
    tagged(repo, {"main.tf": ""})
    query = "/info/refs?service=git-upload-pack"
    server.route(f"/old.git{query}", Reply.redirect(server.url(f"/git/network.git{query}"), 301))
    refused(codes.MOVED_REPOSITORY, lambda: online(tmp_path, authority).tags(server.url("/old.git")))
    assert server.asked(f"/git/network.git{query}") == 0


HOSTILE_REFS = (
    *(
        "-",
        "--upload-pack=touch CANARY",
        "..",
        "../../x",
        "a..b",
        "a b",
        "a~1",
        "a^{}",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
    ),
    *(".hidden", "a/.hidden", "a.lock", "a/b.lock/c", "a.", "a@{1}", "a\x01b", "a\x7f", "/a", "a//b", "a/", "x" * 300),
    *("$(touch CANARY)", "`touch CANARY`", "a\x1b[31m", "a\u0085b", "+refs/heads/main", ":refs/heads/x"),
)


def test_hostile_names_of_tags_are_left_out_and_run_nothing(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may advertise what git itself would never make."""
    monkeypatch.chdir(tmp_path)
    lines = [f"{'1' * 40} refs/tags/{name}\n".encode() for name in (*HOSTILE_REFS, "v1.0.0", "a/b-c_d+e=f@g%h!i")]
    lines[0] = lines[0].replace(b"\n", b"\0agent=x\n")
    packets = b"".join(f"{len(line) + 4:04x}".encode() + line for line in lines)
    advertised = b"001e# service=git-upload-pack\n0000" + packets + b"0000"
    with HttpServer(authority=authority) as server:
        server.route(
            "/x.git/info/refs?service=git-upload-pack",
            Reply(body=advertised, content_type="application/x-git-upload-pack-advertisement"),
        )
        git = online(tmp_path, authority)
        try:
            found = git.tags(server.url("/x.git"))
        except SourceError as error:
            assert error.code is codes.GIT_FAILED  # noqa: PT017 (a git that refuses the whole answer is fine, too)
        else:
            names = {tag.name for tag in found}
            assert "v1.0.0" in names
            assert not names & (set(HOSTILE_REFS) - {"-", "+refs/heads/main", "$(touch CANARY)", "`touch CANARY`"})
    assert list(tmp_path.rglob("*CANARY*")) == []


def test_hooks_and_configuration_of_anybody_are_not_used(
    tmp_path: Path, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    canary = tmp_path / "canary"
    (home / ".gitconfig").write_text(f'[core]\n\tfsmonitor = "touch {canary}"\n[url "/nowhere"]\n\tinsteadOf = /\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "url./nowhere.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "/")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {canary}")
    tag = tagged(repo, {"main.tf": ""})
    assert files_of(Git(tmp_path / "state", LOCAL, Limits()), repo.url, tag)
    assert not canary.exists()


def plant(folder: Path) -> None:
    """Plain files that git takes for a bare repository; its configuration could as well run programs."""
    for part in ("objects/info", "refs/heads"):
        (folder / part).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text(
        '[core]\n\trepositoryformatversion = 0\n\tbare = true\n[url "/nowhere"]\n\tinsteadOf = /\n'
    )


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_repository_planted_where_git_is_started_is_not_obeyed(
    tmp_path: Path, git: Git, repo: GitRepo, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    tag = tagged(repo, {"main.tf": "1"})
    plant(tmp_path / "here")
    (tmp_path / "here" / below).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here" / below)
    assert git.tags(repo.url) == (tag,)
    assert files_of(git, repo.url, tag)[0].data == b"1"


def test_a_planted_cache_is_not_obeyed(tmp_path: Path, git: Git, repo: GitRepo) -> None:
    tag = tagged(repo, {"main.tf": "1"})
    cache = tmp_path / "state" / "git" / hashlib.sha256(repo.url.encode()).hexdigest()
    plant(cache)
    refused(codes.NO_COMMIT, lambda: tuple(git.tree(repo.url, tag.commit, "")))
    assert files_of(git, repo.url, tag)[0].data == b"1"


def test_a_cache_that_is_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path, git: Git, repo: GitRepo) -> None:
    tag = tagged(repo, {"main.tf": "1"})
    cache = tmp_path / "state" / "git" / hashlib.sha256(repo.url.encode()).hexdigest()
    cache.parent.mkdir(parents=True)
    cache.symlink_to(repo.path)
    assert files_of(git, repo.url, tag)[0].data == b"1"
    assert not cache.is_symlink()
    assert repo.path.is_dir()


@pytest.mark.parametrize("name", ["hooks/post-fetch", "commondir", "config.worktree", "objects/info/alternates"])
def test_a_cache_with_a_file_that_git_would_obey_is_made_anew(
    tmp_path: Path, git: Git, repo: GitRepo, name: str
) -> None:
    tag = tagged(repo, {"main.tf": "1"})
    git.fetch(repo.url, [tag])
    (cache,) = (path.parent for path in (tmp_path / "state").rglob("HEAD"))
    (cache / name).parent.mkdir(parents=True, exist_ok=True)
    (cache / name).write_text("/nowhere\n")
    assert files_of(git, repo.url, tag)[0].data == b"1"
    assert not (cache / name).exists()


# --- trees --------------------------------------------------------------------------------------------------------


def test_a_folder_of_the_commit_comes_byte_for_byte_with_its_kinds(git: Git, repo: GitRepo) -> None:
    tag = tagged(
        repo,
        {
            "README.md": "not asked for",
            "modules/network/main.tf": "# $Id$\r\nwindows\r\n",
            "modules/network/bin/run": Executable("#!/bin/sh\n"),
            "modules/network/latest": Link("main.tf"),
            "modules/network/empty": "",
            "modules/network/é \\ '\"$(x).tf": b"\x00\xff",
            "modules/network/.gitattributes": "* text eol=lf export-subst\nmain.tf export-ignore\n",
            "modules/network-2/main.tf": "not asked for either",
        },
    )
    assert files_of(git, repo.url, tag, "modules/network") == (
        TreeFile(".gitattributes", "file", b"* text eol=lf export-subst\nmain.tf export-ignore\n"),
        TreeFile("bin/run", "executable", b"#!/bin/sh\n"),
        TreeFile("empty", "file", b""),
        TreeFile("latest", "symlink", b"main.tf"),
        TreeFile("main.tf", "file", b"# $Id$\r\nwindows\r\n"),
        TreeFile("é \\ '\"$(x).tf", "file", b"\x00\xff"),
    )


def test_files_come_in_the_order_of_their_paths_as_bytes(git: Git, repo: GitRepo) -> None:
    names = ["a/z", "a-b", "a.b", "a0", "B", "é", "z", "a/b/c"]
    tag = tagged(repo, dict.fromkeys(names, ""))
    assert [file.path for file in files_of(git, repo.url, tag)] == sorted(names, key=str.encode)


@pytest.mark.parametrize("path", ["missing", "main.tf", "a/../a", "./a", "/a", "a/", "a//b", ":(glob)*", "-x", "a\nb"])
def test_a_folder_that_is_not_there_is_told(git: Git, repo: GitRepo, path: str) -> None:
    tag = tagged(repo, {"main.tf": "", "a/b/c.tf": ""})
    refused(codes.NO_FOLDER, lambda: files_of(git, repo.url, tag, path))


def test_a_submodule_is_refused_in_the_folder_and_ignored_outside(git: Git, repo: GitRepo) -> None:
    tag = tagged(repo, {"a/main.tf": "", "vendor/x": Submodule()})
    assert "vendor/x" in str(refused(codes.SUBMODULE, lambda: files_of(git, repo.url, tag)))
    assert [file.path for file in files_of(git, repo.url, tag, "a")] == ["main.tf"]


def test_a_tree_over_the_limits_is_refused_before_it_is_read(tmp_path: Path, repo: GitRepo) -> None:
    tag = tagged(repo, {"a/1": "12345", "a/2": "12345", "b/1": "x"})

    def read(path: str, **limits: int) -> tuple[TreeFile, ...]:
        return files_of(Git(tmp_path / "state", LOCAL, Limits(**limits)), repo.url, tag, path)

    assert "10" in str(refused(codes.TREE_TOO_LARGE, lambda: read("a", module_bytes=9)))
    refused(codes.TREE_TOO_LARGE, lambda: read("", module_files=2))
    assert len(read("a", module_bytes=10, module_files=2)) == 2


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("100644", b".."),
        ("100644", b"."),
        ("100644", b".GIT"),
        ("100644", b"a\nb"),
        ("100644", b"\xff"),
        ("100644", b"a\x7f"),
    ],
)
def test_names_that_no_checkout_would_allow_are_refused(git: Git, repo: GitRepo, mode: str, name: bytes) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"x").strip()
    body = b"100644 " + name + b"\0" + bytes.fromhex(blob)
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body).strip()
    commit = Commit(repo.git("commit-tree", "-m", "hostile", tree).strip())
    repo.tag("v1.0.0", commit)
    refused(codes.BAD_PATH_IN_TREE, lambda: files_of(git, repo.url, Tag("v1.0.0", commit)))


def test_a_commit_that_was_never_fetched_is_told(git: Git, repo: GitRepo) -> None:
    tag = tagged(repo, {"main.tf": ""})
    refused(codes.NO_COMMIT, lambda: tuple(git.tree(repo.url, tag.commit, "")))
    git.fetch(repo.url, [tag])
    refused(codes.NO_COMMIT, lambda: tuple(git.tree(repo.url, Commit("1" * 40), "")))


def test_a_reader_that_stops_early_leaves_no_git_behind(git: Git, repo: GitRepo) -> None:
    tag = tagged(repo, {"1": "x" * 1_000_000, "2": "y" * 1_000_000})
    git.fetch(repo.url, [tag])
    reading = git.tree(repo.url, tag.commit, "")
    assert next(reading).path == "1"
    assert isinstance(reading, Generator)
    reading.close()
    assert len(tuple(git.tree(repo.url, tag.commit, ""))) == 2


# --- fetch --------------------------------------------------------------------------------------------------------


def test_only_new_commits_are_asked_for(
    tmp_path: Path, repo: GitRepo, server: HttpServer, authority: Authority
) -> None:
    git, url = online(tmp_path, authority), server.url("/git/network.git")
    first = tagged(repo, {"main.tf": "1"}, "v1.0.0")
    git.fetch(url, [first])
    asked = len(server.requests)
    git.fetch(url, [first])
    git.fetch(url, [])
    assert len(server.requests) == asked
    second = tagged(repo, {"main.tf": "2"}, "v1.1.0")
    git.fetch(url, [first, second])
    assert len(server.requests) > asked
    assert [files_of(git, url, tag)[0].data for tag in (first, second)] == [b"1", b"2"]


def test_many_tags_come_in_several_rounds(git: Git, repo: GitRepo) -> None:
    tags = [tagged(repo, {"main.tf": str(number)}, f"v0.0.{number}") for number in range(5)]
    for number in range(5, 230):
        tags.append(Tag(f"v0.0.{number}", tags[number % 5].commit))
        repo.tag(f"v0.0.{number}", tags[-1].commit)
    git.fetch(repo.url, tags)
    assert [files_of(git, repo.url, tag)[0].data for tag in tags[:5]] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_tag_that_moves_after_it_was_seen_is_told_with_both_commits(git: Git, repo: GitRepo) -> None:
    seen = tagged(repo, {"main.tf": "1"})
    now = repo.commit({"main.tf": "2"})
    repo.tag("v1.0.0", now, annotated=True)
    error = refused(codes.MOVED_MEANWHILE, lambda: git.fetch(repo.url, [seen]))
    assert (error.expected, error.found) == (seen.commit, now)
    refused(codes.NO_COMMIT, lambda: tuple(git.tree(repo.url, now, "")))


def test_a_tag_that_goes_away_after_it_was_seen_is_told(git: Git, repo: GitRepo) -> None:
    seen = tagged(repo, {"main.tf": "1"})
    repo.delete_tag("v1.0.0")
    refused(codes.NO_COMMIT, lambda: git.fetch(repo.url, [seen]))


def test_a_commit_is_fetched_by_its_id_whatever_its_tag_says_now(
    tmp_path: Path, git: Git, repo: GitRepo, server: HttpServer, authority: Authority
) -> None:
    seen = tagged(repo, {"main.tf": "1"})
    orphan = Commit(repo.git("commit-tree", "-m", "Rewritten", f"{repo.commit({'main.tf': '2'})}^{{tree}}").strip())
    repo.git("update-ref", "refs/heads/main", orphan)
    repo.tag("v1.0.0", orphan)
    for source, url in ((git, repo.url), (online(tmp_path, authority), server.url("/git/network.git"))):
        source.fetch_commit(url, seen.commit)
        assert [file.data for file in source.tree(url, seen.commit, "")] == [b"1"]


def test_a_commit_that_the_repository_no_longer_has_is_told(
    tmp_path: Path, git: Git, repo: GitRepo, server: HttpServer, authority: Authority
) -> None:
    tagged(repo, {"main.tf": "1"})
    gone = Commit("1" * 40)
    for source, url in ((git, repo.url), (online(tmp_path, authority), server.url("/git/network.git"))):
        error = refused(codes.NO_COMMIT, lambda source=source, url=url: source.fetch_commit(url, gone))  # type: ignore[misc]
        assert gone in error.found


def test_a_server_of_protocol_version_0_that_gives_no_commit_by_its_id_is_told(
    tmp_path: Path, repo: GitRepo, authority: Authority
) -> None:
    seen = tagged(repo, {"main.tf": "1"})
    repo.tag("v1.0.0", repo.commit({"main.tf": "2"}))
    with HttpServer(authority=authority) as server:
        serve_git(server, tmp_path / "repositories", version2=False)
        git = online(tmp_path, authority)
        refused(codes.NO_COMMIT, lambda: git.fetch_commit(server.url("/git/network.git"), seen.commit))


def test_a_tag_of_something_else_than_a_commit_is_refused(git: Git, repo: GitRepo) -> None:
    tagged(repo, {"main.tf": "1"}, "other")
    tree = repo.git("rev-parse", "refs/tags/other^{tree}").strip()
    repo.git("tag", "-a", "-m", "a tree", "v1.0.0", tree)
    seen = git.tags(repo.url)[1]
    assert seen == Tag("v1.0.0", Commit(tree))
    assert "a tree" in str(refused(codes.NO_COMMIT, lambda: git.fetch(repo.url, [seen])))


def test_a_repository_of_sha256_objects_is_read_too(tmp_path: Path, git: Git) -> None:
    repo = GitRepo(tmp_path / "repositories" / "sha256.git")
    shutil.rmtree(repo.path)
    repo.path.mkdir()
    repo.git("init", "-q", "--bare", "--object-format=sha256", "--initial-branch=main", ".")
    tag = tagged(repo, {"main.tf": "x"})
    assert len(tag.commit) == 64
    assert git.tags(repo.url) == (tag,)
    assert files_of(git, repo.url, tag) == (TreeFile("main.tf", "file", b"x"),)


def test_threads_and_processes_share_one_cache(tmp_path: Path, git: Git, repo: GitRepo) -> None:
    tags = [tagged(repo, {"main.tf": str(number)}, f"v0.0.{number}") for number in range(8)]
    script = (
        "import sys; from pathlib import Path\n"
        "from registry_gen.model.config import Limits, Network; from registry_gen.model.plan import Tag\n"
        "from registry_gen.sources.git import Git\n"
        "git = Git(Path(sys.argv[1]), Network(schemes=('file',)), Limits())\n"
        "git.fetch(sys.argv[2], git.tags(sys.argv[2]))\n"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "state"), repo.url])
    found: dict[str, bytes] = {}
    problems: list[Exception] = []

    def read(tag: Tag) -> None:
        try:
            found[tag.name] = files_of(git, repo.url, tag)[0].data
        except Exception as error:  # noqa: BLE001 (shown by the assertion below)
            problems.append(error)

    threads = [threading.Thread(target=read, args=(tag,)) for tag in tags]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait() == 0
    assert problems == []
    assert found == {f"v0.0.{number}": str(number).encode() for number in range(8)}


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_repository_that_does_not_exist_is_told(
    tmp_path: Path, git: Git, server: HttpServer, authority: Authority
) -> None:
    refused(codes.NO_REPOSITORY, lambda: git.tags(str(tmp_path / "certificates.git")))
    refused(codes.NO_REPOSITORY, lambda: online(tmp_path, authority).tags(server.url("/git/certificates.git")))


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'}), codes.NO_REPOSITORY),
        (Reply(403), codes.NO_REPOSITORY),
        (Reply(429, headers={"Retry-After": "1"}), codes.BUSY),
        (Reply(503), codes.BUSY),
        (Reply(500), codes.GIT_UNREACHABLE),
        (Reply(drop=True), codes.GIT_UNREACHABLE),
        (Reply.html(), codes.NO_REPOSITORY),
    ],
)
def test_what_a_host_answers_becomes_a_clear_error(
    tmp_path: Path, server: HttpServer, authority: Authority, reply: Reply, code: Code
) -> None:
    server.route("/x.git/info/refs?service=git-upload-pack", reply)
    refused(code, lambda: online(tmp_path, authority).tags(server.url("/x.git")))


def test_a_host_that_nobody_listens_on_is_unreachable(tmp_path: Path, authority: Authority) -> None:
    with HttpServer(authority=authority) as server:
        url = server.url("/x.git", "git.example.test")
    refused(codes.GIT_UNREACHABLE, lambda: online(tmp_path, authority).tags(url))


def test_an_unknown_certificate_authority_is_refused(tmp_path: Path, server: HttpServer) -> None:
    other = Authority(tmp_path / "other")
    refused(codes.TLS_FAILED, lambda: online(tmp_path, other).tags(server.url("/git/network.git")))


def test_a_host_that_hangs_is_left_when_time_is_up_and_nothing_stays_behind(
    tmp_path: Path, server: HttpServer, authority: Authority
) -> None:
    server.mount("/hang", lambda _handler: server.wait())
    refused(codes.GIT_TIMEOUT, lambda: online(tmp_path, authority, seconds=1.0).tags(server.url("/hang.git")))


def test_more_refs_than_allowed_are_not_kept_in_memory(
    tmp_path: Path, repo: GitRepo, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_gen.sources.git._LISTING_BYTES", 1000)
    commit = repo.commit({"main.tf": ""})
    for number in range(20):
        repo.tag(f"v0.0.{number}", commit)
    refused(codes.TOO_MANY_REFS, lambda: git.tags(repo.url))


def wrapper(folder: Path, script: str) -> None:
    """Put a program called git first on PATH; it can go on with the real one as "$REAL_GIT"."""
    folder.mkdir()
    path = folder / "git"
    path.write_text(f"#!/bin/sh\nREAL_GIT={shutil.which('git')}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_killed_fetch_is_told_and_the_next_one_goes_on_from_there(
    tmp_path: Path, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The killed git has made its lock files and half a pack."""
    first = tagged(repo, {"main.tf": "1"}, "v1.0.0")
    second = tagged(repo, {"main.tf": "2"}, "v1.1.0")
    git = Git(tmp_path / "state", LOCAL, Limits())
    git.fetch(repo.url, [first])
    wrapper(
        tmp_path / "bin",
        'case "$*" in *" fetch "*) cd "$GIT_DIR"; touch shallow.lock packed-refs.lock objects/pack/tmp_pack_1\n'
        "kill -9 $$;; esac\n"
        'exec "$REAL_GIT" "$@"',
    )
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        killed = Git(tmp_path / "state", LOCAL, Limits())
        assert "killed" in str(refused(codes.GIT_FAILED, lambda: killed.fetch(repo.url, [second])))
    assert list((tmp_path / "state").rglob("shallow.lock"))
    assert files_of(git, repo.url, second) == (TreeFile("main.tf", "file", b"2"),)
    # What was fetched before is still there: the cache was mended and not made anew.
    assert tuple(git.tree(repo.url, first.commit, "")) == (TreeFile("main.tf", "file", b"1"),)


def test_time_that_is_up_kills_the_whole_group(tmp_path: Path, repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = tmp_path / "pids"
    wrapper(
        tmp_path / "bin",
        f'case "$*" in *" ls-remote "*) sleep 600 & echo $$ $! >{pids}; wait;; esac\nexec "$REAL_GIT" "$@"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    git = Git(tmp_path / "state", LOCAL, Limits(git_seconds=1.0))
    refused(codes.GIT_TIMEOUT, lambda: git.tags(repo.url))
    for pid in pids.read_text().split():
        assert _ends(int(pid))


def _ends(pid: int) -> bool:
    """Whether a process is gone, or goes within seconds: a killed one still has to be scheduled to end."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 20)[0])
    finally:
        os.close(watched)


@pytest.mark.parametrize(
    "damage",
    [
        lambda cache: (cache / "HEAD").unlink(),
        lambda cache: (cache / "config").write_text("[core\n"),
        lambda cache: shutil.rmtree(cache / "objects"),
        lambda cache: [pack.unlink() for pack in cache.glob("objects/pack/*.pack")],
    ],
    ids=["no HEAD", "broken configuration", "no objects", "no pack"],
)
def test_a_damaged_cache_is_made_anew(
    tmp_path: Path, git: Git, repo: GitRepo, damage: Callable[[Path], object]
) -> None:
    first = tagged(repo, {"main.tf": "1"}, "v1.0.0")
    second = tagged(repo, {"main.tf": "2"}, "v1.1.0")
    git.fetch(repo.url, [first])
    (cache,) = (path for path in (tmp_path / "state" / "git").iterdir() if (path / "HEAD").is_file())
    damage(cache)
    assert files_of(git, repo.url, second)[0].data == b"2"
    assert files_of(git, repo.url, first)[0].data == b"1"


def test_damage_that_only_reading_shows_is_told_and_mended_by_the_next_run(
    tmp_path: Path, git: Git, repo: GitRepo
) -> None:
    tag = tagged(repo, {"main.tf": "1"})
    git.fetch(repo.url, [tag])
    blob = repo.git("rev-parse", f"{tag.commit}:main.tf").strip()
    (pack,) = (tmp_path / "state").rglob("*.pack")
    cache = pack.parents[2]
    shutil.move(pack, tmp_path / "pack")
    subprocess.run(["git", "unpack-objects", "-q"], cwd=cache, input=(tmp_path / "pack").read_bytes(), check=True)
    (cache / "objects" / blob[:2] / blob[2:]).unlink()
    refused(codes.GIT_FAILED, lambda: tuple(git.tree(repo.url, tag.commit, "")))
    assert files_of(git, repo.url, tag)[0].data == b"1"


def test_a_missing_or_old_git_is_told(tmp_path: Path, repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    refused(codes.NO_GIT, lambda: Git(tmp_path / "state", LOCAL, Limits()).tags(repo.url))
    wrapper(tmp_path / "bin", "echo git version 2.36.9")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    refused(codes.NO_GIT, lambda: Git(tmp_path / "state", LOCAL, Limits()).tags(repo.url))


def test_ssh_goes_to_the_judged_address_without_asking_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for ssh shows what git would run."""
    said = tmp_path / "said"
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{said}\necho "Permission denied (publickey)." >&2\nexit 255\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    git = Git(tmp_path / "state", Network(), Limits(), resolve=lambda _host, _port: ["93.184.216.34"])
    refused(codes.NO_REPOSITORY, lambda: git.tags("ssh://git@git.example.com:2222/acme/network.git"))
    words = said.read_text().split("\n")
    assert {"-oHostName=93.184.216.34", "-oHostKeyAlias=[git.example.com]:2222", "-oBatchMode=yes"} <= set(words)
    assert "-oStrictHostKeyChecking=yes" in words
    assert "git@git.example.com" in words
