"""The drill: the database is lost, and the ledger is made again from what the bucket holds."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen import paths, wiring
from registry_gen.errors import StorageError
from registry_gen.log.note import stated
from registry_gen.log.tiles import parse_bundle, tiles
from registry_gen.log.tree import Tail, append, root
from registry_gen.model.address import parse_address
from registry_gen.model.digest import sha256
from registry_gen.model.intent import Run
from registry_gen.publish.progress import Silent
from registry_gen.publish.rebuild_ledger import rebuild_ledger
from registry_gen.publish.run import publish
from registry_gen.signing.log import LogSigner, make_log_key
from tests.support.command_line import run_here
from tests.support.faults import stuck_storage
from tests.support.git_repo import GitRepo
from tests.support.kinds import NETWORK, WIDGET
from tests.support.openpgp_keys import make_key
from tests.support.reader import check_log, check_reachable
from tests.support.releases import make_release
from tests.support.workspace import NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from registry_gen.model.address import Address
    from registry_gen.model.facts import Package, PublishedDocument, VersionFacts
    from tests.support.command_line import Ran
    from tests.support.kinds import Kinds
    from tests.support.postgres import Postgres

pytestmark = pytest.mark.long

HOUR = timedelta(hours=1)
KEY, OTHER_KEY = make_key("tool"), make_key("tool 2")
WITHDRAWN = 'withdrawn:\n  - versions: "{}"\n    reason: It leaks.\n'
_numbers = count()


class Drill:
    """Databases that are new, and gone at the end."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._names: list[str] = []

    def lose(self, work: Workspace) -> str:
        """Give the workspace an empty database in place of the one it had, and return its DSN."""
        self._names.append(f"rebuilt_{next(_numbers)}")
        text = (work.root / "registry.yaml").read_text()
        dsn = self._postgres.create(self._names[-1])
        (work.root / "registry.yaml").write_text(re.sub("ledger: .*", f"ledger: {json.dumps(dsn)}", text))
        return dsn

    def close(self) -> None:
        for name in self._names:
            self._postgres.drop(name)


@pytest.fixture
def drill(postgres: Postgres) -> Iterator[Drill]:
    made = Drill(postgres)
    yield made
    made.close()


@pytest.fixture
def work(kinds: Kinds) -> Workspace:
    """Packages of every kind, just published."""
    return kinds.published()


def rebuild(work: Workspace, *more: str) -> Ran:
    return run_here(work, "--json", "ledger", "rebuild", "--from-bucket", *more)


def refused(work: Workspace, code: str, *more: str, status: int = 1) -> str:
    """Rebuild, find that it is refused with this code, and that the ledger is empty still; returns what was found."""
    tree = work.tree()
    ran = rebuild(work, *more)
    assert ran.code == status, ran.out
    (problem,) = ran.json["problems"]
    assert problem["code"] == code, problem
    with work.registry() as registry:
        assert registry.ledger.heads() == {}
        assert registry.ledger.log_head().tail.size == 0
        assert registry.ledger.verify_audit().seq == 0
    assert work.tree() == tree
    found = problem["found"]
    assert isinstance(found, str)
    return found


def knowledge(
    work: Workspace,
) -> tuple[Mapping[Address, Package], Mapping[Address, Mapping[str, PublishedDocument]], object]:
    """All that a ledger knows of packages, documents and the log, without what the bucket cannot tell."""
    with work.registry() as registry, registry.ledger.inspection() as books:
        heads, log = books.heads(), books.log_head()
        packages = {address: _comparable(package) for address, package in books.packages([*heads]).items()}
        documents = {**books.documents_of([*heads])}
        site = books.documents_of_site()
        return packages, documents, (site, replace(log, key=None), books.log_entries(0, log.tail.size))


def _comparable(package: Package) -> Package:
    """What nobody knows any more: inputs of the last plan, who withdrew a version, when its stage began."""
    head = replace(package.head, inputs=None, due_at=None)
    return replace(package, head=head, versions=tuple(map(_known, package.versions)))


def _known(facts: VersionFacts) -> VersionFacts:
    if facts.withdrawn is None:
        return facts
    withdrawn = replace(facts.withdrawn, by="unknown", since=facts.withdrawn.at)
    return replace(facts, withdrawn=withdrawn)


def a_long_life(work: Workspace, kinds: Kinds) -> None:
    """Everything that can happen to a version, in runs of an hour each."""
    root = work.root
    repo = GitRepo(root / "linked.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    work.module("acme/linked/aws", repo.url, "hosting: link\ndeprecated: Use acme/network/aws.\n")
    make_release(root / "tool", "tool", "1.0.0", key=KEY)
    work.provider("acme/tool", root / "tool", "platforms: [linux_amd64]\n", key=KEY.armor)
    kinds.configure(work, widget=WITHDRAWN.format("1.0.0"), sprocket=WITHDRAWN.format("2.0.0"))
    assert not work.publish(NOW + HOUR).refusals
    work.provider("acme/tool", root / "tool", "platforms: [linux_amd64, darwin_arm64]\n", key=KEY.armor)
    warning = '  - message: Use 1.1.0.\n    replacement: acme/linked/aws\n    versions: "< 1.1.0"\n'
    kinds.configure(work, network=f"deprecated:\n{warning}{WITHDRAWN.format('1.0.0')}")
    assert not work.publish(NOW + 2 * HOUR).refusals
    work.write("catalog/keys/acme-tool-2.asc", OTHER_KEY.armor)
    tool = work.root / "catalog/providers/acme/tool.yaml"
    tool.write_text(tool.read_text().replace("[acme-tool.asc]", "[acme-tool.asc, acme-tool-2.asc]"))
    linked = f"hosting: link\n{WITHDRAWN.format('1.0.0')}"
    kinds.configure(work, network=linked, sprocket="hosting: link\n", widget="deprecated: Old.\n")
    assert not work.publish(NOW + 3 * HOUR).refusals


def test_a_lost_ledger_is_made_again_and_nothing_is_published_anew(work: Workspace, kinds: Kinds, drill: Drill) -> None:
    a_long_life(work, kinds)
    types = {entry["type"] for entry in entries(work)}
    assert types == {
        "published",
        "platform-added",
        "withdrawn",
        "relisted",
        "deprecated",
        "undeprecated",
        "hosting-changed",
        "key-changed",
        "audit-head",
    }
    before, tree = knowledge(work), work.tree()
    drill.lose(work)
    ran = rebuild(work)
    assert ran.code == 0, ran.err
    assert ran.json["differences"] == ran.json["removed"] == []
    assert knowledge(work) == before
    assert [package.actions for package in work.plan(NOW + 4 * HOUR).packages if package.actions] == []
    report = work.publish(NOW + 4 * HOUR)
    assert (report.refusals, report.puts, report.published) == ((), 0, ())
    assert work.tree() == tree

    make_release(work.root / "tool", "tool", "1.1.0", key=KEY)
    work.module("acme/linked/aws", str(work.root / "linked.git"))
    kinds.configure(work)
    report = work.publish(NOW + 5 * HOUR)
    assert report.refusals == ()
    assert len(report.published) == 5, "a new version, two packages hosted anew, two warnings less"
    assert check_log(work.public) == size(work)
    check_reachable(work.public)
    with work.registry() as registry:
        assert registry.ledger.verify_audit().anchors == 1


def size(work: Workspace) -> int:
    """How long the log in the bucket says that it is."""
    return stated((work.public / paths.CHECKPOINT).read_bytes()).size


def payloads(work: Workspace) -> list[bytes]:
    """The entries of the log in the bucket."""
    return [*parse_bundle((work.public / paths.log_entries(0, size(work))).read_bytes())]


def entries(work: Workspace) -> list[dict[str, Any]]:
    """The same, read."""
    return [json.loads(payload) for payload in payloads(work)]


def forge(work: Workspace, log: list[bytes]) -> None:
    """Put another log into the bucket, signed with the registry's own key."""
    signer = wiring.open_log_keys(wiring.read_settings(work.root / "registry.yaml"))
    for key, data in tiles(0, append(Tail(), log), log):
        work.write(f"public/{key}", "").write_bytes(data)
    (work.public / paths.CHECKPOINT).write_bytes(signer.sign_checkpoint(len(log), root(append(Tail(), log))))


def record_of(work: Workspace, address: str, version: str) -> Path:
    """Where a version's record is."""
    named = [each["record"] for each in entries(work) if (each["address"], each.get("version")) == (address, version)]
    return work.public / paths.record(named[-1])


def stopped_at(work: Workspace, part: str, at: datetime) -> None:
    """Publish, with a bucket that takes no document under keys that contain ``part``."""
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        stuck = replace(registry, public=stuck_storage(registry.public, "put_if", part))
        with suppress(StorageError):
            assert publish(stuck, wiring.open_keys(registry), workspace.catalog, at, Silent()).refusals


def test_how_far_a_withdrawal_came_is_seen_in_the_bucket(work: Workspace, kinds: Kinds, drill: Drill) -> None:
    """Unlisted, unlinked, collected, and collected without a record: none of them can be told from the log."""
    versions = {"1.0.0": "unlisted", "1.1.0": "unlinked", "1.2.0": "collected", "1.3.0": "collected"}
    repo = GitRepo(work.root / "old.git")
    for version in versions:
        repo.tag(f"v{version}", repo.commit({"main.tf": f"# {version}"}))
    work.module("acme/old/aws", repo.url)
    work.publish(NOW + HOUR)
    work.module("acme/old/aws", repo.url, "withdrawn:\n  - reason: Old.\n")
    assert run_here(work, "publish", "--allow-mass-withdrawal").code == 0
    folder = work.public / "v1/modules/acme/old/aws"
    for version in ("1.1.0", "1.2.0", "1.3.0"):
        (folder / version / "download").unlink()
        (folder / version / "get.html").unlink()
    (folder / "1.2.0/module.tar.gz").unlink()
    for name in ("module.tar.gz", "module.tar.gz.intoto.jsonl"):
        (folder / "1.3.0" / name).unlink()
    record_of(work, "acme/old/aws", "1.3.0").unlink()
    before, tree = knowledge(work), work.tree()
    drill.lose(work)
    now = datetime.now(UTC)
    assert rebuild(work).code == 0
    address = parse_address("acme/old/aws")
    with work.registry() as registry:
        package = registry.ledger.packages([address])[address]
    withdrawn = {str(facts.version): facts.withdrawn for facts in package.versions if facts.withdrawn}
    assert {version: each.stage for version, each in withdrawn.items()} == versions
    assert {each.by for each in withdrawn.values()} == {"unknown"}
    assert all(each.since >= now for each in withdrawn.values()), "caches may have been filled until now"
    assert {each.reason for each in withdrawn.values()} == {"Old."}
    then = {facts.version: facts for facts in before[0][address].versions}
    assert {facts.record for facts in package.versions} == {facts.record for facts in then.values()}
    assert work.publish(NOW + 2 * HOUR).puts == 0
    assert work.tree() == tree
    work.module("acme/old/aws", repo.url)
    assert not work.publish(NOW + 3 * HOUR).refusals
    listing = work.document("v1/modules/acme/old/aws/versions")
    assert listing["modules"][0]["versions"] == [{"version": "1.0.0"}, {"version": "1.1.0"}]


@pytest.mark.parametrize("records", [(), ("--records",)], ids=["with-records", "without-records"])
def test_what_was_collected_stays_collected(
    work: Workspace, kinds: Kinds, drill: Drill, records: tuple[str, ...]
) -> None:
    """Of every kind; without its record a version is what its entry in the log pins."""
    rules = dict.fromkeys(("network", "widget"), WITHDRAWN.format("1.0.0"))
    kinds.configure(work, **rules, sprocket=WITHDRAWN.format("2.0.0"))
    assert not work.publish(NOW + HOUR).refusals
    assert run_here(work, "gc", "--now", "--yes", *records).code == 0
    (before, *rest), tree = knowledge(work), work.tree()
    drill.lose(work)
    ran = rebuild(work)
    assert (ran.code, ran.json["differences"], ran.json["removed"]) == (0, [], []), ran.err
    after, *others = knowledge(work)
    assert others == rest
    pinned = {address: [_pinned(facts) for facts in package.versions] for address, package in before.items()}
    assert {address: [_pinned(facts) for facts in each.versions] for address, each in after.items()} == pinned
    if not records:
        assert {address: package.versions for address, package in after.items()} == {
            address: package.versions for address, package in before.items()
        }
    assert (work.publish(NOW + 2 * HOUR).puts, work.tree()) == (0, tree)
    kinds.configure(work)
    report = work.publish(NOW + 3 * HOUR)
    assert (report.published, report.refusals) == ((), ())
    assert len([note for note in report.notes if "stays withdrawn" in note.text]) == 3


def _pinned(facts: VersionFacts) -> tuple[object, ...]:
    """What the log says of a version."""
    return (facts.version, facts.hosting, facts.record, facts.recorded_at, facts.withdrawn, facts.log_index)


def test_what_a_run_left_that_was_cut_off_before_it_logged_is_published_anew(
    work: Workspace, kinds: Kinds, drill: Drill
) -> None:
    """Its entries were never signed, and a module's statement of origin would differ: other bytes under a taken key."""
    repo = GitRepo(work.root / "late.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    work.module("acme/late/aws", repo.url)
    before = size(work)
    stopped_at(work, paths.CHECKPOINT, NOW + HOUR)
    left = {"module.tar.gz", "module.tar.gz.intoto.jsonl"}
    folder = work.public / "v1/modules/acme/late/aws/1.0.0"
    assert {path.name for path in folder.iterdir()} == left
    drill.lose(work)
    ran = rebuild(work)
    assert ran.code == 0, ran.err
    assert ran.json["log_entries"] == before
    assert {key.rpartition("/")[2] for key in ran.json["removed"] if key.startswith("v1/")} == left
    assert [key for key in ran.json["removed"] if key.startswith("log/")] == [
        paths.log_tile(0, 0, before + 2),
        paths.log_entries(0, before + 2),
    ]
    report = work.publish(NOW + 2 * HOUR)
    assert (report.refusals, len(report.published)) == ((), 1)
    check_log(work.public)
    check_reachable(work.public)


def test_what_was_left_goes_together_with_the_rebuilding_or_not_at_all(
    work: Workspace, kinds: Kinds, drill: Drill
) -> None:
    """Beside a whole ledger it would stand in the way of every publish; without one it may be all that is known."""
    repo = GitRepo(work.root / "late.git")
    repo.tag("v1.0.0", repo.commit({"main.tf": ""}))
    work.module("acme/late/aws", repo.url)
    stopped_at(work, paths.CHECKPOINT, NOW + HOUR)
    dsn, tree = drill.lose(work), work.tree()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO packages (kind, address) VALUES ('module', %s)", (NETWORK,))
    assert rebuild(work).json["problems"][0]["code"] == "LED030"
    assert work.tree() == tree
    drill.lose(work)
    vkeys = wiring.open_log_keys(wiring.read_settings(work.root / "registry.yaml")).vkeys
    with work.registry() as registry:
        stuck = replace(registry, public=stuck_storage(registry.public, "delete", "log/"))
        with pytest.raises(StorageError):
            rebuild_ledger(stuck, vkeys, Run("ada", None, None, NOW), Silent())
        assert registry.ledger.log_head().tail.size == 0
    assert rebuild(work).code == 0
    assert len(work.publish(NOW + 2 * HOUR).published) == 1


def test_what_was_logged_but_not_listed_is_listed_by_the_next_run(work: Workspace, kinds: Kinds, drill: Drill) -> None:
    late = make_release(work.root / "late", "late", "1.0.0", key=KEY)
    assert late.sums
    work.provider("acme/late", work.root / "late", key=KEY.armor)
    kinds.configure(work, network=WITHDRAWN.format("1.0.0"))
    stopped_at(work, "/versions", NOW + HOUR)
    assert not (work.public / "v1/providers/acme/late/versions").exists()
    drill.lose(work)
    found = refused(work, "PUB054")
    assert found.splitlines() == [
        "v1/modules/acme/network/aws/versions: other content",
        "v1/providers/acme/late/versions: missing",
    ]
    ran = rebuild(work, "--force")
    assert (ran.code, ran.json["differences"]) == (0, found.splitlines())
    report = work.publish(NOW + 2 * HOUR)
    assert (report.refusals, len(report.published)) == ((), 2)
    check_reachable(work.public)
    listing = work.document("v1/modules/acme/network/aws/versions")
    assert [each["version"] for each in listing["modules"][0]["versions"]] == ["1.1.0"]
    assert work.publish(NOW + 3 * HOUR).puts == 0


def test_documents_that_somebody_changed_are_named_and_put_right(work: Workspace, drill: Drill) -> None:
    """A planted key is not believed: the log names the keys of a provider, and its documents only add the armor."""
    expected = work.tree()
    leaf = work.public / "v1/providers/acme/widget/1.1.0/download/linux/amd64"
    document = json.loads(leaf.read_bytes())
    mine = {"key_id": OTHER_KEY.fingerprint[-16:], "ascii_armor": OTHER_KEY.armor}
    document["signing_keys"]["gpg_public_keys"].append(mine)
    leaf.write_text(json.dumps(document))
    stamped = work.public / "v1/modules/acme/network/aws/1.0.0/get.html"
    stamped.write_text(re.sub(r'revision" content="\d+"', 'revision" content="9007199254740991"', stamped.read_text()))
    (work.public / ".well-known/terraform.json").write_text('{"modules.v1":"https://evil.example/","revision":1}')
    work.write("public/v1/providers/acme/widget/9.9.9/download/linux/amd64", "{}")
    work.write("public/v1/modules/evil/twin/aws/versions", '{"modules":[{"versions":[]}]}')
    drill.lose(work)
    found = refused(work, "PUB054")
    assert found.splitlines() == [
        ".well-known/terraform.json: other content",
        "v1/modules/acme/network/aws/1.0.0/get.html: other content",
        "v1/modules/evil/twin/aws/versions: nothing in the log leads to it",
        "v1/providers/acme/widget/1.1.0/download/linux/amd64: other content",
        "v1/providers/acme/widget/9.9.9/download/linux/amd64: nothing in the log leads to it",
    ]
    assert rebuild(work, "--force").code == 0
    assert not work.publish(NOW + HOUR).refusals
    mended = {key: data for key, data in work.tree().items() if key.startswith("v1/")}
    assert mended.pop("v1/modules/evil/twin/aws/versions"), "not ours: fsck tells what to do with it"
    unstamped = re.compile(rb'"revision":\d+|revision" content="\d+"')
    assert {key: unstamped.sub(b"", data) for key, data in mended.items()} == {
        key: unstamped.sub(b"", data) for key, data in expected.items() if key.startswith("v1/")
    }


def test_a_log_that_is_not_whole_is_refused(work: Workspace, drill: Drill) -> None:
    drill.lose(work)
    bundle = work.public / paths.log_entries(0, size(work))
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(b'"acme/widget"', b'"acme/wodget"', 1))
    refused(work, "PUB051")
    bundle.write_bytes(whole[:-1])
    refused(work, "LOG003")
    *rest, last = payloads_of(whole)
    bundle.write_bytes(whole[: -len(last) - 2])
    assert refused(work, "PUB051") == str(len(rest))
    bundle.unlink()
    refused(work, "PUB051")


def payloads_of(data: bytes) -> tuple[bytes, ...]:
    return parse_bundle(data)


def test_a_checkpoint_that_is_not_this_log_s_is_refused(work: Workspace, drill: Drill) -> None:
    drill.lose(work)
    checkpoint = work.public / paths.CHECKPOINT
    true = stated(checkpoint.read_bytes())
    stranger = LogSigner(true.origin, make_log_key())
    ours = checkpoint.read_bytes()
    checkpoint.write_bytes(stranger.sign_checkpoint(true.size, true.root))
    refused(work, "LOG005")
    refused(work, "LOG005", "--key", LogSigner(true.origin, make_log_key()).vkey)
    checkpoint.write_bytes(LogSigner("other.example/log", make_log_key()).sign_checkpoint(true.size, true.root))
    refused(work, "LOG005")
    checkpoint.write_bytes(ours)
    refused(work, "LOG005", "--key", stranger.vkey)
    refused(work, "LOG007", "--key", LogSigner("other.example/log", make_log_key()).vkey, status=64)
    checkpoint.unlink()
    refused(work, "PUB050")


def test_a_key_that_is_given_serves_where_the_registry_s_own_is_lost(work: Workspace, drill: Drill) -> None:
    vkey = wiring.open_log_keys(wiring.read_settings(work.root / "registry.yaml")).vkey
    shutil.rmtree(work.root / "state/keys")
    drill.lose(work)
    refused(work, "KEY004")
    refused(work, "LOG007", "--key", "nonsense", status=64)
    assert rebuild(work, "--key", vkey).code == 0


def test_an_old_checkpoint_in_the_place_of_a_later_one_is_refused(work: Workspace, kinds: Kinds, drill: Drill) -> None:
    """To go on from it would sign a second history; --force does not make it less of one."""
    old = (work.public / paths.CHECKPOINT).read_bytes()
    kinds.configure(work, network=WITHDRAWN.format("1.0.0"))
    work.publish(NOW + HOUR)
    (work.public / paths.CHECKPOINT).write_bytes(old)
    drill.lose(work)
    refused(work, "PUB052")
    refused(work, "PUB052", "--force")


def test_a_record_that_is_not_what_the_log_names_is_refused(work: Workspace, drill: Drill) -> None:
    record = record_of(work, WIDGET, "1.1.0")
    drill.lose(work)
    true = record.read_bytes()
    record.write_bytes(true.replace(b"linux", b"linus"))
    refused(work, "PUB020")
    record.unlink()
    refused(work, "PLN020")


def test_a_record_that_says_something_else_than_its_entry_is_refused(work: Workspace, drill: Drill) -> None:
    """Only whoever holds the log's key can log such a record."""
    log = payloads(work)
    record = record_of(work, WIDGET, "1.1.0").read_bytes()
    digest = sha256(record)
    other = record.replace(b'"filename":"terraform-provider-widget', b'"filename":"terraform-provider-wodget')
    wrong = json.loads(record)
    wrong["packages"][0]["zh"] = sha256(b"other")
    drill.lose(work)
    for forged in (json.dumps(wrong).encode(), b"{}", b"[]", record.replace(b'"1.1.0"', b'"1.1.1"')):
        assert forged != record
        work.write(f"public/{paths.record(sha256(forged))}", "").write_bytes(forged)
        forge(work, [each.replace(digest.encode(), sha256(forged).encode()) for each in log])
        refused(work, "LOG012")
    assert other != record


def test_a_log_that_contradicts_itself_or_says_what_nobody_knows_is_refused(work: Workspace, drill: Drill) -> None:
    log = payloads(work)
    drill.lose(work)
    forge(work, [*log, log[0]])
    refused(work, "LOG009")
    shutil.rmtree(work.public / "log")
    unknown = json.loads(log[-1]) | {"type": "beheaded"}
    forge(work, [*log, json.dumps(unknown, sort_keys=True, separators=(",", ":")).encode()])
    refused(work, "PUB053")


def test_a_ledger_that_knows_packages_is_in_use_although_it_never_logged(work: Workspace, drill: Drill) -> None:
    dsn = drill.lose(work)
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO packages (kind, address) VALUES ('module', %s)", (NETWORK,))
    ran = rebuild(work)
    assert (ran.code, ran.json["problems"][0]["code"], ran.json["problems"][0]["found"]) == (1, "LED030", "packages")


def test_a_ledger_in_use_is_left_alone(work: Workspace) -> None:
    before = knowledge(work)
    ran = rebuild(work, "--force")
    assert (ran.code, ran.json["problems"][0]["code"]) == (1, "LED030")
    assert knowledge(work) == before
    assert run_here(work, "ledger", "rebuild").code == 64


def test_an_export_of_the_audit_log_is_kept_with_who_withdrew_what(work: Workspace, kinds: Kinds, drill: Drill) -> None:
    kinds.configure(work, network=WITHDRAWN.format("1.0.0"))
    work.publish(NOW + HOUR)
    assert run_here(work, "ledger", "audit", "export", "audit.jsonl").code == 0
    with work.registry() as registry:
        rows = registry.ledger.audit_rows(None, 1000)
    drill.lose(work)
    ran = rebuild(work, "--audit", "audit.jsonl")
    assert (ran.code, ran.json["lost_audit_rows"]) == (0, None), ran.err
    address = parse_address(NETWORK)
    with work.registry() as registry:
        verified, now = registry.ledger.verify_audit(), registry.ledger.audit_rows(None, 1000)
        facts = registry.ledger.packages([address])[address].versions[0]
    assert facts.withdrawn
    assert facts.withdrawn.by == rows[0].actor
    assert now[1:] == rows
    assert (now[0].action, verified.lost, verified.seq) == ("rebuild", (), rows[0].seq + 1)


def test_of_an_older_export_what_the_log_confirms_is_kept(work: Workspace, kinds: Kinds, drill: Drill) -> None:
    """What comes after the last row that both have is lost, and said to be: a collection is not in the log."""
    kinds.configure(work, network=WITHDRAWN.format("1.0.0"))
    work.publish(NOW + HOUR)
    assert run_here(work, "gc", "--now", "--yes").code == 0
    assert run_here(work, "ledger", "audit", "export", "audit.jsonl").code == 0
    actions = [json.loads(row)["action"] for row in (work.root / "audit.jsonl").read_text().splitlines()]
    assert actions[-2:] == ["publish", "collect"]
    kept = len(actions) - 1
    for hour in (2, 3):
        kinds.configure(work, network=f"deprecated: For {hour} hours.\n{WITHDRAWN.format('1.0.0')}")
        work.publish(NOW + hour * HOUR)
    drill.lose(work)
    ran = rebuild(work, "--audit", "audit.jsonl")
    assert ran.json["lost_audit_rows"] == [kept + 1, kept + 3]
    shown = run_here(work, "ledger", "audit", "verify")
    assert (shown.code, f"Rows {kept + 1} to {kept + 3} were lost" in shown.out) == (0, True)
    kinds.configure(work)
    work.publish(NOW + 4 * HOUR)
    with work.registry() as registry:
        verified = registry.ledger.verify_audit()
    assert (verified.first, verified.seq, verified.lost) == (1, kept + 5, ((kept + 1, kept + 3),))
    assert verified.anchors == 3, "those of the first two runs, and of the last one"


def test_an_export_that_was_altered_is_refused(work: Workspace, drill: Drill) -> None:
    assert run_here(work, "ledger", "audit", "export", "audit.jsonl").code == 0
    file = work.root / "audit.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    drill.lose(work)
    file.write_text(lines[0].replace('"publish"', '"nothing"') + "".join(lines[1:]))
    refused(work, "LED018", "--audit", "audit.jsonl")
    refused(work, "LED033", "--audit", "none.jsonl")


def test_without_the_audit_log_the_chain_goes_on_from_what_the_log_names(work: Workspace, drill: Drill) -> None:
    last = [entry for entry in entries(work) if entry["type"] == "audit-head"][-1]
    drill.lose(work)
    assert rebuild(work).json["lost_audit_rows"] == [1, last["seq"]]
    with work.registry() as registry:
        (row,) = registry.ledger.audit_rows(None, 10)
        verified = registry.ledger.verify_audit()
    assert (row.action, row.seq, row.prev_hash) == ("rebuild", last["seq"] + 1, last["hash"])
    assert verified.lost == ((1, last["seq"]),)
