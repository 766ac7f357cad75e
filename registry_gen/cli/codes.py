"""Codes of the command line."""

from typing import Final

from registry_gen.errors import Code
from registry_gen.inspect import codes as inspect_codes
from registry_gen.log import codes as log_codes
from registry_gen.plan import codes as plan_codes

UNKNOWN_CODE = Code(
    "CLI001",
    "no such code",
    "Every problem that registry-gen prints carries a code of three letters and three digits.",
    "Copy the code from the message, such as PLN001. 'registry-gen explain' without a code lists them all.",
)
NOT_IN_CATALOG = Code(
    "CLI002",
    "the address is not in the catalog",
    "A package is known by its file in the catalog.",
    "Compare the address with the paths under catalog/: modules/NAMESPACE/NAME/SYSTEM.yaml and so on.",
)
CANNOT_WRITE = Code(
    "CLI003",
    "the schemas cannot be written",
    "The system's own message says more.",
    "Make room, correct the folder's permissions, or name another folder.",
)
NOT_PUBLISHED = Code(
    "CLI020",
    "the version was never published",
    "Only what was published can be compared with its source.",
    "Compare address and version with the registry's listing; 'registry-gen plan' shows what is yet to be published.",
)
NO_CDN = Code(
    "CLI021",
    "no CDN to purge",
    "registry.yaml names none, so caches are left to forget by themselves.",
    "Say below purge in registry.yaml which CDN stands in front of the bucket: docs/cdn.md.",
)
NO_KEY_OF_BUCKET = Code(
    "CLI022",
    "not a key of the bucket",
    "Only what this registry puts there can be purged by name.",
    "Write a key as it is in the bucket, such as v1/modules/acme/network/aws/versions.",
)
PLAN_NOT_WRITTEN = Code(
    "CLI980",
    "the plan cannot be written",
    "The system's own message says more.",
    "Make room, correct the folder's permissions, or name another file.",
)
NOT_OUR_CODEOWNERS = Code(
    "CLI970",
    "somebody else wrote the CODEOWNERS that is there",
    "A file without the first line that this command writes may say more than the catalog does.",
    "Move what it says into the catalog, remove the file, and run the command again. --print shows the new one.",
)
INTERNAL = Code(
    "CLI900",
    "registry-gen itself failed",
    "This is a mistake in registry-gen, not in what you did. What was published before stays whole.",
    "Run again with --debug and report the trace. The next publish finishes what this one began.",
)
CANNOT_REPORT = Code(
    "CLI910",
    "the report cannot be written",
    "The system's own message says more. What was found is told all the same.",
    "Make room, correct the folder's permissions, or name another file: --output FILE.",
)
NO_FILE_OF_CATALOG = Code(
    "CLI940",
    "not a file of the catalog",
    "Only files that say something to the registry have a form.",
    "Name files below the catalog's folder that 'registry-gen validate' reads, or none for all of them.",
)
THERE_ALREADY = Code(
    "CLI941",
    "the catalog has this package already",
    "What somebody wrote and reviewed is not overwritten.",
    "Edit its file, or remove it first if it was never published.",
)
ADDRESS_NEEDED = Code(
    "CLI942",
    "no address can be told from the source",
    "An address is for ever: it is not guessed from a name that does not have the usual form.",
    "Give it behind the source: NAMESPACE/NAME/SYSTEM of a module, NAMESPACE/TYPE of a provider.",
)
NOTHING_TO_ADD = Code(
    "CLI943",
    "the source offers no version",
    "A package without versions offers nothing, and a wrong URL often looks like this.",
    "Check the URL; say with --tags, --path or --version where its versions are.",
)
TAGS_NEEDED = Code(
    "CLI944",
    "several kinds of tags could be the versions",
    "In a repository of many modules the wrong tags would publish another module's versions.",
    "Say with --tags which are meant, such as --tags 'network/v{version}'.",
)
KEY_NEEDED = Code(
    "CLI945",
    "the release is signed, and nobody says by which key",
    "A key that merely fits a signature proves nothing: somebody must have it from the publisher.",
    "Give the publisher's key with --key FILE, or --keys-from HOST for those that a registry knows of the provider.",
)
KEY_DOES_NOT_SIGN = Code(
    "CLI946",
    "the key did not sign the newest release",
    "With it no version of the provider could be published.",
    "Ask the publisher which key signs releases now.",
)
FOREVER = Code(
    "CLI947",
    "a package cannot be renamed",
    "Its address stands in users' code, in lock files and in the log: a version, once published, stays where it is.",
    "Add the package under its new address, publish, and warn the users of the old one: "
    "registry-gen deprecate OLD --message TEXT --replacement NEW. Withdraw it once nobody uses it.",
)
PIN_MOVED = Code(
    "CLI948",
    "a pinned tag is at another commit now",
    "Somebody moved it. The pin stays: what was reviewed is what was pinned.",
    "Find out who moved the tag and why. A new commit needs a new version.",
)
NO_KEY_FILE = Code(
    "CLI949",
    "the key's file cannot be read",
    "The system's own message says more.",
    "Name a file that holds the publisher's armoured public key.",
)

WRONG_USAGE: Final = frozenset(
    {
        UNKNOWN_CODE,
        NOT_IN_CATALOG,
        NOT_PUBLISHED,
        NO_KEY_OF_BUCKET,
        NO_FILE_OF_CATALOG,
        ADDRESS_NEEDED,
        TAGS_NEEDED,
        FOREVER,
        inspect_codes.NO_KEY,
        inspect_codes.OTHER_LOG,
        inspect_codes.BAD_URL,
        inspect_codes.WHICH_REGISTRY,
        log_codes.BAD_VERIFIER_KEY,
        plan_codes.NO_PLAN,
        plan_codes.OTHER_REGISTRY,
    }
)
"""What was typed is wrong, not what was found."""
