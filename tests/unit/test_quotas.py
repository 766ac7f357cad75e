"""What an organization may take up: the first version too many is refused, with numbers, and all else goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_gen.model.address import mirror_address, module_address
from registry_gen.model.digest import sha256
from registry_gen.model.entries import Organization, Quota
from registry_gen.model.facts import Hosting, Stock
from registry_gen.model.intent import Artifact
from registry_gen.model.plan import MirrorSighting, ModuleSighting, ProviderSighting, PublishModule, Staged
from registry_gen.paths import module_archive, module_provenance, zip_name
from registry_gen.plan import Quotas, plan, stale
from registry_gen.plan.decide import state_of
from tests.support.catalogs import GIT, load, problems
from tests.support.entries import (
    CONTEXT,
    DARWIN,
    LINUX,
    NETWORK,
    RANDOM,
    WIDGET,
    catalog,
    mirror,
    module,
    module_facts,
    package,
    provider,
    provider_facts,
    release,
    tag,
    upstream,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import Package
    from registry_gen.model.plan import Plan, ReleaseSeen, Sighting

MODULE = "modules/acme/network/aws.yaml"


def tags(*names: str) -> ModuleSighting:
    return ModuleSighting(NETWORK, tuple(map(tag, names)))


def sized(version: str, size: int) -> ReleaseSeen:
    """A release whose zips are of this size, as far as they can be looked at."""
    seen = release(version, DARWIN, LINUX)
    return replace(seen, sizes=dict.fromkeys(seen.files, size))


def decided(
    quota: Quota | None,
    *seen: tuple[Entry, Sighting],
    stock: Mapping[str, Stock] | None = None,
    packages: Sequence[Package] = (),
) -> Plan:
    """The plan for entries of an organization that owns the namespace acme."""
    known = {each.head.address: each for each in packages}
    entries = replace(
        catalog(*(entry for entry, _ in seen)), organizations=(Organization("acme-inc", ("acme", "tools"), quota),)
    )
    sightings = {entry.address: sighting for entry, sighting in seen}
    heads = {address: found.head for address, found in known.items()}
    addresses = stale(entries, sightings, heads, CONTEXT)
    return plan(entries, sightings, heads, known, CONTEXT, addresses, stock=stock)


def offered(made: Plan) -> list[str]:
    return [f"{each.address} {getattr(action, 'version', '')}" for each in made.packages for action in each.actions]


def test_the_first_version_too_many_is_refused_with_numbers_and_the_others_are_published() -> None:
    made = decided(
        Quota(versions=5),
        (module(), tags("v1.0.0", "v1.1.0", "v1.2.0")),
        stock={"acme": Stock(0, 2), "tools": Stock(0, 1)},
    )
    assert offered(made) == [f"{NETWORK} 1.0.0", f"{NETWORK} 1.1.0"]
    (refusal,) = made.refusals
    assert (refusal.address, str(refusal.version), refusal.error.code.id) == (NETWORK, "1.2.0", "PLN025")
    assert refusal.error.expected == "at most 5 versions of the organization acme-inc"
    assert refusal.error.found == "5 used, 1 more asked"
    assert [each.inputs for each in made.packages] == [None], "the next run looks again"


def test_sizes_that_the_source_tells_count_before_anything_is_fetched() -> None:
    seen = ProviderSighting(WIDGET, (sized("1.0.0", 30), sized("1.1.0", 30), sized("1.2.0", 5)))
    made = decided(Quota(size=100), (provider(), seen), stock={"acme": Stock(25, 1)})
    assert offered(made) == [f"{WIDGET} 1.0.0", f"{WIDGET} 1.2.0"]
    assert [(refusal.error.expected, refusal.error.found) for refusal in made.refusals] == [
        ("at most 100 bytes of the organization acme-inc", "85 used, 60 more asked")
    ]


def test_the_packages_of_an_organization_share_its_quota_and_those_of_others_go_on() -> None:
    other = replace(module(), address=module_address("other", "network", "aws"))
    mirrored = replace(mirror(), address=mirror_address(RANDOM.hostname, "acme", "random"))
    seen: list[tuple[Entry, Sighting]] = [
        (module(), tags("v1.0.0")),
        (provider(), ProviderSighting(WIDGET, (release("1.0.0", LINUX),))),
        (other, ModuleSighting(other.address, (tag("v1.0.0"),))),
        (mirrored, MirrorSighting(mirrored.address, (upstream("1.0.0", LINUX),))),
    ]
    made = decided(Quota(versions=1), *seen)
    assert offered(made) == [f"{NETWORK} 1.0.0", "other/network/aws 1.0.0", f"{mirrored.address} 1.0.0"]
    assert [refusal.address for refusal in made.refusals] == [WIDGET]


def test_a_link_takes_no_bytes_and_platforms_of_a_published_version_are_no_version() -> None:
    linked = replace(provider(), hosting=Hosting.LINK)
    made = decided(Quota(size=1, versions=1), (linked, ProviderSighting(WIDGET, (sized("1.0.0", 30),))))
    assert (offered(made), made.refusals) == ([f"{WIDGET} 1.0.0"], ())
    facts = provider_facts("1.0.0", LINUX)
    seen = replace(release("1.0.0", DARWIN, LINUX), sums=facts.evidence)
    known = [package(provider(), facts, state=state_of(provider(), CONTEXT))]
    made = decided(
        Quota(versions=1), (provider(), ProviderSighting(WIDGET, (seen,))), stock={"acme": Stock(0, 1)}, packages=known
    )
    assert (offered(made), made.refusals) == ([f"{WIDGET} 1.0.0"], ())
    seen = replace(seen, sizes={zip_name("widget", seen.version, DARWIN): 30})
    made = decided(Quota(size=20), (provider(), ProviderSighting(WIDGET, (seen,))), packages=known)
    assert [refusal.error.found for refusal in made.refusals] == ["0 used, 30 more asked"]


def test_what_is_over_the_quota_already_stays_and_nothing_is_refused_that_asks_for_nothing() -> None:
    facts = module_facts("1.0.0")
    known = [package(module(), facts, state=state_of(module(deprecated="Old."), CONTEXT))]
    made = decided(Quota(size=1, versions=1), (module(), tags("v1.0.0")), stock={"acme": Stock(500, 9)}, packages=known)
    assert made.refusals == ()
    assert [type(action).__name__ for each in made.packages for action in each.actions] == ["ChangeState"]


def test_without_a_quota_nothing_is_counted() -> None:
    assert decided(None, (module(), tags("v1.0.0")), stock={"acme": Stock(10**15, 10**6)}).refusals == ()


def staged(version: str, size: int) -> Staged:
    """A module's version whose archive turned out to be of this size."""
    facts = replace(module_facts(version), archive_size=size)
    number = facts.version
    archive = Artifact(module_archive(NETWORK, number), sha256(version.encode()), size)
    statement = Artifact(module_provenance(NETWORK, number), sha256(b"statement"), 10_000)
    return Staged(PublishModule(NETWORK, number, tag(f"v{version}"), None), facts, (archive, statement))


def test_what_turns_out_too_large_is_refused_when_it_is_staged_and_smaller_ones_go_on() -> None:
    entries = replace(catalog(module()), organizations=(Organization("acme-inc", ("acme",), Quota(size=100)),))
    quotas = Quotas(entries, {"acme": Stock(40, 1)})
    good, refused = quotas.fitting(NETWORK, [staged("1.2.0", 30), staged("1.0.0", 20), staged("1.1.0", 50)], None)
    assert [str(each.facts.version) for each in good] == ["1.0.0", "1.2.0"]
    assert [(str(each.version), each.error.found) for each in refused] == [("1.1.0", "60 used, 50 more asked")]
    good, refused = quotas.fitting(NETWORK, [staged("2.0.0", 11)], None)
    assert (good, len(refused)) == ((), 1)


def test_an_archive_that_is_stored_already_is_not_counted_twice() -> None:
    entries = replace(catalog(module()), organizations=(Organization("acme-inc", ("acme",), Quota(size=100)),))
    known = package(module(), replace(module_facts("1.0.0"), archive_size=90), state=state_of(module(), CONTEXT))
    good, refused = Quotas(entries, {"acme": Stock(90, 1)}).fitting(NETWORK, [staged("1.0.0", 90)], known)
    assert (len(good), refused) == (1, ())


def test_an_organizations_file_says_its_quota() -> None:
    loaded = load({MODULE: GIT, "organizations/acme.yaml": "namespaces: [acme]\nquota: {size: 10 GB, versions: 1000}"})
    assert problems(loaded) == []
    assert loaded.catalog.organizations == (Organization("acme", ("acme",), Quota(10 * 10**9, 1000)),)
    assert loaded.catalog.limited == ("acme",)
    before = load({MODULE: GIT, "organizations/acme.yaml": "namespaces: [acme]"}).catalog
    assert before.limited == ()
    address = next(iter(before.entries))
    assert before.entries[address].digest != loaded.catalog.entries[address].digest, "the next run looks again"


@pytest.mark.parametrize(
    ("quota", "said"),
    [
        ("{size: 2 PB}", "CFG009"),
        ("{size: 0}", "CFG009"),
        ("{versions: 1.5}", "CFG009"),
        ("{sizes: 10 GB}", "CAT006"),
        ("10 GB", "CAT008"),
    ],
)
def test_a_quota_that_makes_no_sense_is_refused(quota: str, said: str) -> None:
    loaded = load({"organizations/acme.yaml": f"namespaces: [acme]\nquota: {quota}"})
    assert len(loaded.problems) == 1
    assert loaded.problems[0].code.id == said, loaded.problems[0]
