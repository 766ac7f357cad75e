"""The registry's own keys: OpenPGP for the sums of unsigned providers, Ed25519 for the log."""
