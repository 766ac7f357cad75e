"""Codes of publishing."""

from registry_gen.errors import Code

OVERTAKEN = Code(
    "PUB001",
    "the package was changed by another publisher meanwhile",
    "The plan was made against an older revision; carrying it out could undo the newer one.",
    "Run publish again: it plans against what is published now.",
)
NEWER_DOCUMENT = Code(
    "PUB002",
    "the bucket holds a newer document than this ledger knows of",
    "Another ledger, or a restored older copy of this one, published here. Overwriting would bring old listings back.",
    "Make sure that one ledger alone publishes to this bucket, and that it is not an old copy. Then the number is "
    "forged: registry-gen fsck --repair replaces the document where the log in the bucket is this ledger's own.",
)
FOREIGN_CHECKPOINT = Code(
    "PUB003",
    "the bucket holds a checkpoint of the log that this ledger did not make",
    "Two checkpoints that do not follow from each other prove a registry dishonest to everyone who monitors it.",
    "Make sure that one ledger alone publishes to this bucket. One that was lost, or restored from an old backup, is "
    "made again in an empty database by: registry-gen ledger rebuild --from-bucket.",
)
STAGING = Code(
    "PUB004",
    "the staging area in the state folder cannot be written",
    "Artifacts wait there between their verification and the bucket.",
    "Free space on, or correct the permissions of, the state folder that registry.yaml names.",
)
WRONG_BYTES = Code(
    "PUB005",
    "the fetched file is not what its checksum promised",
    "Bytes that nobody vouched for are never published.",
    "Compare the file at its source with its SHA256SUMS; an upload may have been cut short or replaced.",
)
NOT_IN_SUMS = Code(
    "PUB006",
    "the upstream's document and its SHA256SUMS disagree",
    "The signature covers SHA256SUMS only: a checksum that is not in it was vouched for by nobody.",
    "Report it to the upstream. Nothing of this version is published.",
)
NO_PATH = Code(
    "PUB007",
    "the tree at this commit has no file for the module",
    "An archive without a single configuration file is no module.",
    "Check the path in the catalog against the repository at this tag.",
)
BUCKET_LOST = Code(
    "PUB010",
    "the bucket does not hold the log that this ledger published",
    "Listings would offer versions whose files are gone: the bucket was emptied, replaced, or is another one.",
    "Restore the bucket. To publish everything anew into an empty one, start with an empty ledger and state folder.",
)
LOST = Code(
    "PUB009",
    "an artifact is neither staged nor in the bucket",
    "Nothing is logged before its artifacts are in the bucket.",
    "Run publish again: it abandons what it cannot finish, fetches the version anew and publishes it.",
)
OUR_MISTAKE = Code(
    "PUB008",
    "registry-gen itself failed at this package",
    "Something unforeseen in what the source gave made our own code fail. The other packages go on.",
    "Report it with the type and place that are named. Nothing of this package was changed.",
)
OTHER_LOG_KEY = Code(
    "PUB012",
    "this is not the key of the log",
    "Whoever verifies the log knows it by its key: signed with another one alone, it looks like somebody else's.",
    "Give the former key too: in signing.former_log_keys of registry.yaml, or as keys/log.former.key in the state "
    "folder. Where it is lost for good: registry-gen publish --accept-log-key VKEY, with the key that was found, as "
    "docs/key-policy.md says.",
)
NOT_ACCEPTED = Code(
    "PUB013",
    "the key that was accepted is not the one at hand",
    "A lost key is replaced by the one that a person has named, and by no other.",
    "Compare it with what registry-gen log key prints, and find out where the other one is from.",
)
NOT_SETTLED = Code(
    "PUB014",
    "the log does not stand under its present key yet",
    "Whoever knows the former key alone learns of the present one from a checkpoint that both have signed.",
    "Run registry-gen publish, and retire the former key after that.",
)
OTHER_PLACE = Code(
    "PUB015",
    "storage.public is not where this registry publishes to",
    "What was published would be missing there: listings would be shortened, or lead to files that nobody copied.",
    "Write the former place into registry.yaml again, or move everything: registry-gen storage copy OLD NEW.",
)
NOT_EMPTY = Code(
    "PUB016",
    "the storage to copy to holds something else",
    "It may be another registry's, and would then be mixed up with this one.",
    "Name an empty bucket, folder or prefix, or remove what is named, if it is nobody's.",
)
NOT_COPIED = Code(
    "PUB017",
    "the copy is not complete",
    "The registry stays where it was: readers of the new place would miss what could not be copied.",
    "Mend what is named (registry-gen fsck tells more), and run the same command again: it goes on where it was.",
)
RENAMED = Code(
    "PUB011",
    "the log in the bucket has another name than this registry",
    "The log is named after site.host, and whoever monitors it knows it by that name: it cannot change on the way.",
    "Write the former site.host into registry.yaml again. A registry under a new name starts with an empty bucket, "
    "ledger and state folder.",
)
NO_LOG = Code(
    "PUB050",
    "there is no log in the bucket",
    "A ledger is made again from what the log promises: without one there is nothing to go by.",
    "Check storage.public in registry.yaml. A registry that never published needs no rebuilding: run publish.",
)
LOG_INCOMPLETE = Code(
    "PUB051",
    "the log in the bucket is not the one that was signed",
    "Entries were lost, cut off or changed: what is made from the rest would contradict what everyone verified.",
    "Restore the folder log/ from a copy of the bucket, or the ledger from a backup.",
)
LOG_SHORTENED = Code(
    "PUB052",
    "documents name entries that the log does not have",
    "An old checkpoint took the place of a later one. To go on from it would be a second history of the same log.",
    "Restore log/checkpoint from a copy of the bucket, and compare it with what monitors of the log remember.",
)
LATER_ENTRIES = Code(
    "PUB053",
    "the log has entries of a kind that this version does not know",
    "A later registry-gen wrote them. A ledger that is made without them would be missing what they say.",
    "Run the version of registry-gen that published last, or a later one.",
)
OTHER_DOCUMENTS = Code(
    "PUB054",
    "the documents in the bucket are not those that the log leads to",
    "A run was cut off between log and documents, or somebody changed them, or the site's URL is another one now.",
    "Look at what is named. With --force the ledger is made as the log has it, and the next publish mends the rest.",
)
NO_RECORD = Code(
    "PUB020",
    "the bucket does not hold the record of a version",
    "It keeps what the source cannot give again: signatures, statements, and the digest of every file.",
    "Restore it from a copy of the bucket; its name is its SHA-256, so a wrong one cannot be put back by mistake.",
)
REBUILT_DIFFERS = Code(
    "PUB021",
    "what the source gives is not what was published",
    "What was published is pinned by commit or digest: the source, the ledger, or this program is not what it was.",
    "Compare the files that are named. Run 'registry-gen verify': the log tells what was promised to everyone.",
)
NOT_SERVED = Code(
    "PUB022",
    "the bucket does not hold what was published",
    "Clients get something else than the log promised them, or nothing.",
    "Run 'registry-gen fsck --repair', and find out who else can write to the bucket.",
)
OBJECT_MISSING = Code(
    "PUB030",
    "an object that must be in the bucket is not there",
    "Whoever follows the listing to it gets an error.",
    "Run 'registry-gen fsck --repair', and find out who else may delete from the bucket.",
)
OBJECT_ALTERED = Code(
    "PUB031",
    "an object in the bucket has other bytes than were published",
    "Somebody who may write to the bucket changed it, or the storage lost something.",
    "Run 'registry-gen fsck --repair', and find out who else may write to the bucket.",
)
OBJECT_TRUNCATED = Code(
    "PUB032",
    "an object in the bucket is shorter than what was published",
    "An upload or a copy of the bucket was cut short.",
    "Run 'registry-gen fsck --repair'.",
)
WRONG_TYPE = Code(
    "PUB033",
    "an object is served with a wrong Content-Type",
    "Clients look at it, and refuse or misread what carries another one.",
    "Run 'registry-gen fsck --repair'; tools that copy buckets often guess it.",
)
WRONG_CACHE = Code(
    "PUB034",
    "an object is served with a wrong Cache-Control",
    "A listing that caches keep for long hides new versions, and keeps withdrawn ones.",
    "Run 'registry-gen fsck --repair'; tools that copy buckets often drop it.",
)
DEAD_LISTING = Code(
    "PUB035",
    "a listing names what cannot be installed",
    "Clients choose from the listing, and fail where it leads nowhere.",
    "Run 'registry-gen fsck --repair'. What cannot be mended has to be withdrawn.",
)
ORPHAN = Code(
    "PUB036",
    "an object that nothing refers to",
    "A run that was cut off left it behind, or a tool copied too much. No listing leads to it.",
    "Run 'registry-gen fsck --repair': it deletes what is older than a day.",
)
FOREIGN = Code(
    "PUB037",
    "an object that is none of this registry's",
    "The bucket is the registry's alone: whoever wrote this may have written more.",
    "Find out whose it is. It is never deleted here.",
)
LEDGER_DIFFERS = Code(
    "PUB038",
    "the ledger contradicts itself, or its own log",
    "Somebody changed the database by hand, or a restore was not whole. Nothing is mended by what is not true: "
    "what is rendered from it would be wrong.",
    "Restore a backup, or make the ledger again: registry-gen ledger rebuild --from-bucket.",
)
UNFINISHED = Code(
    "PUB039",
    "a change of this package is not finished",
    "A run was cut off. What is on its way is neither missing nor too much.",
    "Run registry-gen publish: it finishes the change.",
)
LOG_AHEAD = Code(
    "PUB040",
    "the bucket holds more of the log than the ledger",
    "The ledger may be an older copy: what it does not know would be taken for waste, and deleted.",
    "Make the ledger again: registry-gen ledger rebuild --from-bucket. An object that you know somebody put there by "
    "mistake can be deleted.",
)
SCRATCH = Code(
    "PUB041",
    "an object that doctor tried the bucket with",
    "A doctor is at work, or one was killed. Nobody reads what it leaves.",
    "Run 'registry-gen doctor': it deletes what is older than an hour. 'registry-gen fsck --repair' deletes "
    "what is older "
    "than a day.",
)
NEVER_FETCHED = Code(
    "PUB055",
    "nothing of this version was ever fetched",
    "It was imported, and is a link to its repository: nobody here knows what its files were to be.",
    "Nothing needs to be done. To have it fetched and checked, write hosting: copy.",
)
