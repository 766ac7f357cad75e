"""The transparency log, pure: hashes, tiles, notes, proofs and entries (RFC 6962, C2SP tlog-tiles)."""
