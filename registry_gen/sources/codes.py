"""Codes of reading from outside: NET for connections, GIT for repositories, SRC for releases and upstreams."""

from registry_gen.errors import Code

_RETRIED = "It was tried several times with growing pauses; the next run tries again."

BAD_URL = Code(
    "NET001",
    "not a URL that may be fetched",
    "Odd spellings of URLs are read differently by different programs, and that is how guards are passed by.",
    "Write scheme://host/path in plain ASCII, without user name, password, spaces or control characters.",
)
BAD_SCHEME = Code(
    "NET002",
    "a scheme that is not allowed",
    "Only schemes that authenticate the other side are used unless a person allows more.",
    "Use https, or add the scheme to network.schemes in registry.yaml.",
)
FORBIDDEN_ADDRESS = Code(
    "NET003",
    "the address is not on the public internet",
    "A catalog's URL or a redirect could otherwise make this machine read from the network behind the firewall.",
    "If this host is meant, add its network (CIDR) to network.allow_private in registry.yaml.",
)
UNREACHABLE = Code(
    "NET004",
    "the host could not be reached",
    "Without an answer nothing can be said about what the source holds.",
    f"Check the host's name, the network and firewalls. {_RETRIED}",
)
TLS_FAILED = Code(
    "NET005",
    "the host's certificate was not accepted",
    "Without a certificate that a known authority signed for this name, anyone on the way could have answered.",
    "Where the host uses an authority of your own, name its PEM file in network.ca_file of registry.yaml. verify reads "
    "no registry.yaml: SSL_CERT_FILE=ca.pem registry-gen verify ...",
)
NOT_FOUND = Code(
    "NET006",
    "not found",
    "The host answered that there is nothing under this URL.",
    "Check the URL for typing errors; private things are often shown as not found, too.",
)
DENIED = Code(
    "NET007",
    "access was denied",
    "The host wants credentials, and this registry reads sources without any.",
    "Make the source readable without credentials, or publish from a folder.",
)
BUSY = Code(
    "NET008",
    "the host is too busy",
    "The host asked to be left alone for longer than a run should wait.",
    f"Try again later, or ask for less at a time. {_RETRIED}",
)
BAD_STATUS = Code(
    "NET009",
    "the host answered with an error",
    "Only a complete, successful answer can be used.",
    f"Look at the host's status page or logs. {_RETRIED}",
)
TOO_LARGE = Code(
    "NET010",
    "larger than allowed",
    "Bounds on size keep one hostile or mistaken source from filling memory and disks.",
    "If this size is right, raise the limit in registry.yaml.",
)
TOO_SLOW = Code(
    "NET011",
    "too slow",
    "Bounds on time keep one hanging source from holding up everything else.",
    "Try again, or raise limits.http_seconds in registry.yaml.",
)
TRUNCATED = Code(
    "NET012",
    "the answer broke off",
    "Fewer bytes came than the host had announced, so that what came cannot be trusted.",
    _RETRIED,
)
WRONG_CONTENT = Code(
    "NET013",
    "the answer is of the wrong kind",
    "Sign-in pages and error pages are often sent with status 200; they are never what was asked for.",
    "Open the URL in a browser without being signed in and look at what it shows.",
)
TOO_MANY_REDIRECTS = Code(
    "NET014",
    "too many redirects",
    "Redirects in a circle would never end.",
    "Write the URL that the redirects should lead to into the catalog.",
)
CANNOT_WRITE = Code(
    "NET015",
    "what was downloaded could not be written",
    "The disk of this machine refused the bytes; nothing was published from them.",
    "Free some space in the state folder, or move it to a larger disk.",
)
NOT_THE_REST = Code(
    "NET016",
    "the rest of a download that broke off does not fit its beginning",
    "A file put together from two answers is that file only where the host says that both are of the same one.",
    f"The whole was asked for from then on, and broke off as well. {_RETRIED}",
)

BAD_GIT_URL = Code(
    "GIT001",
    "not a git URL that may be used",
    "Git reads options, commands and helpers out of URLs; only plain ones are safe.",
    "Write https://host/path or ssh://user@host/path, or allow the scheme in network.schemes.",
)
NO_REPOSITORY = Code(
    "GIT002",
    "the repository was not found or may not be read",
    "Hosts do not tell a private repository from one that does not exist.",
    "Check the URL or the folder; a private repository needs ssh with a key that git finds without asking.",
)
GIT_UNREACHABLE = Code(
    "GIT003",
    "the git host could not be reached",
    "Without an answer nothing can be said about the repository's tags.",
    "Check the host's name, the network and firewalls; the next run tries again.",
)
GIT_TIMEOUT = Code(
    "GIT004",
    "git took too long and was stopped",
    "Bounds on time keep one hanging repository from holding up everything else.",
    "Try again, or raise limits.git_seconds in registry.yaml.",
)
GIT_FAILED = Code(
    "GIT005",
    "git failed",
    "Git ended without doing what it was asked to.",
    "Read what git said; the next run tries again with a fresh copy of the repository.",
)
NO_COMMIT = Code(
    "GIT006",
    "the commit is not in the repository",
    "A version is published from the commit that was seen, never from another one.",
    "Run again: the repository was probably rewritten in the meantime.",
)
MOVED_MEANWHILE = Code(
    "GIT007",
    "a tag moved while it was looked at",
    "Publishing either commit would be a guess.",
    "Run again; if the publisher did move a tag, ask for a new version instead.",
)
SUBMODULE = Code(
    "GIT008",
    "the module contains a git submodule",
    "A submodule is only a pointer into another repository; the archive would lack its files.",
    "Vendor the files, or use the other repository as a module of its own.",
)
TREE_TOO_LARGE = Code(
    "GIT009",
    "the module's folder is too large",
    "Every user downloads every byte of a module; folders of this size are nearly always a mistake.",
    "Name the module's folder with path, or raise the module limits in registry.yaml.",
)
NO_FOLDER = Code(
    "GIT010",
    "the folder is not in the commit",
    "The catalog names a folder of the repository that this version does not have.",
    "Correct path, or begin with the version that has the folder (versions: '>= ...').",
)
TOO_MANY_REFS = Code(
    "GIT011",
    "git printed more than is allowed",
    "A hostile server could fill the memory with names.",
    "Point the catalog at a repository with fewer refs.",
)
NO_GIT = Code(
    "GIT012",
    "git is not installed or too old",
    "Repositories are read with git itself, which must be able to pin a host's address and to pass by planted ones.",
    "Install git 2.38 or later and make sure that it is on PATH.",
)
BAD_PATH_IN_TREE = Code(
    "GIT013",
    "a file name that cannot be published",
    "Archives and clients need file names in UTF-8 without control characters.",
    "Rename the file in the repository and release a new version.",
)

MOVED_REPOSITORY = Code(
    "GIT014",
    "the repository has moved",
    "Git would follow the redirect to a host that nobody looked at.",
    "Open the URL in a browser and write the URL that it leads to into the catalog.",
)

CACHE = Code(
    "GIT015",
    "the cache of repositories in the state folder cannot be used",
    "What was fetched is kept there, so that the next run asks only for what is new.",
    "Free space on, or correct the permissions of, the state folder that registry.yaml names.",
)
NO_REVISION = Code(
    "GIT016",
    "the catalog as of that revision cannot be read",
    "What changed since then is found by comparing the catalog with its own repository.",
    "The catalog has to be in a git repository. Name a commit, tag or branch that this clone has; a shallow clone in "
    "CI may need more depth: git fetch --deepen.",
)
NO_RELEASES_FOLDER = Code(
    "SRC001",
    "the folder does not exist or cannot be read",
    "A missing folder is told from an empty one, so that a lost mount does not look like withdrawn releases.",
    "Check the path in the catalog and this user's permissions.",
)
BAD_RELEASE = Code(
    "SRC002",
    "the release cannot be used",
    "A release must hold SHA256SUMS in goreleaser's layout, and name only its own files.",
    "Make the release again; goreleaser's scaffolding for providers does it right.",
)
BAD_MANIFEST = Code(
    "SRC003",
    "the release's manifest cannot be read",
    "Its protocol versions decide which clients can use the provider.",
    'Write {"version": 1, "metadata": {"protocol_versions": ["5.0"]}}.',
)
SUMS_DIFFER = Code(
    "SRC004",
    "the bytes are not those that the sums name",
    "Either the download was altered or the publisher replaced a file after release.",
    "Ask the publisher which of both is right; nothing was published.",
)
OUTSIDE = Code(
    "SRC005",
    "a file outside the release's folder",
    "A link out of the folder could publish any file of this machine.",
    "Copy the file into the folder.",
)
TOO_MANY_FILES = Code(
    "SRC006",
    "the folder holds too many files",
    "The search for releases is bounded.",
    "Name the folder of each release with {version} in the catalog's location.",
)
BAD_UPSTREAM = Code(
    "SRC007",
    "the upstream registry's answer breaks the protocol",
    "Names, digests and URLs of an upstream are published under your name; each must be what was asked for.",
    "Check network.upstreams in registry.yaml, and ask the upstream's operators.",
)
NO_PROVIDERS_SERVICE = Code(
    "SRC008",
    "the host offers no provider registry",
    "Its discovery document names no providers.v1 service.",
    "Check the host's name; not every host of modules or state is a provider registry.",
)
NOTHING_TO_LINK = Code(
    "SRC009",
    "a folder cannot be linked to",
    "hosting: link publishes URLs of the source, and a folder of this machine has none.",
    "Use hosting: copy, or name the releases by their URL.",
)
NO_ARCHIVE = Code(
    "SRC010",
    "the source no longer names the archive that was published",
    "An archive is known by its digest: one under the same name, but with other bytes, is another one.",
    "Restore the archive and its line in SHA256SUMS at the source.",
)
NOT_FROM_GIT = Code(
    "IMP020",
    "the version does not come from a tag or commit of a git repository",
    "The other registry sends clients to an archive or to a branch: nothing says which sources it was made of.",
    "Name the module's repository in a file of your own: registry-gen add module URL. Or put its archives beside a "
    "SHA256SUMS and name that folder as archives.",
)
DIGEST_DIFFERS = Code(
    "IMP021",
    "a zip has another digest than its publisher signed",
    "Lock files hold the digest that people installed; what is published from the source would be refused by them.",
    "Ask the publisher and whoever runs the other registry which is right. The digest is kept as imported: while the "
    "source says something else, publishing the version is refused (PLN021).",
)
NOT_COMPARED = Code(
    "IMP022",
    "a digest could not be compared with what the publisher signed",
    "Without signed sums nobody can say whether the zip is the publisher's. It is held to when it is published.",
    "See why, and import again with --dry-run when it is mended. It changes nothing about what was taken.",
)
NOT_ONE_RELEASE = Code(
    "IMP023",
    "platforms of one version name different sums",
    "A version has one SHA256SUMS, which its publisher signed; with several nobody knows which is right.",
    "Ask whoever runs the other registry. Where each answer has a URL of its own, made for one download, copy the "
    "releases to a folder and name that.",
)
WIDER = Code(
    "IMP024",
    "the mirror takes more versions than were imported",
    "A constraint has at most 32 comparisons, too few to leave out every version between the first and the last.",
    "Narrow versions in the mirror's file, or let it mirror the others too: they are checked as all versions are.",
)
NOT_IN_TREE = Code(
    "IMP025",
    "not a file that such a folder has",
    "What stands elsewhere, or under another name, belongs to no provider or module that could be named.",
    "Give the folder itself: of a mirror the one that holds HOST/NAMESPACE/TYPE, of a bucket the one that holds "
    "modules/ and providers/.",
)
NO_MODULES_SERVICE = Code(
    "IMP026",
    "the host has no modules",
    "Its discovery document names no modules.v1, so that no client could ask it for one either.",
    "See whether the address is that of a module of this host.",
)
NO_SUMS = Code(
    "IMP027",
    "archives of a module without a SHA256SUMS",
    "The bucket holds no digest of them, so that nothing could be compared, and archives are published by their sums.",
    "In the folder: sha256sum *.tar.gz > SHA256SUMS. What it says of a version is what is published, then and later.",
)
ONLY_LISTED = Code(
    "IMP028",
    "the listing does not say where it comes from",
    "A module that was uploaded, and every provider, is only named in it: what it is made of is behind a token.",
    "Add a module from its repository: registry-gen add module URL. Copy the zips, sums and signatures of a provider's "
    "releases to a folder: registry-gen add provider FOLDER.",
)
PAGES_MISSING = Code(
    "IMP029",
    "pages of the listing are missing",
    "What is on them would be missing here, too, and nobody would be told.",
    "Save every page, each to a file of its own, and name all of them: page[number]=2 is the second.",
)
