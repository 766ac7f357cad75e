"""A module's version: its two documents, its statement of origin and its archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_gen import paths
from registry_gen.errors import RefusalError
from registry_gen.inspect import codes
from registry_gen.inspect.artifacts import require_archive, require_bytes, require_h1
from registry_gen.inspect.findings import Counted
from registry_gen.inspect.leaves import module_leaf_problems
from registry_gen.inspect.signatures import is_unknown_signer, provenance_problems
from registry_gen.log.read_entries import ModuleDigests
from registry_gen.model.digest import Sha256
from registry_gen.verify.dsse import MAX_BYTES

if TYPE_CHECKING:
    from registry_gen.inspect.records import ModuleRecord
    from registry_gen.inspect.subject import Subject
    from registry_gen.model.address import ModuleAddress


def check_module_version(subject: Subject[ModuleAddress, ModuleRecord]) -> None:
    """Look at all of it; what is wrong goes to the subject's findings."""
    findings = subject.findings
    for hop in (False, True):
        with findings.collecting():
            findings.add(
                module_leaf_problems(
                    subject.reader, subject.address, subject.version, subject.pinned, subject.record, hop=hop
                )
            )
            findings.count(Counted.LEAVES)
    with findings.collecting():
        _check_provenance(subject)
    with findings.collecting():
        _check_archive(subject)


def _check_provenance(subject: Subject[ModuleAddress, ModuleRecord]) -> None:
    digest = subject.record.provenance
    if digest is None:
        return
    key = paths.module_provenance(subject.address, subject.version)
    data = subject.reader.read(key, MAX_BYTES)
    require_bytes(data, Sha256(digest), key)
    keys = subject.inspection.log_keys
    try:
        subject.findings.add(provenance_problems(data, keys, subject.address, subject.version, subject.pinned, key))
        subject.findings.count(Counted.STATEMENTS)
    except RefusalError as error:
        if not is_unknown_signer(error, data, keys):
            raise
        subject.findings.count(Counted.STATEMENTS_UNKNOWN)


def _check_archive(subject: Subject[ModuleAddress, ModuleRecord]) -> None:
    digests = subject.pinned.digests
    assert isinstance(digests, ModuleDigests)  # noqa: S101 - entries of modules have no others
    if subject.linked:
        _check_link(subject, digests)
    elif digests.archive is None or digests.h1 is None:
        raise RefusalError(codes.RECORD_DIFFERS, where=str(subject), expected="an archive", found="none")
    elif not subject.inspection.artifacts:
        subject.findings.count(Counted.NOT_FETCHED)
    else:
        key = paths.module_archive(subject.address, subject.version)
        size = subject.record.archive.size
        require_archive(subject.copy(key), "module.tar.gz", digests.archive, size, digests.h1, key)
        subject.findings.count(Counted.ARCHIVES)


def _check_link(subject: Subject[ModuleAddress, ModuleRecord], digests: ModuleDigests) -> None:
    """Follow it where that is asked for; ssh needs somebody's key, so a repository over ssh is never followed."""
    links, record, commit = subject.inspection.links, subject.record, subject.pinned.commit
    if links is None or digests.h1 is None:  # nobody fetched what was imported: there is nothing to compare
        subject.findings.count(Counted.LINKED)
    elif commit and record.source.url.startswith("https://"):
        require_h1(digests.h1, links.tree(record.source.url, commit, record.source.path, str(subject)), str(subject))
        subject.findings.count(Counted.LINKED_REPOSITORIES)
    elif digests.source and record.location and record.location.startswith("https://"):
        url = record.location.partition("?")[0]
        require_archive(links.copy(url), url, digests.source, None, digests.h1, str(subject))
        subject.findings.count(Counted.LINKED_ARCHIVES)
    else:
        subject.findings.count(Counted.LINKED)
