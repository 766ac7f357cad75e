"""Codes of serving."""

from registry_gen.errors import Code

CANNOT_LISTEN = Code(
    "SRV001",
    "the address cannot be listened on",
    "Another program holds the port, or the address is not one of this machine.",
    "Stop the other program, or choose another with --host and --port; port 0 takes any free one.",
)
PRIVATE_EXPOSED = Code(
    "SRV002",
    "the private storage lies inside the public one",
    "Everything in the public folder is handed to anyone who asks; private objects must be out of its reach.",
    "Give storage.public and storage.private folders of which neither contains the other.",
)
TLS_FILES = Code(
    "SRV003",
    "the certificate files of the state folder cannot be read or written",
    "Clients install only over TLS, so there is nothing to serve without a certificate and its key.",
    "Make the folder writable for this user; remove its 'tls' folder to start over with a new certificate authority.",
)
BAD_HOST = Code(
    "SRV004",
    "not a host that a certificate can name",
    "Clients compare the host in their address with the names in the certificate.",
    "Give a DNS name or an IP address, without scheme, path and user.",
)
