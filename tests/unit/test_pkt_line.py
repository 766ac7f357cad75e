from __future__ import annotations

import pytest

from registry_gen.sources.pkt_line import (
    Advertisement,
    EndedEarlyError,
    MalformedError,
    RemoteError,
    ls_refs,
    packet,
    read_advertisement,
    read_refs,
)

ONE, TWO = b"1" * 40, b"2" * 40
LONG = b"3" * 64
HELLO = packet(b"# service=git-upload-pack\n") + b"0000"


def packets(*lines: bytes) -> bytes:
    return b"".join(map(packet, lines)) + b"0000"


def test_the_request_asks_for_peeled_refs_by_prefix_and_names_sha256_only_where_it_is_meant() -> None:
    assert ls_refs(40, (b"refs/tags/",)) == b"0014command=ls-refs\n00010009peel\n001aref-prefix refs/tags/\n0000"
    assert b"0019object-format=sha256\n0001" in ls_refs(64, ())


def test_a_list_of_version_2_becomes_lines_of_ls_remote() -> None:
    answer = packets(
        ONE + b" HEAD symref-target:refs/heads/main\n",
        ONE + b" refs/tags/v1 peeled:" + TWO + b"\n",
        TWO + b" refs/tags/v2",
    )
    assert read_refs(answer, 40).split(b"\n") == [
        ONE + b"\tHEAD",
        ONE + b"\trefs/tags/v1",
        TWO + b"\trefs/tags/v1^{}",
        TWO + b"\trefs/tags/v2",
        b"",
    ]
    assert read_refs(b"0000", 40) == b""


@pytest.mark.parametrize("hello", [HELLO, b""])
def test_a_server_of_version_2_says_which_ids_it_has(hello: bytes) -> None:
    lines = (b"version 2\n", b"agent=git/2\n", b"ls-refs=unborn\n", b"fetch\n")
    assert read_advertisement(hello + packets(*lines)) == Advertisement(40, None)
    assert read_advertisement(hello + packets(*lines, b"object-format=sha256\n")) == Advertisement(64, None)


@pytest.mark.parametrize("first", [(), (b"version 1\n",)])
def test_earlier_versions_advertise_the_refs_themselves(first: tuple[bytes, ...]) -> None:
    lines = (ONE + b" HEAD\0multi_ack agent=x\n", ONE + b" refs/tags/v1\n", TWO + b" refs/tags/v1^{}\n")
    assert read_advertisement(HELLO + packets(*first, *lines, b"shallow " + ONE)) == Advertisement(
        40, ONE + b"\tHEAD\n" + ONE + b"\trefs/tags/v1\n" + TWO + b"\trefs/tags/v1^{}\n"
    )
    long = packets(*first, LONG + b" HEAD\0object-format=sha256\n")
    assert read_advertisement(HELLO + long) == Advertisement(64, LONG + b"\tHEAD\n")


def test_an_empty_repository_of_an_earlier_version_advertises_nothing() -> None:
    nothing = packets(b"0" * 40 + b" capabilities^{}\0agent=x\n")
    assert read_advertisement(HELLO + nothing) == Advertisement(40, b"")
    assert read_advertisement(HELLO + b"0000") == Advertisement(40, b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"00",
        b"+00a12345",
        b"0x0a12345",
        b"0001",
        b"0002",
        b"0003",
        b"fff1" + b"x" * 65_521 + b"0000",
        packet(ONE + b" HEAD"),
        packets(ONE + b" HEAD") + b"0000",
        packets(ONE + b" HEAD") + b"x",
        packets(b"x" * 40 + b" HEAD"),
        packets(b"A" * 40 + b" HEAD"),
        packets(ONE[1:] + b" HEAD"),
        packets(LONG + b" HEAD"),
        packets(ONE + b" "),
        packets(ONE),
        packets(b""),
        packets(ONE + b"\tHEAD"),
        packets(ONE + b" a\nb"),
        packets(ONE + b" a\0b"),
        packets(ONE + b" refs/tags/v1 peeled:" + b"x" * 40),
        packets(ONE + b" refs/tags/v1 peeled:" + LONG),
        packets(ONE + b" refs/tags/v1 peeled:"),
        packets(ONE + b" refs/tags/v1" + (b" peeled:" + ONE) * 2),
    ],
)
def test_what_breaks_the_protocol_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        read_refs(answer, 40)


@pytest.mark.parametrize(
    "answer",
    [
        HELLO + packets(b"version 2\n", b"agent=x\n"),
        HELLO + packets(b"version 2\n", b"ls-refs\n", b"object-format=md5\n"),
        packet(b"# service=git-upload-pack\n") + packets(b"version 2\n", b"ls-refs\n"),
        HELLO + packets(ONE + b" HEAD\0object-format=sha256\n"),
        HELLO + packets(b"0" * 40 + b" capabilities^{}\0agent=x\n", ONE + b" HEAD") + b"0000",
    ],
)
def test_an_advertisement_that_contradicts_itself_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        read_advertisement(answer)


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 20, 33, 34])
def test_an_answer_without_its_end_is_never_taken_for_a_shorter_list(cut: int) -> None:
    answer = packets(ONE + b" refs/tags/v1")
    with pytest.raises(EndedEarlyError):
        read_refs(answer[:-cut], 40)
    with pytest.raises(EndedEarlyError):
        read_advertisement(HELLO + answer[:-cut])
    with pytest.raises(EndedEarlyError):
        read_advertisement((HELLO + packets())[:-cut])


def test_a_line_of_many_attributes_takes_no_longer_than_its_length() -> None:
    """A pattern that could read an attribute in two ways would take two to the power of their number."""
    with pytest.raises(MalformedError):
        read_refs(packets(ONE + b" refs/tags/v1" + (b" peeled:" + ONE) * 1300 + b"\0"), 40)


def test_the_servers_own_words_of_an_error_are_kept_apart() -> None:
    with pytest.raises(RemoteError, match="no such thing"):
        read_refs(packets(b"ERR no such thing"), 40)
    with pytest.raises(RemoteError):
        read_advertisement(HELLO + packets(b"ERR upload-pack: not our ref"))
