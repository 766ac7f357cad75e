"""What goes wrong over HTTP, as errors with their codes; URLs are shown without what may be secret in them."""

from __future__ import annotations

import contextlib
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING

from urllib3.exceptions import MaxRetryError, SSLError
from urllib3.exceptions import TimeoutError as SilenceError

from registry_gen.errors import Code, SourceError
from registry_gen.sources import codes
from registry_gen.sources.guard import shown

if TYPE_CHECKING:
    from collections.abc import Iterator


class RetryableError(Exception):
    """An attempt failed in a way that may pass. ``wait`` is what the host asked for, in seconds."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@contextlib.contextmanager
def writing(source: str) -> Iterator[None]:
    """Turn what the disk says while ``source`` (URL or path) is written to it into SourceError NET015."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            codes.CANNOT_WRITE, where=shown(source), found=error.strerror or str(error), hint=codes.CANNOT_WRITE.fix
        ) from error


def bad_status(code: Code, url: str, status: int, more: str = "") -> SourceError:
    """An answer that is neither a success nor a redirect."""
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    return SourceError(code, where=shown(url), found=f"HTTP status {phrase}{more}", hint=code.fix)


def wrong_content(url: str, expected: str, found: str) -> SourceError:
    """NET013."""
    return SourceError(
        codes.WRONG_CONTENT, where=shown(url), expected=expected, found=found, hint=codes.WRONG_CONTENT.fix
    )


def too_large(url: str, limit: int, found: str) -> SourceError:
    """NET010."""
    return SourceError(
        codes.TOO_LARGE, where=shown(url), expected=f"at most {limit} bytes", found=found, hint=codes.TOO_LARGE.fix
    )


def too_slow(url: str, seconds: float) -> SourceError:
    """NET011."""
    return SourceError(
        codes.TOO_SLOW, where=shown(url), expected=f"an answer within {seconds:g} s", hint=codes.TOO_SLOW.fix
    )


def truncated(url: str, size: int, announced: str, error: Exception | None = None) -> SourceError:
    """NET012: after ``size`` bytes of those ``announced`` ("" for nobody knows), by ``error``."""
    slow = isinstance(error, SilenceError)
    return SourceError(
        codes.TRUNCATED,
        where=shown(url),
        expected=f"{announced} bytes" if announced else "",
        found=f"{size} bytes" + (", then silence" if slow else ""),
        hint=codes.TRUNCATED.fix,
    )


def not_the_rest(url: str, expected: str, found: str) -> SourceError:
    """NET016."""
    return SourceError(
        codes.NOT_THE_REST, where=shown(url), expected=expected, found=found, hint=codes.NOT_THE_REST.fix
    )


def unreachable(url: str, error: Exception | None) -> SourceError:
    """NET004."""
    return SourceError(codes.UNREACHABLE, where=shown(url), found=_reason(error), hint=codes.UNREACHABLE.fix)


def tls_failed(url: str, error: SSLError) -> SourceError:
    """NET005."""
    return SourceError(codes.TLS_FAILED, where=shown(url), found=_reason(error), hint=codes.TLS_FAILED.fix)


def _reason(error: Exception | None) -> str:
    """What happened, in the operating system's or OpenSSL's own words and without URLs."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, MaxRetryError):
            cause = cause.reason
            continue
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if error else "no address"
