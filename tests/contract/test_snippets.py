"""What ``serve`` tells a person to type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry_gen.model.config import Site
from registry_gen.shim.snippets import Offered, offered, snippets

HERE = Site("127.0.0.1:8443", "https://127.0.0.1:8443/")
ELSEWHERE = Site("registry.example.com", "https://cdn.example.com/tf/")
CA = Path("/srv/my state/tls/ca.pem")


def _show(site: Site, shown: Offered | None = None, address: str = "127.0.0.1") -> str:
    return snippets(site, address, 8443, CA, shown)


def test_a_site_that_is_this_server_needs_nothing_but_trust() -> None:
    text = _show(HERE)

    assert "export SSL_CERT_FILE='/srv/my state/tls/ca.pem'" in text
    assert "host " not in text
    assert 'source  = "127.0.0.1:8443/acme/network/aws"' in text


def test_a_site_of_another_name_is_sent_here_and_its_limits_are_told() -> None:
    text = _show(ELSEWHERE)

    assert 'host "registry.example.com" {' in text
    assert '"modules.v1"   = "https://127.0.0.1:8443/tf/v1/modules/"' in text
    assert '"providers.v1" = "https://127.0.0.1:8443/tf/v1/providers/"' in text
    assert "below https://cdn.example.com/tf/" in text
    assert 'source  = "registry.example.com/acme/widget"' in text


def test_a_server_that_listens_everywhere_is_reached_on_the_loopback() -> None:
    for address in ("0.0.0.0", "::"):  # noqa: S104 - nobody listens here
        assert "https://127.0.0.1:8443/v1/mirror/" in _show(HERE, address=address)


def test_an_ipv6_address_is_put_in_brackets() -> None:
    assert "https://[::1]:8443/v1/mirror/" in _show(HERE, address="::1")


def test_only_what_the_registry_offers_is_shown() -> None:
    only_module = _show(HERE, Offered("acme/queue/aws", "~> 0.2", "", "", "", ""))
    only_mirror = _show(HERE, Offered("", "", "", "", "registry.example.net/acme/sprocket", "~> 2.1"))

    assert "required_providers" not in only_module
    assert "network_mirror" not in only_module
    assert "module" not in only_mirror
    assert 'include = ["registry.example.net/*/*"]' in only_mirror


def test_braces_and_quotes_are_balanced_and_the_text_ends_in_one_newline() -> None:
    for site in (HERE, ELSEWHERE):
        text = _show(site)
        assert text.count("{") == text.count("}")
        assert text.count('"') % 2 == 0
        assert re.search(r"[^\n]\n\Z", text)


def test_packages_to_show_are_the_first_of_each_kind_that_has_a_release(tmp_path: Path) -> None:
    for key, text in {
        "v1/modules/acme/aaa/aws/versions": '{"modules":[{"versions":[{"version":"1.0.0-rc1"}]}]}',
        "v1/modules/acme/network/aws/versions": '{"modules":[{"versions":[{"version":"1.9.0"},{"version":"1.10.1"}]}]}',
        "v1/providers/acme/widget/versions": '{"versions":[{"version":"2.0.0"},{"version":"2.1.0-beta1"}]}',
        "v1/mirror/registry.example.net/acme/sprocket/index.json": '{"versions":{"3.4.5":{}}}',
    }.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text(text)

    assert offered(tmp_path) == Offered(
        "acme/network/aws", "~> 1.10", "acme/widget", "~> 2.0", "registry.example.net/acme/sprocket", "~> 3.4"
    )


@pytest.mark.parametrize("text", ["[]", "null", "{", '{"modules":[]}', '{"versions":[1]}', '{"versions":["x"]}'])
def test_a_listing_that_the_registry_did_not_render_is_passed_over(tmp_path: Path, text: str) -> None:
    for provider, body in {"acme/aaa": text, "acme/widget": '{"versions":[{"version":"2.0.0"}]}'}.items():
        folder = tmp_path / "v1/providers" / provider
        folder.mkdir(parents=True)
        (folder / "versions").write_text(body)
    found = offered(tmp_path)
    assert found is not None
    assert found.provider == "acme/widget"


@pytest.mark.parametrize("name", ["a\x1b[2J", 'a"b', "a\nb", "$(id)"])
def test_a_folder_whose_name_is_no_address_is_not_printed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "v1/providers/acme" / name
    folder.mkdir(parents=True)
    (folder / "versions").write_text('{"versions":[{"version":"2.0.0"}]}')
    assert offered(tmp_path) is None


def test_an_empty_registry_offers_nothing(tmp_path: Path) -> None:
    assert offered(tmp_path) is None
