"""Verifying from outside: a true registry is good, and every lie about a version is seen and named."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen import paths
from registry_gen.model.address import parse_address
from registry_gen.model.digest import sha256
from registry_gen.model.version import parse_version
from registry_gen.render.records import canonical
from tests.support.openpgp_keys import make_key
from tests.support.outsider import MIRROR, MODULE, NETWORK, PROVIDER, RANDOM, WIDGET, Outsider, found, small_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.made_registry import MadeRegistry

ZIP = f"{PROVIDER}/1.0.0/terraform-provider-widget_1.0.0_linux_amd64.zip"


@pytest.fixture
def made(tmp_path: Path) -> MadeRegistry:
    return small_registry(tmp_path / "public")


@pytest.fixture
def outsider(made: MadeRegistry, tmp_path: Path) -> Outsider:
    return Outsider(made, tmp_path / "state" / "host.json")


def test_a_true_registry_is_good_and_says_what_was_checked(outsider: Outsider) -> None:
    report = outsider()

    assert found(report) == []
    assert report.good
    assert report.counts == {
        "entries of the log": 4,
        "packages": 3,
        "versions": 4,
        "version documents": 4,
        "records": 4,
        "protocol documents": 7,
        "archives": 2,
        "zips": 3,
        "statements of origin": 2,
        "signatures of sums": 1,
        "sums and signatures": 2,
    }
    assert report.checkpoint
    assert (report.checkpoint.size, report.kept) == (4, None)


@pytest.mark.parametrize(
    ("address", "version", "versions"),
    [(NETWORK, None, 2), (NETWORK, "1.1.0", 1), (WIDGET, None, 1), (RANDOM, None, 1), (RANDOM, "3.1.0", 1)],
)
def test_one_address_is_good_by_proofs_alone(
    outsider: Outsider, address: str, version: str | None, versions: int
) -> None:
    report = outsider(address, version)

    assert found(report) == []
    assert report.good
    assert report.counts["versions"] == versions
    assert "entries of the log" not in report.counts


def test_archives_and_zips_can_be_left_alone_and_the_report_says_so(made: MadeRegistry, outsider: Outsider) -> None:
    made.flip(ZIP)
    made.remove(f"{MODULE}/1.0.0/module.tar.gz")
    report = outsider(artifacts=False)

    assert report.good
    assert report.counts["artifacts not fetched"] == 5
    assert not {"archives", "zips"} & report.counts.keys()


# What is altered, and under which code and where that is told: by the whole registry, and by the address alone.
LIES: dict[str, tuple[Callable[[MadeRegistry], object], str, list[tuple[str, str]]]] = {
    "one bit of an archive": (
        lambda made: made.flip(f"{MODULE}/1.0.0/module.tar.gz"),
        NETWORK,
        [("INS030", f"{MODULE}/1.0.0/module.tar.gz")],
    ),
    "a longer archive": (
        lambda made: made.put(f"{MODULE}/1.0.0/module.tar.gz", made.get(f"{MODULE}/1.0.0/module.tar.gz") + b"x"),
        NETWORK,
        [("INS030", f"{MODULE}/1.0.0/module.tar.gz")],
    ),
    "no archive": (
        lambda made: made.remove(f"{MODULE}/1.0.0/module.tar.gz"),
        NETWORK,
        [("INS006", f"{MODULE}/1.0.0/module.tar.gz")],
    ),
    "one bit of a zip": (lambda made: made.flip(ZIP), WIDGET, [("INS030", ZIP)]),
    "one bit of a mirrored zip": (
        lambda made: made.flip(f"{MIRROR}/terraform-provider-random_3.1.0_linux_amd64.zip"),
        RANDOM,
        [("INS030", f"{MIRROR}/terraform-provider-random_3.1.0_linux_amd64.zip")],
    ),
    "another version's statement of origin": (
        lambda made: made.put(
            f"{MODULE}/1.0.0/module.tar.gz.intoto.jsonl", made.get(f"{MODULE}/1.1.0/module.tar.gz.intoto.jsonl")
        ),
        NETWORK,
        [("INS030", f"{MODULE}/1.0.0/module.tar.gz.intoto.jsonl")],
    ),
    "a version that was never logged": (
        lambda made: made.edit(
            f"{MODULE}/versions", lambda it: it["modules"][0]["versions"].append({"version": "9.0.0"})
        ),
        NETWORK,
        [("INS020", f"{MODULE}/versions")],
    ),
    "a mirrored version that was never logged": (
        lambda made: made.edit(f"{MIRROR}/index.json", lambda it: it["versions"].update({"9.0.0": {}})),
        RANDOM,
        [("INS020", f"{MIRROR}/index.json")],
    ),
    "a version that is hidden": (
        lambda made: made.edit(f"{MODULE}/versions", lambda it: it["modules"][0]["versions"].pop()),
        NETWORK,
        [("INS022", f"{MODULE}/versions")],
    ),
    "a listing that is none": (
        lambda made: made.put(f"{PROVIDER}/versions", b"<html>"),
        WIDGET,
        [("INS025", f"{PROVIDER}/versions")],
    ),
    "a listing with what is no version": (
        lambda made: made.edit(
            f"{MODULE}/versions", lambda it: it["modules"][0]["versions"].append({"version": "../x"})
        ),
        NETWORK,
        [("INS025", f"{MODULE}/versions")],
    ),
    "a listing that lacks a platform": (
        lambda made: made.edit(f"{PROVIDER}/versions", lambda it: it["versions"][0]["platforms"].pop()),
        WIDGET,
        [("INS023", f"{PROVIDER}/versions")],
    ),
    "a document that is none": (
        lambda made: made.put("modules/acme/network/aws/1.0.0/index.json", b"[]"),
        NETWORK,
        [("INS025", "modules/acme/network/aws/1.0.0/index.json")],
    ),
    "a document with another commit": (
        lambda made: made.edit("modules/acme/network/aws/1.0.0/index.json", lambda it: it.update(commit="d" * 40)),
        NETWORK,
        [("INS024", "modules/acme/network/aws/1.0.0/index.json")],
    ),
    "a document with another digest": (
        lambda made: made.edit(
            "providers/acme/widget/1.0.0/index.json",
            lambda it: it["digests"]["linux_amd64"].update(zh=sha256(b"evil")),
        ),
        WIDGET,
        [("INS024", "providers/acme/widget/1.0.0/index.json")],
    ),
    "a document that says withdrawn": (
        lambda made: made.edit("modules/acme/network/aws/1.0.0/index.json", lambda it: it.update(status="withdrawn")),
        NETWORK,
        [("INS024", "modules/acme/network/aws/1.0.0/index.json")],
    ),
    "a leaf with another checksum": (
        lambda made: made.edit(
            f"{MODULE}/1.0.0/download",
            lambda it: it.update(location=f"./module.tar.gz?checksum=sha256:{sha256(b'evil')}"),
        ),
        NETWORK,
        [("INS034", f"{MODULE}/1.0.0/download")],
    ),
    "a leaf that leads to another version": (
        lambda made: made.edit(
            f"{MODULE}/1.0.0/download",
            lambda it: it.update(location=it["location"].replace("./", "../1.1.0/")),
        ),
        NETWORK,
        [("INS033", f"{MODULE}/1.0.0/download")],
    ),
    "a leaf that leads out of the registry": (
        lambda made: made.edit(
            f"{MODULE}/1.0.0/download",
            lambda it: it.update(location="https://evil.example/module.tar.gz?" + it["location"].partition("?")[2]),
        ),
        NETWORK,
        [("INS033", f"{MODULE}/1.0.0/download")],
    ),
    "a page that leads elsewhere": (
        lambda made: made.put(
            f"{MODULE}/1.0.0/get.html",
            made.get(f"{MODULE}/1.0.0/get.html").replace(b"1.0.0/module.tar.gz", b"1.1.0/module.tar.gz"),
        ),
        NETWORK,
        [("INS033", f"{MODULE}/1.0.0/get.html")],
    ),
    "a page with a second source": (
        lambda made: made.put(
            f"{MODULE}/1.0.0/get.html",
            made.get(f"{MODULE}/1.0.0/get.html").replace(
                b"<head>", b'<head><meta name="Terraform-Get" content="https://evil.example/x.tar.gz">'
            ),
        ),
        NETWORK,
        [("INS025", f"{MODULE}/1.0.0/get.html")],
    ),
    "a page with another source behind the first": (
        lambda made: made.put(
            f"{MODULE}/1.0.0/get.html",
            made.get(f"{MODULE}/1.0.0/get.html").replace(
                b"</head>", b'<meta name="terraform-get" content="https://evil.example/x.tar.gz"></head>'
            ),
        ),
        NETWORK,
        [("INS025", f"{MODULE}/1.0.0/get.html")],
    ),
    "a provider's leaf that leads to another platform": (
        lambda made: made.edit(
            f"{PROVIDER}/1.0.0/download/linux/amd64",
            lambda it: it.update(download_url=it["download_url"].replace("linux_amd64", "darwin_arm64")),
        ),
        WIDGET,
        [("INS033", f"{PROVIDER}/1.0.0/download/linux/amd64")],
    ),
    "a provider's leaf with another digest": (
        lambda made: made.edit(f"{PROVIDER}/1.0.0/download/linux/amd64", lambda it: it.update(shasum=sha256(b"evil"))),
        WIDGET,
        [("INS034", f"{PROVIDER}/1.0.0/download/linux/amd64")],
    ),
    "a provider's leaf with another h1 for another platform": (
        lambda made: made.edit(
            f"{PROVIDER}/1.0.0/download/linux/amd64",
            lambda it: it["packages"]["darwin_arm64"].update(hashes=["h1:" + "A" * 43 + "="]),
        ),
        WIDGET,
        [("INS034", f"{PROVIDER}/1.0.0/download/linux/amd64")],
    ),
    "a provider's leaf that is missing": (
        lambda made: made.remove(f"{PROVIDER}/1.0.0/download/linux/amd64"),
        WIDGET,
        [("INS006", f"{PROVIDER}/1.0.0/download/linux/amd64")],
    ),
    "a key that did not sign": (
        lambda made: made.edit(
            f"{PROVIDER}/1.0.0/download/linux/amd64",
            lambda it: it["signing_keys"].update(gpg_public_keys=[public(make_key("mallory"))]),
        ),
        WIDGET,
        [
            ("INS035", f"{PROVIDER}/1.0.0/download/linux/amd64"),
            ("SIG012", f"{PROVIDER}/1.0.0/download/linux/amd64"),
        ],
    ),
    "a mirror's document with another hash": (
        lambda made: made.edit(
            f"{MIRROR}/3.1.0.json",
            lambda it: it["archives"]["linux_amd64"]["hashes"].append(f"zh:{sha256(b'evil')}"),
        ),
        RANDOM,
        [("INS034", f"{MIRROR}/3.1.0.json")],
    ),
    "a mirror's document that leads elsewhere": (
        lambda made: made.edit(
            f"{MIRROR}/3.1.0.json", lambda it: it["archives"]["linux_amd64"].update(url="https://evil.example/x.zip")
        ),
        RANDOM,
        [("INS033", f"{MIRROR}/3.1.0.json")],
    ),
    "a mirror's document with another platform": (
        lambda made: made.edit(
            f"{MIRROR}/3.1.0.json",
            lambda it: it["archives"].update(plan9_amd64={"url": "x.zip", "hashes": [f"zh:{sha256(b'evil')}"]}),
        ),
        RANDOM,
        [("INS034", f"{MIRROR}/3.1.0.json")],
    ),
}


def public(key: Any) -> dict[str, str]:
    return {"key_id": key.fingerprint[-16:], "ascii_armor": key.armor}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_named_where_it_is_told(made: MadeRegistry, outsider: Outsider, lie: str) -> None:
    tell, _, expected = LIES[lie]
    tell(made)

    assert found(outsider()) == expected


@pytest.mark.parametrize("lie", [lie for lie in LIES if "hidden" not in lie])
def test_a_lie_is_named_by_its_address_alone(made: MadeRegistry, outsider: Outsider, lie: str) -> None:
    tell, address, expected = LIES[lie]
    tell(made)
    report = outsider(address)

    if "never logged" in lie:  # then there is no document that names an entry
        expected = [("INS006", paths.version_document(parse_address(address), parse_version("9.0.0")))]
    assert found(report) == expected
    for other in {NETWORK, WIDGET, RANDOM} - {address}:
        assert outsider(other).good


def test_one_bit_of_a_record_is_named_with_its_version(made: MadeRegistry, outsider: Outsider) -> None:
    record = paths.record(entry_of(made, 0)["record"])
    made.flip(record)

    for report in (outsider(), outsider(NETWORK, "1.0.0")):
        assert found(report) == [("INS030", f"{NETWORK} 1.0.0: {record}")]
    assert outsider(NETWORK, "1.1.0").good


def test_sums_with_other_bytes_under_their_name_are_named(made: MadeRegistry, outsider: Outsider) -> None:
    sums = entry_of(made, 2)["sums"]
    key = f"{PROVIDER}/1.0.0/{sums['sha256']}_SHA256SUMS"
    made.put(key, made.get(key) + b"0" * 64 + b"  more.zip\n")

    for report in (outsider(), outsider(WIDGET)):
        assert found(report) == [("INS030", key)]


def test_a_leaf_with_the_sums_of_another_version_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    made.provider(WIDGET, "2.0.0", "linux_amd64")
    made.write()
    leaf = f"{PROVIDER}/1.0.0/download/linux/amd64"
    other = entry_of(made, 4)["sums"]["sha256"]
    made.edit(leaf, lambda it: it.update(shasums_url=f"../../../2.0.0/{other}_SHA256SUMS"))

    for report in (outsider(), outsider(WIDGET)):
        assert found(report) == [("INS033", leaf)]


def test_a_withdrawn_version_that_is_still_listed_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    listing = made.get(f"{MODULE}/versions")
    made.withdraw(NETWORK, "1.0.0")
    made.write()
    made.put(f"{MODULE}/versions", listing)

    for report in (outsider(), outsider(NETWORK)):
        assert found(report) == [("INS021", f"{MODULE}/versions")]
        assert "1.0.0" in report.problems[0].found


def test_a_withdrawn_version_is_good_and_its_reason_is_told(made: MadeRegistry, outsider: Outsider) -> None:
    made.withdraw(NETWORK, "1.0.0", "It leaks.")
    made.write()

    whole = outsider()
    assert whole.good
    assert (whole.counts["versions"], whole.counts["withdrawn versions"]) == (3, 1)
    alone = outsider(NETWORK, "1.0.0")
    assert alone.good
    assert alone.notes == (f"{NETWORK} 1.0.0 was withdrawn: It leaks.",)


def test_a_document_that_hides_a_withdrawal_is_named_by_the_whole_log(made: MadeRegistry, outsider: Outsider) -> None:
    """The old document still proves the old entry, so one address alone cannot see it: docs/verify.md says so."""
    key = "modules/acme/network/aws/1.0.0/index.json"
    old = {path: made.get(path) for path in (key, f"{MODULE}/versions")}
    made.withdraw(NETWORK, "1.0.0")
    made.write()
    for path, data in old.items():
        made.put(path, data)

    codes = [code for code, _ in found(outsider())]
    assert set(codes) == {"INS021", "INS024"}
    assert outsider(NETWORK).good


def test_the_record_of_a_withdrawn_version_may_be_gone_but_not_altered(made: MadeRegistry, outsider: Outsider) -> None:
    record = paths.record(entry_of(made, 0)["record"])
    made.withdraw(NETWORK, "1.0.0")
    made.write()
    made.flip(record)
    assert found(outsider()) == [("INS030", f"{NETWORK} 1.0.0: {record}")]
    made.remove(record)
    report = outsider()
    assert report.good
    assert report.counts["records of withdrawn versions that are gone"] == 1


def test_a_relisted_version_is_good(made: MadeRegistry, outsider: Outsider) -> None:
    made.withdraw(NETWORK, "1.0.0")
    made.relist(NETWORK, "1.0.0")
    made.write()

    assert outsider().good
    assert outsider(NETWORK).good


def test_a_document_without_its_entry_proves_nothing(made: MadeRegistry, outsider: Outsider) -> None:
    key = "modules/acme/network/aws/1.0.0/index.json"
    made.edit(key, lambda it: it.update(log_index=1))
    assert found(outsider(NETWORK)) == [("INS015", key)]
    assert found(outsider()) == [("INS024", key)]
    made.edit(key, lambda it: it.update(log_index=4))
    assert found(outsider(NETWORK)) == [("INS015", "entry 4 of the log")]
    made.edit(key, lambda it: it.update(log_index=10**18))
    assert found(outsider(NETWORK)) == [("INS015", f"entry {10**18} of the log")]


def test_an_address_that_lists_nothing_is_told(outsider: Outsider) -> None:
    assert found(outsider("acme/nothing/aws")) == [("INS026", "v1/modules/acme/nothing/aws/versions")]
    assert found(outsider(NETWORK, "7.0.0")) == [("INS006", "modules/acme/network/aws/7.0.0/index.json")]


def test_a_hidden_version_is_named_where_it_is_asked_for(made: MadeRegistry, outsider: Outsider) -> None:
    made.edit(f"{MODULE}/versions", lambda it: it["modules"][0]["versions"].pop())

    assert outsider(NETWORK).good, "an address alone does not tell what its listing leaves out"
    assert found(outsider(NETWORK, "1.1.0")) == [("INS022", f"{MODULE}/versions")]


def test_keys_that_the_log_does_not_have_are_named(made: MadeRegistry, outsider: Outsider) -> None:
    other = make_key("successor")
    made.change_keys(WIDGET, made.key, other)
    made.write()
    assert outsider().good
    leaf = f"{PROVIDER}/1.0.0/download/linux/amd64"
    made.edit(leaf, lambda it: it["signing_keys"].update(gpg_public_keys=[public(made.key), public(make_key("eve"))]))

    assert found(outsider()) == [("INS035", leaf)]
    assert outsider(WIDGET).good, "keys are a matter of the whole log"


def test_a_key_under_another_id_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    leaf = f"{PROVIDER}/1.0.0/download/linux/amd64"
    made.edit(leaf, lambda it: it["signing_keys"]["gpg_public_keys"][0].update(key_id="0" * 16))

    assert found(outsider(WIDGET)) == [("INS035", leaf)]


def test_a_record_that_says_other_than_the_log_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    forge(made, 0, lambda entry: None, lambda record: record.update(tree="h1:" + "A" * 43 + "="))
    forge(made, 2, lambda entry: None, lambda record: record["packages"][0].update(zh=sha256(b"evil")))

    assert [code for code, _ in found(outsider())] == ["INS031", "INS031"]
    for report in (outsider(NETWORK), outsider(WIDGET)):
        assert [code for code, _ in found(report)] == ["INS031"]


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (0, lambda record: record.pop("archive")),
        (2, lambda record: record["packages"][0].update(os="not a platform")),
        (2, lambda record: record.update(sums=1)),
    ],
)
def test_a_record_that_cannot_be_read_is_named(
    made: MadeRegistry, outsider: Outsider, index: int, change: Callable[[Any], object]
) -> None:
    forge(made, index, lambda entry: None, change)

    assert {code for code, _ in found(outsider())} == {"INS025"}


def test_a_signature_in_a_record_that_is_none_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    forge(made, 2, lambda entry: None, lambda record: record.update(signature="!"))

    assert {code for code, _ in found(outsider(WIDGET))} == {"INS031", "SIG010"}


def test_a_statement_that_says_nothing_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    key = f"{MODULE}/1.0.0/module.tar.gz.intoto.jsonl"
    for payload in (b"{}", b"[", b'{"subject": [], "_type": ""}'):
        made.put(key, made.signer.sign_statement(payload))
        forge(made, 0, lambda entry: None, lambda record: record.update(provenance=sha256(made.get(key))))
        assert found(outsider(NETWORK, "1.0.0", keys=(made.vkey,))) == [("INS037", key)]
        outsider.state.unlink()


def test_a_log_that_lies_about_contents_is_named_by_the_bytes(made: MadeRegistry, outsider: Outsider) -> None:
    h1 = "h1:" + "A" * 43 + "="
    forge(made, 0, lambda entry: entry["digests"].update(h1=h1), lambda record: record.update(tree=h1))
    assert [place for place in found(outsider(NETWORK, "1.0.0")) if place[0] != "INS037"] == [
        ("INS032", f"{MODULE}/1.0.0/module.tar.gz")
    ]


def test_zips_that_the_sums_do_not_vouch_for_are_named(made: MadeRegistry, outsider: Outsider) -> None:
    facts = made.provider("acme/gadget", "1.0.0", "linux_amd64")
    made.write()
    sums = b"0" * 64 + b"  terraform-provider-gadget_1.0.0_linux_amd64.zip\n"
    signature = made.key.sign(sums)
    keys = {"sha256": sha256(sums), "signature": sha256(signature), "signer": facts.sums.signer}
    forge(
        made,
        4,
        lambda entry: entry.update(sums=keys),
        lambda record: record.update(sums=sums.decode(), signature=base64.b64encode(signature).decode()),
    )

    assert ("INS036", paths.record(entry_of(made, 4)["record"])) in found(outsider("acme/gadget"))


def test_sums_that_nobody_of_the_keys_signed_are_named(made: MadeRegistry, outsider: Outsider) -> None:
    facts = made.provider("acme/gadget", "1.0.0", "linux_amd64")
    made.write()
    signature = made.key.sign(b"something else")
    keys = {"sha256": facts.sums.sums, "signature": sha256(signature), "signer": facts.sums.signer}
    forge(
        made,
        4,
        lambda entry: entry.update(sums=keys),
        lambda record: record.update(signature=base64.b64encode(signature).decode()),
    )

    codes = {code for code, _ in found(outsider("acme/gadget"))}
    assert "SIG013" in codes


def test_sums_that_another_one_of_the_keys_signed_are_named(made: MadeRegistry, outsider: Outsider) -> None:
    made.provider("acme/gadget", "1.0.0", "linux_amd64")
    other = make_key("other")
    made.change_keys("acme/gadget", made.key, other)
    made.write()
    forge(
        made,
        4,
        lambda entry: entry["sums"].update(signer=other.fingerprint),
        lambda record: record.update(signer=other.fingerprint),
    )

    leaf = "v1/providers/acme/gadget/1.0.0/download/linux/amd64"
    for report in (outsider(), outsider("acme/gadget")):
        assert found(report) == [("INS035", leaf)]
        assert other.fingerprint in report.problems[0].expected


def test_a_signed_statement_about_something_else_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    key = f"{MODULE}/1.0.0/module.tar.gz.intoto.jsonl"
    statement = made.get(f"{MODULE}/1.1.0/module.tar.gz.intoto.jsonl")
    made.put(key, statement)
    forge(made, 0, lambda entry: None, lambda record: record.update(provenance=sha256(statement)))

    report = outsider(NETWORK, "1.0.0")
    assert {(code, place) for code, place in found(report)} == {("INS037", key)}
    assert "version 1.0.0" in " ".join(problem.expected for problem in report.problems)


def test_a_statement_that_is_not_signed_by_the_key_it_names_is_refused(made: MadeRegistry, outsider: Outsider) -> None:
    key = f"{MODULE}/1.0.0/module.tar.gz.intoto.jsonl"
    envelope = json.loads(made.get(key))
    envelope["signatures"][0]["sig"] = json.loads(made.get(f"{MODULE}/1.1.0/module.tar.gz.intoto.jsonl"))["signatures"][
        0
    ]["sig"]
    made.put(key, json.dumps(envelope).encode())
    forge(made, 0, lambda entry: None, lambda record: record.update(provenance=sha256(made.get(key))))

    assert found(outsider(NETWORK, "1.0.0")) == [("ATT002", key)]


def test_statements_by_a_lost_key_are_counted_as_such(made: MadeRegistry, outsider: Outsider) -> None:
    made.rotate(lost=True)
    made.write()
    report = outsider(NETWORK, keys=(made.vkey,))

    assert report.good
    assert report.counts["statements of origin by keys that are not known here"] == 2


def test_a_log_that_contradicts_itself_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    again = entry_of(made, 0)
    again["digests"]["archive"] = sha256(b"evil")
    made.entries.append(canonical(again))
    made.log(made.entries)

    assert found(outsider()) == [("LOG009", f"{NETWORK} 1.0.0, entry 4 of the log")]


def test_entries_of_types_to_come_are_told_and_break_nothing(made: MadeRegistry, outsider: Outsider) -> None:
    made.entries.append(canonical({**entry_of(made, 0), "type": "blessed"}))
    made.write()
    report = outsider()

    assert report.good
    assert report.notes == ("entries of types that this release does not know: blessed",)


def test_a_discovery_document_that_leads_elsewhere_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    made.edit(paths.DISCOVERY, lambda it: it.update({"modules.v1": "https://evil.example/v1/modulez/"}))

    assert found(outsider()) == [("INS033", paths.DISCOVERY)]


def test_links_are_counted_and_their_documents_are_judged(made: MadeRegistry, outsider: Outsider) -> None:
    made.module("acme/linked/aws", "1.0.0", link="https://git.example.com/linked.git")
    made.provider("acme/linked", "1.0.0", "linux_amd64", link="https://releases.example.com/1.0.0/")
    made.write()
    report = outsider()
    assert report.good
    assert report.counts["linked, not fetched"] == 2

    leaf = "v1/modules/acme/linked/aws/1.0.0/download"
    made.edit(leaf, lambda it: it.update(location=it["location"].replace("git.example.com", "evil.example")))
    zips = "v1/providers/acme/linked/1.0.0/download/linux/amd64"
    made.edit(zips, lambda it: it.update(download_url=it["download_url"].replace("releases.", "evil.")))
    assert found(outsider()) == [("INS033", leaf), ("INS033", zips)]


def entry_of(made: MadeRegistry, index: int) -> Any:
    return json.loads(made.entries[index])


def forge(
    made: MadeRegistry, index: int, change_entry: Callable[[Any], object], change_record: Callable[[Any], object]
) -> None:
    """Make an operator's lie whole: the entry, its record, the version's document and the log fit each other."""
    entry = entry_of(made, index)
    record = json.loads(made.get(paths.record(entry["record"])))
    change_entry(entry)
    change_record(record)
    data = canonical(record)
    entry["record"] = sha256(data)
    made.put(paths.record(entry["record"]), data)
    key = paths.version_document(parse_address(entry["address"]), parse_version(entry["version"]))
    made.edit(key, lambda it: it.update({name: entry[name] for name in entry.keys() & it.keys() - {"revision"}}))
    made.entries[index] = canonical(entry)
    made.log(made.entries)
