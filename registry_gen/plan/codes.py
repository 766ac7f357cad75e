"""Codes of planning and settling."""

from registry_gen.errors import Code

TAG_MOVED = Code(
    "PLN001",
    "a published version's tag now points at another commit",
    "Consumers pinned the version they were given. A version, once published, never changes.",
    "Find out who moved the tag. Publish the new commit under a new version; what was published stays.",
)
TWO_COMMITS = Code(
    "PLN002",
    "two tags claim the same version at different commits",
    "Only one of them can be the version; choosing would be guessing.",
    "Delete one of the tags, pin the version to its commit, or narrow the tag patterns.",
)
PIN_MISMATCH = Code(
    "PLN003",
    "the tag is not at the commit that the catalog pins",
    "A pin says which commit was reviewed; anything else was not.",
    "Correct the pin in the catalog, or move on to a new version.",
)
BUILD_METADATA = Code(
    "PLN004",
    "build metadata in a version is not published",
    "The + of 1.0.0+x reads as a space in some object storages, and two builds of one version have no order.",
    "Tag the version without build metadata, or exclude it: versions: '!= 1.0.0+x'.",
)
EVIDENCE_CHANGED = Code(
    "PLN005",
    "the checksums at the source are not those that were published",
    "A release that was replaced in place would give consumers other bytes under the same version.",
    "Find out who replaced the release. Publish the new bytes under a new version; what was published stays.",
)
NO_PLATFORM = Code(
    "PLN006",
    "the release has no zip for any wanted platform",
    "A version without platforms would be listed but could not be installed anywhere.",
    "Compare the platforms in the catalog with the file names in the release's SHA256SUMS.",
)
NOT_SIGNED = Code(
    "PLN007",
    "the release has no signature",
    "Clients check the signature of SHA256SUMS against the keys this registry gives them.",
    "Sign the release, or let the registry sign: signature: registry.",
)
IMMUTABLE = Code(
    "PLN008",
    "a published version would change",
    "A version, once logged, never changes.",
    "Publish other bytes under a new version.",
)
KEY_DROPPED = Code(
    "PLN010",
    "a key that published versions were signed with is no longer given to clients",
    "Clients check each version against the keys in its document: without its signer it cannot be installed.",
    "Keep the old key beside the new one in signing_keys, or withdraw what it signed. Where the registry signs, former "
    "keys stay for as long as a listed version needs them; to list a withdrawn one again whose key clients no longer "
    "get, name that key in signing_keys.",
)
PIN_WITHOUT_TAG = Code(
    "PLN009",
    "a pinned version has no tag in the repository",
    "A pin names a version that cannot be published without its tag.",
    "Push the tag, correct the version, or remove the pin.",
)
BAD_PROTOCOLS = Code(
    "PLN011",
    "the release speaks no plugin protocol that clients do",
    "Terraform and OpenTofu start providers of protocol 5 and 6 only; a list without them hides the whole provider.",
    "Correct protocol_versions in the release's manifest, or leave the version out with versions.",
)
TOO_MANY_PLATFORMS = Code(
    "PLN012",
    "the version has more platforms than any provider",
    "Each platform has a zip and a document that names all others: hundreds would hold up every other package.",
    "Name the platforms that you need in the catalog.",
)
SIGNER_GONE = Code(
    "PLN015",
    "upstream no longer gives the key that signed a mirrored version",
    "A key is taken away when it was lost or leaked, or when its owner signed everything anew.",
    "Ask the upstream why. If the key leaked, withdraw what it signed; if not, acknowledge the alarm.",
)
SIGNATURE_CHANGED = Code(
    "PLN019",
    "the signature at the source is not the one that was published",
    "Another signature beside the same checksums may be a new key's, and whose that is, nobody said.",
    "Ask the publisher why. If the first key leaked, withdraw what it signed; if not, acknowledge the alarm.",
)
RECORD_LOST = Code(
    "PLN020",
    "the record of a version is gone",
    "Half of what a ledger knows of a version is in its record alone, and of this one the rest is still in the bucket.",
    "Restore the record from a copy of the bucket; its name is its SHA-256, so a wrong one cannot be put back.",
)
IMPORTED_OTHERWISE = Code(
    "PLN021",
    "the source says something else than was imported",
    "The registry that the version was imported from saw other bytes: they were replaced since, or there, or here.",
    "Ask the publisher why. Exclude the version: versions: '!= 1.0.0'. Where the import was wrong: registry-gen import "
    "forget ADDRESS --reason TEXT.",
)
UNPINNED = Code(
    "PLN022",
    "versions of which only the tag is known",
    "A tag can be moved: without its commit nobody can tell whether tomorrow's version is today's.",
    "Run again when the source can be reached, which shows the commits. Or write allow_unpinned: true into the "
    "module's file: it is then linked to by its tags, marked as unpinned, until a run has seen them.",
)
TAG_MISSING = Code(
    "PLN023",
    "the tag of an imported version is not in the repository",
    "A link to a tag that is not there would be listed, and could be installed by nobody.",
    "Push the tag again, or leave the version out with versions. Where the import was wrong: registry-gen import "
    "forget ADDRESS --reason TEXT.",
)
OTHER_SOURCE = Code(
    "PLN024",
    "a version whose files nobody has fetched has another source by now",
    "Only its repository, folder and tag say what it is: the same tag elsewhere can be anything, and what is published "
    "never changes.",
    "Name the former source again, until a run has pinned or copied the version. Or withdraw it.",
)
OVER_QUOTA = Code(
    "PLN025",
    "the organization's quota is used up",
    "catalog/organizations says what an organization may take up, so that none fills the registry for all others.",
    "Withdraw versions that nobody needs and run registry-gen gc, or raise the quota. 'registry-gen storage usage' "
    "tells what takes up how much.",
)
NOT_APPROVED = Code(
    "PLN030",
    "an approval is missing",
    "catalog/policies says who must approve what is risky. What lacks it is left as it is, and all else goes on.",
    "Have it approved by those who are named, and give their names: publish --approved-by NAME, for a member of a team "
    "--approved-by NAME:@ORG/TEAM. docs/approvals.md has the defaults.",
)
RULES_NOT_APPROVED = Code(
    "PLN031",
    "a change of who may approve is not approved itself",
    "It is judged by the rules before it, as they were published last. Those stay in force until it is approved.",
    "Have it approved by those who are named, and publish with --approved-by NAME; or take the change back.",
)
MASS_WITHDRAWAL = Code(
    "PLN014",
    "more is withdrawn at once than is likely to be meant",
    "A slip in a range would empty the registry for everybody. Such a package is left as it is; the others go on.",
    "Look at the plan. If all of it is meant, run plan and publish with --allow-mass-withdrawal.",
)
TOO_MANY_VERSIONS = Code(
    "PLN013",
    "more versions at once than any package has",
    "One source could otherwise fill the registry and hold up every other package. None of them is published.",
    "Narrow versions in the catalog, and widen it again run by run where so many are meant.",
)
STALE = Code(
    "PLN040",
    "the saved plan is not what would be published now",
    "What people agreed to is what the plan showed. A package of it, its rules or its sources have moved since: "
    "nothing was published from it.",
    "Plan again, let it be reviewed, and publish that. Other packages of the registry may change without this.",
)
NO_PLAN = Code(
    "PLN041",
    "not a saved plan",
    "publish takes what 'registry-gen plan --out FILE' wrote, in the format of this release.",
    "Plan again with --out FILE, and name that file.",
)
OTHER_REGISTRY = Code(
    "PLN042",
    "the saved plan is of another registry",
    "It names the public URL of the registry that it was made for.",
    "Name the plan that was made with this registry.yaml.",
)
