"""What staged bytes become, and what only they can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from registry_gen import paths
from registry_gen.model.address import ModuleAddress, Platform
from registry_gen.model.config import Site
from registry_gen.model.digest import H1, Commit, Sha256, sha256
from registry_gen.model.facts import Deprecation, Hosting, Withdrawal, WithdrawalStage
from registry_gen.model.intent import Artifact, Run
from registry_gen.model.plan import (
    ChangeState,
    MirrorProvider,
    PackagePlan,
    PublishModule,
    PublishProvider,
    Relist,
    Staged,
)
from registry_gen.model.version import parse_version
from registry_gen.plan import Settled, settle
from registry_gen.plan.decide import state_of
from tests.support.entries import (
    CONTEXT,
    DARWIN,
    LINUX,
    NETWORK,
    NOW,
    RANDOM,
    REGISTRY_KEY,
    RELEASE_KEY,
    WIDGET,
    mirror,
    mirror_facts,
    module,
    module_facts,
    package,
    provider,
    provider_facts,
    release,
    tag,
)

if TYPE_CHECKING:
    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import (
        MirrorVersion,
        ModuleVersion,
        Package,
        PackageState,
        ProviderVersion,
    )
    from registry_gen.model.plan import Action

SITE = Site("registry.example.com", "https://registry.example.com/")
INPUTS = Sha256("1" * 64)


def planned(entry: Entry, *actions: Action, base: int = 3, state: PackageState | None = None) -> PackagePlan:
    return PackagePlan(entry.address, base, state or state_of(entry, CONTEXT), actions, INPUTS, None)


def outcome(
    plan: PackagePlan, staged: list[Staged], before: Package | None = None, *, complete: bool = True
) -> Settled:
    return settle(plan, staged, before, complete=complete, site=SITE, run=Run("ada", None, "c" * 40, NOW))


def staged_module(version: str, facts: ModuleVersion | None = None) -> Staged:
    facts = facts or module_facts(version)
    action = PublishModule(NETWORK, facts.version, tag(f"v{version}"), None)
    key = paths.module_archive(NETWORK, facts.version)
    return Staged(action, facts, (Artifact(key, sha256(version.encode()), 10),))


def staged_provider(facts: ProviderVersion, *, added: bool = False) -> Staged:
    seen = release(str(facts.version), LINUX)
    platforms = tuple(item.platform for item in facts.packages)
    return Staged(PublishProvider(WIDGET, facts.version, seen, platforms, added), facts, ())


def staged_mirror(facts: MirrorVersion) -> Staged:
    return Staged(MirrorProvider(RANDOM, facts.version, ("5.0",), (LINUX,), added=True), facts, ())


def entry_types(settled: Settled) -> list[str]:
    assert settled.intent
    return [entry.type for entry in settled.intent.entries]


def test_staged_versions_become_one_intent_with_entries_in_order() -> None:
    staged = [staged_module("1.10.0"), staged_module("1.2.0")]
    settled = outcome(planned(module(), *(item.action for item in staged), base=0), staged)
    assert settled.intent
    assert [str(facts.version) for facts in settled.intent.versions] == ["1.2.0", "1.10.0"]
    assert [orjson.loads(entry.payload)["version"] for entry in settled.intent.entries] == ["1.2.0", "1.10.0"]
    assert [orjson.loads(entry.payload)["revision"] for entry in settled.intent.entries] == [1, 1]
    assert settled.intent.inputs == INPUTS
    assert settled.intent.artifacts[0].key == "v1/modules/acme/network/aws/1.10.0/module.tar.gz"


def test_a_package_that_is_deprecated_from_its_first_day_says_so_in_the_log() -> None:
    """Whoever reads the log alone knows of every warning; the first keys are in the records of the versions."""
    item = staged_provider(provider_facts("1.0.0", LINUX))
    entry = replace(provider(), deprecated=(Deprecation("Use acme/gadget."),))
    settled = outcome(planned(entry, item.action, base=0), [item])
    assert entry_types(settled) == ["published", "deprecated"]
    assert entry_types(outcome(planned(provider(), item.action, base=0), [item])) == ["published"]


def test_an_incomplete_package_is_published_and_looked_at_again_next_time() -> None:
    item = staged_module("1.0.0")
    settled = outcome(planned(module(), item.action), [item], complete=False)
    assert settled.intent
    assert settled.intent.inputs is None


def test_nothing_staged_is_no_intent() -> None:
    item = staged_module("1.0.0")
    assert outcome(planned(module(), item.action), [], complete=False).intent is None


def test_a_published_version_is_never_replaced() -> None:
    before = package(module(), module_facts("1.0.0"), state=state_of(module(), CONTEXT))
    item = staged_module("1.0.0", module_facts("1.0.0", at="elsewhere"))
    settled = outcome(planned(module(), item.action), [item, staged_module("1.1.0")], before)
    (refusal,) = settled.refusals
    assert refusal.violation
    assert refusal.error.code.id == "PLN008"
    assert settled.intent
    assert [str(facts.version) for facts in settled.intent.versions] == ["1.1.0"]
    assert settled.intent.inputs is None


def test_a_gained_platform_is_logged_as_such() -> None:
    before = package(provider(), provider_facts("1.0.0", LINUX), state=state_of(provider(), CONTEXT))
    item = staged_provider(provider_facts("1.0.0", LINUX, DARWIN), added=True)
    settled = outcome(planned(provider(), item.action), [item], before)
    assert entry_types(settled) == ["platform-added"]


def test_a_version_that_is_listed_again_may_gain_platforms_in_the_same_run() -> None:
    gone = Withdrawal("It holds a secret.", "ada", NOW, WithdrawalStage.UNLISTED, NOW)
    before = package(
        provider(), replace(provider_facts("1.0.0", LINUX), withdrawn=gone), state=state_of(provider(), CONTEXT)
    )
    item = staged_provider(provider_facts("1.0.0", LINUX, DARWIN), added=True)
    settled = outcome(planned(provider(), item.action, Relist(WIDGET, item.facts.version)), [item], before)
    assert settled.intent
    assert settled.intent.versions == (item.facts,)
    assert entry_types(settled) == ["platform-added", "relisted"]
    first, second = (orjson.loads(entry.payload) for entry in settled.intent.entries)
    assert second["digests"] == first["digests"]


def test_a_platform_gained_must_leave_the_others_as_they_are() -> None:
    before = package(provider(), provider_facts("1.0.0", LINUX), state=state_of(provider(), CONTEXT))
    good = provider_facts("1.0.0", LINUX, DARWIN)
    changed = replace(good.packages[1], zh=sha256(b"other"))
    item = staged_provider(replace(good, packages=(good.packages[0], changed)), added=True)
    settled = outcome(planned(provider(), item.action), [item], before)
    assert settled.intent is None
    assert settled.refusals[0].error.code.id == "PLN008"


def test_a_mirrored_version_whose_sums_changed_upstream_is_refused() -> None:
    before = package(mirror(), mirror_facts("3.0.0", LINUX), state=state_of(mirror(), CONTEXT))
    item = staged_mirror(mirror_facts("3.0.0", LINUX, DARWIN, sums="others"))
    settled = outcome(planned(mirror(), item.action), [item], before)
    assert settled.intent is None
    assert settled.refusals[0].violation
    same = staged_mirror(mirror_facts("3.0.0", LINUX, DARWIN))
    assert entry_types(outcome(planned(mirror(), same.action), [same], before)) == ["platform-added"]


def test_a_version_that_is_hosted_anew_is_logged_as_such_if_its_contents_are_the_same() -> None:
    copied = module_facts("1.0.0")
    linked = replace(
        copied,
        hosting=Hosting.LINK,
        archive=None,
        archive_size=None,
        location=f"git::https://git.example.com/network.git?ref={copied.commit}",
    )
    before = package(module(), copied, state=state_of(module(), CONTEXT))
    item = staged_module("1.0.0", linked)
    item = replace(item, action=replace(item.action, rehost=True), artifacts=())
    settled = outcome(planned(module(), item.action), [item], before)
    assert entry_types(settled) == ["hosting-changed"]
    assert settled.intent
    assert settled.intent.audit.after["rehosted"] == ["1.0.0"]
    other = replace(item, facts=replace(linked, tree=H1("h1:" + "B" * 43 + "=")))
    refused = outcome(planned(module(), other.action), [other], before)
    assert refused.intent is None
    assert refused.refusals[0].error.code.id == "PLN008"


def unseen(commit: Commit | None) -> ModuleVersion:
    """A link that was imported: nothing of it was fetched, and without a commit it is unpinned."""
    location = f"git::https://git.example.com/network.git?ref={commit or 'v1.0.0'}"
    facts = replace(module_facts("1.0.0"), hosting=Hosting.LINK, archive=None, archive_size=None, location=location)
    return replace(facts, commit=commit, tree=None)


COMMIT = Commit("c" * 40)


def test_an_unpinned_version_is_published_with_a_mark_that_its_documents_need() -> None:
    item = replace(staged_module("1.0.0", unseen(None)), artifacts=())
    settled = outcome(planned(module(), item.action, base=0), [item])
    assert settled.refusals == ()
    assert entry_types(settled) == ["published"]
    assert settled.intent
    entry = orjson.loads(settled.intent.entries[0].payload)
    assert entry["unpinned"] is True
    assert "commit" not in entry
    assert "h1" not in entry["digests"]


def test_a_version_is_pinned_once_and_that_is_logged() -> None:
    before = package(module(), unseen(None), state=state_of(module(), CONTEXT))
    item = replace(staged_module("1.0.0", unseen(COMMIT)), artifacts=())
    settled = outcome(planned(module(), item.action), [item], before)
    assert entry_types(settled) == ["hosting-changed"]
    assert settled.intent
    entry = orjson.loads(settled.intent.entries[0].payload)
    assert entry["commit"] == COMMIT
    assert "unpinned" not in entry
    assert settled.intent.audit.after["pinned"] == ["1.0.0"]
    assert "platforms_added" not in settled.intent.audit.after


def test_a_version_is_never_pinned_twice_nor_to_another_tag_nor_unpinned_again() -> None:
    pinned = package(module(), unseen(COMMIT), state=state_of(module(), CONTEXT))
    loose = package(module(), unseen(None), state=state_of(module(), CONTEXT))
    for before, after in (
        (pinned, unseen(Commit("d" * 40))),
        (pinned, unseen(None)),
        (loose, unseen(None)),
        (loose, replace(unseen(COMMIT), tag="1.0.0")),
        (loose, replace(unseen(COMMIT), source="https://git.example.com/other.git")),
        (loose, replace(unseen(COMMIT), path="modules/other")),
        (pinned, replace(module_facts("1.0.0"), commit=COMMIT, path="modules/other")),
    ):
        item = replace(staged_module("1.0.0", after), artifacts=())
        settled = outcome(planned(module(), item.action), [item], before)
        assert settled.intent is None
        assert [refusal.error.code.id for refusal in settled.refusals] == ["PLN008"]


def test_what_was_never_fetched_may_be_fetched_later_to_be_copied() -> None:
    before = package(module(), unseen(COMMIT), state=state_of(module(), CONTEXT))
    item = staged_module("1.0.0", replace(module_facts("1.0.0"), commit=COMMIT))
    item = replace(item, action=replace(item.action, rehost=True))
    assert entry_types(outcome(planned(module(), item.action), [item], before)) == ["hosting-changed"]


def test_new_keys_and_notices_are_logged_without_a_new_version() -> None:
    old = state_of(provider(keys=(REGISTRY_KEY,)), CONTEXT)
    before = package(provider(), provider_facts("1.0.0", LINUX), state=old)
    entry = provider(deprecated="use acme/gadget")
    settled = outcome(planned(entry, ChangeState(WIDGET, "signing keys")), [], before)
    assert entry_types(settled) == ["key-changed", "deprecated"]
    assert settled.intent
    assert orjson.loads(settled.intent.entries[0].payload)["keys"] == [RELEASE_KEY.fingerprint]
    row = settled.intent.audit
    assert (row.before["keys"], row.after["keys"]) == ([REGISTRY_KEY.fingerprint], [RELEASE_KEY.fingerprint])
    assert (row.before["deprecated"], row.after["deprecated"]) == ([], [{"message": "use acme/gadget"}])


def test_a_new_renderer_is_an_intent_without_entries() -> None:
    state = state_of(provider(), CONTEXT)
    before = package(provider(), provider_facts("1.0.0", LINUX), state=replace(state, rendering="0 https://old/"))
    settled = outcome(planned(provider(), ChangeState(WIDGET, "renderer")), [], before)
    assert settled.intent
    assert settled.intent.entries == ()


def test_a_version_that_the_log_cannot_hold_is_refused_and_stops_no_other() -> None:
    huge = provider_facts("1.0.0", *(Platform("linux", f"cpu{number}") for number in range(450)))
    items = [staged_provider(huge), staged_provider(provider_facts("1.1.0", LINUX))]
    settled = outcome(planned(provider(), *(item.action for item in items), base=0), items)
    (refusal,) = settled.refusals
    assert (str(refusal.version), refusal.error.code.id) == ("1.0.0", "LOG001")
    assert settled.intent
    assert [str(facts.version) for facts in settled.intent.versions] == ["1.1.0"]


def test_a_document_that_would_break_clients_refuses_the_package() -> None:
    facts = replace(provider_facts("1.0.0", LINUX), protocols=("4.0",))
    item = staged_provider(facts)
    settled = outcome(planned(provider(), item.action, base=0), [item])
    assert settled.intent is None
    assert settled.refusals[0].error.code.id.startswith("DOC")


def test_artifacts_that_versions_share_are_put_once() -> None:
    first, second = staged_module("1.0.0"), staged_module("1.1.0")
    shared = Artifact(paths.record(sha256(b"r")), sha256(b"r"), 1)
    staged = [replace(item, artifacts=(*item.artifacts, shared)) for item in (first, second)]
    settled = outcome(planned(module(), first.action, second.action), staged)
    assert settled.intent
    assert len(settled.intent.artifacts) == 3
    assert isinstance(settled.intent.address, ModuleAddress)
    assert settled.intent.versions[0].version == parse_version("1.0.0")
