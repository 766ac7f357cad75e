"""Making archives whose bytes depend on their contents alone."""
