"""Whether a storage keeps its promises (``storage.Storage``), by trying each with objects of its own."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Final

from registry_gen import paths
from registry_gen.doctor import codes
from registry_gen.doctor.result import Check, Failed, NotApplicable, Ok
from registry_gen.errors import ConflictError
from registry_gen.model.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry_gen.doctor.result import Verdict
    from registry_gen.doctor.scratch import Scratch
    from registry_gen.storage import Storage

REACHED: Final = "credentials are taken and the bucket is there"
ROUNDS: Final = 8
"""How often two writers meet: a storage that only looks before it writes loses some of these races."""

SKEW: Final = timedelta(seconds=60)
"""So far apart two clocks may be; AWS refuses a quarter of an hour, and caches' times are minutes."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the checks of one storage share; ``now`` is read when it is asked."""

    storage: Storage
    scratch: Scratch
    now: Callable[[], datetime]


def storage_checks(trial: Trial) -> tuple[Check, ...]:
    """All checks of a storage, in the order in which they make sense."""
    listed = (
        (REACHED, codes.NO_ACCESS, reached, True),
        ("an object can be written and comes back", codes.NOT_KEPT, kept, True),
        ("create-only: a second writer is refused", codes.OVERWRITES, created_once, False),
        ("create-only: of two writers at once one wins", codes.RACES, created_once_at_once, False),
        ("compare-and-swap: a stale etag is refused", codes.SWAPS_BLINDLY, swapped_by_etag, False),
        ("compare-and-swap: of two at once one wins", codes.SWAP_RACES, swapped_once_at_once, False),
        ("the etag changes with the contents", codes.ETAG_STAYS, etag_changes, False),
        ("a stale etag deletes nothing", codes.DELETES_BLINDLY, deleted_by_etag, False),
        ("a listing shows what was written", codes.NOT_LISTED, in_listing, False),
        ("content type and cache rule are kept", codes.LABELS, labels_kept, False),
        ("clock agrees with the storage's", codes.STORAGE_CLOCK, same_clock, False),
        ("what is deleted is gone", codes.NOT_DELETED, deleted, False),
    )
    return tuple(Check(name, code, partial(run, trial), needed) for name, code, run, needed in listed)


def cleanup_check(trial: Trial) -> Check:
    """Removes everything that the trials made, and what killed doctors left."""
    return Check("the scratch folder is removed", codes.LEFTOVERS, partial(removed, trial))


def reached(trial: Trial) -> Verdict:
    """Ask for something that nobody has: who may not do that is told so."""
    found = trial.storage.head(trial.scratch.new())
    return Failed("no object under a random name", found.key) if found else Ok()


def kept(trial: Trial) -> Verdict:
    """Write, and read the same bytes under the same etag."""
    key, body = trial.scratch.swap(), _body()
    written = trial.storage.put_if(key, body, None)
    found = trial.storage.get(key)
    if found is None or found[0] != body:
        return Failed(f"the {len(body)} bytes that were written", "nothing" if found is None else "other bytes")
    if found[1].etag != written.etag:
        return Failed(f"etag {written.etag}", found[1].etag)
    return Ok()


def created_once(trial: Trial) -> Verdict:
    """Put other bytes under a key that is taken, as an object and as a document."""
    key, body, other = trial.scratch.new(), _body(), _body()
    trial.storage.put_new(key, body, sha256(body))
    refused = _refused(lambda: trial.storage.put_new(key, other, sha256(other)))
    if not refused or trial.storage.digest(key) != sha256(body):
        return Failed("the second writer refused, the first one's bytes kept", _outcome(refused))
    document = trial.scratch.swap()
    trial.storage.put_if(document, body, None)
    refused = _refused(lambda: trial.storage.put_if(document, other, None))
    if not refused or _content(trial, document) != body:
        return Failed("a document that must be new refused where there is one", _outcome(refused))
    return Ok()


def created_once_at_once(trial: Trial) -> Verdict:
    """Two writers with different bytes, at the same time, under keys that are free."""
    for _ in range(ROUNDS):
        key = trial.scratch.new()
        verdict = _race(trial, key, partial(_put_new, trial.storage, key))
        if verdict is not None:
            return verdict
    return Ok(f"{ROUNDS} races")


def swapped_by_etag(trial: Trial) -> Verdict:
    """Swap a document by its etag, and then by the former one."""
    key, first, second = trial.scratch.swap(), _body(), _body()
    before = trial.storage.put_if(key, first, None)
    trial.storage.put_if(key, second, before.etag)
    refused = _refused(lambda: trial.storage.put_if(key, _body(), before.etag))
    if not refused or _content(trial, key) != second:
        return Failed("the writer with the former etag refused", _outcome(refused))
    return Ok()


def swapped_once_at_once(trial: Trial) -> Verdict:
    """Two writers that know the same etag, at the same time."""
    for _ in range(ROUNDS):
        key = trial.scratch.swap()
        etag = trial.storage.put_if(key, _body(), None).etag
        verdict = _race(trial, key, partial(_put_if, trial.storage, key, etag))
        if verdict is not None:
            return verdict
    return Ok(f"{ROUNDS} races")


def etag_changes(trial: Trial) -> Verdict:
    """Other bytes of the same length under the same key."""
    key = trial.scratch.swap()
    before = trial.storage.put_if(key, _body(), None)
    after = trial.storage.put_if(key, _body(), before.etag)
    return Failed("another etag", f"{after.etag} as before") if before.etag == after.etag else Ok()


def deleted_by_etag(trial: Trial) -> Verdict:
    """Delete a document by an etag that it no longer has."""
    key, second = trial.scratch.swap(), _body()
    before = trial.storage.put_if(key, _body(), None)
    trial.storage.put_if(key, second, before.etag)
    refused = _refused(lambda: trial.storage.delete_if(key, before.etag))
    if _content(trial, key) != second:
        return Failed("the changed document kept", "it is gone")
    return Ok() if refused else Failed("a refusal", "none, though the document stayed")


def in_listing(trial: Trial) -> Verdict:
    """List by prefix, right after writing."""
    key, body = trial.scratch.new(), _body()
    trial.storage.put_new(key, body, sha256(body))
    sizes = {stored.key: stored.size for stored in trial.storage.list(key.rpartition("/")[0] + "/")}
    if sizes != {key: len(body)}:
        return Failed(f"{key} with {len(body)} bytes", ", ".join(map(str, sizes.items())) or "nothing")
    return Ok()


def labels_kept(trial: Trial) -> Verdict:
    """Compare what is kept with what was sent; a folder leaves both to the server in front of it."""
    key, body = trial.scratch.new(), _body()
    trial.storage.put_new(key, body, sha256(body))
    stored, rule = trial.storage.head(key), paths.rule(key)
    if stored is None:
        return Failed("the object that was written", "nothing")
    if stored.content_type is None and stored.cache_control is None:
        return NotApplicable("the server in front of this storage sets both")
    found = (stored.content_type, stored.cache_control)
    expected = (rule.content_type, rule.cache_control)
    return Ok() if found == expected else Failed(" and ".join(expected), " and ".join(each or "none" for each in found))


def same_clock(trial: Trial) -> Verdict:
    """When the storage says that something was written just now."""
    key, body = trial.scratch.new(), _body()
    before = trial.now()
    trial.storage.put_new(key, body, sha256(body))
    after, stored = trial.now(), trial.storage.head(key)
    if stored is None or stored.modified is None:
        return NotApplicable("this storage does not tell when an object was written")
    if before - SKEW <= stored.modified <= after + SKEW:
        return Ok()
    return Failed(f"{after:%Y-%m-%d %H:%M:%S} UTC", f"{stored.modified:%Y-%m-%d %H:%M:%S} UTC")


def deleted(trial: Trial) -> Verdict:
    """Delete an object and a document, and one that never was."""
    key, document, body = trial.scratch.new(), trial.scratch.swap(), _body()
    trial.storage.put_new(key, body, sha256(body))
    etag = trial.storage.put_if(document, body, None).etag
    trial.storage.delete([key, trial.scratch.new()])
    trial.storage.delete_if(document, etag)
    left = [each for each in (key, document) if trial.storage.head(each)]
    return Failed("nothing", ", ".join(left)) if left else Ok()


def removed(trial: Trial) -> Verdict:
    """Delete what was made; look whether it is gone."""
    trial.scratch.clean()
    if trial.scratch.left is not None:
        raise trial.scratch.left
    swept = trial.scratch.sweep(trial.now())
    mine = set(trial.scratch.names)
    left = [each.key for each in trial.storage.list(paths.SCRATCH) if each.key.split("/")[1] in mine]
    if left:
        return Failed("nothing left", ", ".join(left[:3]))
    return Ok(f"{swept} left by an earlier doctor, too" if swept else "")


def _put_new(storage: Storage, key: str, body: bytes) -> None:
    storage.put_new(key, body, sha256(body))


def _put_if(storage: Storage, key: str, etag: str, body: bytes) -> None:
    storage.put_if(key, body, etag)


def _race(trial: Trial, key: str, put: Callable[[bytes], None]) -> Verdict | None:
    """None where exactly one of two writers was told that it won, and its bytes are there."""
    bodies = (_body(), _body())
    start = Barrier(len(bodies))

    def write(body: bytes) -> bool:
        start.wait()
        return not _refused(lambda: put(body))

    with ThreadPoolExecutor(len(bodies)) as threads:
        won = [body for body, wins in zip(bodies, threads.map(write, bodies), strict=True) if wins]
    if len(won) != 1:
        return Failed("one of two writers refused", "both were told that they won" if won else "both were refused")
    return None if _content(trial, key) == won[0] else Failed("the winner's bytes", "others")


def _refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except ConflictError:
        return True
    return False


def _content(trial: Trial, key: str) -> bytes | None:
    found = trial.storage.get(key)
    return found[0] if found else None


def _outcome(refused: bool) -> str:
    return "it was refused, and its bytes are there" if refused else "it was told that it wrote"


def _body() -> bytes:
    """Random text of one length, so that nothing but the bytes tells it from another."""
    return f"registry-gen doctor {secrets.token_hex(24)}\n".encode()
