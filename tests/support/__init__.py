"""Fakes and real servers that several test suites share; each module's docstring shows its use."""
