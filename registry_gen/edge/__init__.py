"""Telling a CDN which keys have changed: a file for each vendor, and nothing that a publication depends on."""
