"""The key policy, cell by cell: keys and signatures that GnuPG and pysequoia made (tests/fixtures/openpgp/make.sh)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pysequoia
import pytest
from pysequoia.packet import PacketPile

from registry_gen.errors import RefusalError
from registry_gen.model.facts import SigningKey
from registry_gen.verify import armor, openpgp
from registry_gen.verify.arithmetic import tidy, verifies
from registry_gen.verify.certificate import Key, issued_by, read_certificate

FIXTURES = Path(__file__).parent.parent / "fixtures" / "openpgp"
DATA = (FIXTURES / "data").read_bytes()
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def armored(name: str) -> str:
    return (FIXTURES / f"{name}.asc").read_text()


def signature(name: str) -> bytes:
    return (FIXTURES / f"{name}.sig").read_bytes()


def key(name: str) -> SigningKey:
    return openpgp.parse_key(armored(name), f"{name}.asc")


def verify(signed: bytes, *keys: SigningKey, data: bytes = DATA, at: datetime = NOW) -> str:
    return openpgp.verify_detached(data, signed, keys, "release", at)


def new_key(suite: pysequoia.CipherSuite | None = None) -> pysequoia.Tsk:
    return pysequoia.Tsk.generate("Team <team@example.com>", cipher_suite=suite)


def public(tsk: pysequoia.Tsk) -> SigningKey:
    return openpgp.parse_key(str(tsk.extract_certificate()), "team.asc")


def sign(tsk: pysequoia.Tsk, data: bytes = DATA, *, in_armor: bool = False) -> bytes:
    return pysequoia.sign(tsk.signer(), data, mode=pysequoia.SignatureMode.DETACHED, armor=in_armor)


def refusal_of_key(text: str) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        openpgp.parse_key(text, "catalog/keys/acme/team.asc")
    return caught.value


def refusal_of(signed: bytes, *keys: SigningKey, data: bytes = DATA, at: datetime = NOW) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        verify(signed, *keys, data=data, at=at)
    return caught.value


# Keys


def test_a_key_is_named_by_its_fingerprint_in_upper_case() -> None:
    tsk = new_key()
    found = public(tsk)
    assert found.fingerprint == tsk.extract_certificate().fingerprint.upper()
    assert found.armor.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    assert found.armor.endswith("\n-----END PGP PUBLIC KEY BLOCK-----\n")


def test_words_around_the_armor_and_windows_line_ends_do_not_reach_the_clients() -> None:
    plain = armored("good")
    noisy = "Key of the release team\n\n" + plain + "\nfetched in May\n"
    assert key("good") == openpgp.parse_key(noisy.replace("\n", "\r\n"), "x")


def test_an_expired_key_is_accepted() -> None:
    assert len(key("expired").fingerprint) == 40


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("revoked", "SIG005", "revoked"),
        ("rsa1024", "SIG004", "RSA with 1024 bits"),
        ("dsa2048", "SIG004", "DSA or ElGamal"),
        ("elgamal-subkey", "SIG004", "DSA or ElGamal"),
        ("brainpool", "SIG004", "the curve 2b2403030208010107"),
        ("sha1-self", "SIG006", "does not hold together"),
        ("certify-only", "SIG006", "no key in it may sign"),
    ],
)
def test_keys_against_the_policy_are_refused(name: str, code: str, words: str) -> None:
    refusal = refusal_of_key(armored(name))
    assert refusal.code.id == code
    assert words in str(refusal)
    assert "catalog/keys/acme/team.asc" in str(refusal)


def test_a_private_key_is_refused_without_repeating_a_letter_of_it() -> None:
    secret = str(new_key())
    refusal = refusal_of_key(secret)
    assert refusal.code.id == "SIG002"
    assert not any(line in str(refusal) for line in secret.splitlines() if len(line) == 64)


def test_secret_packets_under_a_public_headline_are_refused() -> None:
    disguised = pysequoia.armor(bytes(new_key()), pysequoia.ArmorKind.PublicKey)
    assert refusal_of_key(disguised).code.id == "SIG002"


def test_two_keys_are_refused_in_one_block_and_in_two() -> None:
    first, second = (tsk.extract_certificate() for tsk in (new_key(), new_key()))
    together = pysequoia.armor(bytes(first) + bytes(second), pysequoia.ArmorKind.PublicKey)
    assert refusal_of_key(together).code.id == "SIG003"
    assert refusal_of_key(f"{first}\n{second}").code.id == "SIG003"


def test_a_key_of_a_version_that_clients_do_not_read_is_refused() -> None:
    tsk = pysequoia.Tsk.generate("New <new@example.com>", profile=pysequoia.Profile.RFC9580)
    refusal = refusal_of_key(str(tsk.extract_certificate()))
    assert refusal.code.id == "SIG004"
    assert "version 6" in str(refusal)


def test_a_key_of_an_algorithm_that_clients_do_not_read_is_refused() -> None:
    refusal = refusal_of_key(str(new_key(pysequoia.CipherSuite.Cv448).extract_certificate()))
    assert refusal.code.id == "SIG004"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519 AAAA",
        "-----BEGIN PGP MESSAGE-----\n\naaaa\n-----END PGP MESSAGE-----\n",
        armored("good").replace("-----END", "----END"),
        armored("good").replace("\n\n", "\n", 1),
        armored("good").replace("mQ", "m*", 1),
        "\n".join(line for line in armored("good").split("\n") if not line.startswith("=")).replace("mQ", "iQ", 1),
        armored("good") + "x" * armor.MAX_ARMOR,
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n\n-----END PGP PUBLIC KEY BLOCK-----\n",
    ],
)
def test_what_is_no_key_is_called_so(text: str) -> None:
    assert refusal_of_key(text).code.id == "SIG001"


def test_an_armor_whose_checksum_is_wrong_is_refused() -> None:
    lines = armored("good").split("\n")
    lines = [line if not line.startswith("=") else "=AAAA" for line in lines]
    refusal = refusal_of_key("\n".join(lines))
    assert refusal.code.id == "SIG001"
    assert "=AAAA" in str(refusal)


def test_an_armor_with_lines_that_clients_call_corrupt_is_refused() -> None:
    lines = [line for line in armored("good").split("\n") if not line.startswith("=")]
    refusal = refusal_of_key("\n".join([*lines[:2], "".join(lines[2:-2]), *lines[-2:]]))
    assert "at most 96 characters" in str(refusal)


def test_packets_that_no_certificate_has_are_refused_unread() -> None:
    compressed = bytes((0xC8, 3, 1, 3, 0))
    body = bytes(new_key().extract_certificate()) + compressed
    refusal = refusal_of_key(pysequoia.armor(body, pysequoia.ArmorKind.PublicKey))
    assert refusal.code.id == "SIG001"
    assert "packets of type 8" in str(refusal)


def test_a_certificate_must_begin_with_its_key() -> None:
    refusal = refusal_of_key(pysequoia.armor(signature("good"), pysequoia.ArmorKind.PublicKey))
    assert "a public key as the first packet" in str(refusal)


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 200, 400])
def test_a_key_cut_short_is_refused(cut: int) -> None:
    whole = armor.read_block(armor.find_block(armored("good"), "x"), "x")
    refusal = refusal_of_key(pysequoia.armor(whole[:-cut], pysequoia.ArmorKind.PublicKey))
    assert refusal.code.id in {"SIG001", "SIG006"}


# Signatures


@pytest.mark.parametrize(
    "suite",
    [
        pysequoia.CipherSuite.Cv25519,
        pysequoia.CipherSuite.RSA2k,
        pysequoia.CipherSuite.P256,
        pysequoia.CipherSuite.P384,
    ],
)
def test_a_signature_by_a_subkey_names_the_whole_certificate(suite: pysequoia.CipherSuite) -> None:
    tsk = new_key(suite)
    signed = sign(tsk)
    assert verify(signed, public(tsk), at=datetime.now(UTC)) == tsk.extract_certificate().fingerprint.upper()


def test_the_key_may_be_any_of_those_given() -> None:
    assert verify(signature("good"), key("expired"), key("good")) == key("good").fingerprint


def test_what_an_expired_key_signed_in_its_lifetime_holds() -> None:
    assert verify(signature("expired-in-time"), key("expired")) == key("expired").fingerprint


def test_what_an_expired_key_signed_afterwards_is_refused() -> None:
    refusal = refusal_of(signature("expired-late"), key("expired"))
    assert refusal.code.id == "SIG014"
    assert "2022-06-01" in str(refusal)


@pytest.mark.parametrize("name", ["renewed-ed25519", "renewed-rsa2048", "renewed-nistp256", "renewed-subkey"])
def test_what_a_key_signed_before_it_was_prolonged_still_holds(name: str) -> None:
    assert verify(signature(name), key(name)) == key(name).fingerprint


@pytest.mark.parametrize("name", ["renewed-ed25519", "renewed-rsa2048", "renewed-nistp256", "renewed-subkey"])
def test_a_prolonged_key_does_not_make_other_bytes_good(name: str) -> None:
    assert refusal_of(signature(name), key(name), data=DATA + b"x").code.id == "SIG013"
    broken = bytearray(signature(name))
    broken[-1] ^= 1
    assert refusal_of(bytes(broken), key(name)).code.id == "SIG013"


def test_a_revoked_subkey_is_refused_although_it_signed_before() -> None:
    refusal = refusal_of(signature("revoked-subkey"), key("revoked-subkey"))
    assert refusal.code.id == "SIG005"
    assert "revoked subkey" in str(refusal)


def test_a_revoked_key_is_refused_wherever_it_comes_from() -> None:
    unchecked = SigningKey("F" * 40, armored("revoked"))
    assert refusal_of(signature("revoked"), unchecked).code.id == "SIG005"


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("good-SHA1", "SIG016", "SHA-1"),
        ("good-RIPEMD160", "SIG016", "RIPEMD-160"),
        ("good-SHA224", "SIG016", "SHA-224"),
        ("good-armored", "SIG011", "armor"),
        ("good-text", "SIG010", "type 0x01"),
        ("good-inline", "SIG010", "an indeterminate length"),
        ("good-future", "SIG015", "2090-01-01"),
        ("good-expiring", "SIG017", "2020-07-01"),
    ],
)
def test_signatures_against_the_policy_are_refused(name: str, code: str, words: str) -> None:
    refusal = refusal_of(signature(name), key("good"))
    assert refusal.code.id == code
    assert words in str(refusal)
    assert str(refusal).startswith("release: ")


def test_a_signature_that_expires_holds_until_then() -> None:
    assert verify(signature("good"), key("good"), at=datetime(2020, 6, 15, tzinfo=UTC))


def test_a_clock_may_be_a_few_minutes_off_but_not_more() -> None:
    tsk = new_key()
    signed = sign(tsk)
    now = datetime.now(UTC)
    assert verify(signed, public(tsk), at=now - timedelta(minutes=9))
    assert refusal_of(signed, public(tsk), at=now - timedelta(minutes=11)).code.id == "SIG015"


def test_an_unknown_issuer_is_named_beside_the_keys_that_were_expected() -> None:
    refusal = refusal_of(signature("good"), key("expired"))
    assert refusal.code.id == "SIG012"
    assert key("good").fingerprint in str(refusal)
    assert key("expired").fingerprint in str(refusal)


def test_without_keys_nobody_is_known() -> None:
    refusal = refusal_of(signature("good"))
    assert refusal.code.id == "SIG012"
    assert "no key at all" in str(refusal)


def test_one_flipped_bit_of_the_data_is_seen() -> None:
    assert refusal_of(signature("good"), key("good"), data=bytes((DATA[0] ^ 1,)) + DATA[1:]).code.id == "SIG013"


def test_two_signatures_in_a_row_hold_with_either_key() -> None:
    both = signature("good") + signature("renewed-ed25519")
    assert verify(both, key("good")) == key("good").fingerprint
    assert verify(both, key("renewed-ed25519")) == key("renewed-ed25519").fingerprint


def test_of_several_bad_signatures_the_known_key_says_why() -> None:
    both = signature("renewed-ed25519") + signature("expired-late")
    assert refusal_of(both, key("expired")).code.id == "SIG014"


@pytest.mark.parametrize(
    "signed",
    [
        b"",
        b"\x00",
        b"garbage",
        b"\xc2",
        b"\xc2\xff\x00\x00",
        b"\xc2\xf0aaaa",
        b"\x8b\x04",
        b"\xc2\x03\x04\x00\x01",
        b"\xc2\x06\x03\x00\x01\x0a\x00\x00",
        b"\xc2\x0a\x04\x00\x01\x0a\x00\x00\x00\x00\x00\x00",
        signature("good") * (openpgp.MAX_SIGNATURES + 1),
        b"\xc2\x01" * (openpgp.MAX_SIGNATURE + 1),
        base64.b64encode(signature("good")),
        b"\xcd\x01a",
    ],
)
def test_what_is_no_signature_is_called_so(signed: bytes) -> None:
    assert refusal_of(signed, key("good")).code.id == "SIG010"


@pytest.mark.parametrize("name", ["good", "renewed-ed25519", "renewed-subkey"])
def test_every_truncation_is_refused(name: str) -> None:
    whole, signer = signature(name), key(name)
    for length in range(len(whole)):
        assert refusal_of(whole[:length], signer).code.id in {"SIG010", "SIG012", "SIG013"}


def short_number(tsk: pysequoia.Tsk) -> tuple[bytes, bytes]:
    """Data, and a signature packet's body whose RSA number has fewer than 2,048 bits, as every other one has."""
    for attempt in count():
        data = str(attempt).encode()
        body = next(armor.packets(sign(tsk, data))).body
        if int.from_bytes(body[-258:-256], "big") in range(2041, 2048):
            return data, body
    raise AssertionError


def test_a_number_whose_length_go_wrote_wrong_is_read_as_clients_do() -> None:
    tsk = new_key(pysequoia.CipherSuite.RSA2k)
    data, body = short_number(tsk)
    sloppy = body[:-258] + (2048).to_bytes(2, "big") + body[-256:]
    packet = b"\xc2\xff" + len(sloppy).to_bytes(4, "big") + sloppy
    with pytest.raises(RuntimeError):
        pysequoia.Sig.from_bytes(packet)
    assert verify(packet, public(tsk), data=data, at=datetime.now(UTC)) == public(tsk).fingerprint
    assert refusal_of(packet, public(tsk), data=data + b"x", at=datetime.now(UTC)).code.id == "SIG013"


# The parts that only prolonged keys need


def fact(name: str) -> Key:
    block = armor.read_block(key(name).armor, name)
    return read_certificate(block, name).primary


def body_of(name: str) -> bytes:
    return next(armor.packets(signature(name))).body


@pytest.mark.parametrize("name", ["renewed-ed25519", "renewed-rsa2048", "renewed-nistp256", "good"])
def test_our_arithmetic_agrees_with_gnupg(name: str) -> None:
    assert verifies(fact(name), body_of(name), DATA)
    assert not verifies(fact(name), body_of(name), DATA + b"x")


def test_our_arithmetic_takes_no_signature_of_another_kind_of_key() -> None:
    assert not verifies(fact("good"), body_of("renewed-ed25519"), DATA)
    assert not verifies(fact("renewed-ed25519"), body_of("good-SHA1"), DATA)


def test_our_arithmetic_takes_no_key_that_cannot_sign() -> None:
    body = body_of("renewed-nistp256")
    exchange = replace(fact("renewed-nistp256"), algorithm=18)
    assert not verifies(exchange, body[:2] + b"\x12" + body[3:], DATA)


@pytest.mark.parametrize("name", ["renewed-ed25519", "renewed-rsa2048", "renewed-nistp256"])
def test_our_arithmetic_calls_every_truncation_bad(name: str) -> None:
    whole, signer = body_of(name), fact(name)
    assert not any(verifies(signer, whole[:length], DATA) for length in range(len(whole)))


def test_numbers_that_cannot_be_read_stay_as_they_are() -> None:
    body = body_of("renewed-rsa2048")
    assert tidy(body) == body
    assert tidy(body[:-1]) == body[:-1]


def test_a_self_signature_counts_whether_it_names_its_key_in_full_or_in_short() -> None:
    own = fact("good").fingerprint
    block = armor.read_block(key("good").armor, "x")
    packet = next(packet for packet in PacketPile.from_bytes(block) if packet.issuer_key_id)
    short = SimpleNamespace(issuer_fingerprint=None, issuer_key_id=packet.issuer_key_id)
    nobody = SimpleNamespace(issuer_fingerprint=None, issuer_key_id=None)
    assert issued_by(packet, own)
    assert issued_by(short, own)
    assert not issued_by(nobody, own)
    assert not issued_by(packet, "F" * 40)


def test_a_key_packet_with_nothing_in_it_is_refused() -> None:
    refusal = refusal_of_key(pysequoia.armor(b"\xc6\x00", pysequoia.ArmorKind.PublicKey))
    assert "packets that cannot be read" in str(refusal)


def test_a_certificate_without_any_self_signature_is_refused() -> None:
    block = armor.read_block(key("good").armor, "x")
    length = 3 + int.from_bytes(block[1:3], "big")
    assert block[0] == 0x99
    refusal = refusal_of_key(pysequoia.armor(block[:length], pysequoia.ArmorKind.PublicKey))
    assert refusal.code.id == "SIG006"


def test_a_signature_from_before_its_key_was_made_is_refused() -> None:
    early = fact("good")
    assert early.alive_at(early.created)
    assert not early.alive_at(early.created - timedelta(seconds=1))
    assert not replace(early, history=()).alive_at(NOW)


def test_packets_that_say_nothing_of_the_key_change_nothing() -> None:
    block = armor.read_block(key("renewed-subkey").armor, "x")
    length = 2 + block[1]
    stray = next(
        packet for packet in PacketPile.from_bytes(block) if str(packet.signature_type).endswith("SubkeyBinding")
    )
    trust = b"\xcc\x01\x00"
    odd = pysequoia.armor(block[:length] + bytes(stray) + block[length:] + trust, pysequoia.ArmorKind.PublicKey)
    signer = openpgp.parse_key(odd, "x")
    assert signer.fingerprint == key("renewed-subkey").fingerprint
    assert verify(signature("renewed-subkey"), signer) == signer.fingerprint


def test_what_others_say_of_a_key_counts_for_nothing() -> None:
    own, other = armor.read_block(key("expired").armor, "x"), armor.read_block(key("renewed-ed25519").armor, "x")
    certification = next(packet for packet in PacketPile.from_bytes(other) if packet.signature_type is not None)
    certified = pysequoia.armor(own + bytes(certification), pysequoia.ArmorKind.PublicKey)
    assert refusal_of(signature("expired-late"), openpgp.parse_key(certified, "x")).code.id == "SIG014"


def test_a_subkey_that_was_bound_by_nobody_signs_nothing_although_it_was_prolonged() -> None:
    block = bytearray(armor.read_block(key("renewed-subkey").armor, "x"))
    block[-1] ^= 1
    forged = openpgp.parse_key(pysequoia.armor(bytes(block), pysequoia.ArmorKind.PublicKey), "x")
    assert refusal_of(signature("renewed-subkey"), forged).code.id == "SIG013"


def test_a_prolonged_key_that_may_not_sign_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_certificate(armor.read_block(key("renewed-ed25519").armor, "x"), "x")
    history = tuple(replace(statement, signing=False) for statement in whole.primary.history)
    silent = replace(whole, primary=replace(whole.primary, history=history))
    monkeypatch.setattr(openpgp, "read_certificate", lambda *_: silent)
    assert refusal_of(signature("renewed-ed25519"), key("renewed-ed25519")).code.id == "SIG013"


def test_a_key_that_was_not_prolonged_is_for_pysequoia_alone_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("registry_gen.verify.openpgp.pysequoia.verify", refuse)
    assert refusal_of(signature("good"), key("good")).code.id == "SIG013"
    assert verify(signature("renewed-ed25519"), key("renewed-ed25519"))
