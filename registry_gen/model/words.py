"""Numbers in words, for messages of every room."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB")
_NEXT_UNIT: Final = 999.95
"""What rounds to 1000.0 takes the next unit."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: "1 package", "2 packages"; ``plural`` where an s is not enough."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def size_said(size: int) -> str:
    """Bytes in decimal units: "999 bytes", "12.3 MB"."""
    if size < 1000:
        return counted(size, "byte")
    scaled = ((size / 1000**power, unit) for power, unit in enumerate(_UNITS, 1))
    number, unit = next((each for each in scaled if each[0] < _NEXT_UNIT), (size / 1000 ** len(_UNITS), _UNITS[-1]))
    return f"{number:.1f} {unit}"
