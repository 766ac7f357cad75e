"""What holds for every Terraform module of deployments/, seen by a real Terraform and by its plans."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.model.places import FolderPlace
from tests.support.catalogs import config
from tests.support.planned import HOST, SUBJECT, VARIABLES, planned, refused_or_planned
from tests.support.stub_provider import StubProvider, schemas
from tests.support.terraform import Terraform
from tests.support.web_servers import DEPLOYMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.planned import Plan

pytestmark = pytest.mark.long

MODULES = sorted(VARIABLES)
SECRETS = re.compile(r"access_key$|service_account_key|_sas$|_secret|password|tls_private_key|user_login")


@pytest.fixture(scope="module", params=MODULES)
def plan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp(request.param)
    return planned(Terraform("1.15", folder / "home"), request.param, folder / "module")


def test_the_modules_are_formatted_as_terraform_formats_them(terraform: Terraform, tmp_path: Path) -> None:
    result = terraform.run(tmp_path, ["fmt", "-check", "-diff", "-recursive", str(DEPLOYMENTS)])

    assert result.code == 0, result


@pytest.mark.parametrize("name", MODULES)
def test_a_module_needs_no_more_than_its_readme_asks_for(name: str, tmp_path: Path, terraform: Terraform) -> None:
    plan = planned(terraform, name, tmp_path / "module")

    asked = {key for key, about in plan.configuration["root_module"]["variables"].items() if "default" not in about}
    assert asked <= VARIABLES[name].keys()
    readme = (DEPLOYMENTS / name / "README.md").read_text()
    assert {key for key in plan.configuration["root_module"]["variables"] if f"`{key}`" not in readme} == set()
    assert {key for key in plan.outputs if f"`{key}`" not in readme} == set()


def test_variables_and_outputs_say_what_they_are(plan: Plan) -> None:
    module = plan.configuration["root_module"]

    short = [key for key, about in module["variables"].items() if len(about.get("description", "")) < 20]
    assert short + [key for key, about in module["outputs"].items() if len(about.get("description", "")) < 20] == []


def test_the_provider_is_held_to_one_major_version(plan: Plan) -> None:
    (constraint,) = [about["version_constraint"] for about in plan.configuration["provider_config"].values()]

    assert re.fullmatch(r"~> \d+\.\d+", constraint)


def test_nothing_secret_is_made_that_the_state_would_hold(plan: Plan) -> None:
    assert [each.type for each in plan.resources if SECRETS.search(each.type)] == []


def test_two_places_for_objects_come_out_as_registry_yaml_takes_them(plan: Plan) -> None:
    storage = plan.outputs["storage"]

    read = config(json.dumps({"site": {"host": HOST}, "storage": storage}))
    assert not isinstance(read.public, FolderPlace)
    assert {"public": read.public.url, "private": read.private.url} == storage


@pytest.mark.parametrize("name", MODULES)
def test_the_readme_writes_registry_yaml_as_it_is_taken_and_as_the_module_names_things(
    name: str, tmp_path: Path
) -> None:
    (text,) = re.findall(
        r"^```yaml\n(.*?)^```", (DEPLOYMENTS / name / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    read = config(text)
    plan = planned(Terraform("1.15", tmp_path / "home"), name, tmp_path / "module")

    assert {"public": read.public.url, "private": read.private.url} == plan.outputs["storage"]


def test_the_pipeline_is_known_by_its_subject_and_by_no_key(plan: Plan) -> None:
    trusted = [
        each.values
        for each in plan.resources
        if each.type in ("aws_iam_role", "google_service_account_iam_member", "azurerm_federated_identity_credential")
    ]

    assert trusted
    assert all(SUBJECT in str(values) for values in trusted)


@pytest.mark.parametrize(
    ("name", "variables", "said"),
    [
        ("aws", {"host_name": "https://registry.example.com/"}, "without scheme"),
        ("aws", {"certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/0f0f"}, "us-east-1"),
        ("aws", {"subjects": []}, "at least one subject"),
        ("aws", {"subjects": ["*"]}, "no wildcard"),
        ("aws", {"subjects": ["repo:*"]}, "no wildcard"),
        ("aws", {"prefix": "registry"}, "slash behind each"),
        ("aws", {"prefix": "../"}, "slash behind each"),
        ("aws", {"issuer": "http://token.example.com"}, "https URL"),
        ("aws", {"kms_key_arn": "alias/registry"}, "not of an alias"),
        ("aws", {"former_versions_days": 1}, "seven days"),
        ("google", {"subjects": ["repo:acme/*"]}, "without stars"),
        ("google", {"subjects": ['repo:acme"] || true']}, "quotes"),
        ("google", {"name": "goog-registry"}, "not with goog"),
        ("google", {"kms_key_name": "projects/p/locations/eu/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"}, "versions"),
        ("azure", {"name": "acme-registry"}, "letters and digits"),
        ("azure", {"subjects": [f"repo:acme/registry:environment:{n}" for n in range(21)]}, "twenty"),
        ("azure", {"replication_type": "NONE"}, "LRS"),
        ("azure", {"log_workspace_id": "logs"}, "resource ID"),
    ],
)
def test_a_variable_that_cannot_be_right_is_refused(
    name: str, variables: dict[str, Any], said: str, tmp_path: Path
) -> None:
    result = refused_or_planned(Terraform("1.15", tmp_path / "home"), name, tmp_path / "module", variables)

    assert result.code == 1, result
    assert "Invalid value for variable" in result.err
    assert said in " ".join(result.err.replace("│", " ").split())


def test_an_argument_that_the_provider_does_not_know_is_found(tmp_path: Path) -> None:
    """The schemas are at work: without this, a plan could pass because nothing is checked."""
    terraform = Terraform("1.15", tmp_path / "home")
    work = tmp_path / "module"
    assert refused_or_planned(terraform, "aws", work).code == 0
    file = work / "cdn.tf"
    file.write_text(file.read_text().replace("is_ipv6_enabled ", "ipv6_enabled "))

    with StubProvider(schemas("aws"), "registry.terraform.io/hashicorp/aws") as provider:
        again = terraform.run(work, ["validate", "-no-color"], env=provider.environment)

    assert again.code == 1
    assert "Unsupported argument" in again.err


def test_the_host_name_reaches_the_cdn(plan: Plan) -> None:
    assert HOST in str([each.values for each in plan.resources])
