from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from registry_gen.model.facts import ModuleVersion
from registry_gen.render.lint import lint
from registry_gen.render.package import render_package
from tests.support.published_facts import (
    KEY,
    MIRROR,
    MODULE,
    PROVIDER,
    SITE,
    mirror_version,
    module_version,
    package_of,
    provider_version,
)

if TYPE_CHECKING:
    from registry_gen.model.facts import Package, VersionFacts

_VERSIONS = ["0.9.0", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0"]
_PLATFORMS = ["darwin_arm64", "freebsd_386", "linux_amd64", "linux_arm64", "windows_amd64"]
_KEYS = (KEY, replace(KEY, fingerprint="F" * 40))

_PACKAGES = (
    package_of(MODULE, *map(module_version, _VERSIONS)),
    package_of(PROVIDER, *(provider_version(text, *_PLATFORMS) for text in _VERSIONS), keys=_KEYS),
    package_of(MIRROR, *(mirror_version(text, *_PLATFORMS) for text in _VERSIONS)),
)


@given(st.data(), st.sampled_from(_PACKAGES))
def test_documents_do_not_depend_on_the_order_of_facts(data: st.DataObject, package: Package) -> None:
    def shuffled(facts: VersionFacts) -> VersionFacts:
        if isinstance(facts, ModuleVersion):
            return facts
        return replace(facts, packages=tuple(data.draw(st.permutations(facts.packages))))

    versions = tuple(map(shuffled, data.draw(st.permutations(package.versions))))
    keys = tuple(data.draw(st.permutations(package.head.state.signing_keys)))
    head = replace(package.head, state=replace(package.head.state, signing_keys=keys))

    documents = render_package(replace(package, head=head, versions=versions), SITE)
    assert documents == render_package(package, SITE)
    assert [document.key for document in documents] == sorted(document.key for document in documents)
    assert lint(documents) == ()
