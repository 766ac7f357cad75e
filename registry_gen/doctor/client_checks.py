"""Reading a published module, provider and mirror as Terraform and OpenTofu do it, to the last byte that they check."""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from registry_gen import paths
from registry_gen.doctor import codes
from registry_gen.doctor.outside import joined, require_found, shortened
from registry_gen.doctor.result import Check, CheckFailedError, Failed, NotApplicable, Ok
from registry_gen.render import shapes
from registry_gen.sources.guard import shown
from registry_gen.verify.openpgp import parse_key, verify_detached
from registry_gen.verify.sums import MAX_BYTES, lint_sums, parse_sums

if TYPE_CHECKING:
    from registry_gen.doctor.exchange import Answer
    from registry_gen.doctor.outside import Outside
    from registry_gen.doctor.result import Verdict
    from registry_gen.doctor.samples import Module

_S = TypeVar("_S", bound=BaseModel)

_ZIP: Final = b"PK\x03\x04"
_MAX_SIGNATURE: Final = 100_000
_META: Final = re.compile(rb"""<meta\s+name=["']terraform-get["']\s+content=["']([^"'<>]*)["']""", re.IGNORECASE)
_CHECKSUM: Final = re.compile(r"checksum=sha256:([0-9a-f]{64})")


def client_checks(outside: Outside) -> tuple[Check, ...]:
    """One check for each kind of package."""
    listed = (
        ("a module is read as clients read it", codes.MODULE, module_reads),
        ("a provider is read as clients read it", codes.PROVIDER, provider_reads),
        ("a mirrored provider is read as clients read it", codes.MIRROR, mirror_reads),
    )
    return tuple(Check(name, code, partial(run, outside)) for name, code, run in listed)


def module_reads(outside: Outside) -> Verdict:
    """Listing, download, hop page, archive: both OpenTofu's way and Terraform's, which must end at the same bytes."""
    module = outside.samples.module
    if module is None:
        return NotApplicable(outside.without or "no module is published yet")
    url = outside.at(paths.module_versions(module.address))
    (listed,) = _shape(outside.read_url(url), shapes.ModuleListing).modules
    _require_listed(url, str(module.version), [each.version for each in listed.versions])
    opentofu, terraform = _tofu_way(outside, module), _terraform_way(outside, module)
    if opentofu != terraform:
        return Failed(f"both ways to end at {shown(opentofu)}", shown(terraform))
    name = f"{module.address} {module.version}"
    if opentofu.startswith("git::"):
        return Ok(f"{name}, a link to a repository, which was not asked")
    promised = _CHECKSUM.search(urlsplit(opentofu).query)
    if promised is None:
        return Failed("a checksum beside the archive's URL", "none")
    archive = joined(opentofu, urlsplit(opentofu).path)
    answer, digested = outside.asker.digest(archive, limit=outside.module_bytes)
    require_found(archive, answer)
    if digested.sha256 != promised[1]:
        return Failed(f"SHA-256 {promised[1]} for {shown(archive)}", digested.sha256)
    return Ok(f"{name}, {digested.size} bytes")


def provider_reads(outside: Outside) -> Verdict:
    """Listing, document of a platform, sums, signature by one of the keys, and the beginning of the zip."""
    provider = outside.samples.provider
    if provider is None:
        return NotApplicable(outside.without or "no provider is published yet")
    url = outside.at(paths.provider_versions(provider.address))
    listed = _shape(outside.read_url(url), shapes.ProviderListing).versions
    _require_listed(url, str(provider.version), [each.version for each in listed])
    key = paths.provider_download(provider.address, provider.version, provider.platform)
    answer = outside.read(key)
    leaf = _shape(answer, shapes.ProviderDownload)
    if f"{leaf.os}_{leaf.arch}" != str(provider.platform):
        return Failed(f"a document about {provider.platform}", shortened(f"{leaf.os}_{leaf.arch}"))
    _require_signed(outside, answer.url, leaf)
    return _zip_begins(outside, joined(answer.url, leaf.download_url), leaf) or Ok(
        f"{provider.address} {provider.version} {provider.platform}"
    )


def mirror_reads(outside: Outside) -> Verdict:
    """Both documents of the network mirror protocol, which clients want as JSON by their type."""
    mirror = outside.samples.mirror
    if mirror is None:
        return NotApplicable(outside.without or "nothing is mirrored yet")
    for key, shape in (
        (paths.mirror_index(mirror.address), shapes.MirrorListing),
        (paths.mirror_version(mirror.address, mirror.version), shapes.MirrorArchives),
    ):
        answer = outside.read(key)
        if answer.media_type != "application/json":
            found = shortened(answer.headers.get("content-type", "none"))
            return Failed(f"Content-Type application/json for {outside.at(key)}", found)
        _shape(answer, shape)
    return Ok(f"{mirror.address} {mirror.version}")


def _tofu_way(outside: Outside, module: Module) -> str:
    """Where the JSON of a download leads."""
    answer = outside.read(paths.module_download(module.address, module.version))
    location = _shape(answer, shapes.ModuleDownload).location
    if not location.startswith(("/", "./", "../", "https://", "git::")):
        raise CheckFailedError("a location that clients can follow", shortened(location))
    return location if location.startswith("git::") else joined(answer.url, location)


def _terraform_way(outside: Outside, module: Module) -> str:
    """Where the header of a download, and the page that it names, lead."""
    url = outside.at(paths.module_download(module.address, module.version))
    header = outside.asker.ask(url, limit=0).headers.get("x-terraform-get", "")
    if header != paths.TERRAFORM_GET:
        raise CheckFailedError(
            f"X-Terraform-Get: {paths.TERRAFORM_GET} on {url}", shortened(header) or "no such header"
        )
    page = outside.read_url(joined(url, header))
    found = _META.search(page.body)
    if found is None:
        raise CheckFailedError(f"a terraform-get element at {shown(page.url)}", "none")
    return unescape(found[1].decode("utf-8", "replace"))


def _require_signed(outside: Outside, base: str, leaf: shapes.ProviderDownload) -> None:
    """The sums name the zip, and one of the keys vouches for them. Raises RefusalError SUM and SIG."""
    url = joined(base, leaf.shasums_url)
    sums = outside.read_url(url, MAX_BYTES).body
    lint_sums(sums, shown(url))
    named = parse_sums(sums, shown(url)).get(leaf.filename)
    if named != leaf.shasum:
        raise CheckFailedError(f"{leaf.shasum} for {shortened(leaf.filename)} in {shown(url)}", str(named or "nothing"))
    signature = joined(base, leaf.shasums_signature_url)
    keys = [parse_key(key.ascii_armor, shown(base)) for key in leaf.signing_keys.gpg_public_keys]
    verify_detached(sums, outside.read_url(signature, _MAX_SIGNATURE).body, keys, shown(signature), outside.now())


def _zip_begins(outside: Outside, url: str, leaf: shapes.ProviderDownload) -> Failed | None:
    """The first bytes, and the length where both are told."""
    answer = outside.asker.ask(url, limit=len(_ZIP), encoding="identity")
    require_found(url, answer)
    if answer.body != _ZIP:
        return Failed(f"a zip at {shown(url)}", "other bytes")
    package = (leaf.packages or {}).get(f"{leaf.os}_{leaf.arch}")
    length = answer.headers.get("content-length", "")
    if package and length and length != str(package.package_size):
        return Failed(f"{package.package_size} bytes at {shown(url)}", f"{shortened(length)} bytes")
    return None


def _shape(answer: Answer, shape: type[_S]) -> _S:
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        said = f"{'.'.join(map(str, first['loc'])) or 'no JSON'}: {first['msg']}"
        raise CheckFailedError(f"a document that clients can read at {shown(answer.url)}", shortened(said)) from None


def _require_listed(url: str, version: str, listed: list[str]) -> None:
    if version not in listed:
        raise CheckFailedError(f"{version} in {url}, as in the storage", shortened(", ".join(listed)) or "no version")
