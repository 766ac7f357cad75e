"""The server that the golden tests share."""

from tests.support.postgres import postgres

__all__ = ["postgres"]
