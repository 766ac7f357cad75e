"""What Terraform would make of ``deployments/NAME``: planned by a real one, with a stub for the provider.

plan = planned(terraform, "aws", tmp_path / "plan")
plan.one("aws_cloudfront_distribution")["aliases"]
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.support.stub_provider import StubProvider, schemas
from tests.support.web_servers import DEPLOYMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.terraform import Result, Terraform

HOST: Final = "registry.example.com"
SUBJECT: Final = "repo:acme/registry:environment:production"
VARIABLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws": {
        "name": "acme-registry",
        "host_name": HOST,
        "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0f0f",
        "subjects": [SUBJECT],
    },
    "google": {
        "project": "acme-project",
        "name": "acme-registry",
        "location": "EU",
        "host_name": HOST,
        "subjects": [SUBJECT],
    },
    "azure": {
        "name": "acmeregistry",
        "resource_group_name": "registry",
        "location": "westeurope",
        "host_name": HOST,
        "subjects": [SUBJECT],
    },
}
"""What a person has to give, by module."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One planned resource; ``key`` is that of its for_each, if it has one."""

    type: str
    name: str
    key: str | int | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """All resources, what the outputs would say, and how variables and outputs are described."""

    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    configuration: Mapping[str, Any]

    def all(self, type_: str) -> dict[str | int | None, Mapping[str, Any]]:
        """The values of every resource of a type, by key."""
        return {each.key: each.values for each in self.resources if each.type == type_}

    def one(self, type_: str) -> Mapping[str, Any]:
        """The values of the only resource of a type."""
        (values,) = self.all(type_).values()
        return values


def planned(terraform: Terraform, name: str, work: Path, variables: Mapping[str, Any] | None = None) -> Plan:
    """Plan ``deployments/NAME`` with ``variables`` beside those that must be given; AssertionError says why not."""
    done = refused_or_planned(terraform, name, work, variables)
    assert done.code == 0, done
    document = json.loads(done.out)
    values = document["planned_values"]
    resources = tuple(
        Resource(each["type"], each["name"], each.get("index"), each["values"])
        for each in values["root_module"]["resources"]
    )
    outputs = {key: each.get("value") for key, each in values["outputs"].items()}
    return Plan(resources, outputs, document["configuration"])


def refused_or_planned(
    terraform: Terraform, name: str, work: Path, variables: Mapping[str, Any] | None = None
) -> Result:
    """The first command that failed, or the last, whose ``out`` is the plan as JSON."""
    known = schemas(name)
    shutil.copytree(DEPLOYMENTS / name, work)
    if name == "azure":
        (work / "provider.tf").write_text('provider "azurerm" {\n  features {}\n}\n')
    (work / "terraform.tfvars.json").write_text(json.dumps({**VARIABLES[name], **(variables or {})}))
    with StubProvider(known, f"registry.terraform.io/hashicorp/{known['provider']}") as provider:
        done = terraform.run(work, ["init", "-no-color", "-input=false"], env=provider.environment)
        for command in (
            ["validate", "-no-color"],
            ["plan", "-no-color", "-input=false", "-lock=false", "-out=plan"],
            ["show", "-json", "plan"],
        ):
            if done.code == 0:
                done = terraform.run(work, command, env=provider.environment)
    return done
