"""Listing refs by git's smart HTTP protocol, in one request or two and without a process.

Whatever a host answers that is not plainly this protocol is left to git itself, which knows the older ways too.
Answers carry no ETag worth keeping, so that none is sent back: docs/adr/0017.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Final

from registry_gen.errors import Code, SourceError
from registry_gen.sources import codes
from registry_gen.sources.git_command import Ended
from registry_gen.sources.git_connections import GitConnections, Post, TooLongError
from registry_gen.sources.git_failures import failure
from registry_gen.sources.git_url import web_target
from registry_gen.sources.guard import shown
from registry_gen.sources.http_failures import RetryableError
from registry_gen.sources.pkt_line import (
    EndedEarlyError,
    MalformedError,
    RemoteError,
    ls_refs,
    read_advertisement,
    read_refs,
)
from registry_gen.sources.retry import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.sources.git_connections import Answer
    from registry_gen.sources.guard import Guard, Target

_TAGS: Final = (b"refs/tags/", b"HEAD")
"""HEAD tells a repository without tags from one without anything."""
_SHA1: Final = 40
_ADVERTISEMENT: Final = "application/x-git-upload-pack-advertisement"
_RESULT: Final = "application/x-git-upload-pack-result"
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HIDDEN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""How hosts say that there is nothing for us. No credentials are sent, neither here nor by git."""


class _CertificateError(Exception):
    """A certificate that is not accepted here; git has authorities of its own."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is wanted, and what it may take: bytes of an answer, and until when by ``time.monotonic``."""

    url: str
    target: Target
    limit: int
    deadline: float

    @property
    def base(self) -> str:
        """The path that git's own are appended to."""
        return self.target.path if self.target.path.endswith("/") else f"{self.target.path}/"


class SmartHttp:
    """Lists refs. Safe to use from several threads.

    ``seconds`` bounds one listing, with all of its requests; ``now`` is the wall clock, for Retry-After dates.
    """

    def __init__(
        self,
        guard: Guard,
        ca_file: Path | None,
        seconds: float,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._guard = guard
        self._connections = GitConnections(guard, ca_file)
        self._seconds = seconds
        self._now = now
        self._version2: set[str] = set()

    def listed(self, url: str, limit: int) -> bytes | None:
        """The tags of a repository and its HEAD in lines of ``git ls-remote``, b"" where it has no refs at all.

        None where that is for git itself to say. ``limit`` is in bytes of an answer. Raises RetryableError (NET004,
        NET008, GIT003), SourceError GIT001, GIT002, GIT004, GIT005, GIT011, GIT014, NET001 to NET003.
        """
        target = web_target(url, self._guard)
        if target is None:
            return None
        question = _Question(url, target, limit, time.monotonic() + self._seconds)
        try:
            # Most hosts speak one version for all their repositories, so that asking for it can be left out.
            at_once = self._at_once(question) if target.netloc in self._version2 else None
            return at_once or self._in_turn(question)
        except _CertificateError:
            return None

    def close(self) -> None:
        """End every connection."""
        self._connections.close()

    def _at_once(self, question: _Question) -> bytes | None:
        """The list of a repository of version 2 and SHA-1; None for anything else, which is asked about in turn."""
        answer = self._ask(question, ls_refs(_SHA1, _TAGS))
        if answer.status in _BUSY:
            self._judge(question, answer)
        if answer.status != HTTPStatus.OK or answer.content_type != _RESULT:
            return None
        with contextlib.suppress(MalformedError, RemoteError):
            return read_refs(answer.body, _SHA1)
        return None

    def _in_turn(self, question: _Question) -> bytes | None:
        """Ask what the host speaks, and then for the list where that is not said already."""
        answer = self._ask(question)
        if not self._judge(question, answer, _ADVERTISEMENT):
            return None
        with self._protocol(question):
            advertisement = read_advertisement(answer.body)
        if advertisement.listed is not None:
            self._version2.discard(question.target.netloc)
            return advertisement.listed
        self._version2.add(question.target.netloc)
        for prefixes in (_TAGS, ()):
            answer = self._ask(question, ls_refs(advertisement.id_length, prefixes))
            if not self._judge(question, answer, _RESULT):
                return None
            with self._protocol(question):
                listed = read_refs(answer.body, advertisement.id_length)
            if listed:
                return listed
        return b""

    def _ask(self, question: _Question, command: bytes | None = None) -> Answer:
        """Ask for an advertisement, or send a command; turns what a network can do into errors with a code."""
        service, post = "info/refs?service=git-upload-pack", None
        if command is not None:
            service, post = "git-upload-pack", Post("application/x-git-upload-pack-request", command)
        try:
            return self._connections.ask(
                question.target, question.base + service, post, limit=question.limit, deadline=question.deadline
            )
        except TooLongError:
            raise _error(codes.TOO_MANY_REFS, question) from None
        except ssl.SSLCertVerificationError:
            raise _CertificateError from None
        except SourceError as error:
            raise RetryableError(error) if error.code is codes.UNREACHABLE else error from None
        except (HTTPException, OSError) as error:
            if time.monotonic() >= question.deadline:
                raise failure(question.url, Ended(0, late=True, said=""), self._seconds) from None
            found = (isinstance(error, OSError) and error.strerror) or type(error).__name__
            raise RetryableError(_error(codes.GIT_UNREACHABLE, question, found)) from None

    def _judge(self, question: _Question, answer: Answer, wanted: str = "") -> bool:
        """Whether an answer is of the wanted kind; raises where it says that there will be none."""
        status = answer.status
        if status == HTTPStatus.OK:
            return answer.content_type == wanted
        found = f"HTTP status {status}"
        if status in _BUSY:
            wait = retry_after(answer.retry_after, self._now())
            asked = "" if wait is None else f", asking to wait for {wait:.0f} s"
            raise RetryableError(_error(codes.BUSY, question, found + asked), wait)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RetryableError(_error(codes.GIT_UNREACHABLE, question, found))
        if status in _REDIRECTS:
            raise _error(codes.MOVED_REPOSITORY, question, f"{found}, to {shown(answer.location)}")
        if status in _HIDDEN:
            raise _error(codes.NO_REPOSITORY, question, found)
        return False

    @contextlib.contextmanager
    def _protocol(self, question: _Question) -> Iterator[None]:
        """Turn what is wrong with an answer into what git says of it."""
        try:
            yield
        except EndedEarlyError as error:
            raise RetryableError(_error(codes.GIT_UNREACHABLE, question, str(error))) from None
        except MalformedError as error:
            raise _error(codes.GIT_FAILED, question, str(error)) from None
        except RemoteError as error:
            said = f"fatal: remote error: {error}"
            raise failure(question.url, Ended(128, late=False, said=said), self._seconds) from None


def _error(code: Code, question: _Question, found: str = "") -> SourceError:
    return SourceError(code, where=shown(question.url), found=found, hint=code.fix)
