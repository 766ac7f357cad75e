"""A plan as JSON: its members, for the published schema, and for reading a plan that was saved.

Members may be added, never changed, so whoever reads a plan passes over what it does not know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=100_000)]
Number = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Annotated[Literal["module", "provider", "mirror"], Field(description="What the address names.")]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class WarningShape(_Shape):
    """A warning to the users of a package."""

    message: Annotated[Text, Field(description="What users are told.")]
    replacement: Annotated[Text | None, Field(description="An address to use instead.")] = None
    versions: Annotated[Text | None, Field(description="The versions it is about; left out for all.")] = None


class ActionShape(_Shape):
    """What would be done, and the sources that it expects. Which members there are depends on ``action``."""

    action: Annotated[
        Literal["publish", "mirror", "add-platforms", "rehost", "withdraw", "relist", "change-documents"],
        Field(description="What would be done."),
    ]
    version: Annotated[Text | None, Field(description="The version; left out where the whole package changes.")] = None
    tag: Annotated[Text | None, Field(description="The tag that a module's version comes from.")] = None
    commit: Annotated[Text | None, Field(description="The commit that the tag is expected at.")] = None
    unpinned: Annotated[bool | None, Field(description="true where the tag's commit was seen by nobody.")] = None
    archive: Annotated[Text | None, Field(description="The archive that a module's version comes from.")] = None
    sha256: Annotated[Text | None, Field(description="The archive's expected SHA-256.")] = None
    platforms: Annotated[list[Text] | None, Field(description="The platforms that are fetched, as os_arch.")] = None
    protocols: Annotated[list[Text] | None, Field(description="Plugin protocols.")] = None
    sums: Annotated[Text | None, Field(description="The expected SHA-256 of the release's SHA256SUMS.")] = None
    signature: Annotated[Text | None, Field(description="The expected SHA-256 of its signature; null for none.")] = None
    not_fetched: Annotated[
        list[Text] | None, Field(description="Platforms that are linked to by imported digests, unfetched.")
    ] = None
    reason: Annotated[Text | None, Field(description="Why a version is withdrawn; public.")] = None
    why: Annotated[Text | None, Field(description="Why documents change.")] = None
    deprecated: Annotated[
        list[WarningShape] | None, Field(description="All warnings afterwards, where they change.")
    ] = None


class FetchShape(_Shape):
    """What would be fetched."""

    bytes: Annotated[Number, Field(description="The size of all files whose size is known.")]
    files: Annotated[Number, Field(description="How many those are.")]
    unknown: Annotated[Number, Field(description="Files and repositories of which nobody said how large they are.")]


class EffectShape(_Shape):
    """What consumers notice."""

    kind: Annotated[
        Literal["version-withdrawn", "key-dropped", "platform-gone", "hosting-changed"],
        Field(description="What happens."),
    ]
    version: Annotated[Text | None, Field(description="The version; null for the whole package.")]
    about: Annotated[
        list[Text],
        Field(description="The reason, the fingerprints, the platforms, or the hosting before, as kind says."),
    ]
    breaks: Annotated[bool, Field(description="Whether a lock file that works today will not.")]


class NeedShape(_Shape):
    """An approval that is needed."""

    risk: Annotated[Text, Field(description="The class of what needs it.")]
    what: Annotated[Text, Field(description="What needs it, in words.")]
    versions: Annotated[list[Text], Field(description="The versions that it is about; empty for the whole.")]
    role: Annotated[Text | None, Field(description="The role that people must have.")]
    people: Annotated[Number, Field(description="How many people.")]
    organization: Annotated[Text | None, Field(description="Whose roles are asked; null for the whole registry's.")]
    rule: Annotated[Text, Field(description="Where the rule is written.")]
    default: Annotated[bool, Field(description="Whether no rule is about it, and a default is asked.")]
    approved_by: Annotated[list[Text], Field(description="Who approved and counts.")]
    may_approve: Annotated[list[Text], Field(description="Who could approve.")]
    met: Annotated[bool, Field(description="Whether enough people approved.")]


class PackageShape(_Shape):
    """One package with something to be done."""

    kind: Kind
    address: Annotated[Text, Field(description="The package's address.")]
    new: Annotated[bool, Field(description="Whether nothing of it was ever published.")]
    revision: Annotated[Number, Field(description="The package's revision that the plan was made against.")]
    entry: Annotated[Digest, Field(description="Digest of its catalog file and of the shared ones it depends on.")]
    state: Annotated[Digest, Field(description="Digest of what clients will be told beside versions.")]
    actions: Annotated[list[ActionShape], Field(description="What would be done, sorted by version.")]
    fetch: Annotated[FetchShape, Field(description="What would be fetched for it.")]
    consumers: Annotated[list[EffectShape], Field(description="What consumers notice.")]
    needs: Annotated[list[NeedShape], Field(description="The approvals that the actions need.")]


class PositionShape(_Shape):
    """A place in a file of the catalog."""

    path: Annotated[Text, Field(description="The file.")]
    line: Annotated[Number | None, Field(description="Its line, from 1.")]
    column: Annotated[Number | None, Field(description="The column, from 1.")]


class RefusalShape(_Shape):
    """Something that is not done, and why."""

    kind: Kind
    address: Annotated[Text, Field(description="The package's address.")]
    version: Annotated[Text | None, Field(description="The version; null for the whole package.")]
    violation: Annotated[bool, Field(description="Whether a source contradicts what was published: an alarm.")]
    code: Annotated[Text, Field(description="The stable code; registry-gen explain CODE tells more.")]
    message: Annotated[Text, Field(description="What is wrong.")]
    where: Annotated[Text, Field(description="What it is about.")]
    expected: Annotated[Text, Field(description="What was expected; empty where that says nothing.")]
    found: Annotated[Text, Field(description="What was found.")]
    hint: Annotated[Text, Field(description="What to do.")]
    position: Annotated[PositionShape | None, Field(description="Where in the catalog; null for nowhere.")]


class NoteShape(_Shape):
    """Something to know that stops nothing."""

    address: Annotated[Text, Field(description="The package's address.")]
    text: Annotated[Text, Field(description="The note.")]


class PublishedShape(_Shape):
    """What was taken for published."""

    where: Annotated[Text | None, Field(description="The public address that was read; null for the ledger.")]
    log_size: Annotated[Number | None, Field(description="The entries of the log there; null for the ledger.")]
    verified: Annotated[bool, Field(description="Whether a given key signed the log's checkpoint, or it is our own.")]


class CountsShape(_Shape):
    """How much it is; true whatever else was left out."""

    packages: Annotated[Number, Field(description="Packages with anything to be done.")]
    published: Annotated[Number, Field(description="New versions.")]
    changed: Annotated[Number, Field(description="Published versions that gain platforms or are hosted anew.")]
    relisted: Annotated[Number, Field(description="Withdrawn versions that are listed again.")]
    withdrawn: Annotated[Number, Field(description="Versions that are withdrawn.")]
    documents: Annotated[Number, Field(description="Packages of which only documents change.")]
    refused: Annotated[Number, Field(description="Refusals, late ones included.")]


class DocumentShape(_Shape):
    """A protocol document that would change; without the revision that is stamped into it when it is put."""

    address: Annotated[Text, Field(description="The package's address.")]
    key: Annotated[Text, Field(description="The document's key in the bucket.")]
    change: Annotated[Literal["added", "changed", "removed"], Field(description="What happens to it.")]
    before: Annotated[str | None, Field(description="Its text now; null where there is none.")]
    after: Annotated[str | None, Field(description="Its text afterwards; null where there is none.")]


class PlanShape(_Shape):
    """What ``registry-gen plan --json`` prints, and what ``publish`` takes as a saved plan."""

    format: Annotated[Literal[1], Field(description="Grows when a member changes its meaning or goes.")]
    site: Annotated[Text, Field(description="The registry's public URL.")]
    catalog_commit: Annotated[Text | None, Field(description="The catalog's commit; null where it has none.")]
    published: Annotated[PublishedShape, Field(description="What was taken for published.")]
    counts: Annotated[CountsShape, Field(description="How much it is.")]
    fetch: Annotated[FetchShape, Field(description="What would be fetched in all.")]
    packages: Annotated[list[PackageShape], Field(description="Packages with something to be done, by address.")]
    refusals: Annotated[list[RefusalShape], Field(description="What is refused.")]
    late_refusals: Annotated[list[RefusalShape], Field(description="What is refused once it was fetched.")]
    notes: Annotated[list[NoteShape], Field(description="What is good to know.")]
    needs: Annotated[list[NeedShape], Field(description="Approvals that a change of the rules themselves needs.")]
    unchanged: Annotated[Number, Field(description="Packages of which nothing changes.")]
    documents: Annotated[
        list[DocumentShape] | None, Field(description="With --diff: protocol documents that change, by key.")
    ] = None
    documents_unknown: Annotated[
        list[Text] | None, Field(description="With --diff: packages whose documents are known only after fetching.")
    ] = None
