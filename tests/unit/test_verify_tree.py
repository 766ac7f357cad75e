"""A module's tree as a whole: names, limits, and links replaced by what they point at."""

from __future__ import annotations

import pytest

from registry_gen.errors import RefusalError
from registry_gen.model.tree import TreeFile
from registry_gen.verify.names import MAX_DEPTH
from registry_gen.verify.tree import MAX_HOPS, MAX_LINKS, check_tree


def file(path: str, data: bytes = b"x") -> TreeFile:
    return TreeFile(path, "file", data)


def link(path: str, target: str) -> TreeFile:
    return TreeFile(path, "symlink", target.encode())


def check(*files: TreeFile, max_bytes: int = 10_000, max_files: int = 100) -> dict[str, bytes]:
    checked = check_tree(files, max_bytes=max_bytes, max_files=max_files, where="acme/network/aws 1.0.0")
    assert [found.path.encode() for found in checked.files] == sorted(found.path.encode() for found in checked.files)
    assert not any(found.kind == "symlink" for found in checked.files)
    return {found.path: found.data for found in checked.files}


def code_of(*files: TreeFile, max_bytes: int = 10_000, max_files: int = 100) -> str:
    with pytest.raises(RefusalError) as caught:
        check(*files, max_bytes=max_bytes, max_files=max_files)
    assert str(caught.value).startswith("acme/network/aws 1.0.0: ")
    return caught.value.code.id


def test_files_come_out_in_the_order_of_their_bytes() -> None:
    assert list(check(file("b"), file("a/z"), file("a-b"), file("é"), file("Z"))) == ["Z", "a-b", "a/z", "b", "é"]


def test_names_that_differ_in_case_are_allowed() -> None:
    assert len(check(file("README.md"), file("readme.md"))) == 2


def test_names_that_only_windows_dislikes_are_allowed() -> None:
    assert len(check(file("aux.tf"), file("ab:c.tf"), file("what?.md"))) == 3


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "a\\b",
        "C:a",
        "a\0b",
        "a\nb",
        "a\x85b",
        "a\u2028b",
        "a\ud800b",
    ],
)
def test_names_that_could_leave_the_folder_or_that_cannot_be_stored_are_refused(path: str) -> None:
    assert code_of(file(path)) == "ARC004"


def test_a_path_may_be_as_long_as_systems_allow_and_not_longer() -> None:
    longest = "/".join(["a" * 255] * 4)
    assert check(file(longest))
    assert code_of(file(longest + "/a")) == "ARC004"
    assert code_of(file("é" * 128)) == "ARC004"


@pytest.mark.parametrize("path", [".git/config", "a/.git/hooks/x", ".GIT/config", "a/.git"])
def test_folders_in_which_git_finds_programs_are_refused(path: str) -> None:
    assert code_of(file(path)) == "ARC022"


def test_gitignore_is_no_git_folder() -> None:
    assert check(file(".gitignore"), file(".github/workflows/x.yml"))


def test_one_path_twice_is_refused() -> None:
    assert code_of(file("a"), file("b"), file("a")) == "ARC005"


def test_a_file_that_is_also_a_folder_is_refused() -> None:
    assert code_of(file("a"), file("a/b")) == "ARC005"
    assert code_of(link("a", "b"), file("a/c"), file("b/x")) == "ARC005"


def test_no_files_are_refused() -> None:
    assert code_of() == "ARC023"


def test_both_limits_hold_to_the_last_byte() -> None:
    assert check(file("a", b"12"), file("b", b"34"), max_bytes=4, max_files=2)
    assert code_of(file("a", b"12"), file("b", b"34"), max_bytes=3) == "ARC002"
    assert code_of(file("a"), file("b"), max_files=1) == "ARC003"


def test_a_link_becomes_a_copy_of_its_file_with_its_mode() -> None:
    files = (TreeFile("bin/run", "executable", b"#!"), link("run", "bin/run"), link("bin/again", "../run"))
    checked = check_tree(files, max_bytes=100, max_files=10, where="x")
    assert checked.files == (
        TreeFile("bin/again", "executable", b"#!"),
        TreeFile("bin/run", "executable", b"#!"),
        TreeFile("run", "executable", b"#!"),
    )


def test_a_link_to_a_folder_becomes_a_copy_of_the_folder() -> None:
    assert check(
        file("modules/a/main.tf", b"1"), file("modules/a/sub/x.tf", b"2"), link("examples/a", "../modules/a/")
    ) == {
        "examples/a/main.tf": b"1",
        "examples/a/sub/x.tf": b"2",
        "modules/a/main.tf": b"1",
        "modules/a/sub/x.tf": b"2",
    }


def test_links_inside_a_copied_folder_keep_meaning_what_they_meant_there() -> None:
    found = check(
        file("a/b/real.tf", b"1"), link("a/b/link.tf", "./real.tf"), link("a/up.tf", "b/link.tf"), link("c", "a")
    )
    assert found["c/b/link.tf"] == found["c/up.tf"] == found["a/up.tf"] == b"1"


def test_a_link_may_go_through_another_link_to_a_folder() -> None:
    assert check(file("real/x.tf", b"1"), link("alias", "real"), link("x.tf", "alias/x.tf"))["x.tf"] == b"1"


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "a/../../outside", "..\\outside", "a\0", "../here/main.tf", "/"]
)
def test_a_link_that_leaves_is_refused(target: str) -> None:
    assert code_of(file("main.tf"), file("a/x"), link("link", target)) == "ARC020"


def test_a_link_that_leaves_only_through_another_link_is_refused() -> None:
    # By its text "deep/alias/../../x" stays inside; followed, "alias" is the root, and ".." of it is not.
    assert code_of(file("x"), link("deep/alias", ".."), link("link", "deep/alias/../x")) == "ARC020"


@pytest.mark.parametrize(
    "target", ["nothing", "a/nothing", "main.tf/x", "main.tf/", "main.tf/..", "nothing/../main.tf"]
)
def test_a_link_to_nothing_is_left_out_and_told(target: str) -> None:
    files = (file("main.tf"), file("a/x"), link("a/link", f"../{target}"))
    checked = check_tree(files, max_bytes=100, max_files=10, where="x")
    assert [found.path for found in checked.files] == ["a/x", "main.tf"]
    assert checked.dangling == (f"a/link -> ../{target}",)


def test_a_link_to_nothing_is_told_once_however_often_it_is_met() -> None:
    files = (file("a/x"), link("a/gone", "nothing"), link("b", "a"))
    assert check_tree(files, max_bytes=100, max_files=10, where="x").dangling == ("a/gone -> nothing",)


def test_a_target_that_is_not_text_is_refused() -> None:
    assert code_of(file("a"), TreeFile("link", "symlink", b"\xff")) == "ARC004"


@pytest.mark.parametrize(
    "links",
    [
        (link("a", "a"),),
        (link("a", "b"), link("b", "a")),
        (link("a/up", ".."),),
        (link("a/self", "."),),
        (link("a/b", "../c"), link("c/d", "../a")),
    ],
)
def test_links_in_a_circle_are_refused(links: tuple[TreeFile, ...]) -> None:
    assert code_of(file("main.tf"), file("a/x") if links[0].path != "a" else file("x"), *links) == "ARC021"


def test_a_chain_of_links_has_a_bound() -> None:
    def chain(length: int) -> list[TreeFile]:
        return [file("0"), *(link(str(number), str(number - 1)) for number in range(1, length + 1))]

    assert check(*chain(MAX_HOPS))
    assert code_of(*chain(MAX_HOPS + 1)) == "ARC021"


def test_links_that_multiply_folders_meet_the_limits() -> None:
    bomb = [file("0/x", b"x" * 10)]
    for level in range(1, 40):
        bomb += [link(f"{level}/a", f"../{level - 1}"), link(f"{level}/b", f"../{level - 1}")]
    assert code_of(*bomb, max_files=1_000, max_bytes=1_000_000) == "ARC003"
    assert code_of(*bomb, max_files=1_000, max_bytes=1_000) == "ARC002"


@pytest.mark.parametrize("bottom", [link("40/x", "nothing"), link("40/x", "../main.tf")], ids=["nothing", "a file"])
def test_links_that_multiply_folders_meet_a_limit_before_any_file_comes(bottom: TreeFile) -> None:
    bomb = [file("main.tf"), bottom]
    for level in range(40):
        bomb += [link(f"{level}/a", f"../{level + 1}"), link(f"{level}/b", f"../{level + 1}")]
    assert code_of(*bomb, max_files=1_000) == "ARC003"


def test_the_limit_on_visits_leaves_room_for_every_tree_under_the_other_limits() -> None:
    folders = [file(f"folder{number}/main.tf", b"") for number in range(50)]
    gone = [link(f"gone{number}", "nothing") for number in range(MAX_LINKS - 1)]
    found = check(*folders[:49], *gone, link("again", "folder0"), max_files=MAX_LINKS + 49)
    assert len(found) == 50


def test_a_name_has_a_bound_on_its_folders() -> None:
    deepest = "a/" * (MAX_DEPTH - 1)
    assert check(file(f"{deepest}b"))
    assert code_of(file(f"{deepest}b/c")) == "ARC004"
    assert code_of(file(f"{deepest}b"), link("deeper/still", "../a")) == "ARC004"


def test_a_copy_whose_path_gets_too_long_is_refused() -> None:
    long = "/".join(["a" * 200] * 5)
    assert code_of(file(f"{long}/x"), link("b" * 255, "a" * 200)) == "ARC004"


def test_the_number_of_links_is_bounded() -> None:
    links = [link(f"l{number}", "x") for number in range(MAX_LINKS + 1)]
    assert code_of(file("x"), *links, max_files=10_000) == "ARC003"
