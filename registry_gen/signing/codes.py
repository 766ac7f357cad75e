"""Codes of the registry's own keys."""

from registry_gen.errors import Code

BAD_REFERENCE = Code(
    "KEY001",
    "not a reference to a private key",
    "Private keys are never written into registry.yaml, which is in git; it says only where they are.",
    "Write env:NAME for an environment variable or file:PATH for a file.",
)
MISSING = Code(
    "KEY002",
    "a private key is not where registry.yaml says",
    "Without it nothing can be signed.",
    "Set the environment variable or put the file there, or change signing in registry.yaml.",
)
TOO_OPEN = Code(
    "KEY003",
    "a private key can be read by others",
    "Whoever reads it can sign in the name of this registry.",
    "Take the others' rights away with chmod; where others may have read it, use a new key.",
)
LOST = Code(
    "KEY004",
    "the registry's own private key is gone",
    "This registry has published under that key: with a new one, its clients and monitors would take it for another.",
    "Put the key back from a backup of the state folder, or from the machine that published first. Where it is lost "
    "for good, name a new one under signing in registry.yaml on purpose, and tell those who pinned the old one.",
)
UNUSABLE = Code(
    "KEY005",
    "a private key cannot be used",
    "Clients would refuse what it signs, or it cannot sign at all.",
    "Use an OpenPGP key (RSA or Ed25519, version 4, not revoked or expired, no password) for sums; "
    "an Ed25519 key in PEM (PKCS #8) for the log.",
)
UNREADABLE = Code(
    "KEY006",
    "a private key cannot be read or made",
    "The system's own message says more.",
    "Give the user that runs registry-gen, and nobody else, the right to read and write the state folder.",
)
