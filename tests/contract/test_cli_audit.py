"""``audit`` as its users see it: a folder with code and a lock file, a registry that is only read from outside."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.cli.main import run
from tests.support.command_line import Ran
from tests.support.http_server import HttpServer
from tests.support.made_registry import HOST, MadeRegistry
from tests.support.outsider import NETWORK, RANDOM, WIDGET, small_registry
from tests.support.sarif_shapes import Log
from tests.support.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path


class Consumer:
    """A team's folder, and the registry in another one."""

    def __init__(self, folder: Path, made: MadeRegistry) -> None:
        self.folder = folder
        self.made = made
        folder.mkdir()

    def write(self, text: str, path: str = "main.tf") -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def lock(self, source: str, version: str, *hashes: str) -> None:
        listed = "".join(f'    "{each}",\n' for each in hashes)
        self.write(
            f'provider "{source}" {{\n  version = "{version}"\n  hashes = [\n{listed}  ]\n}}\n', ".terraform.lock.hcl"
        )

    def audit(self, *arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["audit", ".", "--url", str(self.made.folder), *arguments])
        return Ran(code, out.getvalue(), err.getvalue())

    def found(self, *arguments: str) -> list[tuple[str, str, str]]:
        """Level, code and place of each finding."""
        findings = json.loads(self.audit("--json", *arguments).out)["findings"]
        return [
            (each["level"], each["code"], f"{each['position']['path']}:{each['position']['line']}") for each in findings
        ]


@pytest.fixture
def consumer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    found = Consumer(tmp_path / "consumer", small_registry(tmp_path / "public"))
    monkeypatch.chdir(found.folder)
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return found


def module(source: str, version: str = "", name: str = "m") -> str:
    line = f'  version = "{version}"\n' if version else ""
    return f'module "{name}" {{\n  source = "{source}"\n{line}}}\n'


def provider(source: str, version: str = "") -> str:
    line = f'version = "{version}"' if version else ""
    return f'terraform {{\n  required_providers {{\n    p = {{ source = "{source}", {line} }}\n  }}\n}}\n'


def hashes(made: MadeRegistry, platform: str) -> dict[str, str]:
    digests: Any = json.loads(made.get(f"providers/{WIDGET}/1.0.0/index.json"))["digests"][platform]
    return {"zh": f"zh:{digests['zh']}", "h1": digests["h1"]}


def test_code_that_takes_the_newest_of_the_registry_is_good(consumer: Consumer) -> None:
    linux, darwin = hashes(consumer.made, "linux_amd64"), hashes(consumer.made, "darwin_arm64")
    consumer.write(
        module(f"{HOST}/{NETWORK}", "~> 1.0") + module("./inside", name="own") + provider(f"{HOST}/{WIDGET}")
    )
    consumer.lock(f"{HOST}/{WIDGET}", "1.0.0", linux["h1"], darwin["zh"])
    ran = consumer.audit()

    assert ran == Ran(
        0,
        f"Compared with {consumer.made.folder}: 1 folder, 1 file, 2 modules, 1 required provider, 1 locked "
        "provider.\nGood: nothing to change.\n",
        "",
    )


@pytest.mark.parametrize(
    ("source", "version", "expected"),
    [
        (f"{HOST}/{NETWORK}", "1.0.0", [("note", "INS069")]),
        (f"{HOST}/{NETWORK}", "v1.1.0", []),
        (f"{HOST}/{NETWORK}", ">= 2.0", [("error", "INS063")]),
        (f"{HOST}/{NETWORK}", "9.9.9", [("error", "INS063")]),
        (f"{HOST}/{NETWORK}", "newest", [("error", "VER002")]),
        (f"{HOST}/acme/nothing/aws", "", [("error", "INS062")]),
        (f"{HOST}/Acme/Network/aws", "", [("error", "INS062")]),
        (NETWORK, "1.1.0", [("error", "INS065")]),
        (f"other.example.com/{NETWORK}//sub", "1.1.0", [("error", "INS065")]),
        ("other.example.com/other/network/aws", "1.1.0", []),
        ("git::https://git.example.com/acme/network.git?ref=v1", "", [("error", "INS065")]),
        ("https://example.com/network.zip", "", [("error", "INS065")]),
        ("github.com/acme/network", "", [("error", "INS065")]),
        ("${var.anything}", "", [("warning", "INS068")]),
    ],
)
def test_each_module_is_judged_by_its_source_and_version(
    consumer: Consumer, source: str, version: str, expected: list[tuple[str, str]]
) -> None:
    consumer.write("\n\n" + module(source, version))

    assert consumer.found() == [(level, code, "main.tf:3") for level, code in expected]
    assert consumer.audit().code == any(level == "error" for level, _ in expected)


@pytest.mark.parametrize(
    ("source", "version", "expected"),
    [
        (f"{HOST}/{WIDGET}", "~> 1.0", []),
        (f"{HOST}/{WIDGET}", "~> 2.0", [("error", "INS063")]),
        (f"{HOST}/acme/nothing", "", [("error", "INS062")]),
        (WIDGET, "", [("error", "INS065")]),
        (f"registry.terraform.io/{WIDGET}", "", [("error", "INS065")]),
        ("hashicorp/null", "", []),
        (RANDOM, "3.1.0", []),
        (RANDOM, "3.2.0", [("error", "INS063")]),
    ],
)
def test_each_required_provider_is_judged_and_mirrored_ones_are_no_bypass(
    consumer: Consumer, source: str, version: str, expected: list[tuple[str, str]]
) -> None:
    consumer.write(provider(source, version))

    assert consumer.found() == [(level, code, "main.tf:3") for level, code in expected]


def test_withdrawn_and_deprecated_versions_are_named_with_the_reason(consumer: Consumer) -> None:
    consumer.made.withdraw(NETWORK, "1.0.0", "It leaks.")
    consumer.made.deprecate(NETWORK, "Nobody keeps \x1b[31mit.", "acme/net/aws", "1.1.0")
    consumer.made.withdraw(WIDGET, "1.0.0", "Bad.")
    consumer.made.provider(WIDGET, "1.1.0", "linux_amd64")
    consumer.made.write()
    consumer.write(module(f"{HOST}/{NETWORK}", "1.0.0") + module(f"{HOST}/{NETWORK}", "1.1.0"))
    consumer.lock(f"{HOST}/{WIDGET}", "1.0.0")
    ran = consumer.audit()

    assert consumer.found() == [
        ("error", "INS064", ".terraform.lock.hcl:1"),
        ("error", "INS064", "main.tf:1"),
        ("warning", "INS066", "main.tf:5"),
    ]
    assert "1.0.0: It leaks." in ran.out
    assert "1.1.0: Nobody keeps \\x1b[31mit. Use acme/net/aws instead." in ran.out
    assert ran.out.splitlines()[-1] == "2 errors, 1 warning. 'registry-gen explain CODE' says what to do."


def test_platforms_without_a_hash_are_named_and_must_be_there_where_they_are_asked_for(consumer: Consumer) -> None:
    consumer.lock(f"{HOST}/{WIDGET}", "1.0.0", hashes(consumer.made, "linux_amd64")["zh"], "h1:other")

    assert consumer.found() == [("warning", "INS067", ".terraform.lock.hcl:1")]
    ran = consumer.audit()
    assert (ran.code, "found darwin_arm64\n" in ran.out) == (0, True)
    assert consumer.audit("--fail-on", "warning").code == 1
    assert consumer.found("--platform", "linux_amd64") == []
    assert consumer.found("--platform", "darwin_arm64") == [("error", "INS067", ".terraform.lock.hcl:1")]
    assert "not held by the registry: plan9_mips" in consumer.audit("--platform", "plan9_mips").out


def test_locked_providers_are_judged_where_no_code_names_them(consumer: Consumer) -> None:
    consumer.lock(f"registry.terraform.io/{WIDGET}", "1.0.0")
    assert consumer.found() == [("error", "INS065", ".terraform.lock.hcl:1")]
    consumer.lock(f"{HOST}/{WIDGET}", "6.6.6")
    assert consumer.found() == [("error", "INS063", ".terraform.lock.hcl:1")]
    consumer.lock("registry.terraform.io/hashicorp/null", "1.0.0")
    assert consumer.found() == []


def test_a_provider_that_is_pinned_is_judged_by_the_pin_and_not_twice(consumer: Consumer) -> None:
    consumer.made.deprecate(WIDGET, "Move on.")
    consumer.made.write()
    consumer.write(provider(f"{HOST}/{WIDGET}", "~> 1.0"))
    assert consumer.found() == [("warning", "INS066", "main.tf:3")]
    consumer.lock(
        f"{HOST}/{WIDGET}", "1.0.0", *(hashes(consumer.made, each)["zh"] for each in ("linux_amd64", "darwin_arm64"))
    )
    assert consumer.found() == [("warning", "INS066", ".terraform.lock.hcl:1")]


def test_folders_below_are_read_and_copies_and_links_are_not(consumer: Consumer, tmp_path: Path) -> None:
    bad = module("git::https://git.example.com/a.git")
    for path in ("sub/deep/main.tofu", ".terraform/modules/x/main.tf", "node.txt"):
        consumer.write(bad, path)
    consumer.write(json.dumps({"module": {"j": {"source": "git::https://git.example.com/a.git"}}}), "sub/x.tf.json")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "main.tf").write_text(bad)
    (consumer.folder / "link").symlink_to(tmp_path / "elsewhere")
    (consumer.folder / "link.tf").symlink_to(tmp_path / "elsewhere" / "main.tf")

    assert [place for *_, place in consumer.found()] == ["sub/deep/main.tofu:1", "sub/x.tf.json:1"]


def test_locals_of_another_file_of_the_folder_are_put_in(consumer: Consumer) -> None:
    consumer.write(f'locals {{\n  registry = "{HOST}"\n}}\n', "locals.tf")
    consumer.write(module(f"${{local.registry}}/{NETWORK}", "1.0.0"))

    assert consumer.found() == [("note", "INS069", "main.tf:1")]


def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_looked_at(consumer: Consumer) -> None:
    consumer.write("}}} {{{", "broken.tf")
    consumer.write("a = " + "[" * 5000, "deep.tf")
    consumer.write("provider {", ".terraform.lock.hcl")
    consumer.write(module("git::https://user:secret@git.example.com/a.git"))

    assert consumer.found() == [
        ("error", "INS040", ".terraform.lock.hcl:1"),
        ("error", "INS060", "broken.tf:1"),
        ("error", "INS060", "deep.tf:1"),
        ("error", "INS065", "main.tf:1"),
    ]
    assert "secret" not in consumer.audit().out + consumer.audit("--format", "sarif").out


def test_a_kind_of_finding_can_be_left_out(consumer: Consumer) -> None:
    consumer.write(module("git::https://git.example.com/a.git"))

    assert consumer.audit("--ignore", "INS065").code == 0
    assert consumer.audit("--fail-on", "never").code == 0
    assert consumer.audit("--fail-on", "note").code == 1


def test_what_was_typed_wrongly_is_not_passed_over(consumer: Consumer) -> None:
    empty = consumer.audit()
    assert (empty.code, "no Terraform or OpenTofu code" in empty.err) == (64, True)
    consumer.write(module("git::https://git.example.com/a.git"))
    assert consumer.audit("--ignore", "ins065").code == 0
    assert consumer.audit("--ignore", "INS999").code == 64
    assert consumer.audit("--platform", "linux").code == 64
    assert consumer.audit("--json", "--format", "sarif").code == 64


def test_sarif_has_levels_and_places_from_the_checkout(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer.write(module("git::https://git.example.com/a.git") + module(f"{HOST}/{NETWORK}", "1.0.0"), "a/b/main.tf")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(consumer.folder.parent))
    ran = consumer.audit("--format", "sarif", "--output", "made/report.sarif")
    log = Log.model_validate_json((consumer.folder / "made/report.sarif").read_text())
    (only,) = log.runs

    assert ran.code == 1
    assert [(each.rule_id, each.level) for each in only.results] == [("INS065", "error"), ("INS069", "note")]
    assert {each.locations[0].physical_location.artifact_location.uri for each in only.results} == {
        "consumer/a/b/main.tf"
    }
    assert "1 error, 1 note" in ran.out, "people are told besides"


def test_a_document_that_lies_is_a_finding_and_not_believed(consumer: Consumer) -> None:
    consumer.made.edit(f"modules/{NETWORK}/1.1.0/index.json", lambda document: document.update(version="1.0.0"))
    consumer.write(module(f"{HOST}/{NETWORK}") + module("git::https://git.example.com/a.git"))

    assert [code for _, code, _ in consumer.found()] == ["INS024", "INS065"]


def test_a_host_is_needed_where_the_code_names_none(consumer: Consumer) -> None:
    consumer.write(module(NETWORK) + module(f"registry.opentofu.org/{NETWORK}", name="other"))
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        assert run(["audit", "."]) == 64
    assert "INS061" in err.getvalue()


def test_a_private_host_that_only_code_names_is_not_asked(consumer: Consumer) -> None:
    """Whoever writes the code that is looked at must not choose what is asked in the network of whoever looks."""
    consumer.write(module("127.0.0.1:8443/acme/network/aws"))
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        assert run(["audit", "."]) == 1
    assert "NET003" in err.getvalue()
    assert "If this registry is meant, name it: --url https://127.0.0.1:8443/." in err.getvalue()


def test_a_host_that_a_person_names_may_be_private_and_is_asked_where_its_registry_is(
    consumer: Consumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    with HttpServer(authority=authority) as server:
        here = MadeRegistry(tmp_path / "here", url=server.url("/tree/"), host=server.host)
        here.module(NETWORK, "1.0.0")
        here.module(NETWORK, "1.1.0")
        here.write()
        server.folder("/tree/", here.folder)
        server.folder("/.well-known/", here.folder / ".well-known")
        consumer.write(module(f"{server.host}/{NETWORK}", "1.0.0"))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert run(["audit", ".", "--host", server.host, "--json"]) == 0
    said = json.loads(out.getvalue())
    assert (said["registry"], [each["code"] for each in said["findings"]]) == (server.url("/tree/"), ["INS069"])
    assert said["looked_at"] == {"folders": 1, "files": 1, "modules": 1}


def test_what_a_registry_says_of_itself_gets_into_no_lock_file(
    consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    note = consumer.made.get("log/checkpoint").split(b"\n", 1)[1]
    consumer.made.put("log/checkpoint", b'a"{}\x1b/log\n' + note)

    assert run(["lock", WIDGET, "1.0.0", "--url", str(consumer.made.folder)]) == 64
    said = capsys.readouterr()
    assert (said.out, "INS061" in said.err) == ("", True)
    assert run(["lock", WIDGET, "1.0.0", "--url", str(consumer.made.folder), "--host", HOST]) == 0


@pytest.mark.parametrize(("name", "limit"), [("MAX_READ", 100), ("MAX_SECONDS", -1.0)])
def test_a_registry_without_an_end_is_not_read_to_the_end(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, name: str, limit: float
) -> None:
    consumer.write(module(f"{HOST}/{NETWORK}", "1.0.0") + module(f"{HOST}/{NETWORK}", "1.1.0", "n"))
    monkeypatch.setattr(f"registry_gen.inspect.audit.{name}", limit)
    ran = consumer.audit()
    assert (ran.code, "INS080" in ran.err) == (1, True)


def test_a_version_with_a_million_warnings_is_told_in_a_few(consumer: Consumer) -> None:
    warnings = [{"message": f"Warning {number}."} for number in range(1_000)]
    consumer.made.edit("modules/acme/network/aws/1.1.0/index.json", lambda it: it.update(deprecated=warnings))
    consumer.write(module(f"{HOST}/{NETWORK}", "1.1.0"))
    assert len(consumer.found()) == 20


def test_code_without_an_end_is_not_read_to_the_end(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer.write("module m {}\n" * 30)
    for name, limit in (("MAX_ASKED", 29), ("MAX_CODE", 100), ("MAX_ENTRIES", 0)):
        with monkeypatch.context() as lower:
            lower.setattr(f"registry_gen.inspect.consumer.{name}", limit)
            assert "INS070" in consumer.audit().err
    monkeypatch.setattr("registry_gen.inspect.offered.MAX_ASKED", 1)
    consumer.write(module(f"{HOST}/{NETWORK}"))
    assert "INS070" in consumer.audit().err
    consumer.write("#\n", "/".join(["d"] * 66) + "/main.tf")
    assert "INS070" in consumer.audit().err
