"""Codes of purging CDNs. What is published stays published, whatever is told here."""

from registry_gen.errors import Code

NO_SECRET = Code(
    "EDG001",
    "a secret of purge cannot be used",
    "Without it the CDN does not know who we are, and caches keep what they hold until it expires.",
    "Set the environment variable, or put the file there for the owner alone to read (chmod 600), and check what is in "
    "it. Then run: registry-gen purge",
)
DENIED = Code(
    "EDG002",
    "the CDN does not let us purge",
    "The token, key or identity is not the right one, has expired, or may not purge.",
    "Give it the vendor's right to purge (docs/cdn.md names each), then run: registry-gen purge",
)
REFUSED = Code(
    "EDG003",
    "the CDN refuses the request",
    "A name in registry.yaml is not the vendor's, or its rules for what may be purged are others.",
    "Compare the names below purge in registry.yaml with the vendor's, then run: registry-gen purge",
)
BUSY = Code(
    "EDG004",
    "the CDN is too busy, or was asked too often",
    "It limits how much may be purged at a time, and asked for a longer pause than a publication may take.",
    "Wait. The next publish tries again, or run: registry-gen purge",
)
UNREACHABLE = Code(
    "EDG005",
    "the CDN cannot be reached, or does not answer as it should",
    "The network, a name, a certificate or the vendor itself is in trouble.",
    "Look at the vendor's status page and at what stands between. The next publish tries again, or run: "
    "registry-gen purge",
)
TOO_SLOW = Code(
    "EDG006",
    "purging takes longer than it may",
    "A publication must not wait for ever for a CDN.",
    "The next publish tries again, or run: registry-gen purge. purge.time in registry.yaml allows more.",
)
FAILED = Code(
    "EDG007",
    "the CDN took the request and could not carry it out",
    "Its own message says more.",
    "Look at the vendor's status page and activity log. The next publish tries again, or run: registry-gen purge",
)
FORBIDDEN_ADDRESS = Code(
    "EDG008",
    "the CDN's or webhook's address is private",
    "A name that leads into a private network could make the registry send its requests to machines behind the door.",
    "If it is meant, name the network in network.allow_private of registry.yaml.",
)

LAST = frozenset({NO_SECRET, DENIED, BUSY, UNREACHABLE, TOO_SLOW, FORBIDDEN_ADDRESS})
"""After one of these the rest of a purge would end alike."""
