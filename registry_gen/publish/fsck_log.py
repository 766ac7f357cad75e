"""The log in the bucket, made again from the ledger's entries and compared: tiles, bundles and the checkpoint."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.log.note import parse_checkpoint, parse_verifier_key, stated
from registry_gen.log.tree import Tail, append, root
from registry_gen.publish import codes
from registry_gen.publish.findings import Finding, wrong_labels
from registry_gen.publish.inventory import PAGE, log_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_gen.ledger import Inspection, LogHead
    from registry_gen.publish.inventory import Expected
    from registry_gen.storage import Storage, Stored


def check_log(
    known: Inspection, storage: Storage, there: dict[str, Stored], compare: Callable[[Expected], object]
) -> Iterator[Finding]:
    """What is wrong with the log. ``compare`` takes what it looks at out of ``there``, the objects below ``log/``.

    What a run has put ahead of its checkpoint is taken out too: the next one puts the checkpoint. Tiles of a longer
    log than the ledger's are PUB040.
    """
    head = known.log_head()
    stored = there.pop(paths.CHECKPOINT, None)
    if known.log_entries(head.tail.size, head.tail.size + 1):
        yield _contradiction(f"{head.tail.size} log entries", "more of them")
    widths: dict[str, list[int]] = defaultdict(list)
    for key in there:
        whole, partial, width = key.partition(".p/")
        if partial and width.isdigit():
            widths[whole].append(int(width))
    made = Tail()
    for item in log_objects(head.stored_size, known.log_entries, widths):
        if isinstance(item, Tail):
            made = item
        else:
            compare(item)
    yield from _checkpoint(storage, stored, head, made)
    if root(_grown(known, made, head.tail.size)) != root(head.tail):
        yield _contradiction(f"entries with the root {root(head.tail).hex()}", "entries with another root")
    for key in [key for key in there if is_tile(key)]:
        end = paths.tile_end(key)
        if end > head.tail.size:
            yield Finding(codes.LOG_AHEAD, key, f"a log of {head.tail.size} entries", f"a tile of {end} or more")
        if end > head.stored_size:
            del there[key]


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
            yield Finding(codes.OBJECT_MISSING, paths.CHECKPOINT, f"a checkpoint of {head.stored_size} entries")
        return
    yield from wrong_labels(stored, None)
    found = storage.get(paths.CHECKPOINT)
    body = found[0] if found else b""
    if kept is not None and body != kept:
        code = codes.OBJECT_TRUNCATED if kept.startswith(body) else codes.OBJECT_ALTERED
        yield Finding(code, paths.CHECKPOINT, _shown(kept), _shown(body))
    elif kept is None:
        wrong = _not_ours(body, head, root(made))
        if wrong:
            expected = f"a checkpoint of {head.stored_size} entries, by the key of the log"
            yield Finding(codes.OBJECT_ALTERED, paths.CHECKPOINT, expected, wrong)


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
        return f"one of {found.size} entries with the root {found.root.hex()}"
    return ""


def _shown(checkpoint: bytes) -> str:
    return checkpoint.decode(errors="replace").partition("\n\n")[0]


def _contradiction(expected: str, found: str) -> Finding:
    return Finding(codes.LEDGER_DIFFERS, paths.CHECKPOINT, expected, found)
