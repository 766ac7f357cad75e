"""``verify`` as its users see it: what is said, what a machine reads, and the exit status."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from registry_gen.cli.main import run
from registry_gen.cli.show_verify import report_text
from registry_gen.inspect.findings import Counted, Report
from tests.support.command_line import Ran
from tests.support.http_server import HttpServer
from tests.support.made_registry import MadeRegistry
from tests.support.outsider import MODULE, NETWORK, RANDOM, WIDGET, small_registry
from tests.support.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeRegistry:
    """A registry in a folder, and an outsider in an empty one who has no registry.yaml."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return small_registry(tmp_path / "public")


def verify(*arguments: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["verify", *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def as_json(ran: Ran) -> Any:
    return json.loads(ran.out)


def test_a_good_registry_is_told_in_a_few_lines(made: MadeRegistry) -> None:
    ran = verify(str(made.folder), "--key", made.vkey)
    root = as_json(verify(str(made.folder), "--json"))["log"]["root"]
    assert root == made.get("log/checkpoint").splitlines()[2].decode(), "as everybody finds it in the checkpoint"

    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == f"""\
{made.folder}: the whole registry
  log       registry.example.com/log: 4 entries, root {root}
            seen for the first time: compare this root with what others see
  checked        4  entries of the log
                 3  packages
                 4  versions
                 4  version documents
                 4  records
                 7  protocol documents
                 2  archives
                 3  zips
                 2  statements of origin
                 1  signature of sums
                 2  sums and signatures

Good: all of this is what was logged.
"""
    )


def test_of_a_single_thing_nothing_is_said_as_of_many() -> None:
    def shown(what: Counted, number: int) -> str:
        report = Report("https://x.example/", "the whole registry", None, None, (), (), {what: number}, complete=True)
        return next(line for line in report_text(report).splitlines() if f" {number}  " in line).partition(
            f"{number}  "
        )[2]

    alike = [what for what in Counted if shown(what, 1) == shown(what, 2)]
    assert alike == [Counted.SUMS, Counted.LINKED]
    assert [shown(Counted.ENTRIES, number) for number in (1, 2)] == ["entry of the log", "entries of the log"]


def test_the_next_time_needs_no_key_and_tells_what_was_seen_before(made: MadeRegistry) -> None:
    verify(str(made.folder), "--key", made.vkey)
    before = made.get("log/checkpoint").splitlines()[2].decode()
    made.module(NETWORK, "1.2.0")
    made.write()
    ran = verify(f"file://{made.folder}", NETWORK, "--version", "1.2.0")

    assert ran.code == 0
    assert f"{NETWORK} 1.2.0" in ran.out.splitlines()[0]
    assert f"last time 4 entries, root {before}\n" in ran.out


def test_each_problem_says_where_what_and_what_to_do(made: MadeRegistry) -> None:
    made.flip(f"{MODULE}/1.0.0/module.tar.gz")
    ran = verify(str(made.folder), NETWORK, "--key", made.vkey)

    assert ran.code == 1
    lines = ran.out.splitlines()
    at = lines.index("problem INS030 other bytes than those that were logged")
    labels = [line.split()[0] for line in lines[at + 1 : at + 5]]
    assert labels == ["where", "expected", "found", "hint"]
    assert f"{MODULE}/1.0.0/module.tar.gz" in lines[at + 1]
    assert lines[-1] == "Not good: 1 problem."


def test_a_machine_reads_all_of_it(made: MadeRegistry) -> None:
    made.flip(f"{MODULE}/1.0.0/module.tar.gz")
    ran = verify(str(made.folder), "--key", made.vkey, "--no-artifacts", "--json")
    assert ran.code == 0
    found = as_json(ran)
    assert (found["good"], found["complete"], found["kept"], found["problems"]) == (True, True, None, [])
    assert found["log"] == {**found["log"], "origin": "registry.example.com/log", "size": 4}
    assert found["checked"]["artifacts not fetched"] == 5

    found = as_json(verify(str(made.folder), "--json"))
    assert not found["good"]
    assert [problem["code"] for problem in found["problems"]] == ["INS030"]
    assert found["kept"]["size"] == 4


def test_monitoring_is_silent_until_the_log_is_rewritten(made: MadeRegistry, tmp_path: Path) -> None:
    assert verify(str(made.folder), "--monitor", "--key", made.vkey) == Ran(0, "", "")
    made.module(NETWORK, "1.2.0")
    made.write()
    assert verify(str(made.folder), "--monitor") == Ran(0, "", "")
    made.log(made.entries[:3])
    ran = verify(str(made.folder), "--monitor")

    assert ran.code == 1
    assert "problem INS010 the log was rewritten" in ran.out
    assert "The rest was not checked." in ran.out
    written = sorted(path.name for path in (tmp_path / "state/registry-gen/verify").iterdir())
    assert [name.partition(".")[2].partition("-")[0] for name in written] == ["found", "json", "kept"]
    assert all(name in ran.out for name in written if "checkpoint" in name)


def test_without_a_key_the_hint_says_where_it_is_had(made: MadeRegistry) -> None:
    ran = verify(str(made.folder))

    assert ran.code == 64
    assert "INS001" in ran.err
    assert "registry-gen log key" in ran.err
    assert as_json(verify(str(made.folder), "--json"))["problems"][0]["code"] == "INS001"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument 'URL'"),
        (("no/such/folder",), "INS005"),
        (("http://registry.example.com/",), "INS005"),
        (("{folder}", "--key", "nonsense"), "LOG007"),
        (("{folder}", "one-part"), "ADR001"),
        (("{folder}", NETWORK, "--version", "v1"), "VER001"),
        (("{folder}", "--version", "1.0.0"), "needs an ADDRESS"),
        (("{folder}", "x.lock.hcl", "--version", "1.0.0"), "needs an ADDRESS"),
        (("{folder}", NETWORK, "--monitor"), "the log alone"),
        (("{folder}", NETWORK, "--allow-unknown-platforms"), "about a lock file"),
        (("{folder}", "--monitor", "--follow-links"), "are about versions"),
        (("{folder}", "x.lock.hcl", "--no-artifacts"), "are about versions"),
        (("{folder}", "missing.lock.hcl"), "No such file"),
    ],
)
def test_what_is_typed_wrongly_is_wrong_usage(
    made: MadeRegistry, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("192.0.2.1", 80))])
    ran = verify(*(each.format(folder=made.folder) for each in arguments))

    assert ran.code == 64
    assert said in ran.err
    assert ran.out == ""


def test_a_lock_file_is_judged_by_its_path(made: MadeRegistry) -> None:
    facts = made.mirror(RANDOM, "4.0.0", "linux_amd64", lacking=("windows_amd64",))
    made.write()
    with open(".terraform.lock.hcl", "w", encoding="utf-8") as file:  # noqa: PTH123 - the folder is this one
        file.write(f'provider "{RANDOM}" {{\n  version = "4.0.0"\n  hashes = [\n    "{facts.packages[0].h1}",\n')
        file.write(f'    "h1:{"A" * 43}=",\n  ]\n}}\n')
    ran = verify(str(made.folder), ".terraform.lock.hcl", "--key", made.vkey)

    assert ran.code == 1
    assert "problem INS043" in ran.out
    assert ".terraform.lock.hcl:5:1" in ran.out
    assert verify(str(made.folder), ".terraform.lock.hcl", "--allow-unknown-platforms").code == 0


def test_a_lock_file_that_cannot_be_read_is_told_with_its_line(made: MadeRegistry, tmp_path: Path) -> None:
    path = tmp_path / "x.lock.hcl"
    path.write_text('provider "a" {\n  version = 1\n}\n')
    ran = verify(str(made.folder), str(path), "--key", made.vkey)

    assert ran.code == 1
    assert "INS040" in ran.err
    assert f"{path}:2:1" in ran.err


def test_an_authority_of_ones_own_is_named_as_openssl_has_it(
    made: MadeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    with HttpServer(authority=authority) as server:
        here = MadeRegistry(tmp_path / "here", url=server.url("/"), host=server.host)
        here.provider(WIDGET, "1.0.0", "linux_amd64")
        here.write()
        server.folder("/", here.folder)
        refused = verify(server.url("/"), "--key", here.vkey).out
        assert ("NET005" in refused, "SSL_CERT_FILE=ca.pem registry-gen verify" in refused) == (True, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
        assert verify(server.url("/"), "--key", here.vkey).code == 0
    assert (tmp_path / f"state/registry-gen/verify/127.0.0.1%3A{server.port}.json").is_file()


def test_what_a_hostile_registry_writes_steers_no_terminal(made: MadeRegistry) -> None:
    evil = "\x1b[2J\u202e\nGood: all of this is what was logged."
    made.edit("modules/acme/network/aws/1.0.0/index.json", lambda it: it.update(tag=evil, status=evil))
    made.withdraw(NETWORK, "1.1.0", evil)
    made.write()
    made.edit("modules/acme/network/aws/1.0.0/index.json", lambda it: it.update(tag=evil, status=evil))
    for ran in (verify(str(made.folder), "--key", made.vkey), verify(str(made.folder), NETWORK, "--version", "1.1.0")):
        assert "\x1b" not in ran.out
        assert "\u202e" not in ran.out
        assert sum(line.startswith("Good:") for line in ran.out.splitlines()) == (ran.code == 0)
