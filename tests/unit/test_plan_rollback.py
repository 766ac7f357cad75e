"""Which rules bring a registry back to what its log said earlier, and what no rule can."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.log import entries as log
from registry_gen.log.history import replay
from registry_gen.model.entries import Retention, WithdrawalRule
from registry_gen.model.facts import Deprecation, PackageState, Withdrawal, WithdrawalStage
from registry_gen.model.plan import Relist, Withdraw
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.plan.rollback import changed_since, roll_back
from tests.support.entries import (
    LINUX,
    NETWORK,
    NOW,
    RANDOM,
    WIDGET,
    catalog,
    mirror,
    mirror_facts,
    module,
    module_facts,
    package,
    provider,
    provider_facts,
)

if TYPE_CHECKING:
    from registry_gen.model.address import Address
    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import VersionFacts
    from registry_gen.model.intent import Entry as LogEntry
    from registry_gen.plan.rollback import FileChange, Rollback

SINCE = "rollback to log position 1"


def published(facts: VersionFacts, address: Address = NETWORK) -> LogEntry:
    return log.published(address, facts, 1, None)


def withdrawn(facts: VersionFacts, reason: str = "Old.") -> LogEntry:
    return log.withdrawn(NETWORK, facts, reason, 2, None, NOW)


def gone(facts: VersionFacts, reason: str = "Old.", stage: WithdrawalStage = WithdrawalStage.UNLISTED) -> VersionFacts:
    return replace(facts, withdrawn=Withdrawal(reason, "ada", NOW, stage, NOW))


def rule(versions: str, reason: str = "Old.") -> WithdrawalRule:
    return WithdrawalRule(parse_constraints(versions) if versions else None, reason)


def rolled(entries: list[LogEntry], upto: int, entry: Entry | None, *versions: VersionFacts) -> Rollback:
    """Roll one package back to the first ``upto`` entries of its log."""
    payloads = [each.payload for each in entries]
    then, latest = replay(payloads, upto), replay(payloads)
    (address,) = changed_since(then, latest)
    found = package(entry or module(), *versions, state=PackageState())
    packages = {address: replace(found, head=replace(found.head, address=address))}
    return roll_back(then, latest, packages, catalog(*([entry] if entry else [])), NOW)


def only(rollback: Rollback) -> FileChange:
    (change,) = rollback.changes
    assert rollback.obstacles == ()
    return change


ONE, TWO, THREE = (module_facts(version) for version in ("1.0.0", "2.0.0", "3.0.0"))


def test_what_was_published_since_gets_a_rule_and_what_was_withdrawn_since_loses_one() -> None:
    past = [published(ONE), published(TWO), withdrawn(ONE)]
    entry = replace(module(), withdrawn=(rule("1.0.0"), rule("9.0.0")))
    change = only(rolled(past, 1, entry, gone(ONE), TWO))
    assert change.undo == (rule("1.0.0"),)
    assert change.add == (rule("2.0.0", SINCE),)
    assert change.life == (Relist(NETWORK, ONE.version), Withdraw(NETWORK, TWO.version, SINCE))


def test_a_package_that_did_not_exist_loses_every_version_and_keeps_its_warnings() -> None:
    past = [log.audit_head(1, ONE.record, NOW), published(ONE), published(TWO)]
    change = only(rolled(past, 1, module(deprecated="Not yet."), ONE, TWO))
    assert (change.undo, change.add) == ((), (rule("1.0.0", SINCE), rule("2.0.0", SINCE)))


@pytest.mark.parametrize(("versions", "left"), [("< 3.0.0", "< 3.0.0, != 1.0.0"), ("", "!= 1.0.0, != 3.0.0")])
def test_a_wide_rule_still_keeps_off_all_but_what_comes_back(versions: str, left: str) -> None:
    past = [published(ONE), published(TWO), published(THREE), withdrawn(TWO), withdrawn(ONE), withdrawn(THREE)]
    entry = replace(module(), withdrawn=(rule(versions, "All of them."),))
    change = only(rolled(past, 4, entry, gone(ONE), gone(TWO), gone(THREE)))
    assert change.undo == entry.withdrawn
    assert change.add == (rule(left, "All of them."),)
    assert [action.version for action in change.life] == [ONE.version, THREE.version]
    (narrowed,) = change.add
    assert isinstance(narrowed, WithdrawalRule)
    assert narrowed.concerns(parse_version("1.1.0")), "what was never published stays so"


def test_a_rule_that_was_written_since_and_not_yet_published_goes_too() -> None:
    entry = replace(module(), withdrawn=(rule("1.0.0"),))
    change = only(rolled([published(ONE), published(TWO)], 1, entry, ONE, TWO))
    assert (change.undo, change.life) == ((rule("1.0.0"),), (Withdraw(NETWORK, TWO.version, SINCE),))


def test_a_version_that_was_withdrawn_then_is_so_for_the_reason_of_then() -> None:
    past = [published(ONE), withdrawn(ONE, "It leaks."), log.relisted(NETWORK, ONE, 3, None, NOW)]
    change = only(rolled(past, 2, module(), ONE))
    assert (change.undo, change.add) == ((), (rule("1.0.0", "It leaks."),))


def test_a_version_whose_rule_is_gone_but_that_is_not_listed_yet_stays_withdrawn() -> None:
    past = [published(ONE), published(TWO), withdrawn(TWO, "Broken.")]
    change = only(rolled(past, 1, module(), ONE, gone(TWO, "Broken.")))
    assert (change.add, change.life) == ((rule("2.0.0", SINCE),), ())


def test_what_is_withdrawn_anyway_needs_no_rule_of_its_own() -> None:
    """By a rule that is not published yet, or by a retention policy."""
    retired = "retention: of releases the newest 1 are listed"
    past = [published(ONE), published(TWO), withdrawn(ONE, retired), published(THREE), withdrawn(TWO, retired)]
    entry = replace(module(), retention=Retention(latest=1))
    change = only(rolled(past, 3, entry, gone(ONE, retired), gone(TWO, retired), THREE))
    assert change.add == (rule("3.0.0", "rollback to log position 3"),)
    assert change.life == (Relist(NETWORK, TWO.version), Withdraw(NETWORK, THREE.version, "rollback to log position 3"))
    pending = replace(entry, withdrawn=(rule(">= 3.0.0"),))
    assert rolled(past, 3, pending, gone(ONE, retired), gone(TWO, retired), THREE).changes == ()


def test_what_a_retention_policy_would_have_room_for_gets_a_rule_too() -> None:
    past = [published(ONE), published(TWO), published(THREE), withdrawn(ONE), withdrawn(TWO)]
    entry = replace(module(), retention=Retention(latest=1))
    change = only(rolled(past, 1, entry, gone(ONE), gone(TWO), THREE))
    assert change.add == (rule("3.0.0", SINCE), rule("2.0.0", SINCE))
    assert change.life == (Relist(NETWORK, ONE.version), Withdraw(NETWORK, THREE.version, SINCE))


def test_warnings_are_those_of_then() -> None:
    first, second = Deprecation("Use acme/vpc/aws."), Deprecation("Old.", "", parse_constraints("< 2.0.0"))
    past = [
        published(ONE),
        log.deprecated(NETWORK, (first, second), 2, None, NOW),
        log.deprecated(NETWORK, (), 3, None, NOW),
    ]
    entry = replace(module(), deprecated=(second, Deprecation("Other.")))
    change = only(rolled(past, 2, entry, ONE))
    assert (change.undo, change.add, change.life) == ((Deprecation("Other."),), (first,), ())


def test_what_was_deleted_left_out_or_aged_stays_withdrawn_and_keeps_its_rule() -> None:
    past = [published(each) for each in (ONE, TWO, THREE)] + [withdrawn(each) for each in (ONE, TWO)]
    collected = gone(ONE, stage=WithdrawalStage.COLLECTED)
    entry = replace(module(versions=">= 3.0.0"), withdrawn=(rule("1.0.0"), rule("2.0.0")))
    found = rolled(past, 3, entry, collected, gone(TWO), THREE)
    assert found.changes == ()
    assert [(each.version, each.text.partition(", because ")[2]) for each in found.obstacles] == [
        (ONE.version, "its artifacts were deleted"),
        (TWO.version, "versions: >= 3.0.0 leaves it out"),
    ]
    entry = replace(module(), retention=Retention(latest=1))
    found = rolled(past, 3, entry, gone(ONE), gone(TWO), THREE)
    assert found.changes == ()
    assert [each.text for each in found.obstacles] == [
        "was listed then; it stays withdrawn: retention: of releases the newest 1 are listed"
    ] * 2


def test_a_prerelease_comes_back_only_where_the_catalog_still_wants_it() -> None:
    candidate = module_facts("2.0.0-rc.1")
    past = [published(ONE), published(candidate), withdrawn(candidate)]
    entry = replace(module(), withdrawn=(rule("2.0.0-rc.1"),))
    found = rolled(past, 2, entry, ONE, gone(candidate))
    assert found.changes == ()
    assert [each.text.partition(", because ")[2] for each in found.obstacles] == ["versions: >= 0.0.0 leaves it out"]
    change = only(rolled(past, 2, replace(entry, prereleases=True), ONE, gone(candidate)))
    assert (change.undo, change.add, change.life) == (entry.withdrawn, (), (Relist(NETWORK, candidate.version),))


def test_a_file_that_is_gone_is_told_only_where_it_would_be_needed() -> None:
    found = rolled([published(ONE), published(TWO)], 1, None, ONE, TWO)
    assert [(each.address, each.version) for each in found.obstacles] == [(NETWORK, None)]
    past = [published(ONE), withdrawn(ONE), log.relisted(NETWORK, ONE, 3, None, NOW)]
    assert rolled(past, 1, None, ONE).obstacles == ()
    warned = [published(ONE), log.deprecated(NETWORK, (Deprecation("Old."),), 2, None, NOW), published(TWO)]
    assert len(rolled(warned, 2, None, ONE, gone(TWO)).obstacles) == 1, "nobody is warned any more"


def test_keys_that_did_not_change_since_are_no_obstacle() -> None:
    keys = log.key_changed(WIDGET, ("A" * 40,), 2, None, NOW)
    first, second = provider_facts("1.0.0", LINUX), provider_facts("2.0.0", LINUX)
    past = [published(first, WIDGET), keys, published(second, WIDGET)]
    assert rolled(past, 2, provider(), first, second).obstacles == ()
    (obstacle,) = rolled(past, 1, provider(), first, second).obstacles
    assert obstacle.text.startswith("its signing keys changed since then")


def test_mirrors_have_no_warnings_and_are_rolled_back_all_the_same() -> None:
    first, second = mirror_facts("1.0.0", LINUX), mirror_facts("2.0.0", LINUX)
    change = only(rolled([published(first, RANDOM), published(second, RANDOM)], 1, mirror(), first, second))
    assert change.add == (rule("2.0.0", SINCE),)


def test_packages_that_the_log_did_not_speak_of_since_are_left_alone() -> None:
    payloads = [published(ONE).payload, published(mirror_facts("1.0.0", LINUX), RANDOM).payload]
    assert changed_since(replay(payloads, 1), replay(payloads)) == (RANDOM,)
    assert changed_since(replay(payloads), replay(payloads)) == ()
