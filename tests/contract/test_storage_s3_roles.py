"""Roles: who is asked for temporary keys, with what, and what becomes of it when they end or are denied."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_gen.errors import InputError, StorageError
from registry_gen.model.places import S3AssumeRole, S3Keys, S3Place, S3WebIdentity
from registry_gen.storage.s3 import S3Storage
from tests.support.fake_sts import FakeSts
from tests.support.misbehaving import Fault, Misbehaving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LISTING = "v1/modules/acme/network/aws/versions"
TEMPORARY = ("ASIATEMPORARY", "the-temporary-secret")
ROLE = "arn:aws:iam::123456789012:role/registry"


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    """A server that has nothing, and remembers who asked for it."""
    with Misbehaving("http://127.0.0.1:9") as server:
        server.fail("GET", *[Fault.says(404, "NoSuchKey")] * 9)
        yield server


@pytest.fixture
def place(server: Misbehaving, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    monkeypatch.setenv("READER_KEY", "AKIAREADER")
    monkeypatch.setenv("READER_SECRET", "the-secret-of-the-reader")
    return S3Place("acme-registry", endpoint=server.url, path_style=True, region="eu-central-1")


def asking(server: Misbehaving) -> tuple[str, str]:
    """The key that signed the last request, and the token that came with it."""
    headers = server.headers[-1]
    found = re.search(r"Credential=([^/]+)/[0-9]+/eu-central-1/s3/", headers["Authorization"])
    assert found
    return found[1], headers["X-Amz-Security-Token"]


@pytest.fixture
def sts() -> Iterator[FakeSts]:
    with FakeSts(*TEMPORARY) as sts:
        yield sts


def open_as(place: S3Place, sts: FakeSts, auth: S3WebIdentity | S3AssumeRole) -> S3Storage:
    return S3Storage(replace(place, sts_endpoint=sts.url, auth=auth), attempts=1)


def test_a_role_is_taken_with_a_signed_token_and_no_key(
    place: S3Place, server: Misbehaving, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_TOKEN", "a.signed.token\n")
    storage = open_as(place, sts, S3WebIdentity(ROLE, "env:CI_TOKEN", "the-session"))
    assert sts.asked == []
    assert storage.get(LISTING) is storage.get(LISTING) is None
    assert asking(server) == ("ASIATEMPORARY", "a-token")
    [asked] = sts.asked
    assert {
        name: asked[name] for name in ("Action", "RoleArn", "RoleSessionName", "WebIdentityToken", "signed by")
    } == {
        "Action": "AssumeRoleWithWebIdentity",
        "RoleArn": ROLE,
        "RoleSessionName": "the-session",
        "WebIdentityToken": "a.signed.token",
        "signed by": "",
    }


def test_a_token_is_read_anew_when_the_keys_run_out(
    place: S3Place, server: Misbehaving, sts: FakeSts, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    sts.lasting = timedelta(minutes=1)
    storage = open_as(place, sts, S3WebIdentity(ROLE, f"file:{token}"))
    storage.get(LISTING)
    token.write_text("second")
    sts.lasting = timedelta(hours=1)
    storage.get(LISTING)
    storage.get(LISTING)
    tokens = [asked["WebIdentityToken"] for asked in sts.asked]
    assert tokens[0] == "first"
    assert tokens[-1] == "second"
    count = len(tokens)
    storage.get(LISTING)
    assert len(sts.asked) == count, "keys that are good for an hour are kept"


def test_a_role_is_taken_by_keys_with_what_its_owner_agreed_on(
    place: S3Place, server: Misbehaving, sts: FakeSts
) -> None:
    auth = S3AssumeRole(ROLE, "agreed", "the-session", S3Keys("env:READER_KEY", "env:READER_SECRET"))
    assert open_as(place, sts, auth).get(LISTING) is None
    assert asking(server) == ("ASIATEMPORARY", "a-token")
    [asked] = sts.asked
    assert {name: asked[name] for name in ("Action", "RoleArn", "RoleSessionName", "ExternalId", "signed by")} == {
        "Action": "AssumeRole",
        "RoleArn": ROLE,
        "RoleSessionName": "the-session",
        "ExternalId": "agreed",
        "signed by": "AKIAREADER",
    }


def test_a_role_is_taken_by_the_default_chain_where_no_keys_are_named(
    place: S3Place, server: Misbehaving, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACHAIN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-chain")
    assert open_as(place, sts, S3AssumeRole(ROLE)).get(LISTING) is None
    assert asking(server) == ("ASIATEMPORARY", "a-token")
    [asked] = sts.asked
    assert (asked["signed by"], asked["RoleSessionName"]) == ("AKIACHAIN", "registry-gen")
    assert "ExternalId" not in asked


def test_a_role_without_anybody_to_take_it_is_told(
    place: S3Place, server: Misbehaving, sts: FakeSts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StorageError) as refused:
        open_as(place, sts, S3AssumeRole(ROLE)).get(LISTING)
    assert refused.value.code.id == "STO010"
    assert sts.asked == []


@pytest.mark.parametrize(
    ("word", "code"),
    [("AccessDenied", "STO006"), ("ExpiredTokenException", "STO012"), ("InvalidIdentityToken", "STO011")],
)
def test_a_role_that_is_denied_is_told_without_the_token(
    place: S3Place, server: Misbehaving, sts: FakeSts, monkeypatch: pytest.MonkeyPatch, word: str, code: str
) -> None:
    monkeypatch.setenv("CI_TOKEN", "a.s3cret.token")
    sts.refusal = word
    storage = open_as(place, sts, S3WebIdentity(ROLE, "env:CI_TOKEN"))
    with pytest.raises(StorageError) as refused:
        storage.get(LISTING)
    assert refused.value.code.id == code
    assert "sts:AssumeRoleWithWebIdentity" in refused.value.message
    assert "s3cret" not in f"{refused.value!r}{refused.value}{storage!r}"


def test_a_token_that_is_not_there_is_told_when_it_is_needed(place: S3Place, server: Misbehaving, sts: FakeSts) -> None:
    storage = open_as(place, sts, S3WebIdentity(ROLE, "env:NOT_SET"))
    with pytest.raises(InputError) as refused:
        storage.get(LISTING)
    assert refused.value.code.id == "STO018"
    assert sts.asked == []


def test_a_token_file_of_the_default_chain_that_is_not_there_is_told(
    place: S3Place, server: Misbehaving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "missing"))
    with pytest.raises(StorageError) as refused:
        S3Storage(place).get(LISTING)
    assert (refused.value.code.id, refused.value.found) == ("STO010", "no token: No such file or directory")
    assert server.asked == []
