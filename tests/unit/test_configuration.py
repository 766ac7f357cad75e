"""What a consumer's code asks registries for, in HCL and in JSON, and that hostile code stops nobody."""

from __future__ import annotations

import pytest

from registry_gen.extract.configuration import MAX_BYTES, Asked, CodeFile, Expression, Local, NotCodeError, resolved
from registry_gen.extract.hcl import read_hcl
from registry_gen.extract.hcl_json import read_json
from registry_gen.extract.module_source import Direct, InRegistry, Inside, module_source, provider_source

CODE = b"""\
terraform {
  required_providers {
    widget = { source = "registry.example.com/acme/widget", version = "~> 1.0" }
    other  = {
      "source" : local.other
      configuration_aliases = [other.a]
    }
    old = ">= 2.0"
  }
}

module "network" { # a comment
  source  = "${local.host}/acme/network/aws//sub"
  version = "1.0.0"
  cidr    = var.cidr
}

module "computed" {
  source = var.source
}

locals {
  host  = "registry.example.com"
  other = "${local.host}/acme/other"
  sum   = 1 + 2
}
"""
AS_JSON = b"""\
{
  "//": "a comment",
  "terraform": [{"required_providers": {
    "widget": {"source": "registry.example.com/acme/widget", "version": "~> 1.0"},
    "other": {"source": "${local.other}"},
    "old": ">= 2.0"
  }}],
  "module": {
    "network": {"source": "${local.host}/acme/network/aws//sub", "version": "1.0.0"},
    "computed": {"source": "${var.source}"}
  },
  "locals": {"host": "registry.example.com", "other": "${local.host}/acme/other", "sum": "${1 + 2}"}
}
"""


def texts(file: CodeFile, asked: tuple[Asked, ...]) -> dict[str, tuple[str | None, str | None]]:
    def text(value: Expression | None) -> str | None:
        return resolved(value, file.locals) if value else None

    return {each.name: (text(each.source), text(each.version)) for each in asked}


@pytest.mark.parametrize("file", [read_hcl(CODE), read_json(AS_JSON)], ids=["hcl", "json"])
def test_modules_and_providers_are_read_and_locals_put_in(file: CodeFile) -> None:
    assert texts(file, file.modules) == {
        "network": ("registry.example.com/acme/network/aws//sub", "1.0.0"),
        "computed": (None, None),
    }
    assert texts(file, file.providers) == {
        "widget": ("registry.example.com/acme/widget", "~> 1.0"),
        "other": ("registry.example.com/acme/other", None),
        "old": (None, ">= 2.0"),
    }
    assert file.trouble is None


def test_each_is_at_the_place_where_it_is_written() -> None:
    network, computed = read_hcl(CODE).modules
    assert (network.line, network.column) == (12, 1)
    assert computed.source
    assert (computed.source.line, computed.source.column) == (19, 12)
    assert [each.line for each in read_json(AS_JSON).modules] == [9, 10]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (b'"plain  text "', "plain  text "),
        (rb'"git::https://x/\"y\"\u0041"', 'git::https://x/"y"A'),
        (b'"$${local.a}"', "${local.a}"),
        (b'"${ local.a }-b "', "x-b "),
        (b'""', ""),
        (b'"${local.missing}"', None),
        (b'"${local.again}"', None),
        (b'"%{ if true }x%{ endif }"', None),
        (b'"${var.a}"', None),
        (b"local.a.b", None),
        (b'"${local.a b}"', None),
        (b"<<E\nx\nE\n", None),
        (b"12", None),
    ],
)
def test_a_text_means_what_terraform_takes_it_for_or_is_not_known(written: bytes, means: str | None) -> None:
    file = read_hcl(b'locals {\n a = "x"\n again = local.again\n}\nmodule "m" {\n source = ' + written + b"\n}\n")

    assert texts(file, file.modules)["m"][0] == means


def test_locals_that_multiply_come_to_an_end() -> None:
    known = {f"l{n}": Expression((Local(f"l{n + 1}"), Local(f"l{n + 1}")), 1) for n in range(50)}
    known["l50"] = Expression(("lol",), 1)

    assert resolved(Expression((Local("l48"),), 1), known) == "lol" * 4
    assert resolved(Expression((Local("l0"),), 1), known) is None


def test_what_is_wrong_in_a_file_is_named_and_the_rest_is_read() -> None:
    file = read_hcl(b'module "a" {\n  source = "x/y/z"\n}\n\n= = =\n\nmodule "b" {\n  source = "x/y/z"\n}\n')

    assert file.trouble == (5, 1)
    assert "a" in texts(file, file.modules)


def test_a_name_that_comes_twice_in_json_hides_nothing() -> None:
    file = read_json(b'{"module": {"a": {"source": "git::x"}, "a": {"source": "x/y/z"}}, "module": [{"b": {}}]}')

    assert [(each.name, each.source and each.source.parts) for each in file.modules] == [
        ("a", ("git::x",)),
        ("a", ("x/y/z",)),
        ("b", None),
    ]


@pytest.mark.parametrize("read", [read_hcl, read_json])
@pytest.mark.parametrize(
    "data",
    [
        b"a = " + b"[" * 20_000,
        b"x {" * 20_000,
        b'a = "${' * 20_000,
        b'{"a":' * 20_000,
        b"\xff\xfe",
        b" " * (MAX_BYTES + 1),
    ],
    ids=["lists", "blocks", "templates", "objects", "no-utf-8", "large"],
)
def test_hostile_code_is_refused_before_it_costs_anything(read: object, data: bytes) -> None:
    with pytest.raises(NotCodeError):
        read(data)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("source", "means"),
    [
        ("./network", Inside()),
        ("../network", Inside()),
        ("acme/network/aws", InRegistry("registry.terraform.io", ("acme", "network", "aws"), named=False)),
        (
            "Reg.example.com:443/acme/network/aws//a/b",
            InRegistry("reg.example.com", ("acme", "network", "aws"), named=True),
        ),
        ("127.0.0.1:8443/acme/network/aws", InRegistry("127.0.0.1:8443", ("acme", "network", "aws"), named=True)),
        ("github.com/acme/network", Direct()),
        ("github.com/acme/network/aws", Direct()),
        ("git::https://git.example.com/acme/network.git?ref=v1", Direct()),
        ("https://example.com/module.zip", Direct()),
        ("git@github.com:acme/network.git", Direct()),
        ("s3::https://s3.amazonaws.com/x/y.zip", Direct()),
        ("", Direct()),
    ],
)
def test_a_module_s_source_is_a_registry_s_or_a_path_or_goes_past_all_registries(source: str, means: object) -> None:
    assert module_source(source) == means


@pytest.mark.parametrize(
    ("source", "means"),
    [
        ("random", "registry.terraform.io/hashicorp/random"),
        ("Acme/Widget", "registry.terraform.io/acme/widget"),
        ("registry.example.com/acme/widget", "registry.example.com/acme/widget"),
        ("terraform.example.com:8443/acme/widget", "terraform.example.com:8443/acme/widget"),
        ("a/b/c/d", "None"),
        ("a b", "None"),
    ],
)
def test_a_provider_s_source_is_completed_as_clients_do(source: str, means: str) -> None:
    assert str(provider_source(source)) == means
