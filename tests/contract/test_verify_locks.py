"""Lock files against the log: is every hash what was promised?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.inspect.lock_file import read_lock_file
from registry_gen.inspect.verify import LockRequest
from registry_gen.model.digest import sha256
from tests.support.outsider import RANDOM, WIDGET, Outsider, found, small_registry

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.inspect.findings import Report
    from registry_gen.model.facts import MirrorVersion, ProviderVersion
    from tests.support.made_registry import MadeRegistry

PATH = ".terraform.lock.hcl"
FORGED = "h1:" + "A" * 43 + "="


@pytest.fixture
def made(tmp_path: Path) -> MadeRegistry:
    return small_registry(tmp_path / "public")


@pytest.fixture
def outsider(made: MadeRegistry, tmp_path: Path) -> Outsider:
    return Outsider(made, tmp_path / "state" / "host.json")


def lock(source: str, version: str, *hashes: str) -> str:
    """A provider's block; its hashes begin in its fourth line."""
    listed = "".join(f'    "{each}",\n' for each in hashes)
    return f'provider "{source}" {{\n  version = "{version}"\n  hashes = [\n{listed}  ]\n}}\n'


def look(outsider: Outsider, text: str, *, allow: bool = False, **more: Any) -> Report:
    return outsider(lock=LockRequest(PATH, read_lock_file(text.encode(), PATH), allow), **more)


def hashes_of(facts: ProviderVersion | MirrorVersion) -> list[str]:
    return [text for each in facts.packages for text in (each.h1 or "", f"zh:{each.zh}")]


@pytest.fixture
def widget(made: MadeRegistry) -> ProviderVersion:
    facts = made.provider(WIDGET, "2.0.0", "linux_amd64", "darwin_arm64")
    made.write()
    return facts


@pytest.fixture
def random(made: MadeRegistry) -> MirrorVersion:
    facts = made.mirror(RANDOM, "4.0.0", "linux_amd64", lacking=("windows_amd64",))
    made.write()
    return facts


def test_the_hashes_that_were_logged_are_good(
    outsider: Outsider, widget: ProviderVersion, random: MirrorVersion
) -> None:
    text = lock(f"registry.example.com/{WIDGET}", "2.0.0", *hashes_of(widget))
    text += lock(RANDOM, "4.0.0", *hashes_of(random))
    report = look(outsider, text)

    assert report.good
    assert (report.counts["providers"], report.counts["locked hashes"]) == (2, 6)
    assert report.notes == ()


def test_the_zips_of_all_platforms_that_the_publisher_signed_for_are_good(
    made: MadeRegistry, outsider: Outsider, random: MirrorVersion
) -> None:
    """Terraform locks all of them, although the mirror holds one platform only."""
    record = made.get(f"records/{random.record}").decode()
    (windows,) = (line.split("  ")[0][-64:] for line in record.split("\\n") if "windows_amd64" in line)

    assert look(outsider, lock(RANDOM, "4.0.0", f"zh:{windows}", *hashes_of(random))).good


def test_a_forged_zip_is_named_with_provider_version_and_line(outsider: Outsider, widget: ProviderVersion) -> None:
    forged = f"zh:{sha256(b'evil')}"
    report = look(outsider, lock(f"registry.example.com/{WIDGET}", "2.0.0", *hashes_of(widget), forged))

    assert found(report) == [("INS041", f"{PATH}:8:1")]
    (problem,) = report.problems
    assert f"registry.example.com/{WIDGET} 2.0.0" in problem.detail
    assert problem.found == forged


def test_a_forged_h1_is_named_where_every_platform_is_held(outsider: Outsider, widget: ProviderVersion) -> None:
    report = look(outsider, lock(f"registry.example.com/{WIDGET}", "2.0.0", FORGED), allow=True)

    assert found(report) == [("INS041", f"{PATH}:4:1")]


def test_an_h1_that_may_be_of_a_platform_that_is_not_held_is_a_problem_unless_allowed(
    outsider: Outsider, random: MirrorVersion
) -> None:
    text = lock(RANDOM, "4.0.0", *hashes_of(random), FORGED)
    report = look(outsider, text)
    assert found(report) == [("INS043", f"{PATH}:6:1")]
    assert "windows_amd64" in report.problems[0].expected

    allowed = look(outsider, text, allow=True)
    assert allowed.good
    assert allowed.counts["hashes that may be those of platforms which are not held here"] == 1


def test_more_unknown_h1_than_platforms_that_are_not_held_are_forged(outsider: Outsider, random: MirrorVersion) -> None:
    text = lock(RANDOM, "4.0.0", *hashes_of(random), FORGED, FORGED.replace("A", "B"))

    assert [code for code, _ in found(look(outsider, text, allow=True))] == ["INS041", "INS041"]


def test_providers_of_other_registries_are_told_and_no_problem(outsider: Outsider) -> None:
    text = lock("registry.terraform.io/hashicorp/null", "3.0.0", "h1:x") + lock("localhost:8443/a/b", "1.0.0", "h1:x")
    report = look(outsider, text)

    assert report.good
    assert report.notes == (
        "not served here: registry.terraform.io/hashicorp/null",
        "not served here: localhost:8443/a/b",
    )


@pytest.mark.parametrize("version", ["7.0.0", "latest"])
@pytest.mark.parametrize("source", [f"registry.example.com/{WIDGET}", RANDOM, "registry.example.com/acme/nothing"])
def test_a_version_that_the_registry_does_not_know_is_named(outsider: Outsider, source: str, version: str) -> None:
    report = look(outsider, "\n\n" + lock(source, version, "h1:x"))

    assert found(report) == [("INS042", f"{PATH}:3:1")]
    assert source in report.problems[0].detail


def test_a_withdrawn_version_is_judged_and_its_reason_told(
    made: MadeRegistry, outsider: Outsider, random: MirrorVersion
) -> None:
    for version in ("3.1.0", "4.0.0"):
        made.withdraw(RANDOM, version, "It leaks.")
    made.write()
    report = look(outsider, lock(RANDOM, "4.0.0", *hashes_of(random)))
    assert report.good
    assert report.notes == (f"{RANDOM} 4.0.0 was withdrawn: It leaks.",)
    assert found(look(outsider, lock(RANDOM, "4.0.0", f"zh:{sha256(b'evil')}"))) == [("INS041", f"{PATH}:4:1")]


def test_hashes_of_kinds_to_come_are_told(outsider: Outsider, widget: ProviderVersion) -> None:
    report = look(outsider, lock(f"registry.example.com/{WIDGET}", "2.0.0", *hashes_of(widget), "h2:abc"))

    assert report.good
    assert report.notes == ("a hash of a kind that is not known here: h2:abc, line 8",)


def test_a_server_that_forges_hashes_into_its_documents_is_found_by_the_log(
    made: MadeRegistry, outsider: Outsider, widget: ProviderVersion
) -> None:
    evil = sha256(b"evil")
    key = "providers/acme/widget/2.0.0/index.json"
    made.edit(key, lambda it: it["digests"]["linux_amd64"].update(zh=evil))
    text = lock(f"registry.example.com/{WIDGET}", "2.0.0", f"zh:{evil}")
    assert found(look(outsider, text)) == [("INS024", key)]
    made.write()
    record = f"records/{widget.record}"
    made.put(record, made.get(record).replace(widget.packages[0].zh.encode(), evil.encode()))
    assert found(look(outsider, text)) == [("INS030", f"{WIDGET} 2.0.0: {record}")]
