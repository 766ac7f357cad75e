"""Signed notes and checkpoints, against the published notes of Go's checksum database and hand-made bad ones."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry_gen.errors import RefusalError
from registry_gen.log.note import (
    MAX_NOTE_BYTES,
    Checkpoint,
    also_signed,
    checkpoint_body,
    key_id,
    note,
    parse_checkpoint,
    parse_verifier_key,
    stated,
    verifier_key,
)

# From the documentation of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

NAME = "registry.example.test/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
NEW_KEY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
NEW_PUBLIC = NEW_KEY.public_key().public_bytes_raw()
ROOT = bytes(range(32))
BODY = checkpoint_body(NAME, 42, ROOT)


def signed(body: bytes, name: str = NAME) -> bytes:
    return note(body, name, key_id(name, PUBLIC), KEY.sign(body))


def signed_by_both(body: bytes) -> bytes:
    """As a log signs while its key changes: by the present key, then by the former one."""
    present = note(body, NAME, key_id(NAME, NEW_PUBLIC), NEW_KEY.sign(body))
    return also_signed(present, NAME, key_id(NAME, PUBLIC), KEY.sign(body))


def refused(data: bytes, name: str = NAME, *public_keys: bytes) -> str:
    with pytest.raises(RefusalError) as found:
        parse_checkpoint(data, name, *(public_keys or (PUBLIC,)))
    return found.value.code.id


def test_a_checkpoint_is_three_lines_a_blank_one_and_a_signature() -> None:
    lines = signed(BODY).decode().split("\n")
    assert lines[:4] == [NAME, "42", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith(f"— {NAME} ")
    assert base64.b64decode(lines[4].split(" ")[2]) == key_id(NAME, PUBLIC) + KEY.sign(BODY)
    assert lines[5:] == [""]


def test_a_signed_checkpoint_is_read_back() -> None:
    assert parse_checkpoint(signed(BODY), NAME, PUBLIC) == Checkpoint(NAME, 42, ROOT)
    assert parse_checkpoint(signed(checkpoint_body(NAME, 0, ROOT)), NAME, PUBLIC).size == 0


def test_a_signature_of_another_implementation_is_accepted() -> None:
    """The signature is good, so what is found wrong is that the text is no checkpoint."""
    name, public_key = parse_verifier_key(GO_KEY)
    assert refused(GO_NOTE, name, public_key) == "LOG004"
    assert refused(GO_NOTE.replace(b"answer", b"anSwer"), name, public_key) == "LOG005"


@pytest.mark.parametrize("text", [GO_KEY, SUMDB_KEY])
def test_published_verifier_keys_are_read_and_written_back(text: str) -> None:
    assert verifier_key(*parse_verifier_key(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("Peter", "Petra"),
        GO_KEY.replace("+ARpc", "+BRpc"),
        GO_KEY[:-4],
        GO_KEY[:-1] + "=",
        GO_KEY[:-1] + "!",
        " " + GO_KEY,
        GO_KEY + "\n",
        GO_KEY.replace("PeterNeumann", "Peter Neumann"),
    ],
)
def test_a_damaged_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(RefusalError) as found:
        parse_verifier_key(text)
    assert found.value.code.id == "LOG007"


def test_signatures_by_unknown_keys_are_ignored() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    other_id = key_id("witness.example.test", other.public_key().public_bytes_raw())
    line = note(b"", "witness.example.test", other_id, other.sign(BODY)).removeprefix(b"\n")
    namesake = note(b"", NAME, b"\x00\x00\x00\x01", b"of another kind").removeprefix(b"\n")
    same_id = note(b"", "witness.example.test", key_id(NAME, PUBLIC), b"of another name").removeprefix(b"\n")
    expected = Checkpoint(NAME, 42, ROOT)
    assert parse_checkpoint(signed(BODY) + line + namesake + same_id, NAME, PUBLIC) == expected
    assert refused(BODY + b"\n" + line) == "LOG005"


def test_one_wrong_signature_by_the_log_spoils_the_note() -> None:
    wrong = note(b"", NAME, key_id(NAME, PUBLIC), KEY.sign(b"something else")).removeprefix(b"\n")
    assert refused(signed(BODY) + wrong) == "LOG005"
    assert refused(BODY + b"\n" + wrong) == "LOG005"


def test_a_note_of_two_keys_is_two_lines_below_one_body() -> None:
    lines = signed_by_both(BODY).decode().split("\n")
    assert "\n".join(lines[:4]) == BODY.decode()
    assert [base64.b64decode(line.split(" ")[2])[:4] for line in lines[4:6]] == [
        key_id(NAME, NEW_PUBLIC),
        key_id(NAME, PUBLIC),
    ]
    assert lines[6:] == [""]


@pytest.mark.parametrize("keys", [(PUBLIC,), (NEW_PUBLIC,), (PUBLIC, NEW_PUBLIC)], ids=["old", "new", "both"])
def test_whoever_knows_the_old_key_or_the_new_one_verifies_a_checkpoint_of_both(keys: tuple[bytes, ...]) -> None:
    assert parse_checkpoint(signed_by_both(BODY), NAME, *keys) == Checkpoint(NAME, 42, ROOT)


def test_of_several_keys_one_signature_is_enough_and_none_is_not() -> None:
    assert parse_checkpoint(signed(BODY), NAME, NEW_PUBLIC, PUBLIC).size == 42
    other = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32).public_key().public_bytes_raw()
    with pytest.raises(RefusalError) as found:
        parse_checkpoint(signed(BODY), NAME, NEW_PUBLIC, other)
    assert found.value.code.id == "LOG005"
    assert verifier_key(NAME, NEW_PUBLIC) in found.value.expected
    assert verifier_key(NAME, other) in found.value.expected


def test_a_wrong_signature_by_either_key_spoils_the_note_for_whoever_knows_it() -> None:
    half = also_signed(signed(BODY), NAME, key_id(NAME, NEW_PUBLIC), NEW_KEY.sign(b"something else"))
    assert parse_checkpoint(half, NAME, PUBLIC).size == 42
    assert refused(half, NAME, PUBLIC, NEW_PUBLIC) == "LOG005"
    assert refused(half, NAME, NEW_PUBLIC) == "LOG005"


def test_what_a_checkpoint_states_is_read_whoever_signed_it() -> None:
    wrong = note(BODY, "witness.example.test", b"\0\0\0\1", b"by a stranger")
    assert stated(wrong) == stated(signed(BODY)) == Checkpoint(NAME, 42, ROOT)
    with pytest.raises(RefusalError) as found:
        stated(wrong.replace(b"\n42\n", b"\n042\n"))
    assert found.value.code.id == "LOG004"


def test_a_changed_size_or_root_breaks_the_signature() -> None:
    assert refused(signed(BODY).replace(b"\n42\n", b"\n43\n")) == "LOG005"
    assert refused(signed(BODY).replace(b"AAEC", b"AAED")) == "LOG005"


def test_extension_lines_are_ignored() -> None:
    assert parse_checkpoint(signed(BODY + b"extension\n"), NAME, PUBLIC).size == 42


@pytest.mark.parametrize(
    "body",
    [
        b"only one line\n",
        b"other.example.test\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        BODY.replace(b"\n42\n", b"\n042\n"),
        BODY.replace(b"\n42\n", b"\n-1\n"),
        BODY.replace(b"\n42\n", b"\n\xd9\xa4\n"),
        BODY.replace(b"\n42\n", b"\n" + b"9" * 30 + b"\n"),
        BODY.replace(b"Hh8=", b"Hh9="),
        BODY.replace(b"Hh8=", b"Hh8"),
        BODY.replace(b"AAEC", b""),
        BODY.replace(b"AAEC", b"A\xc3\xa4C"),
        BODY + b"\nan empty line before\n",
        b"\n" + BODY,
    ],
)
def test_a_well_signed_text_that_is_no_checkpoint_is_refused(body: bytes) -> None:
    assert refused(signed(body)) == "LOG004"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        BODY,
        BODY + b"\n",
        BODY + b"\nno signature\n",
        signed(BODY)[:-1],
        signed(BODY).replace("—".encode(), b"-"),
        signed(BODY).replace(b"\n42\n", b"\n4\t2\n"),
        signed(BODY).replace(b"\n", b"\r\n"),
        signed(BODY) + b"\xff\n",
        signed(BODY) + "— name AAAA\n".encode(),
        signed(BODY) + "— name A\n".encode(),
        signed(BODY) + b"\n",
        signed(BODY) + b"x" * MAX_NOTE_BYTES,
    ],
)
def test_bytes_that_are_no_note_are_refused(data: bytes) -> None:
    assert refused(data) == "LOG004"


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\u00a0b", "line\n", "bell\x07"])
def test_a_log_has_a_name_without_spaces_and_plus(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        checkpoint_body(name, 1, ROOT)
    with pytest.raises(ValueError, match="name"):
        verifier_key(name, PUBLIC)


def test_nonsense_is_never_signed() -> None:
    with pytest.raises(ValueError, match="size"):
        checkpoint_body(NAME, -1, ROOT)
    with pytest.raises(ValueError, match="root"):
        checkpoint_body(NAME, 1, ROOT[:-1])
    with pytest.raises(ValueError, match="public key"):
        verifier_key(NAME, PUBLIC[:-1])
