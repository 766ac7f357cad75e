"""Who vouches: a provider's signed SHA256SUMS and the keys that clients get, and a module's statement of origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.log.note import key_id, parse_verifier_key
from registry_gen.log.read_entries import Members, ModuleDigests, NotSoError
from registry_gen.model.address import ProviderAddress
from registry_gen.render.provenance import PREDICATE, STATEMENT, dir_hash
from registry_gen.verify.codes import UNSIGNED_STATEMENT
from registry_gen.verify.dsse import IN_TOTO, open_envelope
from registry_gen.verify.openpgp import parse_key, verify_detached
from registry_gen.verify.sums import parse_sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from registry_gen.inspect.records import ProviderRecord
    from registry_gen.log.read_entries import Pinned
    from registry_gen.model.address import MirrorAddress, ModuleAddress
    from registry_gen.model.version import Version
    from registry_gen.render.shapes import PublicKey


def sums_problems(
    address: ProviderAddress | MirrorAddress, version: Version, pinned: Pinned, record: ProviderRecord
) -> Iterator[RefusalError]:
    """Every zip must be in the sums that were signed: INS036; raises RefusalError SUM for sums that cannot be read.

    Upstream may have named a mirrored zip differently, so there any line with its digest will do.
    """
    where = f"records/{pinned.record}"
    vouched = parse_sums(record.sums.encode(), where)
    assert not isinstance(pinned.digests, ModuleDigests)  # noqa: S101 - only modules have those
    for platform, zip_ in sorted(pinned.digests.items()):
        name = paths.zip_name(address.type, version, platform)
        found = vouched.get(name)
        mirrored = not isinstance(address, ProviderAddress) and zip_.zh in vouched.values()
        if found != zip_.zh and not mirrored:
            expected = f"{zip_.zh} for {name}"
            yield RefusalError(codes.NOT_IN_SUMS, where=where, expected=expected, found=found or "no such line")


def key_problems(
    served: Sequence[PublicKey], signer: str, logged: tuple[str, ...] | None, where: str
) -> Iterator[RefusalError]:
    """The keys in a provider's document must be those that the log has, the signer's among them: INS035.

    ``logged`` are the fingerprints of the newest change of keys, None where they never changed or are not known here.
    Raises RefusalError SIG001 to SIG006 for a key that cannot be read.
    """
    found = sorted(parse_key(key.ascii_armor, where).fingerprint for key in served)
    if logged is not None and found != sorted(logged):
        expected = ", ".join(sorted(logged))
        yield RefusalError(codes.KEYS_DIFFER, where=where, expected=expected, found=", ".join(found))
    if signer not in found:
        yield RefusalError(codes.KEYS_DIFFER, where=where, expected=signer, found=", ".join(found) or "no key")
    for key in served:
        if not any(fingerprint.endswith(key.key_id) and len(key.key_id) == 16 for fingerprint in found):
            yield RefusalError(codes.KEYS_DIFFER, where=where, expected="the id of a key beside it", found=key.key_id)


def require_signed(record: ProviderRecord, served: Sequence[PublicKey], signer: str, where: str, now: datetime) -> None:
    """The sums must be signed by ``signer``, whose certificate is among the keys that clients get.

    Raises RefusalError SIG001 to SIG017, INS035 where another one of the keys signed.
    """
    keys = [parse_key(key.ascii_armor, where) for key in served]
    found = verify_detached(record.sums.encode(), record.signature_bytes, keys, where, now)
    if found != signer:
        raise RefusalError(codes.KEYS_DIFFER, where=where, expected=f"a signature by {signer}", found=f"one by {found}")


def statement_keys(keys: Iterable[str]) -> Mapping[str, bytes]:
    """The log's verifier keys as DSSE names them: raw keys by the eight digits of their hash."""
    parsed = (parse_verifier_key(key) for key in keys)
    return {key_id(name, public_key).hex(): public_key for name, public_key in parsed}


def provenance_problems(
    data: bytes, keys: Mapping[str, bytes], address: ModuleAddress, version: Version, pinned: Pinned, where: str
) -> Iterator[RefusalError]:
    """A module's statement of origin must be signed by the log, and be about what was logged: INS037.

    Raises RefusalError ATT001 to ATT003, where it is no such statement or none of ``keys`` signed it.
    """
    payload = open_envelope(data, IN_TOTO, keys, where)
    try:
        said = _statement(orjson.loads(payload))
    except (orjson.JSONDecodeError, NotSoError) as error:
        raise RefusalError(codes.OTHER_PROVENANCE, where=where, found=str(error)[:200]) from None
    digests = pinned.digests
    assert isinstance(digests, ModuleDigests)  # noqa: S101 - entries of modules have no others
    expected = {
        "type": STATEMENT,
        "predicate": PREDICATE,
        "archive": digests.archive,
        "h1": digests.h1 and dir_hash(digests.h1),
        "address": str(address),
        "version": str(version),
        "tag": pinned.tag,
        "source": pinned.commit or digests.source,
    }
    for name, value in expected.items():
        if said[name] != value:
            yield RefusalError(
                codes.OTHER_PROVENANCE, where=where, expected=f"{name} {value}", found=f"{said[name]}"[:200]
            )


def is_unknown_signer(error: RefusalError, data: bytes, keys: Mapping[str, bytes]) -> bool:
    """Whether a statement was only not verified because all keys that signed it are unknown here.

    Its digest is in the record, and the record's in the log, so it is what was published all the same.
    """
    return error.code is UNSIGNED_STATEMENT and not any(f'"{keyid}"'.encode() in data for keyid in keys)


def _statement(value: object) -> dict[str, str | None]:
    """What a statement says, as far as it is compared; raises NotSoError."""
    members = Members(value)
    subjects = [Members(each, "subject") for each in members.each("subject")]
    if len(subjects) != 1:
        raise NotSoError("subject: expected one")
    digest = subjects[0].inside("digest")
    definition = members.inside("predicate").inside("buildDefinition")
    parameters = definition.inside("externalParameters")
    sources = [Members(each, "resolvedDependencies") for each in definition.each("resolvedDependencies")]
    if len(sources) != 1:
        raise NotSoError("resolvedDependencies: expected one")
    source = sources[0].inside("digest")
    return {
        "type": members.text("_type"),
        "predicate": members.text("predicateType"),
        "archive": digest.text("sha256"),
        "h1": digest.text("dirHash"),
        "address": parameters.text("address"),
        "version": parameters.text("version"),
        "tag": parameters.maybe("tag", str),
        "source": source.maybe("gitCommit", str) or source.maybe("sha256", str),
    }
