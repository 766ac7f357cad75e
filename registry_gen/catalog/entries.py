"""A package's file -> its entry: the rules between keys, and between files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry_gen.catalog import codes
from registry_gen.catalog.check import Checked, check
from registry_gen.catalog.location import Places, is_folder
from registry_gen.catalog.package_shapes import GitShape, MirrorFile, ModuleFile, ProviderFile
from registry_gen.catalog.rules import read_rules
from registry_gen.catalog.shared import File, Key, Namespace, SharedFiles, find_keys
from registry_gen.errors import Code, InputError, Position, RegistryError
from registry_gen.model.address import Address, MirrorAddress, ModuleAddress, ProviderAddress
from registry_gen.model.digest import Sha256
from registry_gen.model.entries import (
    ArchiveSource,
    Entry,
    GitSource,
    MirrorEntry,
    ModuleEntry,
    ProviderEntry,
    ReleaseSource,
)
from registry_gen.model.facts import Hosting, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NO_DIGEST: Final = Sha256("")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an entry depends on beside its own file. ``site_host`` has no port."""

    places: Places
    site_host: str
    upstreams: Mapping[str, str]
    shared: SharedFiles


@dataclass(frozen=True, slots=True)
class Built:
    """An entry, or None and the problems that kept it out."""

    entry: Entry | None
    problems: tuple[RegistryError, ...]


def build_entry(address: Address, file: File, around: Surroundings) -> Built:
    """Read a package's file. An entry is made only without any problem, of its own or of its namespace."""
    match address:
        case ModuleAddress():
            return _module(address, file, around)
        case ProviderAddress():
            return _provider(address, file, around)
        case MirrorAddress():
            return _mirror(address, file, around)


def _module(address: ModuleAddress, file: File, around: Surroundings) -> Built:
    checked = check(file.document(), ModuleFile, around.places)
    values = checked.values
    if values is None:
        return Built(None, checked.problems)
    source: GitSource | ArchiveSource
    rules = read_rules(address, checked, values)
    problems = [*checked.problems, *rules.problems]
    if isinstance(values.source, GitShape):
        shape = values.source
        source = GitSource(shape.git, shape.path, shape.tags, shape.pins)
        read_from = shape.git
    else:
        read_from = values.source.archives + "/"
        source = ArchiveSource(read_from, values.source.pattern)
        problems += _link_to_folder(checked, values.hosting, read_from)
    problems += _unpinned_copy(checked, values)
    entry = ModuleEntry(
        address,
        Position(file.path),
        _NO_DIGEST,
        source,
        values.versions,
        Hosting(values.hosting),
        rules.deprecated,
        rules.withdrawn,
        rules.retention,
        values.prereleases,
        values.allow_unpinned,
    )
    namespace = around.shared.namespaces.get(address.namespace, Namespace())
    return _built(entry, problems, namespace, _digest(entry, file, (namespace.data, read_from.encode())))


def _provider(address: ProviderAddress, file: File, around: Surroundings) -> Built:
    checked = check(file.document(), ProviderFile, around.places)
    values = checked.values
    if values is None:
        return Built(None, checked.problems)
    namespace = around.shared.namespaces.get(address.namespace, Namespace())
    keys, missing = _provider_keys(checked, values, namespace, around.shared.keys)
    rules = read_rules(address, checked, values)
    problems = [*checked.problems, *rules.problems, *missing, *_release_problems(checked, values)]
    entry = ProviderEntry(
        address,
        Position(file.path),
        _NO_DIGEST,
        ReleaseSource(values.source.releases, values.source.versions),
        values.versions,
        Hosting(values.hosting),
        rules.deprecated,
        values.signature,
        keys,
        tuple(sorted(values.platforms)),
        values.protocols,
        rules.withdrawn,
        rules.retention,
        values.prereleases,
    )
    digest = _digest(entry, file, (namespace.data, values.source.releases.encode(), *_armor(keys)))
    return _built(entry, problems, namespace, digest)


def _mirror(address: MirrorAddress, file: File, around: Surroundings) -> Built:
    checked = check(file.document(), MirrorFile, around.places)
    values = checked.values
    if values is None:
        return Built(None, checked.problems)
    rules = read_rules(address, checked, values)
    problems = [*checked.problems, *rules.problems]
    if address.hostname == around.site_host:
        problems.append(_problem(codes.OWN_MIRROR, Position(file.path)))
    keys, missing = find_keys(
        values.trust.keys, around.shared.keys, lambda index: checked.position("trust", "keys", index)
    )
    problems += missing
    upstream = around.upstreams.get(address.hostname, f"https://{address.hostname}")
    entry = MirrorEntry(
        address,
        Position(file.path),
        _NO_DIGEST,
        upstream,
        values.versions,
        Hosting(values.hosting),
        tuple(sorted(values.platforms)),
        keys,
        rules.withdrawn,
        rules.retention,
        values.prereleases,
    )
    return _built(entry, problems, Namespace(), _digest(entry, file, (upstream.encode(), *_armor(keys))))


def _provider_keys(
    checked: Checked[ProviderFile], values: ProviderFile, namespace: Namespace, ring: Mapping[str, Key]
) -> tuple[tuple[SigningKey, ...], list[RegistryError]]:
    if values.signing_keys:
        return find_keys(values.signing_keys, ring, lambda index: checked.position("signing_keys", index))
    if values.signature == "registry":
        return (), []
    # What was written may be among the problems already, and a namespace tells of its problems itself.
    told = checked.lost("signing_keys") or checked.lost("signature") or not namespace.sound
    if not namespace.signing_keys and not told:
        return (), [_problem(codes.NO_KEYS, Position(checked.document.path))]
    return namespace.signing_keys, []


def _release_problems(checked: Checked[ProviderFile], values: ProviderFile) -> Iterable[RegistryError]:
    releases, versions = values.source.releases, values.source.versions
    yield from _link_to_folder(checked, values.hosting, releases)
    if is_folder(releases) and versions:
        detail = "a folder is searched, so source.versions says nothing"
        hint = "Choose versions with the key versions at the top of the file."
        yield _problem(codes.CONTRADICTION, checked.position("source", "versions"), detail, hint)
    elif not is_folder(releases) and not versions and not checked.lost("source", "versions"):
        detail = "source needs the key versions: a URL cannot be searched"
        yield _problem(codes.MISSING_KEY, checked.position("source", "releases"), detail)
    if values.hosting == "link" and values.signature == "registry":
        detail = "hosting: link publishes the upstream's own sums, which this registry then cannot sign"
        yield _problem(codes.CONTRADICTION, checked.position("signature"), detail, "Use hosting: copy.")


def _unpinned_copy(checked: Checked[ModuleFile], values: ModuleFile) -> Iterable[RegistryError]:
    if values.allow_unpinned and (values.hosting != "link" or not isinstance(values.source, GitShape)):
        detail = (
            "allow_unpinned is about links to tags of a git repository; whatever is copied has a commit or a digest"
        )
        yield _problem(
            codes.CONTRADICTION, checked.position("allow_unpinned"), detail, "Remove it, or use hosting: link."
        )


def _link_to_folder(
    checked: Checked[ModuleFile] | Checked[ProviderFile], hosting: str, source: str
) -> Iterable[RegistryError]:
    if hosting == "link" and is_folder(source):
        yield _problem(codes.LINK_TO_FOLDER, checked.position("hosting"))


def _built(entry: Entry, problems: Iterable[RegistryError], namespace: Namespace, digest: Sha256) -> Built:
    problems = tuple(problems)
    if problems or not namespace.sound:
        return Built(None, problems)
    return Built(replace(entry, digest=digest), ())


def _armor(keys: Iterable[SigningKey]) -> tuple[bytes, ...]:
    return tuple(key.armor.encode() for key in keys)


def _digest(entry: Entry, file: File, depends_on: Iterable[bytes]) -> Sha256:
    """SHA-256 over address, path, file and whatever else decides about the entry; each part with its length."""
    total = hashlib.sha256()
    for part in (entry.address.kind.encode(), str(entry.address).encode(), file.path.encode(), file.data, *depends_on):
        total.update(len(part).to_bytes(8, "big") + part)
    return Sha256(total.hexdigest())


def _problem(code: Code, position: Position, detail: str = "", hint: str = "") -> InputError:
    return InputError(code, detail, hint=hint or code.fix, position=position)
