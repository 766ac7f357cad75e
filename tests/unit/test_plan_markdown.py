"""A plan as a comment: true counts in whatever room there is, and nothing of a stranger's text but the text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from registry_gen.cli.pipeline_log import harmless
from registry_gen.errors import RefusalError
from registry_gen.model.address import ModuleAddress
from registry_gen.model.facts import PackageState
from registry_gen.model.plan import Note, PackagePlan, Plan, PublishModule, Refusal, Relist
from registry_gen.model.version import parse_version
from registry_gen.plan.differences import Difference
from registry_gen.plan.markdown import FORGES, MARKER, Forge, code, plan_markdown
from registry_gen.plan.review import Basis, Review, review
from registry_gen.verify import codes as verify_codes
from tests.support.entries import NETWORK, WIDGET, catalog, module, provider, tag
from tests.support.judged import BASIS, HOSTILE, judged, need

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})
FOLD = re.compile(r"<details><summary>[^<]*<code>[^<]*</code>[^<]*</summary>\n|</details>\n")
MENTIONS = ("@", "#1", "!2", "GH-3", "://", "www.", "<img", "**b**", "~~")


def tokens(text: str) -> list[tuple[str, str]]:
    """Kind and content of everything in a Markdown text, inline parts one by one."""
    found = []
    for block in GFM.parse(text):
        found += [(each.type, each.content) for each in block.children or [block]]
    return found


def large(count: int) -> Review:
    """A plan with so many new versions, refusals and notes."""
    versions = [parse_version(f"1.{number}.0") for number in range(count)]
    actions = tuple(PublishModule(NETWORK, version, tag(f"v{version}"), None) for version in versions)
    refusals = tuple(
        Refusal(WIDGET, version, RefusalError(verify_codes.BAD_SIGNATURE, found="x" * 400)) for version in versions
    )
    notes = tuple(Note(NETWORK, f"tag {number} é is odd") for number in range(count))
    made = Plan((PackagePlan(NETWORK, 0, PackageState(), actions, None, None),), refusals, notes, 7)
    return review(made, catalog(module(), provider()), {}, BASIS)


@pytest.mark.parametrize("forge", FORGES)
def test_what_strangers_wrote_is_code_and_nothing_else(forge: str) -> None:
    shown = plan_markdown(
        judged(HOSTILE, replace(BASIS, where=HOSTILE), {NETWORK: (need(HOSTILE, rule=HOSTILE),)}),
        FORGES[forge],
        HOSTILE,
    )

    for kind, content in tokens(shown):
        if kind != "code_inline":
            assert not any(mark in content for mark in MENTIONS), (kind, content)
    kinds = {kind for kind, _ in tokens(shown)}
    assert kinds.isdisjoint({"link_open", "image", "s_open", "table_open", "code_block", "fence", "hr"})
    assert shown.splitlines().count(MARKER) == 1
    assert not re.search("[\u202e\x1b\r]", shown)


def test_html_is_only_what_folds_packages() -> None:
    shown = plan_markdown(judged(HOSTILE), FORGES["github"])
    html = [content for kind, content in tokens(shown) if kind in ("html_block", "html_inline")]

    assert html
    assert {FOLD.fullmatch(each) is not None for each in html} == {True}


def test_a_pipeline_that_prints_it_has_nothing_to_change() -> None:
    """Else it would become longer than was counted."""
    shown = plan_markdown(judged("##[error]x ##vso[task.setvariable]y ##VSO[z ::set-env::"), FORGES["github"])

    assert harmless(shown) == shown
    assert "`#\\x23[error]x #\\x23vso[task" in shown


def test_not_even_an_address_is_trusted_to_be_one() -> None:
    address = ModuleAddress("<b>@acme</b>", "x`#1", "y")
    made = PackagePlan(address, 0, PackageState(), (Relist(address, parse_version("1.0.0")),), None, None)
    shown = plan_markdown(
        review(Plan((made,), (), (), 0), catalog(replace(module(), address=address)), {}, BASIS), FORGES["github"]
    )

    assert "<b>" not in shown
    assert "<code>&lt;b&gt;@acme&lt;/b&gt;/x`#1/y</code>" in shown


def test_a_forge_without_html_gets_none() -> None:
    shown = plan_markdown(judged(), FORGES["bitbucket"])

    assert not [kind for kind, _ in tokens(shown) if kind.startswith("html")]
    assert "`acme/network/aws`: 1 version to publish and 1 to withdraw" in shown


@pytest.mark.parametrize("text", ["plain", "`", "``a`", "a``", " ", "", "a\nb", "`` ` ``", "x" * 9000])
def test_a_code_span_holds_its_text_whatever_backticks_are_in_it(text: str) -> None:
    (paragraph,) = [block for block in GFM.parse(f"before {code(text)} after") if block.children]
    kinds = [(each.type, each.content) for each in paragraph.children or []]

    assert [kind for kind, _ in kinds] == ["text", "code_inline", "text"]
    assert kinds[1][1].strip() == text.replace("\n", "\\n").strip()[:499] + ("…" if len(text) > 500 else "")


def test_the_first_line_is_the_one_that_is_looked_for_and_no_reader_sees() -> None:
    shown = plan_markdown(judged(), FORGES["github"])

    assert shown.startswith(f"{MARKER}\n\n")
    assert "registry-gen plan)" not in GFM.render(shown)


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("count", [0, 1, 50, 3000])
def test_a_comment_fits_its_forge_and_counts_everything(forge: str, count: int) -> None:
    shown = plan_markdown(large(count), FORGES[forge], "plan.json")

    assert len(shown.encode()) <= FORGES[forge].limit
    if count:
        assert f"{count} version{'s' if count > 1 else ''} to publish in 1 package\n" in shown
        assert f"**{count} refused.**" in shown
        assert f"#### Refused ({count})" in shown
        assert f"#### Notes ({count})" in shown


def test_what_does_not_fit_is_counted_and_the_file_with_all_of_it_named() -> None:
    shown = plan_markdown(large(400), Forge(20_000, folds=True), "plan.json")
    there = shown.count("**SIG013**")

    assert 0 < there < 400
    assert f"_{400 - there} more are not shown: `plan.json` has all._" in shown
    assert "`registry-gen plan --json` has all" in plan_markdown(large(400), Forge(20_000, folds=True))
    assert len(shown.encode()) > 15_000, "room is not given away"


def test_one_section_cannot_push_out_all_others() -> None:
    shown = plan_markdown(large(400), Forge(20_000, folds=True))

    assert "<code>acme/network/aws</code>: new, 400 versions to publish" in shown
    assert "`tag 0 é is odd`" in shown


def test_approvals_stand_in_a_section_of_their_own() -> None:
    shown = plan_markdown(judged(needs={NETWORK: (need("ada", "@acme/platform"),)}), FORGES["gitlab"])

    assert (
        "#### Approvals (1)\n\n- `acme/network/aws`: a withdrawal `1.0.0` needs 2 people with the role `admin` among "
        "`ada, @acme/platform` by the rule in `catalog/policies/default.yaml:3:5`\n"
    ) in shown


def test_a_plan_against_what_is_public_says_whether_that_was_verified() -> None:
    known = Basis("https://r.example/", None, "https://r.example/", 12, verified=True)

    assert "a log of 12 entries; its checkpoint is signed by the given key." in plan_markdown(
        judged(basis=known), FORGES["github"]
    )
    assert "**not verified: no key was given**" in plan_markdown(
        judged(basis=replace(known, verified=False)), FORGES["github"]
    )


def test_documents_that_change_show_their_first_lines_in_a_fence_that_none_of_them_ends() -> None:
    before = b"".join(b"line %d\n" % number for number in range(60))
    page = Difference(NETWORK, "v1/`x`<b>.html", before, b"</details> ````\n@mallory ##[error]\n" + before[:7])
    shown = plan_markdown(judged(), FORGES["github"], documents=[page], unknown=[NETWORK])

    assert (
        "#### Protocol documents (1)\n\n<details><summary>changed <code>v1/`x`&lt;b&gt;.html</code></summary>" in shown
    )
    fenced = shown.partition("\n\n`````diff\n")[2].partition("\n`````\n")[0].splitlines()
    assert ("+</details> ````" in fenced, "##[error]" in shown, len(fenced), fenced[-1]) == (True, False, 21, "…")
    assert "#### Not compared (1)\n\n- `acme/network/aws`: nothing of it was fetched" in shown
    assert "changed ``v1/`x`<b>.html``" in plan_markdown(judged(), FORGES["bitbucket"], documents=[page])
