"""Which OpenPGP keys clients get with a provider: listed versions stay installable, and a key nobody needs goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen.errors import RefusalError
from registry_gen.model.entries import ProviderEntry
from registry_gen.model.facts import ProviderVersion
from registry_gen.model.plan import Note, Refusal
from registry_gen.plan import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.entries import Entry
    from registry_gen.model.facts import PackageHead, PackageState, SigningKey, VersionFacts
    from registry_gen.model.version import Version
    from registry_gen.plan.inputs import Context


def given_keys(
    entry: ProviderEntry, context: Context, head: PackageHead | None, listed: Sequence[VersionFacts]
) -> tuple[SigningKey, ...]:
    """The keys that clients get; ``listed`` are the published versions that stay listed.

    Where the publisher signs, the catalog's. Where the registry does, its present key, those that the catalog names
    beside it, and of those that clients have had so far the ones that signed what is listed: the registry's key may be
    lost or leaked, and then there is another one. Where the key is not at hand, what clients have had.
    """
    if entry.signature == "publisher":
        return tuple(sorted(entry.signing_keys))
    if context.registry_key is None:
        return head.state.signing_keys if head else ()
    wanted = {context.registry_key, *entry.signing_keys}
    known = {key.fingerprint for key in wanted}
    needed = _signed_by(listed).keys() - known
    former = [key for key in (head.state.signing_keys if head else ()) if key.fingerprint in needed]
    return tuple(sorted(wanted.union(former)))


def former_keys(
    entry: Entry, context: Context, state: PackageState, listed: Sequence[VersionFacts]
) -> Mapping[str, Sequence[Version]]:
    """The fingerprints that ``state`` has only because they signed something listed, each with what that is."""
    if not isinstance(entry, ProviderEntry) or entry.signature == "publisher" or context.registry_key is None:
        return {}
    wanted = {key.fingerprint for key in (context.registry_key, *entry.signing_keys)}
    given = {key.fingerprint for key in state.signing_keys} - wanted
    return {key: versions for key, versions in _signed_by(listed).items() if key in given}


def notes_on_former_keys(entry: Entry, former: Mapping[str, Sequence[Version]]) -> Iterator[Note]:
    """Who must get rid of a key is told what holds it."""
    for fingerprint, versions in sorted(former.items()):
        text = f"clients still get the former key {fingerprint}: it signed {', '.join(map(str, versions))}"
        yield Note(entry.address, text)


def dropped_keys(entry: Entry, state: PackageState, listed: Sequence[VersionFacts]) -> Refusal | None:
    """A listed version must stay installable: its signer has to be among the keys that clients get."""
    given = {key.fingerprint for key in state.signing_keys}
    orphans = {signer: versions for signer, versions in _signed_by(listed).items() if signer not in given}
    if not orphans:
        return None
    signer, versions = next(iter(orphans.items()))
    error = RefusalError(
        codes.KEY_DROPPED,
        where=str(entry.address),
        expected=f"the key {signer}, which signed {versions[0]}",
        found=", ".join(sorted(given)) or "no key",
        hint=codes.KEY_DROPPED.fix,
    )
    return Refusal(entry.address, None, error)


def _signed_by(listed: Sequence[VersionFacts]) -> Mapping[str, Sequence[Version]]:
    """The versions of a provider by the fingerprint of the key that signed their sums."""
    found: dict[str, list[Version]] = {}
    for facts in listed:
        if isinstance(facts, ProviderVersion):
            found.setdefault(facts.sums.signer, []).append(facts.version)
    return found
