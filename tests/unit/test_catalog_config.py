from __future__ import annotations

from pathlib import Path

import pytest

from registry_gen.catalog.problems import ProblemsError
from registry_gen.errors import InputError
from registry_gen.model.config import Limits, Network, SigningRefs, Site
from registry_gen.model.entries import MirrorEntry
from registry_gen.model.places import FolderPlace
from registry_gen.policy.upstreams import usable_upstream
from tests.support.catalogs import config, load

SITE = "site: {host: registry.example.com}\n"
STORAGE = "storage: {public: ./public, private: ./private}\n"
BASE = SITE + STORAGE


def told(text: str, environ: dict[str, str] | None = None) -> list[str]:
    """Place and code of each problem."""
    with pytest.raises(ProblemsError) as caught:
        config(text, environ)
    assert "s3cret" not in str(caught.value)
    return [f"{p.position.line}:{p.position.column} {p.code}" for p in caught.value.problems if p.position]


def test_everything_but_site_and_storage_may_be_left_out() -> None:
    found = config(BASE)

    assert found.root == Path("/srv/registry")
    assert found.catalog == Path("/srv/registry/catalog")
    assert found.state == Path("/srv/registry/.registry")
    assert found.site == Site("registry.example.com", "https://registry.example.com/")
    assert (found.public, found.private) == (FolderPlace("/srv/registry/public"), FolderPlace("/srv/registry/private"))
    assert found.ledger == "embedded"
    assert found.network == Network(upstreams={})
    assert found.limits == Limits()
    assert found.signing == SigningRefs()


def test_every_key_is_read() -> None:
    text = """\
site: {host: "127.0.0.1:8443", url: "https://cdn.example.com"}
storage: {public: /srv/public, private: ../private}
ledger: env:LEDGER_URL
catalog: offer
state: /var/lib/registry
signing: {openpgp: env:OPENPGP_KEY, log: file:keys/log.pem, former_log_keys: [env:LOG_KEY, file:keys/2025.pem]}
network:
  schemes: [https, http, file]
  allow_private: [10.0.0.0/8, "::1"]
  ca_file: ca.pem
  upstreams: {a.example.com: "http://127.0.0.1:8080", b.example.com: env:B, c.example.com: env:C}
limits:
  module_size: 64 MiB
  module_files: 10
  provider_size: 1.5 GB
  provider_unpacked_size: 1000
  git_time: 5 min
  http_time: 1h
  workers: 4
  per_host: 3
"""
    found = config(text, {"B": "https://b.internal/mirror/"})

    assert found.site == Site("127.0.0.1:8443", "https://cdn.example.com/")
    assert (found.public, found.private) == (FolderPlace("/srv/public"), FolderPlace("/srv/private"))
    assert found.ledger == "env:LEDGER_URL"
    assert (found.catalog, found.state) == (Path("/srv/registry/offer"), Path("/var/lib/registry"))
    assert found.signing == SigningRefs(
        "env:OPENPGP_KEY",
        "file:/srv/registry/keys/log.pem",
        ("env:LOG_KEY", "file:/srv/registry/keys/2025.pem"),
    )
    assert found.network == Network(
        schemes=("https", "http", "file"),
        allow_private=("10.0.0.0/8", "::1/128"),
        ca_file=Path("/srv/registry/ca.pem"),
        upstreams={
            "a.example.com": "http://127.0.0.1:8080",
            "b.example.com": "https://b.internal/mirror",
            "c.example.com": "env:C",
        },
    )
    assert found.limits == Limits(64 * 2**20, 10, 1_500_000_000, 1000, 300.0, 3600.0, 4, 3)


def test_storages_may_lie_in_the_state_folder() -> None:
    text = SITE + "storage: {public: ./.registry/public, private: ./.registry/private}"

    assert config(text).public == FolderPlace("/srv/registry/.registry/public")


@pytest.mark.parametrize(
    "ledger",
    [
        "embedded",
        "bucket",
        "env:X",
        "postgresql://registry@db.example.com/registry?sslmode=verify-full",
        "postgres:///registry",
    ],
)
def test_a_ledger_without_a_secret_is_taken_as_it_is(ledger: str) -> None:
    assert config(f"{BASE}ledger: {ledger}").ledger == ledger


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1 CAT007", "1:1 CAT007"]),
        ("- a", ["1:1 CAT008"]),
        (STORAGE + "site: {host: localhost}", ["2:14 CFG002"]),
        (STORAGE + "site: {host: Registry.example.com}", ["2:14 CFG002"]),
        (STORAGE + "site: {host: 'a.b:99999'}", ["2:14 CFG002"]),
        (STORAGE + "site: {host: a.b, url: 'https://a.b/path'}", ["2:24 CFG002"]),
        (STORAGE + "site: {host: a.b, url: 'http://a.b/'}", ["2:24 CAT020"]),
        (STORAGE + "site: {host: a.b, url: 'https://u:s3cret@a.b/'}", ["2:24 CAT021"]),
        (SITE + "storage: {public: ./a, private: ./a}", ["2:19 CFG004"]),
        (SITE + "storage: {public: ./a, private: ./a/b}", ["2:19 CFG004"]),
        (SITE + "storage: {public: ./a/b, private: //srv/registry/a}", ["2:19 CFG004"]),
        (SITE + "storage: {public: ./catalog/x, private: ./b}", ["2:19 CFG004"]),
        (SITE + "storage: {public: ./, private: /b}", ["2:19 CFG004", "2:19 CFG004"]),
        (BASE + "state: ./public/state", ["2:19 CFG004"]),
        (BASE + "state: ./private", ["2:38 CFG004"]),
        (SITE + "storage: {public: 's3://key:s3cret@bucket', private: b}", ["2:19 CFG003", "2:54 CFG003"]),
        (SITE + "storage: {public: [a], private: 1}", ["2:19 CAT008", "2:33 CAT008"]),
        (SITE + "storage: {public: ./a%20b, private: './b#c'}", ["2:19 CFG003", "2:37 CFG003"]),
        (BASE + "ledger: postgresql://u:s3cret@h/db", ["3:9 CFG005"]),
        (BASE + "ledger: postgresql://h/db?password=s3cret", ["3:9 CFG005"]),
        (BASE + "ledger: postgresql://h/db?sslpassword=s3cret", ["3:9 CFG005"]),
        (BASE + "ledger: postgresql://[s3cret/db", ["3:9 CFG007"]),
        (BASE + "ledger: mysql://u:s3cret@h/db", ["3:9 CFG007"]),
        (BASE + "ledger: embeded", ["3:9 CFG007"]),
        (BASE + "ledger: env:1s3cret", ["3:9 CFG006"]),
        (BASE + "signing: {openpgp: s3cret, log: 'file:'}", ["3:20 CFG006", "3:33 CFG006"]),
        (BASE + "signing: {former_log_keys: [s3cret, 'file:']}", ["3:29 CFG006", "3:37 CFG006"]),
        (BASE + "signing: {former_log_keys: [env:A, env:A]}", ["3:28 CAT008"]),
        (BASE + "signing: {former_log_keys: env:A}", ["3:28 CAT008"]),
        (BASE + f"signing: {{former_log_keys: [{', '.join(f'env:K{n}' for n in range(9))}]}}", ["3:28 CAT008"]),
        (BASE + "network: {schemes: [https, ext]}", ["3:28 CAT008"]),
        (BASE + "network: {schemes: [ext]}", ["3:21 CAT008"]),
        (BASE + "network: {schemes: []}", ["3:20 CAT008"]),
        (BASE + "network: {allow_private: [10.0.0.1/8, x]}", ["3:27 CFG008", "3:39 CFG008"]),
        (BASE + "network: {upstreams: {localhost: 'https://a.b'}}", ["3:23 CFG008"]),
        (BASE + "network: {upstreams: {a.b: 'http://a.b'}}", ["3:28 CAT020"]),
        (BASE + "network: {upstreams: {a.b: 'https://u:s3cret@a.b'}}", ["3:28 CAT021"]),
        (BASE + "network: {upstreams: {a.b: 'env:a-b'}}", ["3:28 CFG006"]),
        (BASE + "network: {ca_file: 'https://s3cret@a/b'}", ["3:20 CAT008"]),
        (BASE + "limits: {workers: 0, module_files: -1}", ["3:19 CFG009", "3:36 CFG009"]),
        (BASE + "limits: {workers: 99999999999999999999}", ["3:19 CFG009"]),
        (BASE + "limits: {module_size: 0, provider_size: lots}", ["3:23 CFG009", "3:41 CFG009"]),
        (BASE + "limits: {module_size: 10 PB, git_time: 2 days}", ["3:23 CFG009", "3:40 CFG009"]),
        (BASE + "limits: {module_size: [1]}", ["3:23 CAT008"]),
        (BASE + "limts: {}\nnetwork: {shcemes: []}", ["3:1 CAT006", "4:11 CAT006"]),
    ],
)
def test_problems_of_the_configuration_are_told_at_their_place(text: str, expected: list[str]) -> None:
    assert told(text) == expected


def test_a_url_from_the_environment_is_checked_like_a_written_one_and_not_repeated() -> None:
    text = BASE + "network: {upstreams: {a.b: env:UP}}"

    assert told(text, {"UP": "https://u:s3cret@a.b"}) == ["3:28 CAT021"]
    assert told(text, {"UP": "ftp://a.b"}) == ["3:28 CAT020"]


def test_all_problems_print_one_below_the_other() -> None:
    with pytest.raises(ProblemsError) as caught:
        config(BASE + "limts: {}\nledger: x\n")

    assert str(caught.value).splitlines()[::2] == [
        "registry.yaml:3:1: CAT006 unknown key 'limts'",
        "registry.yaml:4:9: CFG007 not a ledger",
    ]


def test_an_upstream_in_a_variable_is_no_problem_until_it_is_used() -> None:
    text = BASE + "network: {upstreams: {a.example.com: env:UP}}"
    files = {"mirrors/a.example.com/acme/widget.yaml": "trust: {keys: [k.asc]}", "keys/k.asc": "AA"}
    [unset] = load(files, config(text)).catalog.entries.values()
    [set_] = load(files, config(text, {"UP": "https://up.example.com"})).catalog.entries.values()

    assert isinstance(unset, MirrorEntry)
    assert isinstance(set_, MirrorEntry)
    with pytest.raises(InputError, match="UP") as caught:
        usable_upstream(unset)
    assert caught.value.code.id == "CFG010"
    assert usable_upstream(set_) == "https://up.example.com"
