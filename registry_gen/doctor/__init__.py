"""Whether bucket, ledger, keys and CDN do what the rest relies on: by trying, and by asking as a client does."""
