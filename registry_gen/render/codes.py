"""Codes of documents that clients could not use, or should not."""

from __future__ import annotations

from typing import Final

from registry_gen.errors import Code

BAD_SHAPE: Final = Code(
    "DOC001",
    "the document does not have the shape that its protocol demands",
    "A client that cannot read a document stops with an error that tells its user nothing.",
    "This is a fault of the renderer: report it with the address of the package.",
)
BAD_VERSION: Final = Code(
    "DOC002",
    "a listed version is not a semantic version",
    "One invalid version in a provider's listing makes most clients refuse the whole provider.",
    "Publish MAJOR.MINOR.PATCH without a leading v, and take the other version out of the catalog.",
)
BAD_PROTOCOLS: Final = Code(
    "DOC003",
    "plugin protocols that no client speaks",
    "Clients install a provider only where it speaks plugin protocol 5 or 6; an empty list is not checked.",
    "Correct protocol_versions in the release's manifest, or protocols in the catalog: 5.0, 6.0 or both.",
)
BAD_FILENAME: Final = Code(
    "DOC004",
    "the zip does not have the name that clients look for",
    "Clients look up the file name in SHA256SUMS, and a mirror's tree is read by name.",
    "Release the zip as terraform-provider-TYPE_VERSION_OS_ARCH.zip, the name goreleaser's template gives it.",
)
BAD_DIGEST: Final = Code(
    "DOC005",
    "a digest that clients cannot compare",
    "Without a digest that matches, clients refuse the package or install it unchecked.",
    "Publish the version again; SHA-256 is 64 lower-case hexadecimal digits, h1: is followed by base64.",
)
BAD_KEY: Final = Code(
    "DOC006",
    "no signing key that clients can read",
    "Clients verify every provider of a private registry, and one unreadable key stops them before the right one.",
    "Give each key as an ASCII-armored public key block, and at least one key for each provider.",
)
BAD_URL: Final = Code(
    "DOC007",
    "a URL that clients cannot or should not follow",
    "Plain http lets anyone on the way change what is installed, and sends tokens in the clear.",
    "Use https URLs without user names or spaces; a link's URL comes from its source in the catalog.",
)
BAD_PLATFORM: Final = Code(
    "DOC008",
    "the document is for another platform than its path says",
    "Clients compare os and arch with what they asked for.",
    "This is a fault of the renderer: report it with the address of the package.",
)
BAD_SERVICE: Final = Code(
    "DOC010",
    "a service URL that does not end in a slash",
    "The provider client does not add the slash, and asks for the wrong path.",
    "End url in registry.yaml with a slash.",
)
UNPINNED: Final = Code(
    "DOC011",
    "a module's location that does not fix what is installed",
    "No lock file covers modules: only a checksum or a commit ties an installation to what was published.",
    "Link to a git repository with ?ref=COMMIT, or to an archive with ?checksum=sha256:DIGEST.",
)
MISSING_LEAF: Final = Code(
    "DOC012",
    "a listed version without the documents that clients ask for next",
    "Clients choose from the listing, and fail where the rest is missing.",
    "This is a fault of the renderer: report it with the address of the package.",
)
BAD_PACKAGES: Final = Code(
    "DOC013",
    "hashes of all platforms that contradict the document that holds them",
    "OpenTofu 1.12 and later refuse a package whose size or digest differs, or whose platform is left out.",
    "Publish the version again so that size and digests are measured anew.",
)
