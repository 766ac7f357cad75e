from __future__ import annotations

import pytest

from registry_gen.catalog import location
from registry_gen.catalog.location import Places
from registry_gen.errors import InputError

PLACES = Places("/srv/registry", ("https", "ssh", "file"))
REMOTE = Places("/srv/registry", ("https", "ssh"))


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/network.git",
        "https://git.example.com:8443/acme/network",
        "https://[2001:db8::1]:8443/acme/network",
        "ssh://git@git.example.com/acme/network.git",
        "ssh://git.example.com:2222/~acme/network.git",
    ],
)
def test_urls_of_repositories_stay_as_they_were_written(url: str) -> None:
    assert location.git_url(url, PLACES) == url


@pytest.mark.parametrize(
    ("folder", "url"),
    [
        ("./sources/network.git", "file:///srv/registry/sources/network.git"),
        ("../network.git", "file:///srv/network.git"),
        ("/srv/git/a b.git", "file:///srv/git/a%20b.git"),
        ("//srv//git/", "file:///srv/git"),
    ],
)
def test_folders_are_read_from_the_folder_of_registry_yaml(folder: str, url: str) -> None:
    assert location.git_url(folder, PLACES) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "network",
        "-uhttps://x/y",
        "--upload-pack=touch /tmp/canary",
        "ext::sh -c touch% /tmp/canary",
        "ext://sh/x",
        "fd::17",
        "http://git.example.com/x",
        "git://git.example.com/x",
        "file:///etc",
        "ftp://git.example.com/x",
        "HTTPS://git.example.com/x",
        "git::https://git.example.com/x",
        "git@git.example.com:acme/network.git",
        "https://",
        "https:///x",
        "https://git.example.com",
        "https://git.example.com/",
        "https://git.example.com:0/x",
        "https://git.example.com:/x",
        "https://git.example.com:99999/x",
        "https://git.example.com:x/x",
        "https://[::1/x",
        "https://git.example.com/x?token=s3cret",
        "https://git.example.com/x#main",
        "https://git.example.com/x y",
        "https://git.example.com/x\n--foo",
        "https://-oProxyCommand=touch/x",
        "ssh://-oProxyCommand=touch/x",
        "ssh://git@-oProxyCommand/x",
        "https://exämple.com/x",
        "https://git.example.com/" + "x" * 3000,
        "~/network.git",
        "./a\x00b",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        location.git_url(url, PLACES)

    assert caught.value.code.id == "CAT020"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@git.example.com/x",
        "https://s3cret@git.example.com/x",
        "ssh://git:s3cret@git.example.com/x",
        "ssh://-s3cret@git.example.com/x",
        "https://@git.example.com/x",
        "https://git.example.com\\@evil.example/x",
    ],
)
def test_credentials_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as caught:
        location.git_url(url, PLACES)

    assert caught.value.code.id == "CAT021"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "user:s3cret@git.example.com:x y",
        "https:/u:s3cret@h/x",
        "x?token=s3cret",
        "https:/u:s3cret?x@h/x",
        "https:/h/x?token=a@s3cret",
    ],
)
def test_a_malformed_url_with_a_secret_is_not_repeated_either(text: str) -> None:
    with pytest.raises(InputError) as caught:
        location.git_url(text, PLACES)

    assert "s3cret" not in str(caught.value)


def test_folders_need_the_scheme_file() -> None:
    with pytest.raises(InputError, match="https or ssh") as caught:
        location.git_url("./network.git", REMOTE)

    assert "file" in caught.value.hint


def test_the_short_form_of_ssh_gets_its_long_form_as_hint() -> None:
    with pytest.raises(InputError) as caught:
        location.git_url("git@github.com:acme/network.git", PLACES)

    assert caught.value.hint == "Write ssh://git@github.com/acme/network.git"


def test_a_scheme_that_could_be_allowed_says_so() -> None:
    with pytest.raises(InputError, match="scheme http") as caught:
        location.git_url("http://git.example.com/x", Places("/", ("ssh",)))

    assert "Add http to network.schemes" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/releases/", "https://example.com/releases"),
        ("https://example.com/v{version}/", "https://example.com/v{version}"),
        ("./releases/{version}/", "/srv/registry/releases/{version}"),
    ],
)
def test_base_locations_lose_the_slash_at_their_end(text: str, expected: str) -> None:
    assert location.base_location(text, PLACES, template=True) == expected


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("https://example.com/{version}", False),
        ("https://example.com/{versoin}", True),
        ("https://{version}.example.com/x", True),
        ("https://example.com/x?v={version}", True),
        ("ssh://git@example.com/x", True),
        ("releases", True),
    ],
)
def test_base_locations_that_are_refused(text: str, template: bool) -> None:
    with pytest.raises(InputError):
        location.base_location(text, PLACES, template=template)


@pytest.mark.parametrize("pattern", ["v{version}", "{version}", "network/v{version}", "release-{version}-final"])
def test_tag_patterns_hold_one_version(pattern: str) -> None:
    assert location.tag_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "v", "v{version}{version}", "v{Version}", "-{version}", "v {version}", "v*{version}", "a..{version}"),
        *("@{{version}}", "/{version}", "{version}/", "{version}.lock", "a//{version}", "{{version}}", "v{version}."),
        *("v{version}\n", "x" * 300 + "{version}", "v{version}^{}", ".{version}"),
    ],
)
def test_tag_patterns_that_git_or_we_could_misread_are_refused(pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        location.tag_pattern(pattern)

    assert caught.value.code.id == "CAT022"


@pytest.mark.parametrize("pattern", ["network-{version}.tar.gz", "{version}.tgz", "n_{version}.zip"])
def test_file_patterns_name_an_archive(pattern: str) -> None:
    assert location.file_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["a.zip", "a/{version}.zip", "../{version}.zip", "{version}.rar", "-{version}.zip"])
def test_file_patterns_that_are_refused(pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        location.file_pattern(pattern)

    assert caught.value.code.id == "CAT022"


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("a/b/", "a/b"), ("modules/.hidden", "modules/.hidden")])
def test_inner_folders_are_plain(text: str, expected: str) -> None:
    assert location.inner_folder(text) == expected


@pytest.mark.parametrize("text", ["/", "/a", "..", "a/../b", "./a", "a//b", ".git", "a/.GIT", ":(top)a", "-a", "a\\b"])
def test_inner_folders_that_leave_the_tree_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        location.inner_folder(text)

    assert caught.value.code.id == "CAT023"


@pytest.mark.parametrize("allowed", [(), ("git.example.com",), ("*.example.com",), ("*.com", "other.example.org")])
def test_a_source_may_be_on_an_allowed_host_or_below_one_and_anywhere_where_none_is_named(
    allowed: tuple[str, ...],
) -> None:
    for url in ("https://Git.Example.com:8443/acme/network", "ssh://git@git.example.com/acme/network"):
        assert location.git_url(url, Places("/", ("https", "ssh"), allowed)) == url


@pytest.mark.parametrize(
    "host", ["example.com", "git.example.org", "git-example.com", "evil.git.example.com", "git.example.com.evil.org"]
)
def test_no_source_may_be_on_another_host(host: str) -> None:
    places = Places("/", ("https", "ssh"), ("git.example.com", "*.git-example.com"))

    with pytest.raises(InputError) as refused:
        location.git_url(f"https://{host}/acme/network", places)
    with pytest.raises(InputError) as released:
        location.base_location(f"https://{host}/releases", places, template=True)

    assert (refused.value.code.id, released.value.code.id) == ("CAT070", "CAT070")
