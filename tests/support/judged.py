"""A plan with some of everything, for whoever shows plans.

judged() is the review of one; HOSTILE what a stranger would like to have shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry_gen.errors import Position, RefusalError, SourceError
from registry_gen.model.entries import WithdrawalRule
from registry_gen.model.facts import Deprecation, Hosting
from registry_gen.model.plan import MirrorSighting, ModuleSighting, ProviderSighting, Refusal
from registry_gen.model.rules import ApprovalRule, Need, Risk, Role
from registry_gen.model.version import parse_constraints, parse_version
from registry_gen.plan import plan
from registry_gen.plan.decide import state_of
from registry_gen.plan.review import Basis, Review, review
from registry_gen.sources import codes as source_codes
from registry_gen.verify import codes as verify_codes
from tests.support.entries import (
    CONTEXT,
    DARWIN,
    LINUX,
    NETWORK,
    RANDOM,
    WIDGET,
    catalog,
    mirror,
    mirror_facts,
    module,
    module_facts,
    package,
    provider,
    release,
    tag,
    upstream,
)

if TYPE_CHECKING:
    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package

HOSTILE = (
    "`````` @acme/everyone #1 !2 GH-3 https://evil.example www.evil.example "
    "<img src=x onerror=alert(1)> </details> ![x](y) [x](javascript:y) **b** | ~~s~~ "
    "\n# h\r\n[//]: # (x) \u202e\x1b[31m"
)
BASIS = Basis("https://registry.example.com/", "c" * 40)


def need(*may: str, people: int = 2, rule: str = "catalog/policies/default.yaml") -> Need:
    """An approval by admins, of whom these could give it."""
    asked = ApprovalRule(Risk.WITHDRAWAL, Role.ADMIN, people, Position(rule, 3, 5))
    return Need(NETWORK, Risk.WITHDRAWAL, asked, "a withdrawal", "acme", may, (), (parse_version("1.0.0"),))


def judged(text: str = "It leaked a token.", basis: Basis = BASIS, needs: Any = None) -> Review:
    """A new provider, a module that is withdrawn from and deprecated, a mirror that loses a platform, and refusals.

    ``text`` is every text that other people write.
    """
    network = replace(
        module(),
        withdrawn=(WithdrawalRule(parse_constraints("= 1.0.0"), text),),
        deprecated=(Deprecation(text, text, parse_constraints("< 2.0.0")), Deprecation(text)),
    )
    rehosted = replace(mirror(), hosting=Hosting.LINK)
    sized = replace(release("2.0.0", LINUX, DARWIN), sizes={f"terraform-provider-widget_2.0.0_{LINUX}.zip": 12_345_678})
    sightings: dict[Address, Any] = {
        NETWORK: ModuleSighting(NETWORK, (tag("v1.0.0"), tag("v1.1.0", "elsewhere"), tag("v1.2.0"))),
        WIDGET: ProviderSighting(WIDGET, (sized,), (SourceError(source_codes.NOT_FOUND, where=text, found=text),)),
        RANDOM: MirrorSighting(RANDOM, (upstream("3.0.0", LINUX, DARWIN), upstream("3.1.0", LINUX))),
    }
    known: dict[Address, Package] = {
        NETWORK: package(module(), module_facts("1.0.0"), module_facts("1.1.0"), state=state_of(module(), CONTEXT)),
        RANDOM: package(mirror(), mirror_facts("3.0.0", LINUX, DARWIN), state=state_of(mirror(), CONTEXT)),
    }
    entries = catalog(network, provider(), rehosted)
    heads = {address: found.head for address, found in known.items()}
    made = plan(entries, sightings, heads, known, CONTEXT, sorted(entries.entries, key=str), mass_withdrawal=True)
    made = replace(made, notes=tuple(replace(note, text=f"{note.text} {text}") for note in made.notes))
    asked = {address: tuple(each) for address, each in (needs or {}).items()}
    judged_packages = (replace(each, needs=asked.get(each.address, ())) for each in made.packages)
    made = replace(made, packages=tuple(judged_packages))
    late = (Refusal(WIDGET, None, RefusalError(verify_codes.BAD_SIGNATURE, text, found=text, hint=text)),)
    return review(made, entries, known, basis, late)
