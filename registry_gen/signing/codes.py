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
    "Put the key back from a backup of the state folder, or from the machine that published first. On a CI runner, "
    "whose state folder does not last, name both keys by reference ('signing' in registry.yaml). Where it is lost "
    "for good, make another one on purpose: registry-gen log rotate --lost for the log's key (keys/log.key), and "
    "registry-gen sums rotate for the OpenPGP key (keys/openpgp.asc). Section 'A lost key' of docs/operations.md says "
    "how to go on. Where nothing was ever published, publish makes both.",
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
ROTATING = Code(
    "KEY007",
    "the log has a former key already",
    "It signs beside the present one until everybody knows the present one; a second change would cut off those who "
    "know the first key only.",
    "Publish, hand out the present key, and end the first change: registry-gen log retire.",
)
REFERENCED = Code(
    "KEY008",
    "the log's key is not one of the registry's own making",
    "registry.yaml says where it is; who keeps it there has to change it.",
    "Make a new key there, name it in signing.log and the present one in signing.former_log_keys; once everybody knows "
    "the new one, take the former one out again.",
)
SUMS_REFERENCED = Code(
    "KEY009",
    "the OpenPGP key is not one of the registry's own making",
    "registry.yaml says where it is; who keeps it there has to change it.",
    "Make a new OpenPGP key there, name it in signing.openpgp, and publish. Its private part suffices: clients go on "
    "getting the public part of the former one for as long as a listed version needs it.",
)
