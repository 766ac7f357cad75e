"""DSSE envelopes: the specification's own example, one of ours byte for byte, and everything that must be refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry_gen.errors import RefusalError
from registry_gen.verify.dsse import IN_TOTO, MAX_BYTES, MAX_SIGNATURES, envelope, open_envelope, pae

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
KEYS = {"aa11bb22": KEY.public_key().public_bytes_raw()}
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'

# secure-systems-lab/dsse, protocol.md, "Test Vectors".
SPEC_TYPE = "http://example.com/HelloWorld"
SPEC_SIGNATURE = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="


def signed(payload: bytes = PAYLOAD, payload_type: str = IN_TOTO, keyid: str = "aa11bb22") -> dict[str, Any]:
    made = envelope(payload_type, payload, [(keyid, KEY.sign(pae(payload_type, payload)))])
    found: dict[str, Any] = json.loads(made)
    return found


def opened(fields: object) -> bytes:
    return open_envelope(json.dumps(fields).encode(), IN_TOTO, KEYS, "here")


def refused(data: bytes) -> str:
    with pytest.raises(RefusalError) as caught:
        open_envelope(data, IN_TOTO, KEYS, "here")
    assert caught.value.where == "here"
    return caught.value.code.id


def refused_fields(fields: object) -> str:
    return refused(json.dumps(fields).encode())


def test_the_encoding_and_the_envelope_are_those_of_the_specification() -> None:
    assert pae(SPEC_TYPE, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    made = envelope(SPEC_TYPE, b"hello world", [("", base64.b64decode(SPEC_SIGNATURE))])
    assert json.loads(made) == {
        "payload": "aGVsbG8gd29ybGQ=",
        "payloadType": SPEC_TYPE,
        "signatures": [{"keyid": "", "sig": SPEC_SIGNATURE}],
    }


def test_lengths_are_those_of_bytes_and_not_of_letters() -> None:
    assert pae("text/größe", b"") == "DSSEv1 12 text/größe 0 ".encode()


def test_an_envelope_is_one_line_whose_payload_comes_back() -> None:
    made = envelope(IN_TOTO, PAYLOAD, [("aa11bb22", KEY.sign(pae(IN_TOTO, PAYLOAD)))])
    assert made == (
        b'{"payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==",'
        b'"payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"aa11bb22","sig":'
        b'"SIGNATURE"}]}'
    ).replace(b"SIGNATURE", base64.b64encode(KEY.sign(b"DSSEv1 28 " + IN_TOTO.encode() + b" 43 " + PAYLOAD)))
    assert open_envelope(made, IN_TOTO, KEYS, "here") == PAYLOAD
    assert open_envelope(made + b"\n", IN_TOTO, KEYS, "here") == PAYLOAD


def test_one_good_signature_among_others_is_enough_and_unknown_members_are_passed_over() -> None:
    fields = signed()
    strange = {"keyid": "aa11bb22", "sig": base64.b64encode(bytes(64)).decode(), "extension": {"kind": 1}}
    fields["signatures"] = [strange, {"sig": "AAAA"}, *fields["signatures"]]
    assert opened({**fields, "later": True}) == PAYLOAD


def test_both_alphabets_of_base64_are_read() -> None:
    payload = b'{"a":"\xc3\xbf\xc3\xbf~~~???"}'
    fields = signed(payload)
    fields["payload"] = base64.urlsafe_b64encode(payload).decode()
    fields["signatures"][0]["sig"] = base64.urlsafe_b64encode(KEY.sign(pae(IN_TOTO, payload))).decode()
    assert set("-_") & set(fields["payload"] + fields["signatures"][0]["sig"])
    assert opened(fields) == payload


def test_a_changed_payload_is_refused() -> None:
    fields = signed()
    fields["payload"] = base64.b64encode(PAYLOAD.replace(b"v1", b"v2")).decode()
    assert refused_fields(fields) == "ATT002"


def test_a_changed_signature_is_refused() -> None:
    fields = signed()
    sig = bytearray(base64.b64decode(fields["signatures"][0]["sig"]))
    sig[0] ^= 1
    for wrong in (bytes(sig), b"", bytes(64), bytes(sig) + b"\0"):
        fields["signatures"][0]["sig"] = base64.b64encode(wrong).decode()
        assert refused_fields(fields) == "ATT002"


def test_a_signature_under_another_key_id_or_under_none_counts_for_nothing() -> None:
    fields = signed(keyid="ffffffff")
    assert refused_fields(fields) == "ATT002"
    del fields["signatures"][0]["keyid"]
    assert refused_fields(fields) == "ATT002"
    fields["signatures"][0]["keyid"] = 7
    assert refused_fields(fields) == "ATT002"


def test_a_signature_by_another_key_under_our_key_id_is_refused() -> None:
    made = envelope(IN_TOTO, PAYLOAD, [("aa11bb22", OTHER.sign(pae(IN_TOTO, PAYLOAD)))])
    assert refused(made) == "ATT002"


def test_the_bare_payload_signed_without_its_type_is_refused() -> None:
    assert refused(envelope(IN_TOTO, PAYLOAD, [("aa11bb22", KEY.sign(PAYLOAD))])) == "ATT002"


@pytest.mark.parametrize("payload_type", ["application/json", "application/vnd.in-toto+json ", "", "\ud800"])
def test_a_payload_of_another_type_is_refused_although_it_is_signed(payload_type: str) -> None:
    fields = signed(payload_type=payload_type) if payload_type.isprintable() else signed()
    assert refused_fields({**fields, "payloadType": payload_type}) == "ATT003"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"[" * 100_000,
        b'{"n":' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    assert refused(data) == "ATT001"


@pytest.mark.parametrize("name", ["payload", "payloadType", "signatures"])
@pytest.mark.parametrize("value", [None, 1, {}, []])
def test_a_member_of_another_kind_is_refused(name: str, value: object) -> None:
    assert refused_fields({**signed(), name: value}) == "ATT001"


def test_a_missing_signature_and_too_many_are_refused() -> None:
    fields = signed()
    assert refused_fields({**fields, "signatures": [{"keyid": "aa11bb22"}]}) == "ATT001"
    assert opened({**fields, "signatures": fields["signatures"] * MAX_SIGNATURES}) == PAYLOAD
    assert refused_fields({**fields, "signatures": fields["signatures"] * (MAX_SIGNATURES + 1)}) == "ATT001"


def test_an_envelope_without_end_is_refused_before_it_is_read() -> None:
    line = json.dumps(signed()).encode()
    assert open_envelope(line.ljust(MAX_BYTES), IN_TOTO, KEYS, "here") == PAYLOAD
    assert refused(line.ljust(MAX_BYTES + 1)) == "ATT001"


def test_two_envelopes_are_not_one() -> None:
    line = json.dumps(signed()).encode()
    assert refused(line + b"\n" + line) == "ATT001"


@pytest.mark.parametrize("name", ["payload", "payloadType", "signatures"])
def test_a_member_that_is_there_twice_is_refused(name: str) -> None:
    fields = signed()
    assert refused(json.dumps(fields).encode()[:-1] + b"," + json.dumps({name: fields[name]}).encode()[1:]) == "ATT001"


@pytest.mark.parametrize("change", [lambda t: t + "\n", lambda t: t.rstrip("="), lambda t: t[:8] + " " + t[8:]])
def test_base64_that_other_readers_may_read_otherwise_is_refused(change: Any) -> None:
    fields = signed(b"12345")
    assert fields["payload"].endswith("=")
    assert refused_fields({**fields, "payload": change(fields["payload"])}) == "ATT001"
    fields["signatures"][0]["sig"] = change(fields["signatures"][0]["sig"])
    assert refused_fields(fields) == "ATT001"


def test_base64_with_stray_bits_at_its_end_is_refused() -> None:
    fields = signed(b"1234")
    assert fields["payload"] == "MTIzNA=="
    assert refused_fields({**fields, "payload": "MTIzNB=="}) == "ATT001"
