"""What a person types to install from a registry that is served on this machine."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.model.version import parse_version
from registry_gen.shim.static import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from registry_gen.model.config import Site
    from registry_gen.model.version import Version

_SEGMENT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
_MODULE: Final = "acme/network/aws"
_PROVIDER: Final = "acme/widget"


@dataclass(frozen=True, slots=True)
class Offered:
    """What to show: an address and a version constraint each, "" for what the registry does not offer.

    ``mirrored`` is hostname/namespace/type. With nothing known the snippets name made-up packages.
    """

    module: str = _MODULE
    module_constraint: str = "~> 1.0"
    provider: str = _PROVIDER
    provider_constraint: str = "~> 1.0"
    mirrored: str = "registry.terraform.io/hashicorp/random"
    mirrored_constraint: str = "~> 3.0"


def offered(public: Path) -> Offered | None:
    """Look into a public folder for packages to show: the first of each kind that has a version; None for none."""
    module, module_constraint = _first(public / paths.MODULES, "*/*/*/versions")
    provider, provider_constraint = _first(public / paths.PROVIDERS, "*/*/versions")
    mirrored, mirrored_constraint = _first(public / paths.MIRROR, "*/*/*/index.json")
    if not (module or provider or mirrored):
        return None
    return Offered(module, module_constraint, provider, provider_constraint, mirrored, mirrored_constraint)


def snippets(site: Site, address: str, port: int, ca_file: Path, shown: Offered | None = None) -> str:
    """The commands, the CLI configuration and the Terraform blocks for a server at ``address`` and ``port``.

    ``ca_file`` is the authority that clients have to trust. Ends in a newline; nothing in it is a secret.
    """
    shown = shown or Offered()
    here = f"{_reachable(address)}:{port}"
    prefix = _prefix(site.url)
    is_the_site = site.host == here
    parts = [_trust(ca_file)]
    if not is_the_site:
        parts.append(_host_override(site, here, prefix))
    parts.append(_blocks(site.host, shown))
    if shown.mirrored:
        parts.append(_mirror(here, prefix, shown))
    return "\n".join(parts)


def _trust(ca_file: Path) -> str:
    return (
        "Let terraform or tofu trust this server (Linux; on macOS and Windows add the file to the system's store):\n\n"
        f"    export SSL_CERT_FILE={shlex.quote(str(ca_file))}\n"
    )


def _host_override(site: Site, here: str, prefix: str) -> str:
    """A CLI configuration that sends the site's host name to this server (Terraform CLI configuration, host)."""
    text = f'''In a file that TF_CLI_CONFIG_FILE names, say that {site.host} is this server:

    host "{site.host}" {{
      services = {{
        "modules.v1"   = "https://{here}{prefix}{paths.MODULES}"
        "providers.v1" = "https://{here}{prefix}{paths.PROVIDERS}"
      }}
    }}
'''
    if urlsplit(site.url).netloc != here:
        text += f"""
Copied modules name their archives below {site.url}, so installing
them needs that address to reach this server too.
"""
    return text


def _blocks(host: str, shown: Offered) -> str:
    text = "In a configuration:\n"
    if shown.provider:
        text += f"\n{_required_provider(f'{host}/{shown.provider}', shown.provider_constraint)}"
    if shown.module:
        name = shown.module.split("/")[1]
        text += f'''
    module "{name}" {{
      source  = "{host}/{shown.module}"
      version = "{shown.module_constraint}"
    }}
'''
    return text if shown.provider or shown.module else ""


def _required_provider(source: str, constraint: str) -> str:
    name = source.rsplit("/", 1)[1]
    return f'''    terraform {{
      required_providers {{
        {name} = {{
          source  = "{source}"
          version = "{constraint}"
        }}
      }}
    }}
'''


def _mirror(here: str, prefix: str, shown: Offered) -> str:
    hostname = shown.mirrored.split("/")[0]
    return f'''To install mirrored providers from here, in the file that TF_CLI_CONFIG_FILE names:

    provider_installation {{
      network_mirror {{
        url     = "https://{here}{prefix}{paths.MIRROR}"
        include = ["{hostname}/*/*"]
      }}
      direct {{
        exclude = ["{hostname}/*/*"]
      }}
    }}

and in a configuration:

{_required_provider(shown.mirrored, shown.mirrored_constraint)}'''


def _reachable(address: str) -> str:
    """An address to connect to: a server that listens everywhere is reached on the loopback."""
    if address in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def _prefix(url: str) -> str:
    return f"{urlsplit(url).path.rstrip('/')}/"


def _first(folder: Path, pattern: str) -> tuple[str, str]:
    """The first package below ``folder`` with a release, and a constraint that selects its newest one."""
    for listing in sorted(folder.glob(pattern)):
        # What is printed here gets pasted: a name that is no address is none of ours.
        if not all(_SEGMENT.fullmatch(part) for part in listing.parent.relative_to(folder).parts):
            continue
        releases = [version for version in _versions(listing) if not version.is_prerelease]
        if releases:
            newest = max(releases)
            return listing.parent.relative_to(folder).as_posix(), f"~> {newest.major}.{newest.minor}"
    return "", ""


def _versions(listing: Path) -> list[Version]:
    """The versions in a listing of any of the three protocols; none where this registry did not render it."""
    try:
        with listing.open("rb") as file:
            document = orjson.loads(file.read(MAX_DOCUMENT_BYTES))
        listed = document["modules"][0]["versions"] if "modules" in document else document["versions"]
        return [parse_version(item if isinstance(item, str) else item["version"]) for item in listed]
    except (OSError, ValueError, LookupError, TypeError, InputError):
        return []
