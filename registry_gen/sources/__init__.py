"""What the catalog points at: git repositories, release folders, archives and upstream registries.

Everything read here is hostile until checked: every request passes ``guard``, and is bounded in bytes and time.
"""
