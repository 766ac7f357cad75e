"""Codes of the command line."""

from typing import Final

from registry_gen.errors import Code
from registry_gen.inspect import codes as inspect_codes
from registry_gen.log import codes as log_codes

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

WRONG_USAGE: Final = frozenset(
    {
        UNKNOWN_CODE,
        NOT_IN_CATALOG,
        NOT_PUBLISHED,
        NO_KEY_OF_BUCKET,
        inspect_codes.NO_KEY,
        inspect_codes.OTHER_LOG,
        inspect_codes.BAD_URL,
        log_codes.BAD_VERIFIER_KEY,
    }
)
"""What was typed is wrong, not what was found."""
