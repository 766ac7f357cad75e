"""The log in the bucket, made again from the ledger's entries and compared: tiles, bundles and the checkpoint."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.note import parse_checkpoint, parse_verifier_key, stated
from registry_gen.log.tiles import parse_bundle
from registry_gen.log.tree import TILE_WIDTH, Tail, append, root, root_text
from registry_gen.publish import codes
from registry_gen.publish.findings import WRONG_BYTES, Finding, in_the_way, wrong_labels
from registry_gen.publish.inventory import PAGE, log_objects, widths_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from registry_gen.ledger import Inspection, LogHead
    from registry_gen.publish.inventory import Expected
    from registry_gen.storage import Storage, Stored


def check_log(
    known: Inspection, storage: Storage, there: dict[str, Stored], compare: Callable[[Expected], object]
) -> Iterator[Finding]:
    """What is wrong with the log. ``compare`` takes what it looks at out of ``there``, the objects below ``log/``.

    What a run has put ahead of its checkpoint is taken out too: the next one puts the checkpoint. Tiles of a longer
    log than the ledger's are PUB040, unless the checkpoint is ours and they go on from no entry of ours: then somebody
    planted them, and they are waste like any other.
    """
    head = known.log_head()
    stored = there.pop(paths.CHECKPOINT, None)
    if known.log_entries(head.tail.size, head.tail.size + 1):
        yield _contradiction(f"{head.tail.size} log entries", "more of them")
    made = Tail()
    for item in log_objects(head.stored_size, known.log_entries, widths_of(there)):
        if isinstance(item, Tail):
            made = item
        else:
            compare(item)
    wrong = [*_checkpoint(storage, stored, head, made)]
    yield from wrong
    if root(_grown(known, made, head.tail.size)) != root(head.tail):
        yield _contradiction(f"entries with the root {root_text(root(head.tail))}", "entries with another root")
    ours = stored is not None and not any(finding.code in {*WRONG_BYTES, codes.LOG_AHEAD} for finding in wrong)
    beyond = [key for key in there if is_tile(key) and paths.tile_end(key) > head.tail.size]
    doubtful = set(going_on(storage, known.log_entries, head.tail.size, beyond)) if ours else {*beyond}
    for key in [key for key in there if is_tile(key)]:
        end = paths.tile_end(key)
        if end > head.tail.size:
            code = codes.LOG_AHEAD if key in doubtful else codes.ORPHAN
            yield Finding(code, key, f"a log of {head.tail.size} entries", f"a tile of one of {end} or more")
        if end > head.stored_size:
            del there[key]


def going_on(
    storage: Storage, entries: Callable[[int, int], tuple[bytes, ...]], size: int, beyond: Iterable[str]
) -> list[str]:
    """The bundles, among keys of tiles ``beyond`` a log of ``size`` entries, that may be of this very log, but longer.

    Every longer log has one, for entries come in bundles and the next one belongs into this one. It begins with the
    entries of ours that belong there too; and what begins so is believed to be of a longer log, whoever put it.
    """
    index, width = divmod(size, TILE_WIDTH)
    whole = paths.log_entries(index)
    own = entries(size - width, size)
    found = []
    for key in sorted(key for key in beyond if key == whole or key.startswith(f"{whole}.p/")):
        body = storage.get(key)
        with suppress(RefusalError):
            if body and parse_bundle(body[0])[:width] == own:
                found.append(key)
    return found


def is_tile(key: str) -> bool:
    """Whether a key is that of a tile or a bundle."""
    return key.startswith("log/tile/") and _has_rule(key)


def _has_rule(key: str) -> bool:
    try:
        paths.rule(key)
    except ValueError:
        return False
    return True


def _grown(known: Inspection, tail: Tail, size: int) -> Tail:
    for start in range(tail.size, size, PAGE):
        tail = append(tail, known.log_entries(start, min(start + PAGE, size)))
    return tail


def _checkpoint(storage: Storage, stored: Stored | None, head: LogHead, made: Tail) -> Iterator[Finding]:
    """The bucket's checkpoint must be the one that the ledger keeps, or one of the same log that says the same."""
    kept = head.checkpoint if head.stored_size == head.tail.size else None
    if stored is None:
        if head.stored_size:
            expected, planted = f"a checkpoint of {head.stored_size} entries", in_the_way(storage, paths.CHECKPOINT)
            yield Finding(codes.OBJECT_MISSING, paths.CHECKPOINT, expected, planted)
        return
    yield from wrong_labels(stored, None)
    found = storage.get(paths.CHECKPOINT)
    body = found[0] if found else b""
    size = _stated_size(body)
    if size > head.tail.size:  # whoever signed it: a repair refuses, too
        yield Finding(codes.LOG_AHEAD, paths.CHECKPOINT, f"a log of {head.tail.size} entries", f"one of {size}")
    elif kept is not None and body != kept:
        code = codes.OBJECT_TRUNCATED if kept.startswith(body) else codes.OBJECT_ALTERED
        yield Finding(code, paths.CHECKPOINT, _shown(kept), _shown(body))
    elif kept is None:
        wrong = _not_ours(body, head, root(made))
        if wrong:
            expected = f"a checkpoint of {head.stored_size} entries, by the key of the log"
            yield Finding(codes.OBJECT_ALTERED, paths.CHECKPOINT, expected, wrong)


def _stated_size(body: bytes) -> int:
    """How many entries a checkpoint says that its log has; 0 for what is none."""
    with suppress(RefusalError):
        return stated(body).size
    return 0


def _not_ours(body: bytes, head: LogHead, expected_root: bytes) -> str:
    """What is wrong with a checkpoint that cannot be compared byte for byte, or "".

    One of a larger size within the ledger's log is what a run put that was stopped before it said so.
    """
    try:
        found = parse_checkpoint(body, *parse_verifier_key(head.key)) if head.key else stated(body)
    except RefusalError as error:
        return error.message
    if head.stored_size < found.size <= head.tail.size:
        return ""
    if found.size != head.stored_size or found.root != expected_root:
        return f"one of {found.size} entries with the root {root_text(found.root)}"
    return ""


def _shown(checkpoint: bytes) -> str:
    return checkpoint.decode(errors="replace").partition("\n\n")[0]


def _contradiction(expected: str, found: str) -> Finding:
    return Finding(codes.LEDGER_DIFFERS, paths.CHECKPOINT, expected, found)
