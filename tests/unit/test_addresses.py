"""Addresses and platforms: the grammar of the clients, narrowed to lower case; nothing climbs out of a path."""

from __future__ import annotations

import pytest

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.model.address import (
    MirrorAddress,
    ModuleAddress,
    Platform,
    ProviderAddress,
    parse_address,
    parse_platform,
)
from registry_gen.model.version import MAX_LENGTH, parse_version


@pytest.mark.parametrize(
    ("text", "address", "kind"),
    [
        ("acme/network/aws", ModuleAddress("acme", "network", "aws"), "module"),
        ("a-c_me/net-work_2/aws2", ModuleAddress("a-c_me", "net-work_2", "aws2"), "module"),
        ("acme/widget", ProviderAddress("acme", "widget"), "provider"),
        (
            "registry.terraform.io/hashicorp/random",
            MirrorAddress("registry.terraform.io", "hashicorp", "random"),
            "mirror",
        ),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: object, kind: str) -> None:
    parsed = parse_address(text)

    assert parsed == address
    assert parsed.kind == kind
    assert str(parsed) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "acme", "acme/", "/widget", "a/b/c/d", "acme//aws", "acme/network/"),
        *("Acme/widget", "acme/Network/aws", "acme/network/AWS", "acme/wídget", "acme/\uff57idget"),
        *("../widget", "acme/..", "acme/network/..", "./widget", "acme/network/a.b", "acme/net%2fwork/aws"),
        *("-acme/widget", "acme/widget-", "_a/b", "acme/wid--get", "acme/wid__get", "acme/xn--widget"),
        *("acme/widget\n", "acme/wid get", "acme\\widget", "acme/widget\0", "acme/network/aws_2", "acme/network/a-b"),
        *("a" * 65 + "/widget", "acme/network/" + "a" * 65),
        *("registry.io:8443/acme/widget", ".io/acme/widget", "a..b/acme/widget", "-a.io/acme/widget"),
        *("a_b.io/acme/widget", "a.io./acme/widget", "a.io/acme/wid--get", ("a" * 63 + ".") * 4 + "io/acme/widget"),
    ],
)
def test_what_no_client_could_install_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_address(text)

    assert refused.value.code.id == "ADR001"
    assert refused.value.hint


def test_names_of_sixty_four_characters_are_the_longest() -> None:
    assert parse_address(f"{'a' * 64}/{'b' * 64}/{'c' * 64}") == ModuleAddress("a" * 64, "b" * 64, "c" * 64)


def test_a_platform_is_read_and_written_alike() -> None:
    assert parse_platform("linux_amd64") == Platform("linux", "amd64")
    assert str(Platform("darwin", "arm64")) == "darwin_arm64"


@pytest.mark.parametrize(
    "text",
    [
        *("", "linux", "linux_", "_amd64", "linux-amd64", "Linux_amd64", "linux_amd64_v2", "a_b\n", "../_x", "a/b_c"),
        *("a" * 17 + "_amd64", "linux_" + "a" * 17, "a" * 3_500 + "_amd64"),
    ],
)
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_platform(text)

    assert refused.value.code.id == "ADR002"
    assert len(str(refused.value)) < 500


def test_the_longest_names_of_a_provider_still_make_a_file_name_that_every_disk_stores() -> None:
    address = parse_address(f"acme/{'w' * 64}")
    platform = parse_platform(f"{'o' * 16}_{'a' * 16}")
    assert isinstance(address, ProviderAddress)
    version = parse_version("1.0.0-" + "r" * (MAX_LENGTH - 6))
    assert len(paths.zip_name(address.type, version, platform)) <= 250
