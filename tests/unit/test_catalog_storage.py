"""``storage.public`` and ``storage.private``: every kind, every option, and what is refused."""

from __future__ import annotations

import pytest

from registry_gen.catalog.problems import ProblemsError
from registry_gen.model.places import (
    AzureConnectionString,
    AzureManagedIdentity,
    AzurePlace,
    AzureSharedKey,
    AzureWorkloadIdentity,
    FolderPlace,
    GcsFederation,
    GcsKeyFile,
    GcsPlace,
    Place,
    S3AssumeRole,
    S3Keys,
    S3Place,
    S3WebIdentity,
)
from tests.support.catalogs import config

ROLE = "arn:aws:iam::123456789012:role/registry"


def placed(public: str, network: str = "{}") -> Place:
    text = f"site: {{host: registry.example.com}}\nstorage:\n  private: ./private\n  public: {public}\n"
    return config(f"{text}network: {network}\n").public


def refused(public: str, private: str = "./private", network: str = "{}") -> list[str]:
    """Column, code and words of each problem; the secret of these tests is in none of them."""
    text = f"site: {{host: registry.example.com}}\nstorage:\n  private: {private}\n  public: {public}\n"
    with pytest.raises(ProblemsError) as caught:
        config(f"{text}network: {network}\n")
    assert "s3cret" not in str(caught.value).lower()
    return [f"{p.position.line}:{p.position.column} {p.code} {p.message}" for p in caught.value.problems if p.position]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./public", FolderPlace("/srv/registry/public")),
        ("{url: /srv/public}", FolderPlace("/srv/public")),
        ("s3://acme-registry", S3Place("acme-registry")),
        ("s3://acme-registry/some/folder/", S3Place("acme-registry", "some/folder/")),
        ("gs://acme_registry/public", GcsPlace("acme_registry", "public/")),
        ("az://acmeaccount/registry/public", AzurePlace("acmeaccount", "registry", "public/")),
        ("az://acmeaccount/$web", AzurePlace("acmeaccount", "$web")),
    ],
)
def test_a_place_is_one_text_or_a_mapping_with_a_url(text: str, expected: Place) -> None:
    assert placed(text) == expected
    assert placed(f"{{url: {text}}}" if not text.startswith("{") else text) == expected


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("./public", "file:///srv/registry/public"),
        ("s3://acme-registry/a", "s3://acme-registry/a"),
        ("gs://acme-registry", "gs://acme-registry"),
        ("az://acmeaccount/registry", "az://acmeaccount/registry"),
    ],
)
def test_a_place_is_shown_as_a_url(text: str, url: str) -> None:
    assert placed(text).url == url


def test_every_option_of_s3_is_read() -> None:
    text = (
        "{url: s3://acme-registry/p, region: eu-central-1, endpoint: 'https://S3.example.com:9000/', path_style: true, "
        "sts_endpoint: 'https://sts.example.com', artifact_class: STANDARD_IA, document_class: ANY}"
    )
    assert placed(text) == S3Place(
        "acme-registry",
        "p/",
        region="eu-central-1",
        endpoint="https://S3.example.com:9000",
        sts_endpoint="https://sts.example.com",
        path_style=True,
        artifact_class="STANDARD_IA",
        document_class="ANY",
    )


def test_every_option_of_the_others_is_read() -> None:
    options = "endpoint: 'http://127.0.0.1:4443', artifact_class: COLDLINE, document_class: STANDARD"
    assert placed(f"{{url: gs://acme-registry, anonymous: true, {options}}}") == GcsPlace(
        "acme-registry",
        endpoint="http://127.0.0.1:4443",
        anonymous=True,
        artifact_class="COLDLINE",
        document_class="STANDARD",
    )
    assert placed("{url: az://acmeaccount/c123, endpoint: 'http://localhost:1/acmeaccount', artifact_class: Cool}") == (
        AzurePlace("acmeaccount", "c123", endpoint="http://localhost:1/acmeaccount", artifact_class="Cool")
    )


@pytest.mark.parametrize(
    ("url", "auth", "expected"),
    [
        ("s3://acme", "kind: keys, access_key: env:A, secret_key: file:k/s", S3Keys("env:A", "file:/srv/registry/k/s")),
        (
            "s3://acme",
            "kind: keys, access_key: env:A, secret_key: env:B, session_token: env:C",
            S3Keys("env:A", "env:B", "env:C"),
        ),
        ("s3://acme", f"kind: web_identity, role: '{ROLE}', token: env:T", S3WebIdentity(ROLE, "env:T")),
        ("s3://acme", f"kind: assume_role, role: '{ROLE}'", S3AssumeRole(ROLE)),
        (
            "s3://acme",
            (
                f"kind: assume_role, role: '{ROLE}', external_id: x/1, session_name: me, "
                "keys: {kind: keys, access_key: env:A, secret_key: env:B}"
            ),
            S3AssumeRole(ROLE, "x/1", "me", S3Keys("env:A", "env:B")),
        ),
        ("gs://acme", "kind: service_account, key: file:/k.json", GcsKeyFile("file:/k.json")),
        ("gs://acme", "kind: federation, configuration: env:C", GcsFederation("env:C")),
        ("az://acme/reg", "kind: connection_string, connection_string: env:C", AzureConnectionString("env:C")),
        ("az://acme/reg", "kind: shared_key, key: env:K", AzureSharedKey("env:K")),
        ("az://acme/reg", "kind: managed_identity", AzureManagedIdentity()),
        ("az://acme/reg", "kind: managed_identity, client_id: 12-ab", AzureManagedIdentity("12-ab")),
        (
            "az://acme/reg",
            "kind: workload_identity, tenant_id: 12-ab, client_id: 34-cd, token_file: t",
            AzureWorkloadIdentity("12-ab", "34-cd", "/srv/registry/t"),
        ),
    ],
)
def test_every_way_to_authenticate_is_read(url: str, auth: str, expected: object) -> None:
    found = placed(f"{{url: {url}, auth: {{{auth}}}}}")

    assert not isinstance(found, FolderPlace)
    assert found.auth == expected


@pytest.mark.parametrize(
    "url",
    [
        *("s3://ab", "s3://Acme", "s3://acme_registry", "s3://acme..registry", "s3://192.168.0.1", "s3://-acme"),
        *("s3://xn--acme", "s3://acme--x-s3", "s3://acme.mrap", f"s3://{'a' * 64}", "s3://", "s3:/acme", "s4://acme"),
        *("s3://acme/../up", "s3://acme//a", "s3://acme/a b", "s3://acme/.hidden", f"s3://acme/{'a' * 200}"),
        *("s3://acme?x=s3cret", "s3://acme#s3cret", "s3://key:s3cret@acme", "https://acme.example.com"),
        *("gs://google-acme", "gs://goog-acme", "gs://acme-g00gle", "gs://ab", f"gs://{'a' * 64}.b", "gs://1.2.3.4"),
        *(
            "az://acme",
            "az://ac/reg",
            "az://Acme/reg",
            "az://acme-1/reg",
            "az://acme/a--b",
            "az://acme/Reg",
            "az://acme/$x",
        ),
    ],
)
def test_a_name_that_its_vendor_would_not_take_is_no_storage(url: str) -> None:
    assert [each[:11] for each in refused(f"'{url}'")] == ["4:11 CFG003"]
    assert "4:17 CFG003" in [each[:11] for each in refused(f"{{url: '{url}'}}")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("url: s3://acme, regoin: x", "4:28 CAT006"),
        ("url: s3://acme, anonymous: true", "4:28 CAT006"),
        ("url: gs://acme, region: eu", "4:28 CAT006"),
        ("url: az://acme/reg, path_style: true", "4:32 CAT006"),
        ("url: ./a, region: eu", "4:22 CAT006"),
        ("region: eu", "4:3 CAT007"),
        ("url: s3://acme, region: 'EU Central'", "4:36 CFG015"),
        ("url: s3://acme, path_style: yes", "4:40 CAT008"),
        ("url: s3://acme, endpoint: 's3.example.com'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'ftp://s3.example.com'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'http://s3.example.com'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'http://10.0.0.1'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'http://127.0.0.1.example.com'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'https://a.example.com/b/c'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'https://a.example.com?s3cret'", "4:38 CFG013"),
        ("url: s3://acme, endpoint: 'https://u:s3cret@a.example.com'", "4:38 CFG005"),
        ("url: s3://acme, sts_endpoint: 'http://sts.example.com'", "4:42 CFG013"),
        ("url: gs://acme, endpoint: 'https://storage.example.com'", "4:38 CFG020"),
        ("url: gs://acme, endpoint: 'https://googleapis.com.example.com'", "4:38 CFG020"),
        ("url: gs://acme, endpoint: 'https://fakegoogleapis.com', anonymous: false", "4:38 CFG020"),
        ("url: s3://acme, artifact_class: DEEP_ARCHIVE", "4:44 CFG014"),
        ("url: s3://acme, document_class: standard", "4:44 CFG014"),
        ("url: gs://acme, artifact_class: Hot", "4:44 CFG014"),
        ("url: az://acme/reg, artifact_class: Archive", "4:48 CFG014"),
        ("url: az://acme/reg, artifact_class: 'a b'", "4:48 CFG015"),
        ("url: s3://acme, auth: s3cret", "4:34 CAT008"),
        ("url: s3://acme, auth: {}", "4:28 CAT007"),
        ("url: s3://acme, auth: {access_key: env:A}", "4:28 CAT007"),
        ("url: s3://acme, auth: {kind: key}", "4:41 CAT008"),
        ("url: s3://acme, auth: {kind: shared_key, key: env:A}", "4:41 CAT008"),
        ("url: s3://acme, auth: {kind: keys, access_key: env:A, secret_key: s3cret}", "4:78 CFG006"),
        ("url: s3://acme, auth: {kind: keys, access_key: AKIAS3CRET, secret_key: env:A}", "4:59 CFG006"),
        ("url: s3://acme, auth: {kind: keys, access_key: env:A}", "4:28 CAT007"),
        ("url: s3://acme, auth: {kind: web_identity, role: x, token: env:A}", "4:61 CFG015"),
        (f"url: s3://acme, auth: {{kind: assume_role, role: '{ROLE}', external_id: 'a b'}}", "4:116 CFG015"),
        (f"url: s3://acme, auth: {{kind: assume_role, role: '{ROLE}', kesy: 1}}", "4:103 CAT006"),
        ("url: az://acme/reg, auth: {kind: shared_key, key: 'K3y/s3cret=='}", "4:62 CFG006"),
        (
            "url: az://acme/reg, auth: {kind: workload_identity, tenant_id: a, client_id: abc, token_file: t}",
            "4:75 CFG015",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_told_at_its_place(options: str, expected: str) -> None:
    assert [each[: len(expected)] for each in refused(f"{{{options}}}")] == [expected]


def test_a_number_where_a_secret_is_named_is_refused_and_not_repeated() -> None:
    [told] = refused("{url: az://acme/reg, auth: {kind: shared_key, key: 4711081599}}")

    assert "CFG006" in told
    assert "4711081599" not in told


def test_what_is_misspelt_is_suggested() -> None:
    with pytest.raises(ProblemsError, match="Did you mean region"):
        placed("{url: s3://acme, regoin: x}")
    with pytest.raises(ProblemsError, match="Did you mean secret_key"):
        placed("{url: s3://acme, auth: {kind: keys, access_key: env:A, secret_kye: env:B, secret_key: env:B}}")
    with pytest.raises(ProblemsError, match="Did you mean web_identity"):
        placed("{url: s3://acme, auth: {kind: web_identiy}}")


def test_http_leads_to_addresses_that_were_allowed() -> None:
    text = "{url: s3://acme, endpoint: 'http://10.1.2.3:9000'}"

    assert placed(text, "{allow_private: [10.0.0.0/8]}") == S3Place("acme", endpoint="http://10.1.2.3:9000")
    assert [each[:11] for each in refused(text, network="{allow_private: [10.2.0.0/16]}")] == ["4:38 CFG013"]


@pytest.mark.parametrize(
    ("options", "endpoint"),
    [
        (
            "endpoint: 'https://storage.europe-west3.rep.googleapis.com'",
            "https://storage.europe-west3.rep.googleapis.com",
        ),
        ("endpoint: 'https://storage-private.p.googleapis.com'", "https://storage-private.p.googleapis.com"),
        ("endpoint: 'https://storage.example.com', anonymous: true", "https://storage.example.com"),
        ("endpoint: 'http://localhost:4443'", "http://localhost:4443"),
    ],
)
def test_googles_credentials_go_to_google_and_to_this_machine(options: str, endpoint: str) -> None:
    found = placed(f"{{url: gs://acme, {options}}}")
    assert isinstance(found, GcsPlace)
    assert found.endpoint == endpoint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://acme", "s3://acme"),
        ("s3://acme", "s3://acme/private"),
        ("s3://acme/a/b", "s3://acme/a"),
        ("s3://acme", "{url: s3://acme, endpoint: 'https://s3.eu-central-1.amazonaws.com'}"),
        ("{url: s3://acme, endpoint: 'http://localhost:9000'}", "{url: s3://acme, endpoint: 'http://127.0.0.1:9000'}"),
        ("gs://acme", "{url: s3://acme, endpoint: 'https://storage.googleapis.com'}"),
        ("gs://acme/a", "gs://acme/a/"),
        ("az://acme/reg", "az://acme/reg/private"),
        ("az://acme/reg", "{url: az://acme/reg, endpoint: 'https://acme.privatelink.blob.core.windows.net'}"),
    ],
)
def test_two_storages_of_which_one_holds_the_other_are_refused(one: str, other: str) -> None:
    assert [told.split()[1] for told in refused(one, other)] == ["CFG004"]
    assert [told.split()[1] for told in refused(other, one)] == ["CFG004"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://acme/a", "s3://acme/ab"),
        ("s3://acme", "s3://acme-private"),
        ("az://acme/reg", "az://other/reg"),
        ("az://acme/reg", "az://acme/private"),
        ("s3://acme", "./acme"),
    ],
)
def test_two_storages_beside_each_other_are_fine(one: str, other: str) -> None:
    text = f"site: {{host: registry.example.com}}\nstorage: {{private: '{other}', public: '{one}'}}\n"

    assert config(text).public.url == one
