from __future__ import annotations

import pytest

from registry_gen.errors import SourceError
from registry_gen.model.config import Network
from registry_gen.sources import codes
from registry_gen.sources.guard import Guard, shown


def guard(*addresses: str, schemes: tuple[str, ...] = ("https",), allow: tuple[str, ...] = ()) -> Guard:
    return Guard(Network(schemes=schemes, allow_private=allow), lambda _host, _port: addresses)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.1.2.3", "192.0.0.192", "198.18.0.1", "203.0.113.5", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "::7f00:1", "3fff::1", "5f00::1"),
    ],
)
def test_an_address_off_the_public_internet_is_refused(address: str) -> None:
    target = guard().http_target("https://releases.example.com/x")
    with pytest.raises(SourceError) as caught:
        guard("93.184.216.34", address).addresses(target)
    assert caught.value.code is codes.FORBIDDEN_ADDRESS


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "172.32.0.1"]
)
def test_a_public_address_is_let_through(address: str) -> None:
    target = guard().http_target("https://releases.example.com/x")
    assert guard(address).addresses(target) == (address,)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_private_address_is_let_through_where_its_network_is_allowed(address: str) -> None:
    target = guard().http_target("https://releases.example.com/x")
    assert guard(address, allow=("10.0.0.0/8", "fd00::/8")).addresses(target) == (address,)
    with pytest.raises(SourceError):
        guard(address, allow=("10.2.0.0/16",)).addresses(target)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "1.2.3.4.", "0x", "a.0x7f", "a.1"],
)
def test_an_odd_spelling_of_an_address_is_refused_before_anyone_resolves_it(host: str) -> None:
    with pytest.raises(SourceError) as caught:
        guard("93.184.216.34").http_target(f"https://{host}/")
    assert caught.value.code is codes.FORBIDDEN_ADDRESS


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "releases.example.com/x",
            "https://",
            "https:///x",
            "https:x",
            "//host/x",
            "https://a..b/",
            "https://-a/",
        ),
        *("https://user@host/", "https://user:secret@host/", "https://@host/", "https://host\\@evil/"),
        *("https://host/a b", "https://host/\r\nX: y", "https://höst/", "https://host:0/", "https://host:99999/"),
        *("https://host:secret/", "https://[::1", "https://[fe80::1%25eth0]/", "https://[x]/", "https://ho st/"),
        *("https://host/\x00", "https://host\t/", "https://host/" + "x" * 5000, "https://ho%73t/"),
    ],
)
def test_an_odd_url_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        guard("93.184.216.34").http_target(url)
    assert caught.value.code is codes.BAD_URL
    assert "user:" not in str(caught.value)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://host.example/", "ftp://host.example/", "file://host/etc/passwd", "gopher://h/"]
)
def test_only_https_may_be_fetched_by_default(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        guard("93.184.216.34", schemes=("https", "ssh", "file")).http_target(url)
    assert caught.value.code is codes.BAD_SCHEME


def test_http_may_be_fetched_where_it_is_allowed() -> None:
    target = guard(schemes=("https", "http")).http_target("http://Host.Example:8080/a?b=c#d")
    assert (target.scheme, target.host, target.port, target.path) == ("http", "host.example", 8080, "/a?b=c")
    assert target.netloc == "host.example:8080"


def test_the_default_port_is_not_part_of_the_host_header() -> None:
    assert guard().http_target("https://host.example").netloc == "host.example"
    assert guard().http_target("https://[2606:4700::1]:8443/").netloc == "[2606:4700::1]:8443"


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    def nobody(host: str, port: int) -> tuple[str, ...]:
        raise OSError(-2, "Name or service not known")

    nowhere = Guard(Network(), nobody)
    with pytest.raises(SourceError) as caught:
        nowhere.addresses(nowhere.http_target("https://nowhere.example.com/"))
    assert caught.value.code is codes.UNREACHABLE
    assert "Name or service not known" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://host.example/a/b?X-Signature=abc#frag", "https://host.example/a/b"),
        ("https://user:pass@host.example/a", "https://***@host.example/a"),
        ("https://user:pa/ss@host.example/a", "https://***@host.example/a"),
        ("https://user:pa?ss@host.example/a", "https://***@"),
        ("https://user:pa#ss@host.example/a", "https://***@"),
        ("https://host.example/a?token=ab@cd", "https://***@"),
        ("git@host.example:acme/network.git", "***@host.example:acme/network.git"),
        ("https://host.example/\x1b[31m", "https://host.example/_[31m"),
        ("/srv/git/network.git", "/srv/git/network.git"),
    ],
)
def test_a_url_is_shown_without_anything_secret(url: str, text: str) -> None:
    assert shown(url) == text
