"""What git's last words mean for a person. Git has one exit status for nearly everything, so its words decide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from registry_gen.errors import Code, SourceError
from registry_gen.sources import codes
from registry_gen.sources.guard import shown

if TYPE_CHECKING:
    from registry_gen.sources.git_command import Ended

# In this order: a host's name may appear in any message, so the most telling words come first.
_MEANINGS: Final[tuple[tuple[re.Pattern[str], Code], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"died of signal 25|file size limit exceeded|file too large", codes.TREE_TOO_LARGE),
        (r"no space left on device|disk quota exceeded", codes.CANNOT_WRITE),
        (r"error: 30[1-8]\b|unable to update url base from redirection", codes.MOVED_REPOSITORY),
        (r"certificate|host key verification failed", codes.TLS_FAILED),
        (
            (
                r"could not resolve|failed to connect|couldn't connect|connection (refused|timed out|reset|closed)"
                r"|no route to host|network is unreachable|error: (429|5\d\d)\b|empty reply|early EOF|hung up"
                r"|gnutls|SSL_|unexpected disconnect|transfer closed|bytes of length header|RPC failed|timed out"
            ),
            codes.GIT_UNREACHABLE,
        ),
        (
            (
                r"not found|does not (appear to be a git repository|exist)|authentication failed|permission denied"
                r"|could not read (username|password)|error: 40[134]\b|dubious ownership|is this a git repository"
                r"|not exported|terminal prompts disabled|no such device or address|unable to open"
            ),
            codes.NO_REPOSITORY,
        ),
    )
)

_GONE: Final = ("couldn't find remote ref", "not our ref", "request for unadvertised object")


def failure(url: str, ended: Ended, seconds: float) -> SourceError:
    """The error for a git that did not end well while it talked to ``url``."""
    where = shown(url)
    if ended.late:
        return SourceError(
            codes.GIT_TIMEOUT, where=where, expected=f"an end within {seconds:g} s", hint=codes.GIT_TIMEOUT.fix
        )
    # No failure of the host: the tag went away between looking and fetching, or the commit from the repository.
    if any(words in ended.said for words in _GONE):
        return SourceError(codes.NO_COMMIT, where=where, found=last_words(ended.said), hint=codes.NO_COMMIT.fix)
    # Names of repositories must not be taken for reasons: one may be called "certificates".
    reasons = re.sub(r"'[^'\n]*'|[a-z+]+://\S*", "", ended.said)
    for pattern, code in _MEANINGS:
        if pattern.search(reasons):
            return SourceError(code, where=where, found=last_words(ended.said), hint=code.fix)
    if ended.killed or "died of signal" in ended.said:
        return SourceError(
            codes.GIT_FAILED, "git was killed", where=where, found=f"status {ended.status}", hint=codes.GIT_FAILED.fix
        )
    return SourceError(codes.GIT_FAILED, where=where, found=last_words(ended.said), hint=codes.GIT_FAILED.fix)


def last_words(said: str) -> str:
    """The line in which git names the reason, without what a host could slip into a terminal, and without URLs."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", said) if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))] or lines
    text = re.sub(r"[^ -~]", "", telling[0] if telling else "nothing was said")
    return re.sub(r"'?[a-z+]+://\S*", "the URL", text)[:300]
