"""Codes of the transparency log."""

from registry_gen.errors import Code

ENTRY_TOO_LONG = Code(
    "LOG001",
    "a log entry is too long",
    "Tiles of entries count their lengths in 16 bits, so an entry of 65,536 bytes or more cannot be logged.",
    "Publish fewer platforms in one version; no other part of an entry grows.",
)
BAD_TAIL = Code(
    "LOG002",
    "the log's tail of hashes is damaged",
    "From a wrong tail the next checkpoint would contradict every one that was signed before.",
    "Restore the ledger from a backup, or rebuild it from the bucket; do not publish until then.",
)
ENTRIES_DIFFER = Code(
    "LOG003",
    "the log's entries do not lead to its hashes",
    "Tiles made from these entries would contradict the checkpoint that clients verify them against.",
    "An entry was changed or lost in the ledger: restore it from a backup, or rebuild it from the bucket.",
)
BAD_CHECKPOINT = Code(
    "LOG004",
    "not a checkpoint of this log",
    "A checkpoint is a signed note of three lines: the log's name, its size and its root hash (C2SP tlog-checkpoint).",
    "Look at what is stored as log/checkpoint; something else than this registry may have written it.",
)
BAD_CHECKPOINT_SIGNATURE = Code(
    "LOG005",
    "the checkpoint is not signed by the log's key",
    "Without the signature anyone who can write to the bucket could rewrite the history of versions.",
    "Compare the log's key with the one that the registry publishes; a lost key needs a new log under a new name.",
)
BAD_PROOF = Code(
    "LOG006",
    "a proof does not lead to the root of the log",
    "The log shows different histories to different readers, or the proof belongs to another checkpoint.",
    "Fetch checkpoint and proof again; where it stays so, keep both as evidence and alarm the registry's owner.",
)
BAD_VERIFIER_KEY = Code(
    "LOG007",
    "not a verifier key of a log",
    "A key that cannot be read cannot verify anything.",
    "Write NAME+HASH+KEY as the registry prints it: eight hexadecimal digits and base64 (C2SP signed-note).",
)
BAD_ENTRY = Code(
    "LOG008",
    "not an entry that a registry logs",
    "What the log says of a package is read from its entries alone; one that can be read in two ways proves nothing.",
    "Verify the registry from outside. Where the entry is in the log for good, report it to the registry's operator.",
)
CONTRADICTION = Code(
    "LOG009",
    "the log contradicts itself",
    "A version, once logged, never changes. A later entry that says otherwise was not made by this program's rules.",
    "Install nothing of the version. Keep the log as it is, and ask the registry's operator what happened.",
)
OTHER_RECORD = Code(
    "LOG012",
    "a record does not say what the log promised of its version",
    "The log names the record by its digest and repeats what pins the version: both were made of the same facts.",
    "Nothing is made from it. Find out who made the record; it was logged, so whoever held the log's key knows.",
)
BAD_MOMENT = Code(
    "LOG010",
    "not a point of the log",
    "The past of a registry is named by how many entries its log had, or by a time.",
    "Write a number of entries, a day (all of it counts, in UTC), or a time with its zone (RFC 3339).",
)
AHEAD = Code(
    "LOG011",
    "the log does not have that many entries",
    "A position counts entries from the first one on; the log ends before it.",
    "Name a smaller number: registry-gen log list shows the newest entries with theirs.",
)
