from __future__ import annotations

import json

import pytest

from registry_gen.model.config import Site
from registry_gen.render.discovery import render_site
from registry_gen.render.lint import lint


@pytest.mark.parametrize(
    ("host", "url", "base"),
    [
        ("registry.example.com", "https://registry.example.com/", "/"),
        ("Registry.Example.com", "https://registry.example.com/", "/"),
        ("127.0.0.1:8443", "https://127.0.0.1:8443/", "/"),
        ("registry.example.com", "https://registry.example.com/terraform/eu/", "/terraform/eu/"),
        ("registry.example.com", "https://cdn.example.net/r/", "https://cdn.example.net/r/"),
    ],
)
def test_the_discovery_document_names_both_services_below_the_site(host: str, url: str, base: str) -> None:
    (document,) = render_site(Site(host, url))

    assert document.key == ".well-known/terraform.json"
    assert json.loads(document.content) == {
        "modules.v1": f"{base}v1/modules/",
        "providers.v1": f"{base}v1/providers/",
    }
    assert lint([document]) == ()
