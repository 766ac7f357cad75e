"""Facts of versions from their entries in the log and their records, and from the entries alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from registry_gen.errors import RefusalError
from registry_gen.extract.module import Collector
from registry_gen.log import entries
from registry_gen.log.history import replay
from registry_gen.log.recorded import recorded, unrecorded
from registry_gen.model.digest import sha256
from registry_gen.model.facts import ModuleVersion
from registry_gen.render.version_documents import render_versions
from registry_gen.render.version_records import module_record, provider_record
from tests.support.published_facts import (
    KEY,
    MIRROR,
    MODULE,
    PROVIDER,
    digest_of,
    mirror_version,
    module_version,
    package_of,
    provider_version,
    withdrawal,
)

if TYPE_CHECKING:
    from registry_gen.log.history import LoggedVersion
    from registry_gen.model.address import Address
    from registry_gen.model.facts import VersionFacts

FACTS = [
    (MODULE, module_version("1.0.0")),
    (MODULE, replace(module_version("1.0.0"), provenance=digest_of("statement"), path="modules/network")),
    (MODULE, replace(module_version("1.0.0"), tag=None, commit=None, evidence=digest_of("archive at its source"))),
    (MODULE, module_version("1.0.0", location="git::https://git.example.com/network.git?ref=c0ffee")),
    (PROVIDER, provider_version("1.0.0", "darwin_arm64", "linux_amd64")),
    (PROVIDER, provider_version("1.0.0", "linux_amd64", linked=True)),
    (MIRROR, mirror_version("1.0.0", "darwin_arm64", "linux_amd64")),
    (MIRROR, mirror_version("1.0.0", "linux_amd64", linked=True)),
]
IDS = ["copy", "statement", "archive", "link", "provider", "provider-link", "mirror", "mirror-link"]


def record_of(address: Address, facts: VersionFacts) -> bytes:
    if isinstance(facts, ModuleVersion):
        return module_record(address, facts, Collector().contents(), (), None, None)
    return provider_record(address, facts, b"sums", b"signature", None, () if address == MIRROR else (KEY,))


def logged(address: Address, facts: VersionFacts) -> tuple[VersionFacts, LoggedVersion, bytes]:
    """The facts as they were logged, with their record, after an entry about nothing."""
    record = record_of(address, facts)
    facts = replace(facts, record=sha256(record), log_index=1)
    published = entries.published(address, facts, 1, None)
    history = replay([entries.audit_head(1, digest_of("row"), facts.recorded_at).payload, published.payload])
    return facts, history.packages[address].versions[facts.version], record


@pytest.mark.parametrize(("address", "facts"), FACTS, ids=IDS)
def test_entry_and_record_give_the_very_facts_back(address: Address, facts: VersionFacts) -> None:
    facts, entry, record = logged(address, facts)
    found = recorded(address, entry, record)
    assert found.facts == facts
    assert found.keys == ((KEY,) if address == PROVIDER else ())


@pytest.mark.parametrize(("address", "facts"), FACTS, ids=IDS)
def test_what_an_entry_alone_gives_has_the_version_s_own_document(address: Address, facts: VersionFacts) -> None:
    """That document is all that is left of a version whose record was deleted; it must not change for it."""
    facts, entry, _ = logged(address, facts)
    left = unrecorded(address, entry, facts.provenance if isinstance(facts, ModuleVersion) else None)
    before, after = (
        [*render_versions(package_of(address, replace(each, withdrawn=withdrawal())))] for each in (facts, left)
    )
    assert after == before
    assert left.record == facts.record


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("schema", 2),
        ("kind", "module"),
        ("address", "acme/other"),
        ("version", "1.0.1"),
        ("hosting", "link"),
        ("recorded_at", "2026-01-01T00:00:00.000001Z"),
        ("signer", "F" * 40),
        ("protocols", [5]),
        ("protocols", "5.0"),
        ("packages", []),
        ("packages", [None]),
        ("packages", None),
        ("keys", None),
        ("keys", [{"fingerprint": KEY.fingerprint}]),
        ("evidence", "00"),
        ("origin", 1),
    ],
)
def test_a_record_that_does_not_say_what_its_entry_says_gives_no_facts(member: str, value: Any) -> None:
    _, entry, record = logged(PROVIDER, provider_version("1.0.0", "linux_amd64"))
    other = orjson.dumps(orjson.loads(record) | {member: value})
    with pytest.raises(RefusalError) as caught:
        recorded(PROVIDER, entry, other)
    assert caught.value.code.id == "LOG012"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_record_give_no_facts(data: bytes) -> None:
    _, entry, _ = logged(MODULE, module_version("1.0.0"))
    with pytest.raises(RefusalError) as caught:
        recorded(MODULE, entry, data)
    assert caught.value.code.id == "LOG012"


def test_another_zip_or_tree_in_a_record_gives_no_facts() -> None:
    _, entry, record = logged(PROVIDER, provider_version("1.0.0", "linux_amd64"))
    zip_ = provider_version("1.0.0", "linux_amd64").packages[0].zh
    with pytest.raises(RefusalError, match="LOG012"):
        recorded(PROVIDER, entry, record.replace(zip_.encode(), digest_of("other").encode()))
    facts, entry, record = logged(MODULE, module_version("1.0.0"))
    later = replace(facts, recorded_at=facts.recorded_at + timedelta(seconds=1))
    with pytest.raises(RefusalError, match="LOG012"):
        recorded(MODULE, entry, record_of(MODULE, later))
