"""Provenance statements: one byte for byte, what each kind of source gives, and that no secret gets in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from registry_gen.model.digest import H1
from registry_gen.render.provenance import Builder, dir_hash, module_provenance
from tests.support.published_facts import COMMIT, MODULE, digest_of, module_version

BUILDER = Builder("registry.example.com/log", "0.1.0", "https://ci.example.com/acme/registry/7")
FACTS = module_version("1.2.0")
BUILT = replace(
    FACTS, source="https://builds.example.com/network/", tag=None, commit=None, evidence=digest_of("the built archive")
)

GOLDEN = (
    '{"_type":"https://in-toto.io/Statement/v1","predicate":{"buildDefinition":{'
    '"buildType":"https://registry-gen.invalid/module-archive/v1",'
    '"externalParameters":{"address":"acme/network/aws","path":"modules/vpc",'
    '"source":"https://git.example.com/network.git","tag":"v1.2.0","version":"1.2.0"},'
    '"internalParameters":{"catalogCommit":"ca7a109"},'
    '"resolvedDependencies":[{"digest":{"gitCommit":"c0ffee0000000000000000000000000000000000"},'
    '"uri":"git+https://git.example.com/network.git@refs/tags/v1.2.0"}]},'
    '"runDetails":{"builder":{"id":"https://registry.example.com/log","version":{"registry-gen":"0.1.0"}},'
    '"metadata":{"invocationId":"https://ci.example.com/acme/registry/7","startedOn":"2026-01-01T00:00:00Z"}}},'
    '"predicateType":"https://slsa.dev/provenance/v1",'
    '"subject":[{"digest":{"dirHash":"DIRHASH","sha256":"ARCHIVE"},"name":"acme/network/aws/1.2.0/module.tar.gz"}]}'
)


def statement(facts: Any = FACTS, filename: str | None = None, **more: Any) -> Any:
    return json.loads(module_provenance(MODULE, facts, filename, more.get("builder", BUILDER), more.get("commit")))


def dependency(**fields: Any) -> str:
    (found,) = statement(replace(FACTS, **fields))["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert found["digest"] == {"gitCommit": COMMIT}
    return str(found["uri"])


def test_a_statement_is_these_bytes() -> None:
    made = module_provenance(MODULE, replace(FACTS, path="modules/vpc"), None, BUILDER, "ca7a109")
    assert FACTS.archive
    assert FACTS.tree
    expected = GOLDEN.replace("DIRHASH", dir_hash(FACTS.tree)).replace("ARCHIVE", FACTS.archive)
    assert made.decode() == expected


def test_an_h1_is_written_as_the_specification_writes_it() -> None:
    """The example of in-toto/attestation, spec/v1/digest_set.md."""
    h1 = H1("h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48=")
    assert dir_hash(h1) == "2a1bb6127fb481c60f67692e22285fb306f3c6ffe62075e0ccf674d7c3adcb8f"


def test_what_is_not_known_is_left_out() -> None:
    found = statement(builder=replace(BUILDER, run_url=None))["predicate"]
    assert "internalParameters" not in found["buildDefinition"]
    assert "path" not in found["buildDefinition"]["externalParameters"]
    assert set(found["runDetails"]["metadata"]) == {"startedOn"}


def test_a_built_archive_is_pinned_by_its_own_digest() -> None:
    found = statement(BUILT, "network-1.2.0.zip")["predicate"]["buildDefinition"]
    assert found["resolvedDependencies"] == [
        {"uri": "https://builds.example.com/network/network-1.2.0.zip", "digest": {"sha256": BUILT.evidence}}
    ]
    assert found["externalParameters"] == {
        "address": "acme/network/aws",
        "version": "1.2.0",
        "source": "https://builds.example.com/network/",
        "archive": "network-1.2.0.zip",
    }


def test_addresses_are_uris_whatever_the_source_is_called() -> None:
    assert dependency(source="https://Git.Example.COM:8443/A.git") == (
        "git+https://git.example.com:8443/A.git@refs/tags/v1.2.0"
    )
    assert dependency(source="ssh://git@Host/a.git") == "git+ssh://git@host/a.git@refs/tags/v1.2.0"
    assert dependency(source="file:///srv/a%20b.git") == "git+file:///srv/a%20b.git@refs/tags/v1.2.0"
    assert dependency(tag='v1.2.0-"größe"%40').endswith("@refs/tags/v1.2.0-%22gr%C3%B6%C3%9Fe%22%2540")
    folder = statement(replace(BUILT, source="/srv/größe?"), "network-1.2.0.zip")
    (found,) = folder["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert found["uri"] == "file:///srv/gr%C3%B6%C3%9Fe%3F/network-1.2.0.zip"


@pytest.mark.parametrize(
    "source",
    [
        "https://user:hunter2@git.example.com/network.git",
        "https://hunter2@git.example.com/network.git",
        "ssh://git:hunter2@git.example.com/network.git",
        "https://git.example.com/network.git?token=hunter2",
        "https://git.example.com/network.git#hunter2",
    ],
)
def test_a_source_with_credentials_is_never_signed(source: str) -> None:
    with pytest.raises(ValueError, match="credentials") as caught:
        statement(replace(FACTS, source=source))
    assert "hunter2" not in str(caught.value)


def test_a_link_has_no_archive_to_make_a_statement_about() -> None:
    with pytest.raises(ValueError, match="no archive"):
        statement(module_version("1.2.0", location="git::https://git.example.com/network.git"))
