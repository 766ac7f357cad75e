"""Who ran a publish, as forges tell it, with the values that their documentation gives as examples."""

from __future__ import annotations

import pytest

from registry_gen.sources.identity import LONGEST_NAME, LONGEST_URL, Identity, identity

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_TRIGGERING_ACTOR": "octocat",
    "GITHUB_REPOSITORY": "acme/registry",
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_RUN_ID": "1658821493",
    "GITHUB_RUN_ATTEMPT": "3",
}
GITLAB = {
    "GITLAB_CI": "true",
    "GITLAB_USER_LOGIN": "tanuki",
    "CI_PROJECT_PATH": "acme/platform/registry",
    "CI_JOB_URL": "https://gitlab.example.com:8080/acme/platform/registry/-/jobs/77",
}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_REQUESTEDFOR": "Raisa Pokrovskaya",
    "BUILD_REQUESTEDFOREMAIL": "raisa@example.com",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.example.com/fabrikamfiber/",
    "SYSTEM_TEAMPROJECT": "Module Registry",
    "BUILD_BUILDID": "1430",
}
BITBUCKET = {
    "BITBUCKET_BUILD_NUMBER": "42",
    "BITBUCKET_STEP_TRIGGERER_UUID": "{deadbeef-cafe-1234-5678-abcdef012345}",
    "BITBUCKET_REPO_FULL_NAME": "acme/registry",
}


def never() -> str:
    raise AssertionError("the user was asked for")


def of(environ: dict[str, str], **more: str) -> Identity:
    return identity({**environ, **more}, never)


@pytest.mark.parametrize(
    ("environ", "actor", "run_url"),
    [
        (
            GITHUB,
            "github:octocat (acme/registry)",
            "https://github.example.com/acme/registry/actions/runs/1658821493/attempts/3",
        ),
        (GITLAB, "gitlab:tanuki (acme/platform/registry)", GITLAB["CI_JOB_URL"]),
        (
            AZURE,
            "azure:raisa@example.com (Module Registry)",
            "https://dev.azure.example.com/fabrikamfiber/Module%20Registry/_build/results?buildId=1430",
        ),
        (
            BITBUCKET,
            "bitbucket:{deadbeef-cafe-1234-5678-abcdef012345} (acme/registry)",
            "https://bitbucket.org/acme/registry/pipelines/results/42",
        ),
    ],
    ids=["github", "gitlab", "azure", "bitbucket"],
)
def test_each_forge_names_who_started_the_run_and_where_it_is_shown(
    environ: dict[str, str], actor: str, run_url: str
) -> None:
    assert of(environ) == Identity(actor, run_url)


def test_outside_of_the_forges_it_is_the_user_and_there_is_no_run() -> None:
    assert identity({"CI": "true", "GITHUB_ACTIONS": "false", "TF_BUILD": ""}, lambda: "alice") == Identity(
        "alice", None
    )


def test_a_rerun_is_by_whoever_started_it_again() -> None:
    assert of(GITHUB, GITHUB_TRIGGERING_ACTOR="hubot").actor == "github:hubot (acme/registry)"
    assert of(GITHUB, GITHUB_TRIGGERING_ACTOR="").actor == "github:octocat (acme/registry)"


def test_a_run_without_a_number_of_its_attempt_is_still_shown() -> None:
    run = "https://github.example.com/acme/registry/actions/runs/1658821493"
    assert of(GITHUB, GITHUB_RUN_ATTEMPT="").run_url == run


def test_who_asked_for_a_build_without_an_address_is_named_as_azure_names_them() -> None:
    assert of(AZURE, BUILD_REQUESTEDFOREMAIL="").actor == "azure:Raisa Pokrovskaya (Module Registry)"


@pytest.mark.parametrize(
    ("environ", "forge"),
    [
        ({"GITHUB_ACTIONS": "true"}, "github"),
        ({"GITLAB_CI": "true", "GITLAB_USER_LOGIN": " "}, "gitlab"),
        ({"TF_BUILD": "True"}, "azure"),
        ({"BITBUCKET_BUILD_NUMBER": "42"}, "bitbucket"),
    ],
)
def test_what_a_forge_leaves_out_is_left_out_and_not_made_up(environ: dict[str, str], forge: str) -> None:
    assert of(environ) == Identity(forge, None)


@pytest.mark.parametrize("bad", ["\x1b[2Jroot", "line\nbreak", "\u202egnal", "\udcff", "nul\x00"])
def test_what_would_steer_a_terminal_or_forge_a_line_is_escaped(bad: str) -> None:
    for found in (
        of(GITHUB, GITHUB_TRIGGERING_ACTOR=bad, GITHUB_REPOSITORY=bad),
        of(GITLAB, GITLAB_USER_LOGIN=bad, CI_PROJECT_PATH=bad),
        of(AZURE, BUILD_REQUESTEDFOREMAIL=bad, SYSTEM_TEAMPROJECT=bad),
        of(BITBUCKET, BITBUCKET_STEP_TRIGGERER_UUID=bad, BITBUCKET_REPO_FULL_NAME=bad),
        identity({}, lambda: bad),
    ):
        assert found.actor.isprintable()
        assert bad not in found.actor
        assert found.run_url is None or (found.run_url.isascii() and found.run_url.isprintable())


def test_a_name_of_any_length_takes_little_room() -> None:
    found = of(GITHUB, GITHUB_TRIGGERING_ACTOR="a" * 1_000_000)
    assert found.actor == f"github:{'a' * (LONGEST_NAME - 1)}… (acme/registry)"
    assert len(of(GITLAB, CI_PROJECT_PATH="\U000e0001" * 100_000).actor) < 11 * LONGEST_NAME
    assert len(identity({}, lambda: "b" * 1_000_000).actor) == LONGEST_NAME


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gitlab.example.com/jobs/77",
        "javascript://gitlab.example.com/%0aalert(1)",
        "file:///etc/passwd",
        "ssh://git@gitlab.example.com/acme",
        "https://gitlab-ci-token:secret@gitlab.example.com/acme/registry",
        "https://tanuki@gitlab.example.com/acme/registry",
        "https://gitlab.example.com/jobs/77?private_token=secret",
        "https://gitlab.example.com/jobs/77#secret",
        "https://gitlab.example.com/jobs/77\nhttps://evil.example.com/",
        "https://gitlab.example.com/jobs 77",
        "https://gitlab.example.com\\@evil.example.com/",
        "https://[::1",
        "https://",
        "https://gitlab.example.com/" + "7" * LONGEST_URL,
    ],
)
def test_a_url_that_is_not_plain_or_holds_credentials_is_not_kept(url: str) -> None:
    assert of(GITLAB, CI_JOB_URL=url).run_url is None
    assert of(GITHUB, GITHUB_SERVER_URL=url).run_url is None
    assert of(AZURE, SYSTEM_COLLECTIONURI=url).run_url is None


@pytest.mark.parametrize("number", ["", "12/../../34", "1?x=1", "-1", "1" * 21, "\u0661"])
def test_a_run_whose_number_is_none_is_not_shown(number: str) -> None:
    assert of(GITHUB, GITHUB_RUN_ID=number).run_url is None
    assert of(AZURE, BUILD_BUILDID=number).run_url is None
    assert number == "" or of(BITBUCKET, BITBUCKET_BUILD_NUMBER=number).run_url is None


@pytest.mark.parametrize("place", ["", "registry", "acme/registry?x=", "//evil.example.com", "acme /registry"])
def test_a_repository_that_is_no_path_is_no_part_of_a_url(place: str) -> None:
    assert of(GITHUB, GITHUB_REPOSITORY=place).run_url is None
    assert of(BITBUCKET, BITBUCKET_REPO_FULL_NAME=place).run_url is None


def test_a_project_of_any_name_stays_one_segment_of_the_url() -> None:
    url = of(AZURE, SYSTEM_TEAMPROJECT="../a?b#c").run_url
    assert url == "https://dev.azure.example.com/fabrikamfiber/..%2Fa%3Fb%23c/_build/results?buildId=1430"
