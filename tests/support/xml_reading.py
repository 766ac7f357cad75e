"""XML that this very test made, read."""

from __future__ import annotations

from xml.etree import ElementTree as ET


def parsed(text: str) -> ET.Element:
    """The root of a document."""
    return ET.fromstring(text)  # noqa: S314 - it is our own
