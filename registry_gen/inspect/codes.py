"""Codes of looking at a registry from outside."""

from registry_gen.errors import Code

_PENDING = (
    "A publish that is under way, or a cache, can look like this for some minutes. Verify again a little later; where "
    "it stays so, ask the registry's operator."
)
_INSTALL_NOTHING = "Install nothing of this version from here, and tell the registry's operator what is said here."

NO_KEY = Code(
    "INS001",
    "no key to verify the log with",
    "Whoever can change what a server says can change the key that it shows, too: a key from there proves nothing.",
    "Give the log's verifier key with --key. Its operator prints it with 'registry-gen log key'. It is kept then.",
)
OTHER_LOG = Code(
    "INS002",
    "keys of different logs",
    "A registry has one log, and all keys of it carry its name; what was kept of one says nothing of another.",
    "Give keys of one log only. For another log under the same URL, name another file with --state.",
)
BAD_STATE = Code(
    "INS003",
    "what was kept from last time cannot be read",
    "Without it a rewritten log could not be told from a right one, so it is not simply begun anew.",
    "Restore the file. If it is lost, delete it and give the log's key with --key: the next run begins anew.",
)
CANNOT_KEEP = Code(
    "INS004",
    "what was seen cannot be kept",
    "The next run compares the log with what this one saw; where nothing is kept, a rewrite would not be noticed.",
    "Make room, correct the folder's permissions, or name another file with --state.",
)
BAD_URL = Code(
    "INS005",
    "not the address of a registry",
    "A registry is read over https, or from a folder; over plain http anyone on the way could answer.",
    "Write https://HOST/, or the path of a folder that holds a registry's public files.",
)
MISSING = Code(
    "INS006",
    "something is missing",
    "What the log promises must be there for whoever wants to check it.",
    _PENDING,
)
REWRITTEN = Code(
    "INS010",
    "the log was rewritten",
    "A log only ever grows. One that shrank, or whose past is another one than last time, hides or forges history.",
    "Keep both checkpoints as evidence, install nothing from here, and ask the registry's operator. "
    "If only a tile is damaged, verifying the whole registry tells, for it computes all of them again.",
)
TILE_DIFFERS = Code(
    "INS011",
    "a tile of the log is not what its entries make it",
    "Proofs are made from tiles: with a wrong one, nobody can prove anything about the entries under it.",
    "Tell the registry's operator; the entries are right, so the tile can be made again.",
)
BUNDLE_DIFFERS = Code(
    "INS012",
    "entries of the log were altered",
    "The tiles lead to the signed checkpoint, these entries do not lead to the tiles: they are not what was logged.",
    "Trust nothing that these entries say, and tell the registry's operator.",
)
ROOT_DIFFERS = Code(
    "INS013",
    "the log does not lead to its checkpoint",
    "The signed root is over other entries than those that are served.",
    "Verify again, as a publish may have been under way. Where it stays so, tell the registry's operator.",
)
TOO_LONG = Code(
    "INS014",
    "a log too long to be read whole",
    "Reading it would take for ever, which a hostile server may intend.",
    "Verify single packages: their entries are proved from a few tiles each.",
)
UNPROVED = Code(
    "INS015",
    "the log does not prove the version",
    "A version's document names the entry that logged it. If that entry is missing or about something else, "
    "the version was never logged.",
    _INSTALL_NOTHING,
)
UNLOGGED = Code(
    "INS020",
    "a version is listed that was never logged",
    "Nothing is listed before it is logged, so this version was slipped in behind the log's back.",
    _INSTALL_NOTHING,
)
WITHDRAWN_LISTED = Code(
    "INS021",
    "a withdrawn version is still listed",
    "Clients go on to select a version that was taken back.",
    _PENDING,
)
NOT_LISTED = Code(
    "INS022",
    "a version is logged but not listed",
    "Clients that see this listing cannot select the version, for example one that mends a hole.",
    _PENDING,
)
LISTING_DIFFERS = Code(
    "INS023",
    "the listing says other things of a version than the log",
    "Clients select by platforms and protocols; a wrong one hides the version from them or fails them.",
    _PENDING,
)
DOCUMENT_DIFFERS = Code(
    "INS024",
    "a version's document contradicts the log",
    "The document tells programs what the log proves; where it says something else, it is wrong.",
    _PENDING,
)
BAD_DOCUMENT = Code(
    "INS025",
    "a document that cannot be read",
    "What is no document of its kind cannot be compared with what was logged, and clients cannot read it either.",
    "Tell the registry's operator what is said here.",
)
NOTHING_LISTED = Code(
    "INS026",
    "no version is listed",
    "There is nothing under this address that a client could select, and so nothing to verify.",
    "Compare the address: NAMESPACE/NAME/SYSTEM, NAMESPACE/TYPE, or HOST/NAMESPACE/TYPE for a mirrored provider. "
    "A withdrawn version is verified with --version.",
)
ALTERED = Code(
    "INS030",
    "other bytes than those that were logged",
    "The digest of what is served is not the one that the log has had since the version was published.",
    _INSTALL_NOTHING,
)
RECORD_DIFFERS = Code(
    "INS031",
    "a record contradicts the log",
    "Record and entry were logged together and must say the same; here they do not, whoever made them.",
    _INSTALL_NOTHING,
)
OTHER_CONTENTS = Code(
    "INS032",
    "other contents than those that were logged",
    "The h1 over the files inside is not the one that the log promises, which lock files are compared with.",
    _INSTALL_NOTHING,
)
LEADS_ELSEWHERE = Code(
    "INS033",
    "a document leads somewhere else",
    "Clients follow it to something that is not what the log has for this version.",
    "Install nothing of this version from here. Where the registry is to be read under another URL, verify that one.",
)
LEAF_DIFFERS = Code(
    "INS034",
    "a protocol document contradicts the log",
    "Clients would check what they download against wrong values, and refuse the right bytes or take wrong ones.",
    _PENDING,
)
KEYS_DIFFER = Code(
    "INS035",
    "a provider's keys are not those that were logged",
    "Clients believe any zip that one of these keys vouches for.",
    _INSTALL_NOTHING,
)
NOT_IN_SUMS = Code(
    "INS036",
    "the signed SHA256SUMS does not vouch for a zip",
    "Clients refuse a zip that is not in the signed list, or another one of its name.",
    _INSTALL_NOTHING,
)
OTHER_PROVENANCE = Code(
    "INS037",
    "the statement of origin is about something else",
    "It must speak of the very archive beside it, and of the source that was logged with it.",
    _INSTALL_NOTHING,
)
BAD_LOCK = Code(
    "INS040",
    "not a lock file that can be read",
    "Terraform and OpenTofu write lock files in one form; another one may mean something else to them than to us.",
    "Let 'terraform init' or 'tofu init' write the file again.",
)
UNKNOWN_HASH = Code(
    "INS041",
    "a locked hash that the log does not know",
    "The lock file would let a client install bytes that this registry never published.",
    "Find out where the hash came from before you install anything with this lock file.",
)
UNKNOWN_VERSION = Code(
    "INS042",
    "a locked version that the registry does not know",
    "The provider is served here, but the log has no such version of it.",
    "Find out where the version came from; it was not installed from this registry, or is hidden by it now.",
)
MAYBE_UNKNOWN = Code(
    "INS043",
    "a locked hash that cannot be judged here",
    "The registry does not hold every platform of this release; the h1 may be that of one it lacks, or of none at all.",
    "Lock these platforms from this registry alone, or allow it with --allow-unknown-platforms.",
)
TOO_MUCH = Code(
    "INS050",
    "there is more to read than a plan reads",
    "A plan against what is public reads each version of the packages that it is about, and no more than this of all.",
    "Plan less at once: name what the change is about with --changed-since or --only, or plan with the ledger.",
)
OTHER_REGISTRY = Code(
    "INS051",
    "another registry is at that address",
    "Its log has another name than the one of this catalog's site, so what is published there says nothing here.",
    "Name the public URL of the registry that registry.yaml is about.",
)
UNREAD_CODE = Code(
    "INS060",
    "code that cannot be read",
    "What is not understood may ask for anything, so nothing good can be said of the whole.",
    "Let 'terraform validate' or 'tofu validate' say what is wrong, and correct the file. Where it is right for them, "
    "look at the file yourself, and leave this out with --ignore INS060.",
)
WHICH_REGISTRY = Code(
    "INS061",
    "no registry to compare with",
    "Sources and lock files name hosts; where they name none, or several, one has to be chosen.",
    "Name the registry with --url https://HOST/, or the host that sources begin with by --host.",
)
NO_SUCH_PACKAGE = Code(
    "INS062",
    "a package that the registry does not have",
    "The source names this registry, and nothing is listed there under this address: an init fails.",
    "Compare the address with the registry's pages, or ask its operator whether the package was taken back.",
)
NO_SUCH_VERSION = Code(
    "INS063",
    "a version that the registry does not have",
    "No version is listed that is asked for here: an init fails, or goes on to use what is not offered any more.",
    "Choose a version that is listed. For a lock file, run 'terraform init -upgrade' or 'tofu init -upgrade'.",
)
WITHDRAWN_USED = Code(
    "INS064",
    "a version that was withdrawn",
    "Its publisher took it back for the reason that is told here, so it should not be used any more.",
    "Choose another version. For a lock file, run 'terraform init -upgrade' or 'tofu init -upgrade'.",
)
BYPASSED = Code(
    "INS065",
    "a source that bypasses the registry",
    "What does not come from the registry was not verified by it, and may be another thing tomorrow.",
    "Write the registry's address as the source, and the version beside it. Where the source is meant to be another "
    "one, leave this out with --ignore INS065.",
)
DEPRECATED_USED = Code(
    "INS066",
    "a version that is deprecated",
    "It still works, and its publisher asks its users to move on.",
    "Do what the publisher says, which is told here.",
)
PLATFORM_NOT_LOCKED = Code(
    "INS067",
    "a platform without a locked hash",
    "On this platform an init cannot check the provider by the lock file, and fails or writes the file anew.",
    "Put in the block that 'registry-gen lock ADDRESS VERSION --url URL' prints, or run 'terraform providers lock' or "
    "'tofu providers lock' with -platform for each.",
)
COMPUTED_SOURCE = Code(
    "INS068",
    "a source or version that only running the code tells",
    "Nothing is run here, so nobody can say what this asks for.",
    "Write it as a plain text, or with locals of the same folder that are plain texts.",
)
NEWER_VERSION = Code(
    "INS069",
    "a newer version",
    "The registry lists a newer version than the one that is used here.",
    "Read what changed, and choose it if you like. Nothing is wrong.",
)
TOO_MUCH_CODE = Code(
    "INS070",
    "more code than is read",
    "A folder without an end would keep whoever looks at it busy for ever.",
    "Name the folder of one configuration instead of one that holds many.",
)
TOO_MUCH_OFFERED = Code(
    "INS080",
    "the registry says more than an audit reads",
    "The code that is looked at names the registry, where --url or --host does not: an audit ends whatever answers it.",
    "Name the registry with --url. Where it is the right one, audit fewer folders at once.",
)
