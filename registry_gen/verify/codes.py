"""Codes of sums (SUM), OpenPGP signatures (SIG), archives and trees (ARC) and signed statements (ATT)."""

from registry_gen.errors import Code

SUMS_TOO_LARGE = Code(
    "SUM001",
    "SHA256SUMS is larger than a list of sums can be",
    "A document without bounds could fill memory; real ones have a few dozen lines.",
    "Publish one line per file of the release and nothing else.",
)
BAD_SUMS_LINE = Code(
    "SUM002",
    "a line of SHA256SUMS is not a digest and a file name",
    "A line that cannot be read may be the one that says what the bytes must be.",
    "Write 64 hexadecimal digits, two spaces and the file's name on each line, as sha256sum does.",
)
BAD_SUMS_NAME = Code(
    "SUM003",
    "SHA256SUMS names something that is not a plain file name",
    "Names become paths: a separator, '..', a space or a control character would leave the release's folder "
    "or would never match in the clients.",
    "Run sha256sum inside the folder of the release, with plain file names.",
)
SUMS_DISAGREE = Code(
    "SUM004",
    "SHA256SUMS gives one file two different digests",
    "Clients take the first line and tools the last: nobody could say which bytes were meant.",
    "Keep one line per file.",
)
SUMS_CRASH_CLIENTS = Code(
    "SUM005",
    "SHA256SUMS has a line that real clients cannot read",
    "It is served byte for byte because it is signed. A blank line makes Terraform crash, and a '*' before the "
    "name makes the name differ from the one that clients look for.",
    "Make it with sha256sum in text mode, without blank lines, and sign it again.",
)

NOT_A_KEY = Code(
    "SIG001",
    "not an OpenPGP public key in ASCII armor",
    "Clients stop at the first key that they cannot read, even where a later key would match.",
    "Export it with: gpg --armor --export FINGERPRINT",
)
SECRET_KEY = Code(
    "SIG002",
    "secret key material where a public key belongs",
    "Whoever reads the catalog could sign releases. The key must be taken as leaked.",
    "Revoke the key, remove it from the history of the catalog, and export the public part: "
    "gpg --armor --export FINGERPRINT",
)
SEVERAL_KEYS = Code(
    "SIG003",
    "more than one OpenPGP key in one text",
    "One file for each key shows in a review which key came and which went.",
    "Split it: one armored certificate in each file.",
)
WEAK_KEY = Code(
    "SIG004",
    "an OpenPGP key that is too weak, or that not every client can read",
    "DSA, ElGamal and RSA below 2,048 bits can be forged by those who can pay for it; rare algorithms and "
    "key versions make clients stop.",
    "Use RSA with 3,072 bits or more, Ed25519, or ECDSA on a NIST curve; remove weak subkeys before exporting.",
)
REVOKED_KEY = Code(
    "SIG005",
    "the OpenPGP key is revoked",
    "Its owner says that it must no longer be believed; Terraform refuses it as well.",
    "Put the owner's new key into the catalog; releases need a signature by it.",
)
BROKEN_KEY = Code(
    "SIG006",
    "the OpenPGP key does not hold together",
    "No self-signature of it holds under today's rules (SHA-1 is no longer one), so nobody knows what it is for.",
    "Renew its self-signatures: gpg --cert-digest-algo SHA512 --quick-set-expire FINGERPRINT 2y, then export again.",
)
NOT_A_SIGNATURE = Code(
    "SIG010",
    "not a binary detached OpenPGP signature",
    "Clients read the signature as it is: text, other packets and other versions make them fail.",
    "Make it with: gpg --digest-algo SHA512 --detach-sign SHA256SUMS",
)
ARMORED_SIGNATURE = Code(
    "SIG011",
    "the signature is in ASCII armor",
    "Terraform and OpenTofu read binary signatures only, and what we would unpack is not what was published.",
    "Sign without --armor: gpg --detach-sign SHA256SUMS, or take the armor off with gpg --dearmor.",
)
UNKNOWN_ISSUER = Code(
    "SIG012",
    "no key of the catalog made this signature",
    "A signature proves something only where its key was agreed on beforehand.",
    "Check whose key it is; where it is the publisher's, put it into the catalog.",
)
BAD_SIGNATURE = Code(
    "SIG013",
    "the signature does not match the signed bytes",
    "The bytes or the signature were changed or cut after signing.",
    "Fetch both again from the publisher; where they still differ, ask the publisher.",
)
EXPIRED_AT_SIGNING = Code(
    "SIG014",
    "the key had expired when it signed",
    "An owner lets a key expire so that nobody can use it afterwards; a stolen old key looks exactly so.",
    "Where the owner has prolonged the key, put the prolonged one into the catalog; else sign with a live key.",
)
SIGNED_IN_FUTURE = Code(
    "SIG015",
    "the signature claims a time that has not come",
    "A time that is free to choose would make every rule about expiry worthless.",
    "Set the clock of the signing machine right and sign again.",
)
WEAK_HASH = Code(
    "SIG016",
    "the signature uses a hash that can be forged",
    "Two documents with one SHA-1, MD5 or RIPEMD-160 can be made, so the signature would fit both.",
    "Sign again with: gpg --digest-algo SHA512 --detach-sign SHA256SUMS",
)
EXPIRED_SIGNATURE = Code(
    "SIG017",
    "the signature itself has expired",
    "Clients refuse a signature past the end that its signer gave it.",
    "Sign again without --default-sig-expire.",
)

NOT_AN_ARCHIVE = Code(
    "ARC001",
    "not an archive of the kind that its name says",
    "Bytes that cannot be read for certain may be read in two ways, one for us and one for the clients.",
    "Make the archive again with an ordinary tool, and check that all of it was uploaded.",
)
TOO_LARGE = Code(
    "ARC002",
    "the archive is larger than allowed",
    "A small file can unpack to more than any disk holds.",
    "Publish less, or raise the limit in registry.yaml where the size is honest.",
)
TOO_MANY_FILES = Code(
    "ARC003",
    "more files than allowed",
    "Each file costs time and space wherever the package is installed.",
    "Leave out what the package does not need, or raise the limit in registry.yaml.",
)
BAD_NAME = Code(
    "ARC004",
    "a file name that could leave the folder, or that not every machine can store",
    "Absolute names, '..', backslashes, drive letters and control characters write outside the folder on "
    "some machine; over-long ones cannot be unpacked.",
    "Rename the file.",
)
DUPLICATE_NAME = Code(
    "ARC005",
    "one name twice",
    "Programs differ in which of the two they take, so that what was checked is not what is run.",
    "Keep one file under each name.",
)
NOT_A_FILE = Code(
    "ARC006",
    "something that is not an ordinary file",
    "Links, devices and pipes make unpacking touch what lies outside the package.",
    "Put a copy of the file there instead.",
)
DIRECTORY_ENTRY = Code(
    "ARC007",
    "the zip has entries for directories",
    "Such a zip has two h1 hashes, one with them and one without: clients that check a mirror and clients that "
    "check an installed provider would never agree.",
    "Make the zip without them: zip -D, or the archive settings of goreleaser as they are.",
)
ENCRYPTED = Code(
    "ARC008",
    "an encrypted entry",
    "No client can unpack it.",
    "Make the zip without a password.",
)
UNSUPPORTED_METHOD = Code(
    "ARC009",
    "a compression method that clients do not know",
    "Terraform and OpenTofu read stored and deflated entries only.",
    "Make the zip with deflate, the default of every tool.",
)
OVERLAP = Code(
    "ARC010",
    "entries overlap, or there are bytes between, before or after them",
    "Overlapping entries let 57 kB unpack to gigabytes, and bytes that no entry owns can hide a second archive.",
    "Make the zip again with an ordinary tool; it must not be signed or extended afterwards.",
)
RATIO = Code(
    "ARC011",
    "the archive claims to shrink its contents more than programs and text ever do",
    "That is the mark of a decompression bomb.",
    "Look at what is in it: large files of zeros do not belong in a release.",
)
HEADERS_DISAGREE = Code(
    "ARC012",
    "the archive describes one entry in two ways, or its contents differ from the description",
    "Programs that read the one and programs that read the other would unpack different things.",
    "Make the archive again with an ordinary tool, and check that all of it was uploaded.",
)
ZIP64 = Code(
    "ARC013",
    "a zip64 or multi-disk archive",
    "Below 4 GB and 65,535 entries nothing needs it, and it doubles the ways to read an archive.",
    "Make the zip with a tool that uses zip64 only where it must.",
)
NO_BINARY = Code(
    "ARC014",
    "the zip holds no provider program",
    "Clients look for a file terraform-provider-TYPE at the top of the zip and fail without one.",
    "Put the program at the top level, named terraform-provider-TYPE or terraform-provider-TYPE_vVERSION.",
)
UNSUPPORTED_TAR = Code(
    "ARC015",
    "a tar feature that is not accepted",
    "Sparse files, unknown entry types and rare extension headers are read differently by different programs.",
    "Make the archive with plain tar: tar --format=ustar or --format=pax, without --sparse.",
)
LINK_LEAVES = Code(
    "ARC020",
    "a symbolic link that leaves the module",
    "It would show files of the machine where it is followed.",
    "Point it to a file inside the module, or put a copy there. Where the module is a folder of a repository, "
    "only that folder is published.",
)
LINK_LOOP = Code(
    "ARC021",
    "symbolic links that lead in a circle",
    "Nothing that follows them ends.",
    "Remove one of them.",
)
RESERVED_NAME = Code(
    "ARC022",
    "a file inside a folder named .git",
    "git runs programs that such a folder names.",
    "Remove it from the module.",
)
EMPTY_TREE = Code(
    "ARC023",
    "no files",
    "A module without files installs, and then fails in every plan.",
    "Check the path inside the repository, and that it exists at this tag.",
)

NO_ENVELOPE = Code(
    "ATT001",
    "not a signed statement",
    "Provenance is one DSSE envelope: JSON with payload, payloadType and signatures, and nothing read in two ways.",
    "Fetch it again; where it stays so, something else than the registry wrote it.",
)
UNSIGNED_STATEMENT = Code(
    "ATT002",
    "the statement is not signed by the registry's key",
    "Without the signature anyone who can write to the bucket could say where an archive came from.",
    "Compare the key with the one that the registry publishes; do not believe the statement until it fits.",
)
OTHER_STATEMENT = Code(
    "ATT003",
    "a signed statement of another kind",
    "What a signature says depends on the type of what is signed: one kind must never pass for another.",
    "Fetch it again; where it stays so, something else than the registry wrote it.",
)
