"""What a package's file says of published versions: deprecated, withdrawn, retention."""

from __future__ import annotations

import pytest

from registry_gen.model.entries import MirrorEntry, ModuleEntry, ProviderEntry, Retention, WithdrawalRule
from registry_gen.model.facts import Deprecation
from registry_gen.model.version import parse_constraints
from tests.support.catalogs import GIT, load, one_problem, problems

MODULE = "modules/acme/network/aws.yaml"
PROVIDER = "providers/acme/widget.yaml"
MIRROR = "mirrors/registry.terraform.io/hashicorp/random.yaml"
FOLDER = "source: {releases: ./releases}\nsignature: registry\n"
TRUST = "trust: {keys: [m.asc]}\n"
OLD = parse_constraints("< 2.0.0")


def test_a_modules_rules_are_read_in_their_order() -> None:
    text = (
        GIT
        + """\
deprecated:
  - message: Use acme/vpc/aws.
    replacement: acme/vpc/aws
    versions: "< 2"
  - message: It rests.
withdrawn:
  - versions: 1.10
    reason: >-
      Its examples held
      a live token.
  - reason: Everything.
retention: {latest: 5, prerelease_days: 30}
"""
    )
    loaded = load({MODULE: text})

    assert problems(loaded) == []
    [entry] = loaded.catalog.entries.values()
    assert isinstance(entry, ModuleEntry)
    assert entry.deprecated == (
        Deprecation("Use acme/vpc/aws.", "acme/vpc/aws", OLD),
        Deprecation("It rests."),
    )
    assert entry.withdrawn == (
        WithdrawalRule(parse_constraints("1.10.0"), "Its examples held a live token."),
        WithdrawalRule(None, "Everything."),
    )
    assert entry.retention == Retention(5, 30)


def test_providers_and_mirrors_have_rules_too() -> None:
    rules = "withdrawn: [{versions: '< 2.0.0', reason: Old.}]\nretention: {prerelease_days: 7}\n"
    deprecated = "deprecated: [{message: Moved., replacement: acme/gadget}]\n"
    loaded = load({PROVIDER: FOLDER + deprecated + rules, MIRROR: TRUST + rules, "keys/m.asc": "CC"})

    assert problems(loaded) == []
    mirror, provider = loaded.catalog.entries.values()
    assert isinstance(mirror, MirrorEntry)
    assert isinstance(provider, ProviderEntry)
    assert provider.deprecated == (Deprecation("Moved.", "acme/gadget"),)
    for entry in (mirror, provider):
        assert entry.withdrawn == (WithdrawalRule(OLD, "Old."),)
        assert entry.retention == Retention(None, 7)


@pytest.mark.parametrize(
    ("text", "place", "code", "said"),
    [
        ("deprecated: []", "2:13", "CAT008", "at least one"),
        ("deprecated: {message: x}", "2:13", "CAT008", "text, or a list of messages; found a mapping"),
        ("deprecated: [x]", "2:14", "CAT008", "a mapping of keys and values"),
        ("deprecated: [{}]", "2:14", "CAT007", "the key message is missing"),
        ("deprecated: [{mesage: x, message: y}]", "2:15", "CAT006", "Did you mean message?"),
        ("deprecated: [{message: x, reason: y}]", "2:27", "CAT006", "Known keys: message, replacement, versions"),
        ("deprecated: [{message: ''}]", "2:24", "CAT008", "1 to 1000 characters"),
        ("deprecated: [{message: true}]", "2:24", "CAT008", "quotes"),
        ('deprecated: [{message: "a\\tb"}]', "2:24", "CAT008", "U+0009"),
        ("deprecated: [{message: x, versions: '=> 1'}]", "2:37", "VER002", "Did you mean '>= 1'?"),
        ("deprecated: [{message: x, versions: }]", "2:37", "CAT008", "expected text; found nothing"),
        ("deprecated: [{message: x, replacement: vpc}]", "2:40", "ADR001", "'vpc'"),
        ("deprecated: [{message: x, replacement: Acme/vpc/aws}]", "2:40", "ADR001", "'Acme'"),
        (
            "deprecated: [{message: x, replacement: acme/vpc}]",
            "2:40",
            "CAT032",
            "expected the address of another module; found that of a provider",
        ),
        ("deprecated: [{message: x, replacement: acme/network/aws}]", "2:40", "CAT032", "the package itself"),
        ("deprecated: [{message: x}, {message: y}]", "2:28", "CAT031", "about every version"),
        (
            "deprecated:\n- {message: x, versions: 1.2}\n- message: y\n  versions: = 1.2.0\n",
            "5:13",
            "CAT031",
            "about the versions = 1.2.0\n  hint: The first is on line 3.",
        ),
        ("withdrawn: []", "2:12", "CAT008", "at least one"),
        ("withdrawn: Old.", "2:12", "CAT008", "expected a list; found 'Old.'"),
        ("withdrawn: {reason: Old.}", "2:12", "CAT008", "expected a list; found a mapping"),
        ("withdrawn: [{versions: 1.0.0}]", "2:13", "CAT007", "the key reason is missing"),
        ("withdrawn: [{raeson: x, reason: y}]", "2:14", "CAT006", "Did you mean reason?"),
        ("withdrawn: [{message: x, reason: y}]", "2:14", "CAT006", "Known keys: reason, versions"),
        ("withdrawn: [{reason: 'a\u200bb'}]", "2:22", "CAT008", "U+200B"),
        ("withdrawn: [{reason: x, versions: v1}]", "2:35", "VER002", "leading v"),
        ("withdrawn: [{reason: x, versions: '<2'}, {versions: '< 2.0', reason: y}]", "2:53", "CAT031", "< 2.0.0"),
        ("retention: {}", "2:12", "CAT007", "retention needs the key latest or prerelease_days"),
        ("retention:", "2:11", "CAT008", "a mapping"),
        ("retention: 5", "2:12", "CAT008", "a mapping"),
        ("retention: {lastest: 5}", "2:13", "CAT006", "Did you mean latest?"),
        ("retention: {latest: 0}", "2:21", "CFG009", "a whole number from 1 to 100000; found '0'"),
        ("retention: {latest: -1}", "2:21", "CFG009", "'-1'"),
        ("retention: {latest: 1.5}", "2:21", "CFG009", "'1.5'"),
        ("retention: {latest: 5, prerelease_days: 30 d}", "2:41", "CFG009", "'30 d'"),
        ("retention: {prerelease_days: [30]}", "2:30", "CAT008", "found a list"),
    ],
)
def test_a_rule_that_is_wrong_is_told_at_its_place(text: str, place: str, code: str, said: str) -> None:
    problem = one_problem(MODULE, GIT + text)

    assert str(problem).startswith(f"catalog/{MODULE}:{place}: {code} ")
    assert said in str(problem)


def test_a_mirror_cannot_be_deprecated() -> None:
    loaded = load({MIRROR: TRUST + "deprecated: Old.\n", "keys/m.asc": "CC"})

    assert problems(loaded) == [f"catalog/{MIRROR}:2:1 CAT006"]


def test_a_wrong_rule_hides_no_other_and_places_stay_those_of_the_file() -> None:
    text = "withdrawn: [{reason: ''}, {reason: x}, {reason: y}]\ndeprecated: [{message: a, versions: x}]\nretention: {}"

    assert problems(load({MODULE: GIT + text})) == [
        f"catalog/{MODULE}:2:22 CAT008",
        f"catalog/{MODULE}:3:37 VER002",
        f"catalog/{MODULE}:4:12 CAT007",
    ]


def test_versions_may_be_unpinned_only_as_links_to_a_repository() -> None:
    allowed = load({MODULE: f"{GIT}hosting: link\nallow_unpinned: true\n"})
    archives = "source: {archives: https://h.x/y, pattern: 'a-{version}.zip'}\nhosting: link\nallow_unpinned: true\n"

    (entry,) = allowed.catalog.entries.values()
    assert isinstance(entry, ModuleEntry)
    assert entry.allow_unpinned
    for text, line in ((f"{GIT}allow_unpinned: true\n", 2), (archives, 3)):
        problem = one_problem(MODULE, text)
        assert (problem.code.id, problem.position and problem.position.line) == ("CAT029", line)
    (entry,) = load({MODULE: GIT}).catalog.entries.values()
    assert isinstance(entry, ModuleEntry)
    assert not entry.allow_unpinned
