"""Sources for a demo, made on the spot: git repositories and releases, the same bytes on every run and machine."""
