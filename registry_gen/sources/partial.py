"""A download that may break off and go on: what is there of it, and whether an answer holds the rest of the same file.

The rest is asked for with the validator of the beginning (RFC 9110: 8.8, 13.1.5, 14), so that a host with another file
by now sends the whole of it. Hosts err, so an answer is joined only where everything that it says of itself fits, and
whoever knows the file's digest compares it in the end as for any other download.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Final

from registry_gen.sources.guard import shown
from registry_gen.sources.http_failures import RetryableError, not_the_rest, truncated, writing, wrong_content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.response import BaseHTTPResponse

_STRONG: Final = re.compile(r'"[!#-~]{0,1000}"')
_RANGE: Final = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_SURE_SECONDS: Final = 60.0
"""A file that changes twice in a second keeps its date: one that is this much older than the answer did not."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What the answer that began the file said: its place (URL without query), validator, and size if announced."""

    place: str
    header: str
    validator: str
    total: int | None


class Partial:
    """A file on its way into ``out`` (seekable): ``size`` bytes of it are there and hashed."""

    def __init__(self, url: str, out: BinaryIO) -> None:
        self.size = 0
        self._url = url
        self._out = out
        self._digest = hashlib.sha256()
        self._beginning: _Beginning | None = None
        self._total: int | None = None
        self._trusted = True

    def headers(self) -> Mapping[str, str]:
        """What to ask for the rest with; nothing where it has to be the whole."""
        if self.size == 0 or self._beginning is None:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._beginning.validator}

    def begin(self, response: BaseHTTPResponse, final: str) -> None:
        """Make ready for the body of an answer (200, 206 or 416) from the URL ``final``: the rest, or the whole.

        Raises RetryableError NET016 for an answer that is not the rest; the whole is asked for from then on. Raises
        SourceError NET013 for a body with an encoding, NET015 where ``out`` cannot be written.
        """
        if response.status == HTTPStatus.OK:
            if _encoding(response) != "identity":
                raise wrong_content(self._url, "the file as it is", "one with a Content-Encoding")
            self._restart(_beginning(response, final) if self._trusted else None)
        else:
            self._join(response, final)
        with writing(self._url):
            self._out.seek(self.size)
            self._out.truncate()

    def write(self, chunk: bytes) -> None:
        """Append the next bytes; raises SourceError NET015."""
        with writing(self._url):
            self._out.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> str:
        """The file's SHA-256 once the last body has ended.

        Raises RetryableError NET012 for a rest that was shorter or longer than it said, SourceError NET015.
        """
        with writing(self._url):
            self._out.flush()
        if self._total is not None and self.size != self._total:
            total, size = self._total, self.size
            self._distrust()
            raise RetryableError(truncated(self._url, size, str(total)))
        return self._digest.hexdigest()

    def _join(self, response: BaseHTTPResponse, final: str) -> None:
        began = self._beginning
        misfit = _misfit(began, self.size, response, final) if began else "a part that nobody asked for"
        if misfit:
            expected = f"the rest from byte {self.size} on"
            self._distrust()
            raise RetryableError(not_the_rest(self._url, expected, misfit))
        self._total = _total(response)

    def _distrust(self) -> None:
        """Begin again, and for good: a host that once sent something else would only be asked in vain."""
        self._trusted = False
        self._restart(None)

    def _restart(self, beginning: _Beginning | None) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._beginning = beginning
        self._total = None


def _beginning(response: BaseHTTPResponse, final: str) -> _Beginning | None:
    """What to know the file by; None where it has no strong validator, so that no rest may be asked for."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if _NUMBER.fullmatch(length) else None
    etag = response.headers.get("ETag", "")
    if _STRONG.fullmatch(etag):
        return _Beginning(_place(final), "ETag", etag, total)
    modified = response.headers.get("Last-Modified", "")
    if _is_sure(modified, response.headers.get("Date", "")):
        return _Beginning(_place(final), "Last-Modified", modified, total)
    return None


def _is_sure(modified: str, date: str) -> bool:
    """Whether a Last-Modified is a strong validator (RFC 9110, 8.8.2.2), by the host's own clock."""
    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(modified)).total_seconds() >= _SURE_SECONDS
    except (ValueError, TypeError, OverflowError):  # nonsense, one with a zone and one without, beyond what dates hold
        return False


def _misfit(beginning: _Beginning, size: int, response: BaseHTTPResponse, final: str) -> str:
    """Why an answer is not the rest after ``size`` bytes, in the words of its headers; "" where it is."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return f"HTTP status {response.status}"
    if _place(final) != beginning.place:
        return f"an answer of {shown(final)}"
    if _encoding(response) != "identity":
        return "a Content-Encoding"
    validator = response.headers.get(beginning.header)
    # A 206 repeats the ETag; other validators may be left out after If-Range (RFC 9110, 15.3.7).
    if validator != beginning.validator and (validator is not None or beginning.header == "ETag"):
        return f"another {beginning.header}"
    text = response.headers.get("Content-Range", "")
    found = _RANGE.fullmatch(text)
    if found is None:
        return "no Content-Range of bytes"
    first, last, total = map(int, found.groups())
    if first != size or last + 1 != total or beginning.total not in {None, total}:
        return f"Content-Range {text}"
    return ""


def _total(response: BaseHTTPResponse) -> int | None:
    """The size of the whole file, by a Content-Range."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(found[3]) if found else None


def _encoding(response: BaseHTTPResponse) -> str:
    return response.headers.get("Content-Encoding", "identity").lower()


def _place(url: str) -> str:
    """Where a file is: queries are often signatures of the moment."""
    return url.partition("?")[0]
