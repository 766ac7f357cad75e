"""Who runs this, and in which pipeline, as the environment of a forge says; else the user of the machine.

The variables are those that the forges document: GitHub "Variables reference", GitLab "Predefined CI/CD variables
reference", Azure "Use predefined variables", Bitbucket "Variables and secrets". Whoever can set the environment can
write them: they are a record of what was claimed, bounded and printable, and prove nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from registry_gen.catalog.location import web_url
from registry_gen.errors import InputError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_NAME: Final = 100
"""Characters of a person's or a project's name; what is longer is cut, and ends in an ellipsis."""
LONGEST_URL: Final = 1_000

_NUMBER = re.compile(r"[0-9]{1,20}")
_PLACE = re.compile(r"[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)+")
_BITBUCKET: Final = "https://bitbucket.org"  # a cloud service only: BITBUCKET_REPO_FULL_NAME is what comes after it


class Forge(StrEnum):
    """Whose pipelines are known; the value is how an actor's name begins."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"
    BITBUCKET = "bitbucket"


@dataclass(frozen=True, slots=True)
class Identity:
    """``actor`` such as ``github:octocat (acme/registry)`` or a user's name; ``run_url`` shows the pipeline's run."""

    actor: str
    run_url: str | None


def identity(environ: Mapping[str, str], user: Callable[[], str]) -> Identity:
    """Who the variables in ``environ`` name; outside of the forges ``user`` is asked, and there is no URL.

    ``actor`` is printable and of bounded length. ``run_url`` is on http or https, without credentials, or None.
    """
    match forge(environ):
        case Forge.GITHUB:
            return _github(environ)
        case Forge.GITLAB:
            return _gitlab(environ)
        case Forge.AZURE:
            return _azure(environ)
        case Forge.BITBUCKET:
            return _bitbucket(environ)
    return Identity(_name(user()), None)


def forge(environ: Mapping[str, str]) -> Forge | None:
    """Whose pipeline this runs in, as the variables in ``environ`` say; None where it is none of them."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return Forge.GITHUB
    if environ.get("GITLAB_CI") == "true":
        return Forge.GITLAB
    if environ.get("TF_BUILD", "").lower() == "true":
        return Forge.AZURE
    return Forge.BITBUCKET if environ.get("BITBUCKET_BUILD_NUMBER") else None


def _github(environ: Mapping[str, str]) -> Identity:
    """The triggering actor is whoever started this very run; the actor, whoever started the first one."""
    who = environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR", "")
    place = environ.get("GITHUB_REPOSITORY", "")
    run, attempt = environ.get("GITHUB_RUN_ID", ""), environ.get("GITHUB_RUN_ATTEMPT", "")
    path = f"{place}/actions/runs/{run}" + (f"/attempts/{attempt}" if _NUMBER.fullmatch(attempt) else "")
    known = _PLACE.fullmatch(place) and _NUMBER.fullmatch(run)
    return Identity(_actor("github", who, place), _url(environ.get("GITHUB_SERVER_URL", ""), path) if known else None)


def _gitlab(environ: Mapping[str, str]) -> Identity:
    who, place = environ.get("GITLAB_USER_LOGIN", ""), environ.get("CI_PROJECT_PATH", "")
    return Identity(_actor("gitlab", who, place), _url(environ.get("CI_JOB_URL", "")))


def _azure(environ: Mapping[str, str]) -> Identity:
    """The address comes first: the name is one that people choose for themselves."""
    who = environ.get("BUILD_REQUESTEDFOREMAIL") or environ.get("BUILD_REQUESTEDFOR", "")
    place, build = environ.get("SYSTEM_TEAMPROJECT", ""), environ.get("BUILD_BUILDID", "")
    url = None
    if place and _NUMBER.fullmatch(build):
        project = quote(place, safe="", errors="replace")
        url = _url(environ.get("SYSTEM_COLLECTIONURI", ""), f"{project}/_build/results", f"?buildId={build}")
    return Identity(_actor("azure", who, place), url)


def _bitbucket(environ: Mapping[str, str]) -> Identity:
    who, place = environ.get("BITBUCKET_STEP_TRIGGERER_UUID", ""), environ.get("BITBUCKET_REPO_FULL_NAME", "")
    build = environ["BITBUCKET_BUILD_NUMBER"]
    known = _PLACE.fullmatch(place) and _NUMBER.fullmatch(build)
    return Identity(
        _actor("bitbucket", who, place), _url(_BITBUCKET, f"{place}/pipelines/results/{build}") if known else None
    )


def _actor(forge: str, who: str, place: str) -> str:
    """``FORGE:WHO (PLACE)``; what is not known is left out."""
    return forge + (f":{_name(who)}" if who.strip() else "") + (f" ({_name(place)})" if place.strip() else "")


def _name(text: str) -> str:
    text = text.strip()
    return printable(text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…")


def _url(base: str, path: str = "", query: str = "") -> str | None:
    """The base with a path of ours; None for a base that is no URL, or holds a user, a query or a fragment."""
    try:
        url = web_url(base, ("https", "http")) + path + query
    except InputError:
        return None
    return url.rstrip("/") if len(url) <= LONGEST_URL else None
