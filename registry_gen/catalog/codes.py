"""Codes of the catalog (CAT), of registry.yaml (CFG), and of what is taken over from another registry (IMP)."""

from registry_gen.errors import Code

SYNTAX = Code(
    "CAT001",
    "not valid YAML",
    "A file that cannot be read as YAML says nothing, and nothing is guessed.",
    "Mend the syntax at the place named; the mistake is there or on the line above.",
)
TEXT = Code(
    "CAT002",
    "not plain UTF-8 text",
    "Hidden, broken and direction-changing characters make a reviewer see another text than the registry reads.",
    "Save the file as UTF-8 without a byte order mark, and remove the character named.",
)
LIMIT = Code(
    "CAT003",
    "beyond the limits of a catalog file",
    "A file that is large, deep or grows through aliases could stop the registry for everybody.",
    "Split the file or write it more simply: one package per file is small.",
)
FEATURE = Code(
    "CAT004",
    "a part of YAML that catalogs do not use",
    "Tags, directives, several documents and keys that are not text mean different things to different readers.",
    "Write plain mappings, lists and text.",
)
DUPLICATE_KEY = Code(
    "CAT005",
    "the key is there twice",
    "Of two values one would be ignored, and a reviewer could not tell which.",
    "Keep one of them.",
)
UNKNOWN_KEY = Code(
    "CAT006",
    "unknown key",
    "A misspelt key would be ignored, and what it asks for would silently not happen.",
    "Compare with docs/configuration.md, or let your editor check the file with the schema of schemas/.",
)
MISSING_KEY = Code(
    "CAT007",
    "a required key is missing",
    "Without it the registry does not know what to publish.",
    "Add the key; docs/configuration.md lists the keys of each kind of file.",
)
WRONG_VALUE = Code(
    "CAT008",
    "not a value for this key",
    "A value of another kind is never converted by guessing: 1.10 as a number is 1.1.",
    "Write the kind of value that is expected; put text in quotes where it looks like a number.",
)
STRAY_FILE = Code(
    "CAT009",
    "a file that has no place in the catalog",
    "A file in the wrong place would be ignored, and what it says would silently not happen.",
    "Move it: modules/NAMESPACE/NAME/SYSTEM.yaml, providers/NAMESPACE/TYPE.yaml, mirrors/HOST/NAMESPACE/TYPE.yaml, "
    "namespaces/NAMESPACE.yaml, organizations/NAME.yaml, policies/NAME.yaml, keys/PATH.asc. README.md and dotfiles are "
    "left alone.",
)
BAD_PATH = Code(
    "CAT010",
    "the path is not an identity",
    "A file's path is the address that clients ask for; they and many file systems disagree about letter case.",
    "Rename it: lower-case letters, digits, '-' and '_'.",
)
CASE_COLLISION = Code(
    "CAT011",
    "two paths differ in letter case only",
    "On many file systems one of the two would replace the other.",
    "Remove or rename one of them.",
)
LINK_IN_CATALOG = Code(
    "CAT012",
    "not a regular file",
    "Symbolic links, devices and pipes can lead out of the catalog, to bytes that nobody reviewed.",
    "Replace it with the file itself.",
)
TOO_MUCH = Code(
    "CAT013",
    "the catalog is larger than its limits",
    "A folder given by mistake, such as a home folder, must not be read to its end.",
    "Check the key catalog in registry.yaml, or split the registry.",
)
UNREADABLE = Code(
    "CAT014",
    "the file or folder cannot be read",
    "What cannot be read cannot be checked.",
    "Check that it exists and that its permissions allow reading.",
)
BAD_LOCATION = Code(
    "CAT020",
    "not a place that sources may come from",
    "Other schemes and unusual URLs can make git or an HTTP client run commands or reach inner networks.",
    "Write a URL on a scheme of network.schemes in registry.yaml, or a folder that starts with ./ or /.",
)
CREDENTIALS = Code(
    "CAT021",
    "a URL with credentials",
    "Whoever can read the catalog could read them, and records of versions are public.",
    "Remove user and password from the URL, and change the password: it has been in a file.",
)
BAD_PATTERN = Code(
    "CAT022",
    "not a pattern with exactly one {version}",
    "Without it no version can be told from a name; with two the same name could be read in two ways.",
    'Write text around one {version}, such as "v{version}" or "network-{version}.tar.gz".',
)
BAD_FOLDER = Code(
    "CAT023",
    "not a folder inside the repository",
    "A path that climbs out of the tree could publish what nobody meant to.",
    "Write the folder from the repository's root with '/', without '.', '..' or a leading '/'.",
)
LINK_TO_FOLDER = Code(
    "CAT024",
    "hosting: link needs a source that clients can reach",
    "Clients would be sent to a folder of the machine that publishes.",
    "Use hosting: copy, or a URL as source.",
)
KEY_MISSING = Code(
    "CAT025",
    "the key file cannot be used",
    "Without its key no signature can be checked, and nothing unverified is published.",
    "Paths of keys start at catalog/keys; add the armoured public key there and name it as it is spelt there.",
)
NO_KEYS = Code(
    "CAT026",
    "nothing says which key signs this provider",
    "Clients refuse a provider without keys, and a signature without a known key proves nothing.",
    "Name signing_keys here or in the namespace's file, or write signature: registry if the publisher does not sign.",
)
TWO_OWNERS = Code(
    "CAT027",
    "the namespace has two owners",
    "A namespace answers to one organization; otherwise either could publish in the other's name.",
    "Remove it from one of the organizations.",
)
BAD_MEMBER = Code(
    "CAT060",
    "not a name of a member",
    "Names go into CODEOWNERS and are compared with those who approved: nothing else may hide in them.",
    "Write a forge user's name, an e-mail address, or a team such as '@acme/platform' in quotes.",
)
TWO_ROLES = Code(
    "CAT061",
    "the member is named twice",
    "Each member of an organization has one role, which includes those below it; letter case makes no other member.",
    "Keep the higher role. admin includes all others; mirror_manager includes publisher, publisher includes viewer.",
)
NOBODY_MAY = Code(
    "CAT062",
    "too few people could ever approve this",
    "What the rule is about could never be published, nor could the rule be changed.",
    "Give the role to more members, or to a team, or ask for fewer people. For what belongs to no organization, only "
    "members of an organization with registry: true count.",
)
UNKNOWN_ORGANIZATION = Code(
    "CAT063",
    "no such organization",
    "A rule about an organization that is not there protects nothing.",
    "Name a file of catalog/organizations, without .yaml.",
)
STALE_CODEOWNERS = Code(
    "CAT064",
    "CODEOWNERS is not what the catalog says",
    "The forge would ask other people for a review than those who may approve.",
    "Run registry-gen codeowners --forge FORGE and commit the file.",
)
SHADOWED_CODEOWNERS = Code(
    "CAT080",
    "the forge reads another CODEOWNERS",
    "GitLab uses the first it finds of CODEOWNERS, docs/CODEOWNERS and .gitlab/CODEOWNERS: those who may approve would "
    "not be asked for a review.",
    "Remove the file that is named. What else it says belongs into a repository of its own.",
)
ODD_FOLDER = Code(
    "CAT065",
    "CODEOWNERS cannot name this folder",
    "The forges read spaces, brackets and signs such as # in paths of CODEOWNERS each in their own way, or not at all.",
    "Rename the catalog's folder, or the one of registry.yaml, to letters, digits, '.', '_' and '-'.",
)
IDLE_RULE = Code(
    "CAT066",
    "a rule that is never asked",
    "A change of the policies is about the whole registry: a rule about some organizations would protect nothing.",
    "Write policy_change into a file without organizations.",
)
NOT_YET = Code(
    "CAT028",
    "not yet supported",
    "Accepting what is not carried out would promise a protection that is not there.",
    "Leave it out for now.",
)
CONTRADICTION = Code(
    "CAT029",
    "two keys contradict each other",
    "One of the two would be ignored.",
    "Remove one of them.",
)
OWN_MIRROR = Code(
    "CAT030",
    "a mirror of this very registry",
    "The registry would ask itself what to publish.",
    "Publish the provider under catalog/providers instead.",
)
TWO_RULES = Code(
    "CAT031",
    "two rules about the same versions",
    "One of the two would be ignored, and a reviewer could not tell which.",
    "Keep one of them.",
)
BAD_REPLACEMENT = Code(
    "CAT032",
    "not a replacement for this package",
    "Whoever follows it would find nothing to put in its place.",
    "Name another package of the same kind, or leave replacement out and say in the message what to do.",
)
NO_SUCH_RULE = Code(
    "CAT033",
    "there is no such rule",
    "Only a rule about exactly these versions is removed: another may be there for another reason.",
    "Name the versions as the file has them.",
)
NOT_EDITABLE = Code(
    "CAT034",
    "the file is written in a way that no command can change",
    "A change is made only where reading the file afterwards gives the same values and the new rule.",
    "Edit the file by hand. An anchor (&name) inside what is to be removed is the usual cause.",
)
NOT_WRITTEN = Code(
    "CAT035",
    "the catalog's file cannot be changed",
    "A change is written beside the file and put in its place at once, so the folder must allow new files.",
    "Make room, or correct the permissions of the folder and the file. The file is as it was.",
)
CHANGED = Code(
    "CAT036",
    "the file was changed by somebody else meanwhile",
    "What they wrote would be lost.",
    "Run the command again.",
)
NOT_FORMATTED = Code(
    "CAT040",
    "no form was found for the file",
    "A file is formatted only where that ends and every value and every line of it stays.",
    "Write it more plainly: each key on a line of its own, comments above keys.",
)
HOST_NOT_ALLOWED = Code(
    "CAT070",
    "a host that network.hosts does not allow",
    "registry.yaml lists the hosts that packages may come from, so that the catalog cannot bring in others.",
    "Take the package from an allowed host, or let those who look after registry.yaml add this one to network.hosts.",
)

NOT_REGISTRY = Code(
    "CFG001",
    "there is no registry.yaml",
    "It says where the catalog is and where to publish.",
    "Run the command in the folder of registry.yaml, or name it: registry-gen --config PATH. "
    "'registry-gen init FOLDER' makes a new one.",
)
BAD_SITE = Code(
    "CFG002",
    "not a host or URL that clients can use",
    "Clients find a registry by its host name over https only, and a host name needs a dot.",
    "Write site.host as people write it in sources (registry.example.com), and site.url as https URL without a path.",
)
BAD_STORAGE = Code(
    "CFG003",
    "not a storage",
    "Nothing can be published to a place that is not understood.",
    "Write a folder that starts with ./ or /, or s3://BUCKET, gs://BUCKET or az://ACCOUNT/CONTAINER: docs/storage.md.",
)
OVERLAP = Code(
    "CFG004",
    "two folders or buckets overlap",
    "Whatever lies inside the public storage is readable by everybody.",
    "Give public storage, private storage, state and catalog folders, or buckets and prefixes, of their own. Buckets "
    "of one name count as the same one, wherever they are: a server may have many names.",
)
SECRET = Code(
    "CFG005",
    "a secret in the file",
    "registry.yaml is in git: whoever can read it could use the secret.",
    "Write env:NAME and set the variable where the registry runs; change the secret, it has been in a file.",
)
BAD_REFERENCE = Code(
    "CFG006",
    "not a reference",
    "Secrets are named, never written down.",
    "Write env:NAME for an environment variable or file:PATH for a file.",
)
BAD_LEDGER = Code(
    "CFG007",
    "not a ledger",
    "The ledger remembers what was published; a wrong one would publish everything again.",
    "Write embedded, bucket, env:NAME, or a postgresql:// URL without a password.",
)
BAD_NETWORK = Code(
    "CFG008",
    "not a network setting",
    "These settings say what the registry may connect to.",
    "Write schemes, networks such as 10.0.0.0/8, and https URLs.",
)
BAD_AMOUNT = Code(
    "CFG009",
    "not an amount in range",
    "A limit of nothing stops everything, and one without bound protects from nothing.",
    "Write a whole number, a size such as 100 MB or a time such as 5 min.",
)
UNSET = Code(
    "CFG010",
    "an environment variable is not set",
    "registry.yaml refers to it, and it is needed now.",
    "Set the variable and run the command again.",
)
FOREIGN_STATE = Code(
    "CFG011",
    "the state folder was not made by registry-gen, or others may write to it",
    "It holds private keys and programs' settings: a folder that came with a repository could bring an attacker's own.",
    "Remove the folder, or name another as state: it is made where it is missing. If you put the files there yourself, "
    "make the empty folder '.made-here/.git' in it (git cannot bring one); let nobody else write to it: chmod 700.",
)
CATALOG_OUTSIDE = Code(
    "CFG012",
    "the catalog is not a folder beside registry.yaml",
    "Links and paths that lead elsewhere would show the names and contents of files that nobody meant to.",
    "Name a folder below the one of registry.yaml that is reached without symbolic links.",
)
BAD_ENDPOINT = Code(
    "CFG013",
    "not an endpoint of a storage",
    "Over http anybody on the way could read what is sent and change what is stored.",
    "Write https://HOST. http is for this machine (http://127.0.0.1:9000) and for addresses in network.allow_private.",
)
BAD_CLASS = Code(
    "CFG014",
    "not a storage class that clients can read from",
    "Objects of an archive's class must be thawed for hours before anybody can install them.",
    "Name one of the vendor's classes that are read at once, or leave it out for the bucket's own.",
)
BAD_OPTION = Code(
    "CFG015",
    "not a value for this option of a storage",
    "The storage's owner would refuse it, or take it for something else.",
    "Compare with docs/storage.md.",
)
NO_FOLDER = Code(
    "CFG016",
    "the storage is not a folder",
    "Only a folder of this machine can be served from here; a bucket is served by its vendor or by a CDN.",
    "Serve the bucket itself, or name a folder as storage.public in a registry.yaml for this machine.",
)
NOT_GOOGLE = Code(
    "CFG020",
    "Google's credentials would be sent to somebody else",
    "Each request carries a token that is good for all that the identity may do at Google, not for this bucket alone.",
    "Leave endpoint out, or name one of googleapis.com. A server of another kind gets anonymous: true.",
)
NOT_IN_LAYOUT = Code(
    "IMP001",
    "not a place that the layout has",
    "A file's path is its address: modules/LETTER/NAMESPACE/NAME/SYSTEM.json, providers/LETTER/NAMESPACE/TYPE.json, "
    "keys/LETTER/NAMESPACE/KEY.asc or keys/LETTER/NAMESPACE/TYPE/KEY.asc. One elsewhere could only be guessed at.",
    "Give the folder that holds modules/, providers/ and keys/. A file that stands wrongly in it is for its "
    "maintainers to move.",
)
BAD_METADATA = Code(
    "IMP002",
    "not the JSON that the layout has",
    "A file of another shape, or beyond any real registry's size, is not understood in part.",
    "Look at the file at the place named; the registry that wrote it may have a newer layout.",
)
TWICE = Code(
    "IMP003",
    "the same thing twice, and differently",
    "Which of both is right, only the registry that wrote them can say; taking one would be guessing.",
    "Remove the wrong one from the layout and import again, or write the package into the catalog by hand.",
)
NOT_BESIDE = Code(
    "IMP004",
    "not where a release has it",
    "A catalog names one place for all files of a release, and each file has the name that clients expect.",
    "Mirror the provider, or copy its files under their usual names to a place of your own and name that.",
)
OTHER_PLACE = Code(
    "IMP005",
    "this version lies elsewhere than the others",
    "A package's file names one place of all its releases; the one with the most versions was taken.",
    "Publish the version from a package of its own, or copy its release to where the others are.",
)
WITH_BUILD = Code(
    "IMP006",
    "build metadata in a version is not taken over",
    "The + of 1.0.0+x reads as a space in some object storages, and two builds of one version have no order.",
    "Do without the version. Where a repository has such a tag, exclude it: versions: '!= 1.0.0+x'.",
)
TWO_TAGS = Code(
    "IMP007",
    "two tags name this version",
    "Which of them it is, only their commits can tell, and the layout has none.",
    "Nothing needs to be done: the version is published as soon as a run saw both tags at one commit.",
)
OTHER_FILE = Code(
    "IMP008",
    "the catalog has another file there",
    "Somebody may have written it or changed it since, and an import replaces nobody's work.",
    "Compare both, for which --into FOLDER writes to another folder. Remove the file to have it written anew. Of "
    "what is not taken no digest is kept.",
)
NOTHING_LEFT = Code(
    "IMP009",
    "no version of it can be taken over",
    "A package without versions offers nothing.",
    "See what is said of its versions.",
)
