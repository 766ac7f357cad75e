"""Codes of the data model."""

from registry_gen.errors import Code

BAD_ADDRESS = Code(
    "ADR001",
    "not an address of a module, provider or mirrored provider",
    "Clients put addresses into paths: a name outside the registry protocols' grammar can never be installed.",
    "Write namespace/name/system for a module, namespace/type for a provider, hostname/namespace/type for a mirror; "
    "lower-case letters, digits, '-' and '_' (no '_' in hostnames).",
)
BAD_VERSION = Code(
    "VER001",
    "not a semantic version",
    "One version that is not SemVer 2 makes some clients refuse the whole provider.",
    "Write MAJOR.MINOR.PATCH with an optional -prerelease, without a leading v.",
)
BAD_CONSTRAINT = Code(
    "VER002",
    "not a version constraint",
    "A constraint that cannot be read would publish too much or nothing.",
    "Use = != > >= < <= ~> with versions, joined by commas, as in Terraform: '>= 1.2.0, < 2.0.0'.",
)
BAD_PLATFORM = Code(
    "ADR002",
    "not a platform",
    "Clients ask for os_arch exactly as Go names them; any other spelling is never asked for.",
    "Write os_arch in lower case, such as linux_amd64 or darwin_arm64.",
)
BAD_DIGEST = Code(
    "ADR003",
    "not a digest of the expected kind",
    "A digest that cannot be read cannot be compared, and nothing unverified is published.",
    "Give 64 hexadecimal digits for SHA-256, h1: and base64 for a dirhash, 40 or 64 hexadecimal digits for a commit.",
)
