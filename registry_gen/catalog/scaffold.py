"""A new catalog repository: its files, with an example of each kind that says nothing until it is copied.

Names that start with a dot are ignored by whoever reads a catalog, so the repository is good from the first moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from registry_gen.catalog.new_package import modeline
from registry_gen.catalog.schema import json_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

Ci = Literal["github", "gitlab", "azure", "bitbucket"]
CIS: Final[tuple[Ci, ...]] = get_args(Ci)

DEMO_HOST: Final = "127.0.0.1:8443"
"""Where ``serve`` listens by itself."""

_OWNERS_PATH: Final[Mapping[Ci | None, str]] = {
    None: "CODEOWNERS",
    "github": ".github/CODEOWNERS",
    "gitlab": ".gitlab/CODEOWNERS",
    "bitbucket": ".bitbucket/CODEOWNERS",
}
"""Where each forge looks first. Azure has no such file: its branch policies name reviewers of paths."""


def scaffold(host: str, version: str, ci: Ci | None) -> dict[str, bytes]:
    """Every file by its path, but for those of CI; ``host`` is the site's, ``version`` that of registry-gen."""
    texts = {
        "registry.yaml": _registry(host),
        "README.md": _README.replace("SITE", host),
        ".gitignore": _IGNORED,
        ".pre-commit-config.yaml": _PRE_COMMIT,
        "requirements.txt": f"registry-gen=={version}\n",
        "renovate.json": _RENOVATE,
        "catalog/keys/README.md": _KEYS,
        **{path: _example(path, text) for path, text in EXAMPLES.items()},
    }
    if ci in _OWNERS_PATH:
        texts[_OWNERS_PATH[ci]] = _OWNERS
    if ci == "github":
        texts[".github/dependabot.yml"] = _DEPENDABOT
    return _encoded(texts) | _schemas()


def demo_scaffold() -> dict[str, bytes]:
    """The files around the sample packages of a demo on this machine, whose sources are folders below .demo/."""
    return _encoded({"registry.yaml": _registry(DEMO_HOST), ".gitignore": f"{_IGNORED}/.demo/\n"}) | _schemas()


def _registry(host: str) -> str:
    """Its configuration: where nobody but this machine is served, sources may be folders of it."""
    text = _REGISTRY.replace("HOST", host)
    if not host.startswith("127."):
        return text
    return text.replace(
        "[https, ssh] # add file for sources in folders of this machine", "[https, ssh, file] # sources may be folders"
    )


def _encoded(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in sorted(texts.items())}


def _schemas() -> dict[str, bytes]:
    return {f"schemas/{name}": data for name, data in json_schemas().items()}


def _example(path: str, text: str) -> str:
    """An example, with the modeline of the place that it is copied to."""
    target = text.splitlines()[0].removeprefix("# Copy to ").rstrip(".")
    folder = path.split("/")[1]
    kind = "policy" if folder == "policies" else folder.removesuffix("s")
    return f"{modeline(target, kind)}\n{text}"


_REGISTRY: Final = """\
# yaml-language-server: $schema=schemas/registry.schema.json
site:
  host: HOST # what people write in sources: HOST/acme/network/aws

storage: # two folders, or two buckets: s3://BUCKET, gs://BUCKET, az://ACCOUNT/CONTAINER
  public: ./public # everybody may read this
  private: ./private # and nobody this

ledger: embedded # a PostgreSQL of its own on this machine; where CI publishes: bucket, or env:LEDGER_URL

network:
  schemes: [https, ssh] # add file for sources in folders of this machine
"""

_IGNORED: Final = """\
# What is published, and what this machine keeps: private keys, the ledger, caches.
/public/
/private/
/.registry/
# What CI makes: saved plans and reports.
/plan.json
/gl-code-quality-report.json
/test-results/
"""

_PRE_COMMIT: Final = """\
repos:
  - repo: local
    hooks:
      - id: registry-gen-fmt
        name: registry-gen fmt
        entry: registry-gen fmt --check
        language: system
        pass_filenames: false
        files: ^catalog/
      - id: registry-gen-validate
        name: registry-gen validate
        entry: registry-gen validate
        language: system
        pass_filenames: false
        files: ^(catalog/|registry\\.yaml$)
"""

_RENOVATE: Final = """\
{
  "$schema": "https://docs.renovatebot.com/renovate-schema.json",
  "extends": ["config:recommended", "helpers:pinGitHubActionDigests"],
  "packageRules": [
    {
      "description": "What publishes is reviewed by itself.",
      "matchPackageNames": ["registry-gen"],
      "groupName": "registry-gen",
      "automerge": false
    }
  ]
}
"""

_DEPENDABOT: Final = """\
version: 2
updates:
  - package-ecosystem: pip
    directory: /
    schedule:
      interval: weekly
  - package-ecosystem: github-actions
    directory: /
    schedule:
      interval: weekly
"""

_OWNERS: Final = """\
# Who must approve what. The last line that fits counts. Replace the names, and take the # away.
# registry.yaml and this file decide about everything else: let few people approve them.
# *                   @acme/registry-admins
# /catalog/mirrors/   @acme/registry-admins
# /catalog/keys/      @acme/registry-admins
# /catalog/modules/acme/    @acme/platform
# /catalog/providers/acme/  @acme/platform
"""

_KEYS: Final = """\
# Public keys

Armoured OpenPGP public keys of publishers, such as `acme/release.asc`. Compare a fingerprint with what its publisher
prints elsewhere before you approve one.
"""

EXAMPLES: Final[Mapping[str, str]] = {
    "catalog/modules/.example.yaml": """\
# Copy to catalog/modules/acme/network/aws.yaml.
# The path is the address: acme/network/aws. Or let 'registry-gen add module URL' write the file.
source:
  git: https://git.example.com/acme/network.git
  # path: modules/network # the module's folder in the repository
  # tags: ["network/v{version}"] # which tags are versions; v1.0.0 and 1.0.0 if left out
  # pins: {1.0.0: 0123456789abcdef0123456789abcdef01234567} # the commit that a version must be
versions: ">= 1.0.0"
# hosting: link # publish documents that point at the repository; copy stores the archive
# deprecated: Use acme/vpc/aws.
""",
    "catalog/providers/.example.yaml": """\
# Copy to catalog/providers/acme/widget.yaml.
# The path is the address: acme/widget. Or let 'registry-gen add provider URL' write the file.
source:
  releases: https://git.example.com/acme/terraform-provider-widget/releases/download/v{version}
  versions: ["1.0.0"] # a URL cannot be searched; leave it out for a folder
signature: registry # nobody signs the releases; for a publisher that does, name its key instead:
# signing_keys: [acme/release.asc] # a file of catalog/keys
# platforms: [linux_amd64, darwin_arm64] # all of the release if left out
""",
    "catalog/mirrors/.example.yaml": """\
# Copy to catalog/mirrors/registry.opentofu.org/hashicorp/random.yaml.
# The path is the address. Or let 'registry-gen add mirror registry.opentofu.org/hashicorp/random' write the file.
trust:
  keys: [hashicorp/release.asc] # files of catalog/keys; one of these keys must have signed the sums
versions: "~> 3.6" # every version that this allows is stored
platforms: [linux_amd64, darwin_arm64]
""",
    "catalog/namespaces/.example.yaml": """\
# Copy to catalog/namespaces/acme.yaml.
# What the packages of a namespace share; it may be left out.
visibility: public
# signing_keys: [acme/release.asc] # of all its providers that name none themselves
""",
    "catalog/organizations/.example.yaml": """\
# Copy to catalog/organizations/acme.yaml.
# Who owns which namespaces; it may be left out.
namespaces: [acme]
# quota: {size: 10 GB, versions: 1000}
# members: # who may approve what; nobody must where no policy asks for it
#   admin: [ann, bob]
#   publisher: ["@acme/platform"]
# registry: true # the roles of its members hold for the whole registry
""",
    "catalog/policies/.example.yaml": """\
# Copy to catalog/policies/approvals.yaml.
# Who must approve what is risky; without it nobody must. What is left out has a default.
approvals:
  key_change: {role: admin, people: 2}
# codeowners: github # validate demands the file that 'registry-gen codeowners' makes
""",
}
"""Examples by path: the first line of each says where it would mean something."""

_README: Final = """\
# The catalog of SITE

What this registry offers to Terraform and OpenTofu. A pull request changes it, `registry-gen` checks it and publishes
what was merged.

| Where | What |
|---|---|
| `registry.yaml` | the site, its storage and its ledger |
| `catalog/modules/NAMESPACE/NAME/SYSTEM.yaml` | a module |
| `catalog/providers/NAMESPACE/TYPE.yaml` | a provider that this registry publishes |
| `catalog/mirrors/HOST/NAMESPACE/TYPE.yaml` | a provider of another registry, mirrored |
| `catalog/namespaces/`, `catalog/organizations/` | what packages share, who owns them, and who may approve |
| `catalog/policies/` | what needs whose approval |
| `catalog/keys/` | public keys of publishers |
| `schemas/` | JSON Schemas for editors; `registry-gen schema` writes them anew |

Each folder has a `.example.yaml` with comments, which says nothing until it is copied.

## Add something

    pip install --requirement requirements.txt
    registry-gen add module https://github.com/OWNER/terraform-SYSTEM-NAME.git
    registry-gen fmt
    registry-gen validate

Then open a pull request. `registry-gen plan` shows what would be published, `registry-gen explain CODE` what a problem
means. An address is for ever: `registry-gen rename OLD NEW` says how a package is replaced.

## Before the first publish

1. Write the host, the buckets and a ledger that CI can reach into `registry.yaml`.
2. Say who must approve what: in CODEOWNERS, or in the branch policies of your forge. `registry-gen codeowners` makes
   that file of `catalog/organizations` and `catalog/policies`, which `publish` obeys, too.
3. `registry-gen doctor` tries whether everything is as it must be.
"""
