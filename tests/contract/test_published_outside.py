"""Published packages read from outside: the facts that a ledger would have, proved, and no more than was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.errors import RegistryError
from registry_gen.inspect.budget import Budget
from registry_gen.inspect.published import open_outside, read_heads, read_packages
from registry_gen.inspect.reader import open_reader
from registry_gen.model.address import parse_address
from registry_gen.model.digest import sha256
from registry_gen.model.facts import Deprecation, SigningKey, WithdrawalStage
from registry_gen.model.version import parse_constraints, parse_version
from tests.support import entries
from tests.support.made_registry import MadeRegistry
from tests.support.outsider import MODULE, NETWORK, RANDOM, WIDGET, small_registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry_gen.inspect.published import Outside
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import Package

ENTRIES: Mapping[str, Entry] = {
    NETWORK: entries.module(),
    WIDGET: entries.provider(),
    RANDOM: replace(entries.mirror(), address=parse_address(RANDOM)),  # type: ignore[arg-type]
}
V100, V110 = parse_version("1.0.0"), parse_version("1.1.0")
DOCUMENT = "modules/acme/network/aws/1.0.0/index.json"


@pytest.fixture
def made(tmp_path: Path) -> MadeRegistry:
    return small_registry(tmp_path / "public")


def outside(made: MadeRegistry, *keys: str, whole: bool = False, **limits: Any) -> Outside:
    """Somebody who has these keys of the log."""
    budget = Budget(open_reader(str(made.folder)), **limits)
    return open_outside(budget, keys, "registry.example.com/log", "1 https://registry.example.com/", whole=whole)


def read(here: Outside, *addresses: str, offered: Mapping[str, set[object]] | None = None) -> Mapping[Address, Package]:
    """These packages, of the entries above."""
    wanted = {entry.address: entry for address, entry in ENTRIES.items() if address in addresses}
    more = {parse_address(address): versions for address, versions in (offered or {}).items()}
    return read_packages(here, wanted, more)  # type: ignore[arg-type]


def refused(here: Outside, *addresses: str) -> str:
    """The code with which a reading ends."""
    with pytest.raises(RegistryError) as caught:
        read(here, *addresses)
    return caught.value.code.id


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("address", [NETWORK, WIDGET, RANDOM])
def test_with_its_records_a_package_is_what_was_published(made: MadeRegistry, address: str, proved: bool) -> None:
    keys = (made.vkey,) if proved else ()
    (package,) = read(outside(made, *keys, whole=True), address).values()
    published = made.published(address)
    # What the sums were called upstream is in no document that a mirror serves, nor in its record.
    expected = published.versions
    if address == RANDOM:
        expected = tuple(replace(facts, sums=package.versions[0].sums) for facts in expected)  # type: ignore[union-attr,arg-type]
    assert package.versions == expected
    assert package.head.revision == 1
    assert package.head.listed == len(expected)
    assert package.head.state.signing_keys == published.head.state.signing_keys


def test_without_records_a_module_is_known_by_all_that_is_compared_with_its_source(made: MadeRegistry) -> None:
    (package,) = read(outside(made), NETWORK).values()
    bare = tuple(
        replace(facts, source="", archive_size=0)  # type: ignore[arg-type]
        for facts in made.published(NETWORK).versions
    )
    assert package.versions == bare


def test_nothing_is_read_but_the_listing_and_a_document_for_each_version(made: MadeRegistry) -> None:
    here = outside(made)
    read(here, NETWORK)
    assert here.reader.requests == 1 + 1 + 2, "checkpoint, listing, two versions"
    proved = outside(made, made.vkey)
    read(proved, NETWORK)
    assert proved.reader.requests <= 4 + 2, "and one bundle and one tile, which the versions share"


def test_a_package_that_was_never_published_costs_one_request_whatever_its_source_offers(made: MadeRegistry) -> None:
    here = outside(made)
    other = replace(entries.module(), address=parse_address("acme/newer/aws"))  # type: ignore[arg-type]
    assert read_packages(here, {other.address: other}, {other.address: {V100, V110}}) == {}
    assert here.reader.requests == 2


def test_a_withdrawn_version_is_known_where_its_source_still_offers_it(made: MadeRegistry) -> None:
    made.withdraw(NETWORK, "1.1.0", "It leaked a token.")
    made.write()
    for keys in ((), (made.vkey,)):
        (package,) = read(outside(made, *keys), NETWORK, offered={NETWORK: {V110, parse_version("9.9.9")}}).values()
        assert [str(facts.version) for facts in package.versions] == ["1.0.0", "1.1.0"]
        gone = package.versions[1].withdrawn
        assert gone is not None
        assert (gone.reason, gone.stage) == ("It leaked a token.", WithdrawalStage.UNLISTED)
        assert package.head.listed == 1
    assert [str(each.version) for each in read(outside(made), NETWORK)[parse_address(NETWORK)].versions] == ["1.0.0"]


def test_a_version_whose_record_is_deleted_was_collected(made: MadeRegistry) -> None:
    made.withdraw(NETWORK, "1.1.0")
    made.write()
    made.remove(f"records/{made.published(NETWORK).versions[-1].record}")
    (package,) = read(outside(made, made.vkey), NETWORK, offered={NETWORK: {V110}}).values()
    gone = package.versions[1].withdrawn
    assert gone is not None
    assert gone.stage is WithdrawalStage.COLLECTED


def test_a_package_of_which_all_is_withdrawn_is_known_as_published(made: MadeRegistry) -> None:
    for version in ("1.0.0", "1.1.0"):
        made.withdraw(NETWORK, version)
    made.write()
    (package,) = read(outside(made), NETWORK, offered={NETWORK: {V100}}).values()
    assert (package.head.listed, [str(facts.version) for facts in package.versions]) == (0, ["1.0.0"])


def test_warnings_are_those_that_the_documents_carry(made: MadeRegistry) -> None:
    warning = {"message": "Gone.", "versions": "< 1.1.0"}
    made.edit(DOCUMENT, lambda it: it.update(deprecated=[warning]))
    same = replace(entries.module(), deprecated=(Deprecation("Gone.", "", parse_constraints("< 1.1.0")),))
    other = replace(entries.module(), deprecated=(Deprecation("Gone.", "", parse_constraints("< 1.0.0")),))
    for entry in (same, other, entries.module()):
        (package,) = read_packages(outside(made), {entry.address: entry}, {}).values()
        assert package.head.state.deprecated == same.deprecated


def test_a_warning_that_concerns_no_version_is_taken_to_be_there(made: MadeRegistry) -> None:
    entry = replace(entries.module(), deprecated=(Deprecation("Old.", "", parse_constraints("< 0.5.0")),))
    (package,) = read_packages(outside(made), {entry.address: entry}, {}).values()
    assert package.head.state.deprecated == entry.deprecated


def test_keys_are_those_that_clients_get(made: MadeRegistry) -> None:
    (package,) = read(outside(made), WIDGET).values()
    assert package.head.state.signing_keys == (SigningKey(made.key.fingerprint, made.key.armor),)


def test_packages_that_the_catalog_lost_are_counted(made: MadeRegistry) -> None:
    gone = {parse_address(NETWORK), parse_address("acme/never/aws")}
    heads = read_heads(outside(made), gone)
    assert {str(address): head.listed for address, head in heads.items()} == {NETWORK: 2}


def test_with_a_key_what_was_altered_is_not_believed(made: MadeRegistry) -> None:
    made.edit(DOCUMENT, lambda it: it.update(commit="d" * 40))
    assert refused(outside(made, made.vkey), NETWORK) == "INS024"
    made.write()
    made.flip("log/tile/entries/000.p/4", 30)
    assert refused(outside(made, made.vkey), NETWORK) in ("INS012", "INS013")


def test_a_document_that_names_another_version_or_package_is_not_believed_without_a_key_either(
    made: MadeRegistry,
) -> None:
    made.put(DOCUMENT, made.get("modules/acme/network/aws/1.1.0/index.json"))
    assert refused(outside(made), NETWORK) == "INS024"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_a_time_at_the_ends_of_the_calendar_is_refused_before_anything_is_reckoned_with_it(
    made: MadeRegistry, at: str
) -> None:
    made.edit(DOCUMENT, lambda it: it.update(recorded_at=at))
    assert refused(outside(made), NETWORK) == "INS025"


def test_a_provider_without_any_platform_is_refused(made: MadeRegistry) -> None:
    document = "providers/acme/widget/1.0.0/index.json"
    record = json.loads(made.get(f"records/{json.loads(made.get(document))['record']}"))
    data = json.dumps({**record, "packages": []}).encode()
    made.put(f"records/{sha256(data)}", data)
    made.edit(document, lambda it: it.update(record=sha256(data), digests={}))
    assert refused(outside(made), WIDGET) == "INS025"


def test_a_record_with_other_bytes_is_not_believed(made: MadeRegistry) -> None:
    made.flip(f"records/{made.published(WIDGET).versions[0].record}")
    assert refused(outside(made), WIDGET) == "INS030"


def test_a_listed_version_without_its_document_is_missed(made: MadeRegistry) -> None:
    made.remove(DOCUMENT)
    assert refused(outside(made), NETWORK) == "INS006"


def test_a_checkpoint_that_no_given_key_signed_is_not_believed(made: MadeRegistry, tmp_path: Path) -> None:
    stranger = MadeRegistry(tmp_path / "stranger")
    with pytest.raises(RegistryError) as caught:
        outside(made, stranger.vkey)
    assert caught.value.code.id == "LOG005"


def test_keys_and_addresses_of_another_registry_are_refused(made: MadeRegistry, tmp_path: Path) -> None:
    stranger = MadeRegistry(tmp_path / "stranger", url="https://other.example/", host="other.example")
    stranger.module(NETWORK, "1.0.0")
    stranger.write()
    for here, key, code in ((made, stranger.vkey, "INS002"), (made, "no key", "LOG007"), (stranger, None, "INS051")):
        with pytest.raises(RegistryError) as caught:
            outside(here, *([key] if key else []))
        assert caught.value.code.id == code


def test_a_listing_that_never_ends_is_not_followed(made: MadeRegistry) -> None:
    versions = [{"version": f"1.0.{number}"} for number in range(100_000)]
    made.put(f"{MODULE}/versions", json.dumps({"modules": [{"versions": versions}]}).encode())
    for number in range(60):
        made.put(f"modules/acme/network/aws/1.0.{number}/index.json", made.get(DOCUMENT))
    made.edit(DOCUMENT, lambda it: it.update(version="1.0.0"))
    here = outside(made, requests=40)
    assert refused(here, NETWORK) in ("INS050", "INS024")
    assert here.reader.requests < 80


@pytest.mark.parametrize(("limits", "said"), [({"requests": 3}, "3 documents"), ({"size": 100}, "100 bytes")])
def test_what_is_read_has_an_end_in_number_and_size(made: MadeRegistry, limits: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError) as caught:
        read(outside(made, **limits), NETWORK)
    assert (caught.value.code.id, said in caught.value.expected) == ("INS050", True)


def test_what_is_read_has_an_end_in_time(made: MadeRegistry) -> None:
    budget = Budget(open_reader(str(made.folder)), seconds=-1)
    with pytest.raises(RegistryError) as caught:
        open_outside(budget, (), "registry.example.com/log", "")
    assert caught.value.code.id == "INS050"
