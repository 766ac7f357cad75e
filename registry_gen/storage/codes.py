"""Codes of object storage."""

from registry_gen.errors import Code

IMMUTABLE_CONFLICT = Code(
    "STO001",
    "an immutable object holds other bytes",
    "What was published never changes: clients pinned the digest of the bytes that are stored.",
    "Find out who made the other bytes; publish a change as a new version.",
)
CHANGED_MEANWHILE = Code(
    "STO002",
    "a document changed since it was read",
    "Somebody else wrote it meanwhile; overwriting it could undo what they published.",
    "Run publish again. Where it happens every time, look for a second publisher of this bucket.",
)
WRONG_BYTES = Code(
    "STO003",
    "bytes to be stored are not those that were verified",
    "The staged file changed or was cut short after it was checked; nothing of it was stored.",
    "Run publish again; where it stays so, check the disk that holds the state folder.",
)
BAD_KEY = Code(
    "STO004",
    "not a key of the registry's buckets",
    "Only the registry's own paths are written, so that nothing can climb out of the bucket or overwrite an archive.",
    "This is a defect of registry-gen: please report it with the key.",
)
NO_SPACE = Code(
    "STO005",
    "the storage is full",
    "The object was not stored, and nothing of it is visible.",
    "Free space or raise the quota, then run publish again: it continues where it stopped.",
)
NOT_ALLOWED = Code(
    "STO006",
    "the storage does not let us do this",
    "The folder is read-only, or it belongs to another user.",
    "Give the user that runs registry-gen the right to read and write there, or name another folder in registry.yaml.",
)
IN_THE_WAY = Code(
    "STO007",
    "something that is no object stands where an object belongs",
    "A symbolic link, folder or special file at this path would lead outside the storage or hide an object.",
    "Move it out of the storage; the registry never makes one.",
)
FAILED = Code(
    "STO008",
    "the storage failed",
    "The system's own message says more.",
    "Check that the storage is there and healthy, then run publish again.",
)
FOREIGN_STAGING = Code(
    "STO009",
    "what stands in the staging folder's place is not what registry-gen made",
    "Objects get ready in .staging before they get their names. Through a symbolic link or a special file there, "
    "writing and cleaning up would reach what lies elsewhere.",
    "Find out who can write into the storage. Then delete the thing itself, not what it leads to: the next run makes "
    "it anew.",
)
