"""Codes of object storage."""

from typing import Final

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
    "The folder is read-only or belongs to another user, or a rule of the bucket denies the action that is named.",
    "Give the user that runs registry-gen the right to read and write there, or name another folder in registry.yaml; "
    "in a bucket allow the action: docs/storage.md lists those that are needed.",
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
NO_CREDENTIALS = Code(
    "STO010",
    "no credentials for the storage were found",
    "A bucket lets nobody write who does not show who they are.",
    "Set what 'auth' of this storage in registry.yaml refers to; where it has no auth, give the vendor's own library "
    "credentials in one of its usual places. docs/storage.md lists the ways.",
)
BAD_CREDENTIALS = Code(
    "STO011",
    "the storage does not take our credentials",
    "The key is unknown or switched off, or the secret does not belong to it.",
    "Compare the credentials with those that the storage's owner issued; where they changed, set the new ones.",
)
EXPIRED_CREDENTIALS = Code(
    "STO012",
    "the credentials for the storage have expired",
    "Temporary credentials and tokens of CI systems are good for minutes or hours.",
    "Get new ones and run the command again: it continues where it stopped.",
)
NO_BUCKET = Code(
    "STO013",
    "there is no such bucket or container",
    "The registry makes none: names are taken by whoever is first, and who may read it is for its owner to decide.",
    "Make the bucket, or correct its name, region or endpoint in registry.yaml.",
)
CLOCK_SKEW = Code(
    "STO014",
    "this machine's clock and the storage's are too far apart",
    "Requests carry a signed time, so that nobody can repeat them later.",
    "Set this machine's clock, best by NTP.",
)
WRONG_REGION = Code(
    "STO015",
    "the bucket is in another region",
    "Requests are signed for one region, and another one does not take them.",
    "Write the bucket's region in registry.yaml.",
)
UNREACHABLE = Code(
    "STO016",
    "the storage cannot be reached",
    "No connection was made, or it broke again and again.",
    "Check the endpoint in registry.yaml and the network; then run the command again: it continues where it stopped.",
)
BUSY = Code(
    "STO017",
    "the storage is too busy, or it fails",
    "It refused the same request again and again, with growing pauses between.",
    "Wait some minutes and run the command again: it continues where it stopped.",
    passing=True,
)
BAD_SECRET = Code(
    "STO018",
    "a secret of the storage is not where registry.yaml says",
    "Without it nobody can show the storage who we are.",
    "Set the environment variable or put the file there, or change auth of the storage in registry.yaml.",
)
BAD_LIFETIME = Code(
    "STO019",
    "not a lifetime for a signed URL",
    "Whoever sees the URL can read the object until it ends, so it must end soon.",
    "Take a number of seconds between 1 and 3600.",
)
TOO_LARGE = Code(
    "STO025",
    "a document is larger than any that the registry writes",
    "It would be read into memory as a whole, and whoever put it there could end every publish that way.",
    "Find out who can write into the storage. Then delete the object: registry-gen fsck --repair makes it anew. Of "
    "what lies below state/ put back an earlier version.",
)

HOPELESS: Final = (NO_CREDENTIALS, BAD_CREDENTIALS, EXPIRED_CREDENTIALS, CLOCK_SKEW, NO_BUCKET, UNREACHABLE)
"""What would be said of every further object too, after the same patience."""
