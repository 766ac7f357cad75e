"""What is proposed for a new package, from names that strangers chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from registry_gen.catalog.format import format_file
from registry_gen.catalog.identity import package_path
from registry_gen.catalog.key_order import ORDERS
from registry_gen.catalog.new_package import (
    NewMirror,
    NewModule,
    NewPackage,
    NewProvider,
    key_file,
    modeline,
    package_text,
)
from registry_gen.cli.add_look import Asked, look_at_provider, provider_asked
from registry_gen.errors import InputError
from registry_gen.model.address import Platform
from registry_gen.model.plan import ProviderSighting
from registry_gen.model.version import parse_version
from registry_gen.plan.propose import (
    choose_tags,
    common_platforms,
    line_of,
    named_address,
    newest,
    range_of,
    tag_patterns,
)
from registry_gen.publish.look import Sources
from tests.support.catalogs import config, load
from tests.support.entries import DARWIN, LINUX, NETWORK, RANDOM, WIDGET, release, tag

if TYPE_CHECKING:
    from registry_gen.model.entries import ProviderEntry
    from registry_gen.model.plan import Tag

ONE, TWO, RC = map(parse_version, ("1.0.0", "1.2.0", "2.0.0-rc1"))
FREEBSD = Platform("freebsd", "arm")


@pytest.mark.parametrize(
    ("url", "kind", "address"),
    [
        ("https://github.com/Acme/terraform-aws-network.git", "module", "acme/network/aws"),
        ("ssh://git@git.example.com:2222/group/acme/terraform-aws-big-network", "module", "acme/big-network/aws"),
        ("https://github.com/acme/terraform-provider-widget/", "provider", "acme/widget"),
        ("https://github.com/acme/terraform-provider-widget", "module", None),
        ("https://github.com/acme/network", "module", None),
        ("https://github.com/acme/terraform-aws-..", "module", None),
        ("https://github.com/terraform-aws-network", "module", None),
        ("./terraform-aws-network", "module", None),
        ("https://github.com/acme/terraform-provider-a--b", "provider", None),
    ],
)
def test_an_address_is_told_only_from_a_name_of_the_usual_form(url: str, kind: str, address: str | None) -> None:
    found = named_address(url, kind)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize(
    ("names", "folder", "chosen"),
    [
        (["v1.0.0", "v1.1.0", "latest"], "", ("v{version}",)),
        (["v1.0.0", "1.1.0"], "", ("v{version}", "{version}")),
        (["network/v1.0.0", "queue/v1.0.0"], "", ()),
        (["network/v1.0.0", "queue/v1.0.0", "v1.0.0"], "modules/network", ("network/v{version}",)),
        (["network-1.0.0", "net-1.0.0"], "network", ("network-{version}",)),
        (["network/v1.0.0", "network-1.0.0"], "network", ()),
        (["v1.0.0", "queue/v1.0.0"], "modules/network", ("v{version}",)),
        (["release-1.0.0"], "", ("release-{version}",)),
        (["x", "v1.0", "v1.0.0+build", "-1.0.0", "a{b1.0.0"], "", ()),
    ],
)
def test_tags_are_those_that_name_the_folder_or_the_usual_or_the_only_ones(
    names: list[str], folder: str, chosen: tuple[str, ...]
) -> None:
    assert choose_tags(tag_patterns([tag(name) for name in names]), folder) == chosen


def test_versions_and_platforms_are_proposed_from_what_is_there() -> None:
    assert (range_of([ONE, TWO, RC]), range_of([RC])) == (">= 1.0.0", ">= 0.0.0")
    assert (newest([ONE, TWO, RC]), newest([RC]), newest([])) == (TWO, RC, None)
    assert line_of(TWO) == "~> 1.2"
    assert common_platforms([LINUX, FREEBSD, DARWIN]) == (DARWIN, LINUX)
    assert common_platforms([FREEBSD]) == (FREEBSD,)


PACKAGES: list[NewPackage] = [
    NewModule(NETWORK, "https://h.x/y.git", "modules/a b", ('a#"é/v{version}',), ">= 1.0.0", "link", [ONE, TWO]),
    NewModule(NETWORK, "https://h.x/y.git", "", (), ">= 1.0.0", "copy", [ONE]),
    NewProvider(
        WIDGET,
        "https://h.x/v{version}",
        (ONE, TWO),
        ">= 1.0.0",
        True,
        ("k.asc",),
        (LINUX,),
        "copy",
        [ONE],
        (LINUX, DARWIN),
    ),
    NewProvider(WIDGET, "./releases", (), ">= 1.0.0", False, (), (), "copy", [ONE], (LINUX,)),
    NewMirror(RANDOM, "~> 1.2", ("k.asc",), (LINUX,), "copy", [ONE, TWO], (LINUX, FREEBSD)),
]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_proposed_file_is_good_says_what_was_proposed_and_has_its_form_already(package: NewPackage) -> None:
    data = package_text(package, "catalog")
    loaded = load({package_path(package.address): data, "keys/k.asc": "key"})

    assert [str(problem) for problem in loaded.problems] == []
    [entry] = loaded.catalog.entries.values()
    assert (str(entry.versions), entry.hosting.value) == (package.versions, package.hosting)
    assert format_file(data, "a.yaml", ORDERS[package.address.kind]) == data
    if isinstance(package, NewMirror):
        assert "# Also offered: freebsd_arm.\nplatforms: [linux_amd64]\n" in data.decode()


def test_the_modeline_leads_to_the_schemas_beside_registry_yaml() -> None:
    assert modeline("catalog/modules/acme/network/aws.yaml", "module") == (
        "# yaml-language-server: $schema=../../../../schemas/module.schema.json"
    )


def test_a_key_has_the_namespace_and_its_whole_fingerprint_in_its_name() -> None:
    assert key_file(WIDGET, "A" * 40) == f"acme/{'a' * 40}.asc"
    assert key_file(RANDOM, "A" * 40) == f"registry.terraform.io/hashicorp/{'a' * 40}.asc"


@pytest.mark.parametrize(
    ("source", "releases"),
    [
        (
            "https://github.com/acme/terraform-provider-widget.git",
            "https://github.com/acme/terraform-provider-widget/releases/download/v{version}",
        ),
        ("https://h.x/releases/v{version}", "https://h.x/releases/v{version}"),
        ("./releases", "./releases"),
    ],
)
def test_of_a_repositorys_page_the_releases_are_where_forges_have_them(source: str, releases: str) -> None:
    assert provider_asked(config(), Asked(source, WIDGET)) == (WIDGET, releases)


class Page:
    """A repository's page: what is asked of its tags and releases, and what it answers."""

    def __init__(self, *tags: str) -> None:
        self._tags = tags
        self.urls: list[str] = []

    def tags(self, url: str) -> tuple[Tag, ...]:
        self.urls.append(url)
        return tuple(tag(name) for name in self._tags)

    def sight(self, entry: ProviderEntry) -> ProviderSighting:
        self.urls.append(entry.source.location)
        releases = tuple(release(str(version), LINUX, signed=False) for version in entry.source.versions)
        return ProviderSighting(entry.address, releases)


def look(page: Page) -> NewPackage:
    asked = Asked("https://h.x/acme/terraform-provider-widget", WIDGET)
    address, releases = provider_asked(config(), asked)
    sources = Sources(cast("Any", page), cast("Any", None), cast("Any", page), cast("Any", None))
    return look_at_provider(config(), sources, asked, address, releases).package


def test_of_a_repositorys_page_the_newest_releases_that_have_tags_are_looked_at() -> None:
    page = Page(*(f"v1.{number}.0" for number in range(12)), "v2.0.0-rc1", "1.99.0", "latest")
    found = look(page)

    assert page.urls == [
        "https://h.x/acme/terraform-provider-widget",
        "https://h.x/acme/terraform-provider-widget/releases/download/v{version}",
    ]
    assert isinstance(found, NewProvider)
    assert [str(version) for version in found.listed] == ["1.7.0", "1.8.0", "1.9.0", "1.10.0", "1.11.0"]
    assert (found.signed, found.offered) == (False, (LINUX,))


def test_a_page_without_tags_of_versions_has_nothing_to_add() -> None:
    with pytest.raises(InputError, match="CLI943"):
        look(Page("latest", "v2.0.0-rc1"))
