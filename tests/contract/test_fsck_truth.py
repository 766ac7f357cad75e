"""A ledger whose rows were changed by hand contradicts its own log, and nothing is mended by what it says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
import pytest

from registry_gen import wiring
from registry_gen.publish import codes
from registry_gen.publish.fsck_truth import untrue_facts, untrue_rows
from tests.contract.test_fsck import ARCHIVE, LEAF, ZIP, check, flip, mend, named
from tests.support.command_line import run_here
from tests.support.kinds import NETWORK, SPROCKET, WIDGET
from tests.support.workspace import NOW

if TYPE_CHECKING:
    from tests.support.kinds import Kinds
    from tests.support.workspace import Workspace

pytestmark = pytest.mark.long

WITHDRAWN: Final = """
UPDATE module_versions SET withdrawn = jsonb_build_object(
    'reason', 'x', 'by', 'x', 'at', now(), 'stage', 'collected', 'since', now())
"""


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    return kinds.published()


def alter(work: Workspace, *statements: LiteralString) -> None:
    """Change rows as a superuser can: no trigger and no foreign key stands in the way."""
    with psycopg.connect(wiring.read_settings(work.root / "registry.yaml").ledger) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def about(work: Workspace, address: str) -> set[str]:
    """The findings of a kind that keeps everything of a package from being mended."""
    return {finding.expected for finding in check(work).findings if finding.untrue and str(finding.address) == address}


@pytest.mark.parametrize(
    ("statements", "address", "expected"),
    [
        (["UPDATE module_versions SET commit = repeat('b', 40)"], NETWORK, "commit "),
        (["UPDATE module_versions SET archive = repeat('b', 64)"], NETWORK, "archive "),
        (["UPDATE module_versions SET tag = 'v9'"], NETWORK, "tag "),
        (["UPDATE module_versions SET record = repeat('b', 64)"], NETWORK, "record "),
        (["UPDATE module_versions SET recorded_at = now()"], NETWORK, "time of record "),
        (["UPDATE module_versions SET log_index = 0"], NETWORK, "log entry "),
        (["DELETE FROM module_versions WHERE version = '1.0.0'"], NETWORK, "a version that was published"),
        (["DELETE FROM module_versions"], NETWORK, "a version that was published"),
        (["UPDATE module_versions SET version = '1.0.1' WHERE version = '1.0.0'"], NETWORK, "no version of this"),
        (['UPDATE packages SET deprecations = \'[{"message": "Go."}]\''], NETWORK, "the warnings []"),
        (["UPDATE packages SET revision = 0, visible = 0"], NETWORK, "revision 1 "),
        (["UPDATE documents SET revision = 7 WHERE owner IS NOT NULL"], NETWORK, "revision 7, as of a document"),
        (
            [WITHDRAWN],
            NETWORK,
            "no withdrawal",
        ),
        (["UPDATE module_versions SET provenance = repeat('a', 64)"], NETWORK, "provenance "),
        (["UPDATE provider_versions SET protocols = '{4.0}'"], WIDGET, "protocols "),
        (["UPDATE provider_platforms SET zh = repeat('c', 64)"], WIDGET, "linux_amd64 zh "),
        (["UPDATE mirror_versions SET sums = repeat('c', 64)"], SPROCKET, "sums "),
        (
            [
                "UPDATE log_entries SET package = NULL",
                "DELETE FROM module_versions",
            ],
            NETWORK,
            "its entries of the log",
        ),
        (
            ["DELETE FROM module_versions", "DELETE FROM packages WHERE address = 'acme/network/aws'"],
            NETWORK,
            "its entries of the log",
        ),
    ],
)
def test_what_the_log_contradicts_is_named_and_nothing_of_the_package_is_changed(
    work: Workspace, statements: list[LiteralString], address: str, expected: str
) -> None:
    before = work.tree()
    alter(work, *statements)

    assert any(text.startswith(expected) for text in about(work, address)), about(work, address)
    done = mend(work)

    assert work.tree() == before
    assert [problem.code.id for problem in done.problems if problem.where == address] == ["PUB038"]


def test_other_packages_are_mended(work: Workspace) -> None:
    before = work.tree()
    alter(work, "UPDATE module_versions SET commit = repeat('b', 40) WHERE version = '1.0.0'")
    flip(work.public / ZIP)
    (work.public / LEAF).unlink()
    (work.public / f"{ARCHIVE}.intoto.jsonl").unlink()

    done = mend(work)

    assert work.tree()[ZIP] == before[ZIP]
    assert {("PUB030", LEAF), ("PUB030", f"{ARCHIVE}.intoto.jsonl")} <= named(done.after)


def test_where_an_entry_of_the_log_was_changed_nothing_is_mended_at_all(work: Workspace) -> None:
    alter(work, "UPDATE log_entries SET payload = 'x' WHERE index = 0")
    (work.public / LEAF).unlink()
    before = work.tree()

    expected = [finding.expected for finding in check(work).findings if finding.untrue]
    assert any(text.startswith("entries of the log that can be") for text in expected)
    done = mend(work)

    assert work.tree() == before
    assert "log/checkpoint" in [problem.where for problem in done.problems]


def test_a_forged_key_is_not_given_to_clients(work: Workspace) -> None:
    """The fingerprint of the row is the one that was logged, and its armor another key's."""
    before = work.tree()
    alter(
        work,
        "INSERT INTO signing_keys SELECT encode(sha256(convert_to(g.armor, 'UTF8')), 'hex'), w.fingerprint, g.armor "
        "FROM (SELECT k.* FROM signing_keys k JOIN package_keys p ON p.key = k.digest JOIN packages a ON "
        "a.id = p.package WHERE a.address = 'acme/gadget' LIMIT 1) g, (SELECT k.* FROM signing_keys k JOIN "
        "package_keys p ON p.key = k.digest JOIN packages a ON a.id = p.package WHERE a.address = 'acme/widget' "
        "LIMIT 1) w ON CONFLICT (digest) DO UPDATE SET fingerprint = excluded.fingerprint",
        "UPDATE package_keys SET key = (SELECT k.digest FROM signing_keys k JOIN package_keys p ON p.key = k.digest "
        "JOIN packages a ON a.id = p.package WHERE a.address = 'acme/gadget' LIMIT 1) WHERE package = "
        "(SELECT id FROM packages WHERE address = 'acme/widget')",
    )
    assert any(text.startswith("the armor of the key") for text in about(work, WIDGET))
    mend(work)
    assert work.tree() == before


def test_rows_agree_with_log_and_records_through_the_life_of_versions(kinds: Kinds, work: Workspace) -> None:
    withdrawn = 'withdrawn:\n  - versions: "1.0.0"\n    reason: Old.\n'
    for number, more in enumerate((withdrawn, "deprecated: Use another.\n", "hosting: link\n", "", withdrawn)):
        kinds.configure(work, network=more)
        assert not work.publish(NOW + timedelta(days=number)).refusals
        with work.registry() as registry, registry.ledger.inspection() as known_:
            addresses = list(known_.heads())
            packages, rows = known_.packages(addresses), known_.documents_of(addresses)
            found: list[Any] = list(untrue_rows(known_, addresses, packages, rows))
            for package in packages.values():
                found += untrue_facts(known_, registry.public, package)
        assert found == [], more


def test_a_repair_is_advised_for_no_package_that_it_would_leave_alone(work: Workspace) -> None:
    alter(work, "UPDATE module_versions SET archive = repeat('b', 64) WHERE version = '1.0.0'")
    flip(work.public / ZIP)

    ran = run_here(work, "fsck")
    found = run_here(work, "--json", "fsck").json

    hints = {item["key"]: item["hint"] for item in found["findings"] if item["code"] != "PUB038"}
    assert "see PUB038 first" in hints[ARCHIVE]
    assert "--repair" in hints[ZIP], "of another package"
    assert {item["hint"] for item in found["findings"] if item["code"] == "PUB038"} == {codes.LEDGER_DIFFERS.fix}
    assert [item["address"] for item in found["broken"]] == [WIDGET], "of the module nobody can say"
    assert f"broken {WIDGET} 1.0.0" in ran.out
    assert "registry-gen withdraw" not in ran.out, "nobody has tried a repair"


def test_a_row_that_a_repair_mends_says_so(work: Workspace) -> None:
    alter(work, "UPDATE documents SET etag = 'another' WHERE key = 'v1/modules/acme/network/aws/1.0.0/download'")
    (finding,) = run_here(work, "--json", "fsck").json["findings"]
    assert (finding["code"], "fsck --repair" in finding["hint"]) == ("PUB038", True)
    alter(work, "UPDATE module_versions SET commit = repeat('b', 40) WHERE version = '1.0.0'")
    hints = {item["hint"] for item in run_here(work, "--json", "fsck").json["findings"] if item["key"] == LEAF}
    assert not any("--repair" in hint for hint in hints), "but not while its package is in doubt"
