"""Whether what is behind the public URL serves the bucket as clients and caches need it."""

from __future__ import annotations

import secrets
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from registry_gen import paths
from registry_gen.doctor import codes
from registry_gen.doctor.cache_control import Kept, kept
from registry_gen.doctor.exchange import PACKED, PLAIN
from registry_gen.doctor.outside import MAX_DISCOVERY, joined, shortened
from registry_gen.doctor.result import Check, Failed, NotApplicable, Ok
from registry_gen.doctor.storage_checks import SKEW
from registry_gen.model.address import ModuleAddress, Platform, ProviderAddress
from registry_gen.model.digest import sha256
from registry_gen.model.version import parse_version
from registry_gen.render import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_gen.doctor.outside import Outside
    from registry_gen.doctor.result import Verdict

ANSWERS: Final = "it answers, over TLS that clients trust"
_HEADER: Final = "x-terraform-get"
_OK: Final = 200
_MISSING: Final = 404
_GZIP: Final = "gzip"
_VERSION: Final = parse_version("1.0.0")
_BOM: Final = b"\xef\xbb\xbf"


def url_checks(outside: Outside) -> tuple[Check, ...]:
    """All checks of the URL, in the order in which they make sense."""
    listed = (
        (ANSWERS, codes.UNREACHABLE, answers, True),
        ("the clock agrees with the server's", codes.URL_CLOCK, same_clock, False),
        ("it shows the public storage", codes.NOT_PUBLIC, shows_storage, False),
        ("a missing key is 404", codes.MISSING, missing, False),
        ("a 404 is not cached", codes.MISSING_CACHED, missing_not_cached, False),
        ("discovery is JSON and leads here", codes.DISCOVERY, discovery, False),
        ("X-Terraform-Get is on downloads", codes.NO_HEADER, header_on_downloads, False),
        ("X-Terraform-Get is nowhere else", codes.HEADER_ELSEWHERE, header_nowhere_else, False),
        ("archives are not compressed on the way", codes.ENCODED, not_encoded, False),
        ("no cache keeps documents too long", codes.CACHE_RULE, cache_rules, False),
        ("HEAD is answered as GET", codes.HEAD_DIFFERS, head_as_get, False),
    )
    return tuple(Check(name, code, partial(run, outside), needed) for name, code, run, needed in listed)


def answers(outside: Outside) -> Verdict:
    """Any answer will do; the certificate is verified on the way."""
    outside.ask(paths.DISCOVERY)
    notes = [] if outside.url.startswith("https://") else ["plain http, to this machine"]
    if outside.url != outside.site.url:
        notes.append(f"registry.yaml says {outside.site.url}, where the pages of modules lead")
    return Ok("; ".join(notes))


def same_clock(outside: Outside) -> Verdict:
    """The Date of an answer that no cache can have (RFC 9110, 6.6.1), and its Age if one has it all the same."""
    before = outside.now()
    headers = outside.ask(outside.scratch.new()).headers
    after = outside.now()
    try:
        told = parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
        told += timedelta(seconds=_age(headers.get("age", "")))
    except (ValueError, OverflowError):
        return NotApplicable("the server tells no date that there is")
    if before - SKEW <= told <= after + SKEW:
        return Ok()
    return Failed(f"{after:%Y-%m-%d %H:%M:%S} UTC", f"{told:%Y-%m-%d %H:%M:%S} UTC")


def shows_storage(outside: Outside) -> Verdict:
    """An object that was written just now, and never asked for, is there."""
    key, body = outside.scratch.new(), _body()
    outside.public.put_new(key, body, sha256(body))
    answer = outside.ask(key, limit=len(body) + 1)
    if answer.status == _OK and answer.body == body:
        return Ok()
    found = "200 with other bytes" if answer.status == _OK else str(answer.status)
    return Failed(f"200 for {outside.at(key)}, which was written just now", found)


def missing(outside: Outside) -> Verdict:
    """Keys of several kinds that nobody has: servers treat folders differently."""
    module = _nobody()
    provider = ProviderAddress(module.namespace, "missing")
    for key in (
        outside.scratch.new(),
        paths.module_versions(module),
        paths.module_download(module, _VERSION),
        paths.module_archive(module, _VERSION),
        paths.provider_versions(provider),
        paths.provider_download(provider, _VERSION, Platform("linux", "amd64")),
    ):
        answer = outside.ask(key)
        if answer.status != _MISSING:
            return Failed(f"404 for {outside.at(key)}", str(answer.status))
    return Ok()


def missing_not_cached(outside: Outside) -> Verdict:
    """Read what a 404 says of itself, and whether the next one is out of a cache; write the object, and ask again."""
    key, body = outside.scratch.new(), _body()
    # Rules of CDNs differ by path: a listing and a download are asked for, too.
    for each in (key, paths.module_versions(_nobody()), paths.module_download(_nobody(), _VERSION)):
        answer = outside.ask(each)
        if answer.status != _MISSING:
            return NotApplicable(f"a missing key is answered with {answer.status}")
        said = kept(answer.headers, outside.now())
        if said is not None and said.seconds:
            control = answer.headers.get("cache-control") or f"Expires: {answer.headers.get('expires', '')}"
            return Failed("a 404 that no cache may keep", shortened(control))
        cached = _out_of_a_cache(outside.ask(each).headers)
        if cached:
            return Failed("a 404 made for each who asks", shortened(cached))
    outside.public.put_new(key, body, sha256(body))
    if outside.ask(key).status == _MISSING and shows_storage(outside) == Ok():
        return Failed("200 once the object is there", "still 404, while others are seen at once")
    return Ok()


def discovery(outside: Outside) -> Verdict:
    """Remote Service Discovery, as Terraform's svchost reads it."""
    if outside.public.head(paths.DISCOVERY) is None:
        return _nothing(outside)
    answer = outside.read(paths.DISCOVERY, MAX_DISCOVERY)
    if answer.media_type != "application/json":
        return Failed("Content-Type application/json", shortened(answer.headers.get("content-type", "none")))
    if answer.body.startswith(_BOM):
        return Failed("JSON", "a byte order mark, which clients cannot read")
    try:
        told = shapes.Discovery.model_validate_json(answer.body)
    except ValidationError:
        return Failed("JSON with modules.v1 and providers.v1", "something else")
    for path, text in ((paths.MODULES, told.modules), (paths.PROVIDERS, told.providers)):
        if joined(answer.url, text) not in (outside.url + path, outside.site.url + path):
            return Failed(outside.url + path, shortened(text))
    return Ok()


def header_on_downloads(outside: Outside) -> Verdict:
    """Module Registry Protocol: Terraform reads this header of a download and nothing else."""
    module = outside.samples.module
    if module is None:
        return NotApplicable(outside.without or "no module is published yet")
    found = outside.ask(paths.module_download(module.address, module.version)).headers.get(_HEADER)
    return Ok() if found == paths.TERRAFORM_GET else Failed(paths.TERRAFORM_GET, shortened(found or "no such header"))


def header_nowhere_else(outside: Outside) -> Verdict:
    """On the page that the header names it would lead back to the page."""
    keys = [key for key in (*outside.documents(), *outside.archives()) if not key.endswith("/download")]
    for key in keys:
        found = outside.ask(key).headers.get(_HEADER)
        if found is not None:
            return Failed(f"no X-Terraform-Get on {outside.at(key)}", shortened(found) or "an empty one")
    return Ok() if keys else _nothing(outside)


def not_encoded(outside: Outside) -> Verdict:
    """Archives as they are, however they are asked for; documents in gzip at most, where that was asked for."""
    asked = [(key, encoding) for key in outside.archives() for encoding in (PACKED, PLAIN)]
    for key, encoding in asked:
        found = outside.ask(key, encoding=encoding).encoding
        if found:
            return Failed(f"no Content-Encoding on {outside.at(key)}, asked for with {encoding}", shortened(found))
    for key in outside.documents():
        found = outside.ask(key, encoding=_GZIP).encoding
        if found not in ("", _GZIP):
            return Failed(f"gzip or no Content-Encoding on {outside.at(key)}", shortened(found))
    return Ok() if asked else NotApplicable(outside.without or "no archive is published yet")


def cache_rules(outside: Outside) -> Verdict:
    """No mutable document may be fresh, or be shown stale, for longer than its rule says (RFC 9111, RFC 5861)."""
    keys = list(outside.documents())
    now = outside.now()
    for key in keys:
        rule = paths.rule(key).cache_control
        answer = outside.ask(key)
        found, allowed = kept(answer.headers, now), kept({"cache-control": rule}, now) or Kept(0)
        if found is None or found.seconds > allowed.seconds:
            said = answer.headers.get("cache-control") or "no Cache-Control, so that caches guess"
            return Failed(f"{rule} on {outside.at(key)}", shortened(said))
    return Ok() if keys else _nothing(outside)


def head_as_get(outside: Outside) -> Verdict:
    """RFC 9110, 9.3.2: the same header without the body."""
    keys = (*outside.archives(), *outside.documents())[:2]
    for key in keys:
        get, head = outside.ask(key), outside.ask(key, method="HEAD")
        for name, of_get, of_head in (
            ("status", str(get.status), str(head.status)),
            ("Content-Length", *(each.headers.get("content-length", "") for each in (get, head))),
            ("Content-Type", *(each.headers.get("content-type", "") for each in (get, head))),
        ):
            if of_get != of_head and of_get and of_head:
                return Failed(f"{name} {shortened(of_get)} for HEAD of {outside.at(key)}", shortened(of_head))
    return Ok() if keys else _nothing(outside)


def _nothing(outside: Outside) -> NotApplicable:
    return NotApplicable(outside.without or "nothing is published yet")


def _nobody() -> ModuleAddress:
    """A module that there is not."""
    return ModuleAddress(f"doctor-{secrets.token_hex(8)}", "missing", "aws")


def _out_of_a_cache(headers: Mapping[str, str]) -> str:
    """The header by which an answer is known to be an earlier one; "" where none tells."""
    if _age(headers.get("age", "")):
        return f"Age: {headers['age']}"
    told = [(name, headers.get(name, "")) for name in ("x-cache", "cf-cache-status")]
    return next((f"{name}: {text}" for name, text in told if "hit" in text.lower()), "")


def _age(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _body() -> bytes:
    return f"registry-gen doctor {secrets.token_hex(24)}\n".encode()
