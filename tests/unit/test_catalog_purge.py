"""``purge`` of registry.yaml: each kind, and each mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_gen.catalog.config import load_config
from registry_gen.catalog.problems import ProblemsError
from registry_gen.model.purge import (
    AzureFrontDoor,
    Cdn,
    Cloudflare,
    CloudFront,
    Fastly,
    GoogleCdn,
    Purging,
    Webhook,
)

BASE = "site: {host: r.example.com}\nstorage: {public: ./a, private: ./b}\n"

AZURE = (
    "{kind: azure, subscription: s, resource_group: g, profile: p, endpoint: e, "
    "tenant_id: t, client_id: c, client_secret: env:S}"
)


def read(purge: str, more: str = "") -> Purging | None:
    return load_config((BASE + more + purge).encode(), "registry.yaml", Path("/srv"), {}).purge


def problems(purge: str, more: str = "") -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(purge, more)
    return [str(problem).split("\n")[0] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "cdn"),
    [
        ("{kind: cloudfront, distribution: E1}", CloudFront("E1")),
        (
            "{kind: cloudfront, distribution: E1, access_key: env:A, secret_key: file:keys/b, session_token: env:C}",
            CloudFront("E1", "env:A", "file:/srv/keys/b", "env:C"),
        ),
        ("{kind: fastly, service: S1, token: env:T}", Fastly("S1", "env:T")),
        (
            "{kind: fastly, service: S1, token: env:T, surrogate_keys: true, soft: true}",
            Fastly("S1", "env:T", surrogate_keys=True, soft=True),
        ),
        ("{kind: cloudflare, zone: 023e, token: env:T}", Cloudflare("023e", "env:T")),
        ("{kind: google, project: p-1, url_map: m}", GoogleCdn("p-1", "m")),
        ("{kind: google, project: p-1, url_map: m, key: env:K}", GoogleCdn("p-1", "m", "env:K")),
        (
            "{kind: azure, subscription: s, resource_group: 'my(group)', profile: p, endpoint: e}",
            AzureFrontDoor("s", "my(group)", "p", "e"),
        ),
        (
            AZURE,
            AzureFrontDoor("s", "g", "p", "e", "t", "c", "env:S"),
        ),
        (
            "{kind: webhook, url: 'https://hooks.example.com/purge', secret: env:S}",
            Webhook("https://hooks.example.com/purge", "env:S"),
        ),
    ],
)
def test_each_kind_is_read(text: str, cdn: Cdn) -> None:
    assert read(f"purge: {text}\n") == Purging(cdn)


def test_what_all_kinds_have(tmp_path: Path) -> None:
    text = "purge: {kind: fastly, service: S1, token: env:T, most: 5, time: 30 s, api: 'https://api.example.com'}\n"
    assert read(text) == Purging(Fastly("S1", "env:T"), "https://api.example.com", 5, 30.0)
    assert read("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: fastli}", "registry.yaml:3:15: CAT008 not a value for kind; expected cloudfront or fastly"),
        ("fastly", "registry.yaml:3:8: CAT008 not a value for purge; expected a mapping with the key kind"),
        ("{zone: z}", "registry.yaml:3:1: CAT007 purge needs the key kind"),
        ("{kind: fastly, service: S1}", "registry.yaml:3:1: CAT007 the key token is missing"),
        ("{kind: fastly, service: S1, token: env:T, tokn: a}", "registry.yaml:3:50: CAT006 unknown key 'tokn'"),
        ("{kind: fastly, service: S1, token: hunter2}", "registry.yaml:3:43: CFG006 not a reference"),
        ("{kind: fastly, service: S1/purge_all, token: env:T}", "registry.yaml:3:32: CAT008 not a value for this key"),
        ("{kind: fastly, service: .., token: env:T}", "registry.yaml:3:32: CAT008 not a value for this key"),
        ("{kind: fastly, service: S, token: env:T, most: 0}", "registry.yaml:3:55: CFG009 "),
        (
            "{kind: cloudfront, distribution: E1, access_key: env:A}",
            "registry.yaml:3:8: CAT007 the key secret_key is missing",
        ),
        (
            "{kind: azure, subscription: s, resource_group: g, profile: p, endpoint: e, client_secret: env:S}",
            "registry.yaml:3:8: CAT007 the key tenant_id is missing",
        ),
        (
            "{kind: fastly, service: S, token: env:T, api: 'http://api.example.com'}",
            "registry.yaml:3:54: CAT020 ",
        ),
        ("{kind: webhook, url: 'https://u:hunter2@x.test/', secret: env:S}", "registry.yaml:3:29: CAT021 "),
        ("{kind: webhook, url: 'https://x.test/?token=hunter2', secret: env:S}", "registry.yaml:3:29: "),
    ],
)
def test_each_mistake_is_told_with_its_place_and_without_its_secret(text: str, said: str) -> None:
    (problem,) = problems(f"purge: {text}\n")
    assert problem.startswith(said)
    assert "hunter2" not in problem


def test_http_is_for_those_who_allow_it() -> None:
    text = "purge: {kind: webhook, url: 'http://hooks.example.com/purge', secret: env:S}\n"
    assert len(problems(text)) == 1
    assert read(text, "network: {schemes: [https, http]}\n") is not None
