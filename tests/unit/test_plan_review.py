"""What a reviewer is told beside a plan's actions: bytes to fetch, what breaks for consumers, counts; the schema."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click
import orjson
import pytest

from registry_gen.cli.show_plan import plan_text
from registry_gen.model.address import Platform
from registry_gen.model.digest import sha256
from registry_gen.model.facts import Hosting, PackageState
from registry_gen.model.plan import (
    ChangeState,
    MirrorProvider,
    PackagePlan,
    Plan,
    PublishModule,
    PublishProvider,
    Relist,
    Withdraw,
)
from registry_gen.model.version import parse_version
from registry_gen.model.words import size_said
from registry_gen.plan.as_json import plan_json
from registry_gen.plan.review import Counts, Effect, Fetch, count, review, state_digest
from registry_gen.plan.shapes import PlanShape
from registry_gen.plan.words import counts_said, fetch_said
from tests.support.entries import (
    DARWIN,
    LINUX,
    NETWORK,
    RANDOM,
    REGISTRY_KEY,
    RELEASE_KEY,
    WIDGET,
    catalog,
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
from tests.support.judged import BASIS, HOSTILE, judged, need

if TYPE_CHECKING:
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import Action
    from registry_gen.plan.review import Reviewed

WINDOWS = Platform("windows", "amd64")
V1, V2 = parse_version("1.0.0"), parse_version("2.0.0")
ENTRIES = catalog(module(), provider(), mirror())
ZIP = f"terraform-provider-widget_2.0.0_{LINUX}.zip"


def reviewed(*actions: Action, published: Package | None = None, state: PackageState | None = None) -> Reviewed:
    """One package with these actions."""
    address = actions[0].address
    base = published.head.revision if published else 0
    made = PackagePlan(address, base, state or PackageState(), actions, None, None)
    (found,) = review(Plan((made,), (), (), 0), ENTRIES, {address: published} if published else {}, BASIS).packages
    return found


def test_of_a_repository_an_archive_and_an_upstream_nobody_knows_the_size() -> None:
    assert reviewed(PublishModule(NETWORK, V1, tag("v1.0.0"), None)).fetch == Fetch(unknown=1)
    assert reviewed(MirrorProvider(RANDOM, V1, (), (LINUX, DARWIN), added=False)).fetch == Fetch(unknown=2)


def test_what_is_only_linked_to_by_an_import_is_not_fetched() -> None:
    assert reviewed(PublishModule(NETWORK, V1, None, None, named="v1.0.0")).fetch == Fetch()
    action = PublishProvider(WIDGET, V2, release("2.0.0", LINUX, DARWIN), (DARWIN, LINUX), False, unfetched=(DARWIN,))
    assert reviewed(action).fetch == Fetch(unknown=1)


def test_sizes_of_a_folder_and_of_what_is_published_are_known() -> None:
    seen = replace(release("2.0.0", LINUX, DARWIN), sizes={ZIP: 700})
    assert reviewed(PublishProvider(WIDGET, V2, seen, (DARWIN, LINUX), added=False)).fetch == Fetch(700, 1, 1)
    again = MirrorProvider(RANDOM, V1, (), (DARWIN, LINUX), added=True, rehost=True)
    known = package(mirror(), mirror_facts("1.0.0", LINUX), state=PackageState())
    assert reviewed(again, published=known).fetch == Fetch(4321, 1, 1)
    known = package(provider(), provider_facts("2.0.0", LINUX), state=PackageState())
    seen = release("2.0.0", LINUX, DARWIN)
    moved = PublishProvider(WIDGET, V2, seen, (DARWIN, LINUX), added=True, rehost=True)
    assert reviewed(moved, published=known).fetch == Fetch(4321, 1, 1)


def test_a_withdrawn_version_breaks_whoever_locked_it() -> None:
    known = package(provider(), provider_facts("1.0.0", LINUX), state=PackageState())
    found = reviewed(Withdraw(WIDGET, V1, "Bad."), published=known)
    assert found.effects == (Effect("version-withdrawn", V1, ("Bad.",), breaks=True),)


def test_a_key_that_goes_breaks_what_it_signed_and_else_nothing() -> None:
    before = PackageState(signing_keys=(RELEASE_KEY, REGISTRY_KEY))
    known = package(provider(), provider_facts("1.0.0", LINUX), state=before)
    change = ChangeState(WIDGET, "signing keys")
    (effect,) = reviewed(change, published=known, state=PackageState(signing_keys=(RELEASE_KEY,))).effects
    assert effect == Effect("key-dropped", None, (REGISTRY_KEY.fingerprint,), breaks=False)
    (effect,) = reviewed(change, published=known, state=PackageState(signing_keys=(REGISTRY_KEY,))).effects
    assert effect == Effect("key-dropped", None, (RELEASE_KEY.fingerprint,), breaks=True)


def test_a_new_version_that_lacks_a_platform_of_the_one_before_it_breaks_an_upgrade() -> None:
    facts = (mirror_facts("1.0.0", LINUX), mirror_facts("1.1.0", LINUX, DARWIN), mirror_facts("3.0.0", WINDOWS))
    known = package(mirror(), *facts, state=PackageState())
    lacking = MirrorProvider(RANDOM, V2, (), (LINUX,), added=False)
    assert reviewed(lacking, published=known).effects == (Effect("platform-gone", V2, (str(DARWIN),), breaks=True),)
    assert reviewed(replace(lacking, platforms=(DARWIN, LINUX)), published=known).effects == ()
    assert reviewed(replace(lacking, added=True), published=known).effects == ()
    assert reviewed(lacking).effects == ()


def test_another_hosting_is_to_be_noticed_and_breaks_nothing() -> None:
    known = package(module(), module_facts("1.0.0"), state=PackageState())
    found = reviewed(PublishModule(NETWORK, V1, tag("v1.0.0"), None, rehost=True), published=known)
    assert found.effects == (Effect("hosting-changed", V1, (Hosting.COPY.value,), breaks=False),)


def test_counts_tell_new_changed_listed_again_withdrawn_and_documents_apart() -> None:
    actions = (
        PublishModule(NETWORK, V2, tag("v2.0.0"), None),
        PublishModule(NETWORK, V1, tag("v1.0.0"), None, rehost=True),
        Relist(NETWORK, parse_version("0.1.0")),
        Withdraw(NETWORK, parse_version("0.2.0"), "Bad."),
        ChangeState(NETWORK, "deprecation notice"),
    )
    made = PackagePlan(NETWORK, 3, PackageState(), actions, None, None)
    only = PackagePlan(WIDGET, 3, PackageState(), (ChangeState(WIDGET, "signing keys"),), None, None)
    idle = PackagePlan(RANDOM, 3, PackageState(), (), None, None)
    counts = count([made, only, idle])
    assert counts == Counts(packages=2, published=1, changed=1, relisted=1, withdrawn=1, documents=1)
    assert counts_said(counts) == "1 version to publish, 1 to change, 1 to list again and 1 to withdraw in 2 packages"
    assert counts_said(count([only])) == "new documents for 1 package"
    assert counts_said(count([idle])) == "no changes"
    assert counts_said(Counts(packages=1, withdrawn=11)) == "11 versions to withdraw in 1 package"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        *((0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB")),
        *((999_950, "1.0 MB"), (12_345_678, "12.3 MB"), (5 * 10**15, "5000.0 TB")),
    ],
)
def test_sizes_are_said_in_units_that_people_read(size: int, said: str) -> None:
    assert size_said(size) == said


def test_what_is_fetched_is_said_with_what_nobody_knows() -> None:
    assert fetch_said(Fetch()) == ""
    assert fetch_said(Fetch(1500, 1, 0)) == "1.5 kB in 1 file"
    assert fetch_said(Fetch(1500, 2, 1)) == "1.5 kB in 2 files and 1 source of unknown size"


def test_the_digest_of_what_clients_are_told_leaves_out_only_keys_of_the_registry_itself() -> None:
    one, other = PackageState(signing_keys=(RELEASE_KEY,)), PackageState(signing_keys=(REGISTRY_KEY,))
    own = provider(signature="registry", keys=())
    assert state_digest(provider(), one) != state_digest(provider(), other)
    assert state_digest(own, one) == state_digest(own, other)
    assert state_digest(own, one) != state_digest(own, replace(one, rendering="2 https://registry.example.com/"))


@pytest.mark.parametrize("text", ["It leaked a token.", HOSTILE])
def test_the_published_schema_names_every_member_of_a_plan(text: str) -> None:
    value = orjson.loads(orjson.dumps(plan_json(judged(text, needs={NETWORK: (need(text),)}))))
    read = PlanShape.model_validate_json(orjson.dumps(value))
    assert read.model_dump(mode="json", exclude_unset=True) == value


def test_the_text_says_what_breaks_what_is_needed_and_what_is_fetched() -> None:
    shown = click.unstyle(plan_text(judged(needs={NETWORK: (need("ada"),)})))
    assert "  breaks 1.0.0: configurations that ask for it fail at the next init; the reason: It leaked" in shown
    assert "  breaks 3.1.0: lacks darwin_arm64 although the version before it has that: no upgrade there" in shown
    assert "  notice 3.0.0: fetched from its source from now on; the digests stay what they are" in shown
    assert "  ? a withdrawal (1.0.0) needs 2 x admin: ada  [catalog/policies/default.yaml:3:5]" in shown
    assert "To fetch: 12.4 MB in 3 files and 3 sources of unknown size.\n" in shown


def test_of_many_effects_the_first_are_shown_and_the_others_counted() -> None:
    facts = [provider_facts(f"1.{number}.0", LINUX) for number in range(20)]
    known = package(provider(), *facts, state=PackageState())
    actions = tuple(Withdraw(WIDGET, each.version, HOSTILE) for each in facts)
    made = PackagePlan(WIDGET, 3, PackageState(), actions, sha256(b""), None)
    shown = click.unstyle(plan_text(review(Plan((made,), (), (), 0), ENTRIES, {WIDGET: known}, BASIS)))
    assert shown.count("  breaks ") == 13
    assert "  breaks 8 more; --json has all" in shown
    assert not any(mark in shown for mark in "\x1b\u202e\r")
