"""Frozen data that every room shares; nothing here does I/O."""
