"""Git repositories: which tags there are, and the exact bytes of a tagged commit.

Tags are listed over smart HTTP where the host speaks it (``git_http``). For all else git itself is the client, held by
``git_command`` and ``git_url``. Nothing is ever checked out.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_gen.errors import SourceError
from registry_gen.model.digest import Commit
from registry_gen.model.plan import Tag
from registry_gen.sources import codes
from registry_gen.sources.git_cache import GitCache
from registry_gen.sources.git_command import CommandError, GitCommand, OutputError
from registry_gen.sources.git_failures import failure, last_words
from registry_gen.sources.git_http import SmartHttp
from registry_gen.sources.git_tree import DamagedCacheError, read_tree
from registry_gen.sources.git_url import host_of, remote
from registry_gen.sources.guard import Guard, Resolver, shown, system_resolver
from registry_gen.sources.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry_gen.model.config import Limits, Network
    from registry_gen.model.tree import TreeFile
    from registry_gen.sources.git_url import Remote

_LISTING_BYTES: Final = 32 * 1024 * 1024
"""Some 400,000 refs."""
_TAGS_AT_ONCE: Final = 100
_REF: Final = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})\trefs/tags/(.+?)(\^\{\})?")
# git-check-ref-format(1), one component after the other, narrowed to printable characters.
_COMPONENT: Final = r"(?!\.)(?:(?!\.\.|@\{)[^\x00-\x20\x7f-\xa0~^:?*\[\\/\ufffd])+(?<!\.)(?<!\.lock)"
_NAME: Final = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*")
_AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Git:
    """Reads repositories, keeping what was fetched in ``state``/git. Safe to use from several threads and processes.

    ``limits.git_seconds`` bounds each command and each listing. Private repositories are read over ssh with the keys
    of this user's agent or ~/.ssh; https carries no credentials. ``hosts`` is how much is asked of a host.
    """

    def __init__(
        self,
        state: Path,
        network: Network,
        limits: Limits,
        *,
        resolve: Resolver = system_resolver,
        hosts: Hosts | None = None,
    ) -> None:
        self._folder = (state / "git").absolute()
        self._network = network
        self._limits = limits
        self._guard = Guard(network, resolve)
        self._command = GitCommand(network.schemes, limits.git_seconds)
        self._smart = SmartHttp(self._guard, network.ca_file, limits.git_seconds)
        self._hosts = hosts or Hosts(limits.per_host)
        self._cache = GitCache(self._folder, self._command)
        self._bundle_lock = threading.Lock()
        self._bundle: Path | None = None

    def tags(self, url: str) -> tuple[Tag, ...]:
        """All tags of a repository with the ids that they peel to, sorted by name.

        Names that git's own grammar does not allow are left out. A tag of something else than a commit cannot be
        told here; ``fetch`` refuses it. Raises SourceError GIT001 to GIT015, NET001 to NET005, NET008; of a host that
        failed for others several times in a row, the same at once.
        """
        host = host_of(url)
        listed = self._listed(url) if host is None else self._hosts.ask(host, url, lambda: self._listed(url))
        if not listed:
            # Git reads a page that is no repository as the listing of an empty one (the old "dumb" protocol).
            raise SourceError(
                codes.NO_REPOSITORY,
                "there is no branch and no tag: an empty repository, or a page that is none",
                where=shown(url),
                hint=codes.WRONG_CONTENT.fix,
            )
        return parse_tags(listed)

    def _listed(self, url: str) -> bytes:
        """Lines of ``git ls-remote``, all tags among them; none where the repository has no refs at all."""
        listed = self._smart.listed(url, _LISTING_BYTES)
        return self._listed_by_git(url) if listed is None else listed

    def _listed_by_git(self, url: str) -> bytes:
        place = remote(url, self._guard)
        with self._own_files():
            return self._list(url, place, "--tags") or self._list(url, place)

    def fetch(self, url: str, tags: Sequence[Tag]) -> None:
        """Bring the commits of these tags, without history, into the cache.

        Raises SourceError GIT007 with both commits where a tag no longer peels to its commit, GIT006 where it is gone
        or peels to no commit, and as ``tags`` does. What the cache has already is not asked for again.
        """
        # By the tag's name: servers of protocol version 0 refuse ids that no ref names at the moment.
        self._bring(url, {tag.commit: f"refs/tags/{tag.name}" for tag in tags})

    def fetch_commit(self, url: str, commit: Commit) -> None:
        """Bring one commit into the cache by its id alone, whatever tags say today.

        Raises SourceError GIT006 where the repository no longer has it, or its server (of git's protocol version 0)
        gives only what a ref names; else as ``tags`` does.
        """
        self._bring(url, {commit: commit})

    def _bring(self, url: str, wanted: Mapping[Commit, str]) -> None:
        """Bring commits, each by the ref or id to ask for."""
        if not wanted:
            return
        place = remote(url, self._guard)
        with self._own_files(), self._cache.locked(url) as path:
            try:
                self._fetch(url, place, path, wanted)
            except (DamagedCacheError, CommandError) as error:
                known = self._failure(url, error)
                if known.code is not codes.GIT_FAILED or _was_killed(error):
                    raise known from None
                # The cache may be damaged: an empty one is right, and what else is wrong shows again.
                self._cache.discard(path)
                try:
                    self._fetch(url, place, path, wanted)
                except (DamagedCacheError, CommandError) as again:
                    raise self._failure(url, again) from None

    def tree(self, url: str, commit: Commit, path: str) -> Iterator[TreeFile]:
        """The files of a fetched commit under ``path`` ("" for all), which becomes the root; by path as bytes.

        Refuses before reading what is over ``limits.module_bytes`` and ``limits.module_files``. Raises SourceError
        GIT006, GIT010, RefusalError GIT008, GIT009, GIT013; SourceError GIT005 and GIT015 where the cache
        turns out damaged or cannot be used.
        """
        cache = self._cache.path(url)
        where = f"{shown(url)} at {commit}"
        try:
            if not self._cache.usable(cache) or not self._cache.fetched(cache, [commit]):
                raise SourceError(codes.NO_COMMIT, where=where, hint=codes.NO_COMMIT.fix)
            yield from read_tree(self._command, cache, commit, path, where, self._limits)
        except (DamagedCacheError, CommandError) as error:
            if isinstance(error, CommandError) and error.ended.late:
                raise failure(url, error.ended, self._limits.git_seconds) from None
            with self._cache.locked(url):
                self._cache.discard(cache)
            said = last_words(error.ended.said) if isinstance(error, CommandError) else str(error)
            raise SourceError(codes.GIT_FAILED, where=where, found=said, hint=codes.GIT_FAILED.fix) from None
        except OSError as error:
            raise self._cannot_cache(error) from error

    @contextlib.contextmanager
    def _own_files(self) -> Iterator[None]:
        """Turn what the disk says of the state folder into SourceError GIT015."""
        try:
            yield
        except OSError as error:
            raise self._cannot_cache(error) from error

    def _cannot_cache(self, error: OSError) -> SourceError:
        found = error.strerror or str(error)
        return SourceError(codes.CACHE, where=str(self._folder), found=found, hint=codes.CACHE.fix)

    def close(self) -> None:
        """End whatever runs or waits at this moment; meant for the end, also that by Ctrl-C."""
        self._hosts.close()
        self._smart.close()
        self._command.close()

    def _list(self, url: str, place: Remote, *only: str) -> bytes:
        try:
            return self._command.run(
                *(*place.options, "ls-remote", *only, "--quiet", "--", place.url),
                limit=_LISTING_BYTES,
                environment=self._environment(place),
            )
        except CommandError as error:
            raise self._failure(url, error) from None
        except OutputError:
            raise SourceError(codes.TOO_MANY_REFS, where=shown(url), hint=codes.TOO_MANY_REFS.fix) from None

    def _failure(self, url: str, error: DamagedCacheError | CommandError) -> SourceError:
        if isinstance(error, CommandError):
            return failure(url, error.ended, self._limits.git_seconds)
        return SourceError(codes.GIT_FAILED, where=shown(url), found=str(error), hint=codes.GIT_FAILED.fix)

    def _fetch(self, url: str, place: Remote, path: Path, wanted: Mapping[Commit, str]) -> None:
        self._cache.prepare(path, next(iter(wanted)))
        fetched = self._cache.fetched(path, list(wanted))
        missing = [(commit, ref) for commit, ref in sorted(wanted.items()) if commit not in fetched]
        for start in range(0, len(missing), _TAGS_AT_ONCE):
            some = dict(missing[start : start + _TAGS_AT_ONCE])
            refs = "".join(f"+{ref}:refs/new/{commit}\n" for commit, ref in some.items()).encode()
            try:
                self._command.run(
                    *place.options,
                    *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head"),
                    *("--no-auto-maintenance", "--no-recurse-submodules", "--stdin", "--", place.url),
                    repository=path,
                    stdin=refs,
                    limit=1_000_000,
                    environment=self._environment(place),
                )
            except OutputError:
                raise DamagedCacheError("git fetch printed without end") from None
            self._accept(url, path, some)

    def _accept(self, url: str, path: Path, wanted: Mapping[Commit, str]) -> None:
        """Keep what is the commit that was asked for; report the first ref that is not."""
        lines = self._cache.peel(path, [f"refs/new/{commit}" for commit in wanted])
        found = dict(zip(wanted, lines, strict=True))
        good = [commit for commit, line in found.items() if line == f"commit {commit}"]
        moves = [f"delete refs/new/{commit}\n" for commit in wanted]
        moves += [f"update refs/at/{commit} {commit}\n" for commit in good]
        self._command.run("update-ref", "--stdin", repository=path, stdin="".join(moves).encode(), limit=1_000_000)
        for commit, line in found.items():
            type_, _, now = line.partition(" ")
            where = f"{shown(url)} {wanted[commit].replace('refs/tags/', 'tag ', 1)}"
            if type_ != "commit":
                raise SourceError(codes.NO_COMMIT, where=where, expected="a commit", found=f"a {type_}")
            if now != commit:
                raise SourceError(
                    codes.MOVED_MEANWHILE, where=where, expected=commit, found=now, hint=codes.MOVED_MEANWHILE.fix
                )

    def _environment(self, place: Remote) -> dict[str, str]:
        environment = dict(place.environment)
        if self._network.ca_file is not None:
            environment["GIT_SSL_CAINFO"] = str(self._authorities(self._network.ca_file))
        return environment

    def _authorities(self, ours: Path) -> Path:
        """A file with the system's certificate authorities and ours: git takes one file, and it replaces the rest."""
        with self._bundle_lock:
            if self._bundle is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                system = ssl.get_default_verify_paths().cafile
                files = [Path(name) for name in (system, *_AUTHORITIES) if name and Path(name).is_file()][:1]
                bundle = self._folder / "authorities.pem"
                new = bundle.with_suffix(f".{threading.get_native_id()}")
                new.write_bytes(b"\n".join(file.read_bytes() for file in (*files, ours)))
                new.replace(bundle)
                self._bundle = bundle
            return self._bundle


def _was_killed(error: Exception) -> bool:
    return isinstance(error, CommandError) and error.ended.killed


def parse_tags(listed: bytes) -> tuple[Tag, ...]:
    """Read the tags in lines of ``git ls-remote``: a tag object's peeled id stands in a second line, ending in ^{}."""
    plain: dict[str, Commit] = {}
    peeled: dict[str, Commit] = {}
    for line in listed.split(b"\n"):
        found = _REF.fullmatch(line)
        if found is None:
            continue
        name = found[2].decode(errors="replace")
        if len(name) <= 255 and name.isprintable() and _NAME.fullmatch(name):
            (peeled if found[3] else plain)[name] = Commit(found[1].decode())
    return tuple(sorted(Tag(name, peeled.get(name, commit)) for name, commit in plain.items()))
