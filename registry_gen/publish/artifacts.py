"""Reading back what was stored of a version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry_gen import paths
from registry_gen.errors import StorageError
from registry_gen.model.digest import sha256
from registry_gen.publish import codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.model.facts import VersionFacts
    from registry_gen.storage import Storage


def read_record(storage: Storage, facts: VersionFacts) -> Mapping[str, Any]:
    """A version's record: what the bucket holds, if that is what was published. Raises StorageError PUB020."""
    key = paths.record(facts.record)
    found = storage.get(key)
    if found is None or sha256(found[0]) != facts.record:
        seen = f"SHA-256 {sha256(found[0])}" if found else "nothing"
        raise StorageError(codes.NO_RECORD, where=key, found=seen, hint=codes.NO_RECORD.fix)
    record: Mapping[str, Any] = json.loads(found[0])
    return record
