"""The log's key through its life: rotated, lost, changed behind a publisher's back; and who can verify meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from registry_gen import paths, wiring
from registry_gen.cli.selection import selected
from registry_gen.errors import ConflictError, InputError, RefusalError, RegistryError
from registry_gen.log.codes import BAD_CHECKPOINT_SIGNATURE
from registry_gen.log.note import parse_checkpoint, parse_verifier_key, stated
from registry_gen.log.tiles import parse_bundle
from registry_gen.publish import stage
from registry_gen.publish.progress import Silent
from registry_gen.publish.run import publish as publish_registry
from registry_gen.signing.log import LogSigner, make_log_key
from tests.support.command_line import run_here
from tests.support.faults import Fault, fails, faulty_registry, loses_answer, method_of
from tests.support.git_repo import GitRepo
from tests.support.reader import check_log, check_reachable
from tests.support.workspace import HOST, NOW, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry_gen.ledger import LogHead
    from tests.support.faults import Trouble

pytestmark = pytest.mark.long

ORIGIN = f"{HOST}/log"
MAIN = {"main.tf": 'variable "name" {}\n'}
MORE = {**MAIN, "outputs.tf": ""}
LATER = NOW + timedelta(days=1)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "network.git")
    made.tag("v1.0.0", made.commit(MAIN))
    return made


@pytest.fixture
def work(tmp_path: Path, database: str, repo: GitRepo) -> Workspace:
    """A registry that has published one version of one module."""
    made = Workspace(tmp_path / "work", database)
    made.module("acme/network/aws", repo.url)
    assert made.publish().refusals == ()
    return made


def vkeys(work: Workspace) -> list[str]:
    found = run_here(work, "--json", "log", "key").json
    return [found["key"], *found["former"]]


def entries(work: Workspace) -> list[dict[str, Any]]:
    """What the log in the bucket says, which its checkpoint commits to."""
    size = check_log(work.public)
    return [json.loads(payload) for payload in parse_bundle((work.public / paths.log_entries(0, size)).read_bytes())]


def types(work: Workspace) -> list[str]:
    return [entry["type"] for entry in entries(work)]


def verifies(work: Workspace, vkey: str) -> bool:
    """Whether somebody who knows this key alone believes the checkpoint in the bucket."""
    try:
        parse_checkpoint((work.public / paths.CHECKPOINT).read_bytes(), *parse_verifier_key(vkey))
    except RefusalError as error:
        if error.code is not BAD_CHECKPOINT_SIGNATURE:
            raise
        return False
    return True


def audit(database: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT action, actor, address, before, after, run_url FROM audit_log ORDER BY seq"
        ).fetchall()


def head(work: Workspace) -> LogHead:
    with work.registry() as registry:
        return registry.ledger.log_head()


def lose_key(work: Workspace) -> list[str]:
    """The log's key is gone, and there is a new one; its verifier keys."""
    (work.root / "state/keys/log.key").unlink()
    assert run_here(work, "log", "rotate", "--lost").code == 0
    return vkeys(work)


class Meanwhile(Silent):
    """Something happens between planning and staging."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def begin(self, phase: str, total: int) -> None:
        if phase == stage.PHASE:
            self._action()


def publish_while(work: Workspace, meanwhile: Callable[[], object]) -> None:
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        keys = wiring.open_keys(registry)
        publish_registry(registry, keys, selected(workspace, ()), LATER, Meanwhile(meanwhile))


# --- rotation -------------------------------------------------------------------------------------------------------


def test_a_rotation_loses_nobody_who_verifies(work: Workspace, repo: GitRepo, database: str) -> None:
    (old,) = vkeys(work)
    tree, before = work.tree(), types(work)
    rotated = run_here(work, "log", "rotate")
    new, former = vkeys(work)
    assert (rotated.code, former) == (0, old)
    assert rotated.out == f"{new}\n{old}  former\n"
    assert "Now publish" in rotated.err
    assert work.tree() == tree, "nothing is published by making a key"

    assert work.publish(LATER).log_key_changed

    assert types(work) == [*before, "key-changed", "audit-head"]
    assert entries(work)[-2] == {
        "type": "key-changed",
        "kind": "log",
        "address": ORIGIN,
        "revision": 0,
        "time": "2026-01-03T03:04:05Z",
        "keys": [new, old],
    }
    assert audit(database)[-1] == ("rotate-log-key", "tester", ORIGIN, {"key": old}, {"keys": [new, old]}, None)
    assert (verifies(work, old), verifies(work, new)) == (True, True)
    again = work.publish(LATER)
    assert (again.log_key_changed, again.puts) == (False, 0)

    repo.tag("v1.1.0", repo.commit(MORE))
    work.publish(LATER)
    assert (verifies(work, old), verifies(work, new)) == (True, True)
    retired = run_here(work, "log", "retire")
    assert (retired.code, retired.out) == (0, f"{new}\n")
    assert "must have it by now" in retired.err
    nothing = run_here(work, "log", "retire")
    assert (nothing.code, nothing.out) == (0, f"{new}\n"), "once more does no harm"
    assert nothing.err == "There is no former key: nothing was to be retired.\n"

    repo.tag("v1.2.0", repo.commit(MAIN))
    assert work.publish(LATER).refusals == ()
    assert (verifies(work, old), verifies(work, new)) == (False, True)
    assert types(work).count("key-changed") == 1
    assert check_reachable(work.public) == 3


def test_a_former_key_can_be_retired_after_the_ledger_was_made_again(work: Workspace, database: str) -> None:
    run_here(work, "log", "rotate")
    run_here(work, "publish")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert run_here(work, "ledger", "rebuild", "--from-bucket").code == 0
    assert run_here(work, "log", "retire").code == 0


def test_a_publish_says_that_the_key_changed_and_which_one_to_hand_out(work: Workspace) -> None:
    run_here(work, "log", "rotate")
    new, _ = vkeys(work)
    told = run_here(work, "--json", "publish")
    assert (told.json["log_key"], told.json["log_key_changed"]) == (new, True)
    assert told.err == f"The log stands under another key now. Hand it out: {new}\n"
    again = run_here(work, "--json", "publish")
    assert (again.json["log_key_changed"], again.err) == (False, "")


def test_a_former_key_is_not_retired_before_both_have_signed(work: Workspace) -> None:
    run_here(work, "log", "rotate")
    keys = vkeys(work)
    refused = run_here(work, "log", "retire")
    assert (refused.code, "error PUB014 " in refused.err) == (1, True)
    assert vkeys(work) == keys

    assert not publish_with(work, Fault("put_if"), None)
    assert head(work).key == keys[0], "it is logged, but the bucket does not say so"
    assert "error PUB014 " in run_here(work, "log", "retire").err
    assert vkeys(work) == keys
    assert not verifies(work, keys[0])


def test_keys_that_registry_yaml_names_are_rotated_there(
    work: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (old,) = vkeys(work)
    monkeypatch.setenv("LOG_KEY_2026", make_log_key().decode())
    text = (work.root / "registry.yaml").read_text()
    work.write("registry.yaml", f"{text}signing: {{log: env:LOG_KEY_2026}}\n")
    assert "error PUB012 " in run_here(work, "publish").err
    work.write(
        "registry.yaml",
        f"{text}signing: {{log: env:LOG_KEY_2026, former_log_keys: ['file:./state/keys/log.key']}}\n",
    )
    new, former = vkeys(work)
    assert former == old
    assert work.publish(LATER).log_key_changed
    assert (verifies(work, old), verifies(work, new)) == (True, True)

    for command in ("rotate", "retire"):
        refused = run_here(work, "log", command)
        assert refused.code == 1
        assert "error KEY008 " in refused.err
        assert "signing.former_log_keys" in refused.err
    assert vkeys(work) == [new, old]


def test_before_anything_was_published_a_key_changes_without_a_word(tmp_path: Path, database: str) -> None:
    work = Workspace(tmp_path / "work", database)
    assert "error KEY004 " in run_here(work, "log", "key").err
    run_here(work, "publish")
    (old,) = vkeys(work)
    assert run_here(work, "log", "rotate").code == 0
    assert run_here(work, "log", "retire").code == 0
    (new,) = vkeys(work)
    assert new != old
    repo = GitRepo(tmp_path / "network.git")
    repo.tag("v1.0.0", repo.commit(MAIN))
    work.module("acme/network/aws", repo.url)
    assert not work.publish().log_key_changed
    assert types(work) == ["published", "audit-head"]
    assert (head(work).key, verifies(work, new)) == (new, True)


# --- a key that is lost ---------------------------------------------------------------------------------------------


def test_with_another_key_alone_nothing_is_planned_and_nothing_changes(
    work: Workspace, repo: GitRepo, database: str
) -> None:
    (old,) = vkeys(work)
    (other,) = lose_key(work)
    repo.tag("v1.1.0", repo.commit(MORE))
    tree, known, rows = work.tree(), head(work), audit(database)

    refused = run_here(work, "publish")

    assert (refused.code, refused.out) == (1, "")
    assert "error PUB012 this is not the key of the log\n" in refused.err
    assert f"expected  {old}\n" in refused.err
    assert f"found     {other}\n" in refused.err
    assert "registry-gen publish --accept-log-key VKEY" in refused.err
    assert (work.tree(), head(work), audit(database)) == (tree, known, rows)
    with work.registry() as registry, registry.ledger.publication(0) as publication:
        assert publication.open_intents() == ()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM sync_runs").fetchone() == (1,)


def test_a_lost_key_is_given_up_only_for_the_one_that_a_person_names(
    work: Workspace, repo: GitRepo, database: str
) -> None:
    (old,) = vkeys(work)
    (other,) = lose_key(work)
    repo.tag("v1.1.0", repo.commit(MORE))
    before, tree = types(work), work.tree()
    for wrong in (old, other[:-1], other.upper(), "yes", ""):
        refused = run_here(work, "publish", "--accept-log-key", wrong)
        assert (refused.code, "error PUB013 " in refused.err) == (1, True)
    assert work.tree() == tree

    for published in (True, False):
        accepted = run_here(work, "publish", "--accept-log-key", other)
        assert (accepted.code, "1.1.0" in accepted.out) == (0, published)

    assert types(work) == [*before, "key-changed", "audit-head", "published", "audit-head"]
    assert entries(work)[len(before)]["keys"] == [other]
    assert [row[0] for row in audit(database)] == ["publish", "accept-log-key", "publish"]
    assert audit(database)[1][1:5] == ("tester", ORIGIN, {"key": old}, {"keys": [other]})
    assert (verifies(work, old), verifies(work, other)) == (False, True)
    assert run_here(work, "publish").code == 0


def test_a_lost_own_key_is_not_replaced_unasked(work: Workspace) -> None:
    (work.root / "state/keys/log.key").unlink()
    for command in (("publish",), ("log", "key"), ("log", "rotate")):
        refused = run_here(work, *command)
        assert (refused.code, "error KEY004 " in refused.err) == (1, True), command
    assert not (work.root / "state/keys/log.key").exists()


# --- a run that ends in the middle ----------------------------------------------------------------------------------

STEPS = ("change_log_key", "checkpoint_signed", "put_new", "put_if", "checkpoint_stored")
"""What a publish does that changes the key and nothing else."""


def publish_with(work: Workspace, fault: Fault, accepted: str | None) -> bool:
    workspace = wiring.read_workspace(work.root / "registry.yaml")
    with wiring.open_registry(workspace) as registry:
        faulty = faulty_registry(registry, fault)
        keys = wiring.open_keys(registry)
        try:
            publish_registry(faulty, keys, selected(workspace, ()), LATER, Silent(), accept_log_key=accepted)
        except RegistryError:
            return False
    return True


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trouble", [fails, loses_answer])
@pytest.mark.parametrize("lost", [False, True], ids=["rotated", "lost"])
def test_a_change_of_the_key_that_is_cut_short_is_logged_once_and_finished_by_the_next_run(
    work: Workspace, database: str, *, step: str, trouble: Trouble, lost: bool
) -> None:
    before = types(work)
    (old,) = vkeys(work)
    if lost:
        new = lose_key(work)[0]
    else:
        run_here(work, "log", "rotate")
        new = vkeys(work)[0]
    accepted = new if lost else None
    fault = Fault(step, trouble)

    assert not publish_with(work, fault, accepted)
    assert fault.met
    put = step == "checkpoint_stored" or (step == "put_if" and trouble is loses_answer)
    assert (verifies(work, old), verifies(work, new)) == (not (put and lost), put)

    assert publish_with(work, Fault(), accepted)
    assert types(work) == [*before, "key-changed", "audit-head"]
    assert [row[0] for row in audit(database)][1:] == ["accept-log-key" if lost else "rotate-log-key"]
    assert (verifies(work, old), verifies(work, new)) == (not lost, True)
    assert head(work).key == new
    last = Fault()
    assert publish_with(work, last, None)
    assert not {"put_new", "put_if", "change_log_key"} & {*map(method_of, last.names)}


# --- other publishers, and what they leave --------------------------------------------------------------------------


def test_a_publisher_that_wakes_up_with_the_former_key_signs_nothing(work: Workspace, repo: GitRepo) -> None:
    (old,) = vkeys(work)
    repo.tag("v1.1.0", repo.commit(MORE))
    work.module("acme/queue/aws", repo.url)

    def other() -> None:
        run_here(work, "log", "rotate")
        assert run_here(work, "publish", "--only", "acme/network/aws").code == 0
        assert run_here(work, "log", "retire").code == 0

    with pytest.raises(InputError) as refused:
        publish_while(work, other)

    assert refused.value.code.id == "PUB012"
    assert head(work).checkpoint is None, "what it logged is not signed yet"
    assert run_here(work, "publish").code == 0
    repo.tag("v1.2.0", repo.commit(MAIN))
    assert run_here(work, "publish").code == 0
    assert (verifies(work, old), verifies(work, vkeys(work)[0])) == (False, True)
    assert check_reachable(work.public) == 6


def test_a_checkpoint_of_ours_is_replaced_whoever_signed_it(work: Workspace, repo: GitRepo) -> None:
    path = work.public / paths.CHECKPOINT
    ours = stated(path.read_bytes())
    path.write_bytes(LogSigner(ORIGIN, make_log_key()).sign_checkpoint(ours.size, ours.root))
    repo.tag("v1.1.0", repo.commit(MORE))

    assert work.publish(LATER).refusals == ()

    assert verifies(work, vkeys(work)[0])
    assert check_reachable(work.public) == 2


@pytest.mark.parametrize("kind", ["other-root", "smaller", "longer", "other-name", "no-note"])
def test_any_other_checkpoint_stays_even_where_our_own_key_has_signed_it(
    work: Workspace, repo: GitRepo, kind: str
) -> None:
    path = work.public / paths.CHECKPOINT
    ours = stated(path.read_bytes())
    secret = (work.root / "state/keys/log.key").read_bytes()
    signer = LogSigner("other.example.com/log" if kind == "other-name" else ORIGIN, secret)
    size = ours.size + {"smaller": -1, "longer": 9}.get(kind, 0)
    root = bytes(32) if kind == "other-root" else ours.root
    planted = b"no note" if kind == "no-note" else signer.sign_checkpoint(size, root)
    repo.tag("v1.1.0", repo.commit(MORE))

    with pytest.raises(ConflictError) as refused:
        publish_while(work, lambda: path.write_bytes(planted))

    assert refused.value.code.id == "PUB003"
    assert path.read_bytes() == planted


# --- a ledger that does not know the key ----------------------------------------------------------------------------


def forget_key(database: str) -> None:
    """As in a ledger that was made again from the bucket."""
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE log_head DISABLE TRIGGER log_head_only_grows")
        connection.execute("UPDATE log_head SET key = NULL")
        connection.execute("ALTER TABLE log_head ENABLE TRIGGER log_head_only_grows")


def test_a_ledger_without_the_key_knows_it_by_the_last_checkpoint(
    work: Workspace, repo: GitRepo, database: str
) -> None:
    (old,) = vkeys(work)
    forget_key(database)
    assert (work.publish(LATER).puts, head(work).key) == (0, None), "nothing has to be signed"
    repo.tag("v1.1.0", repo.commit(MORE))
    assert not work.publish(LATER).log_key_changed
    assert head(work).key == old

    forget_key(database)
    run_here(work, "log", "rotate")
    assert work.publish(LATER).log_key_changed
    assert head(work).key == vkeys(work)[0]
    assert (verifies(work, old), audit(database)[-1][3]) == (True, {"key": old})


def test_a_ledger_without_the_key_does_not_take_just_any(work: Workspace, database: str) -> None:
    (old,) = vkeys(work)
    forget_key(database)
    (other,) = lose_key(work)
    assert "error PUB012 " in run_here(work, "publish").err
    assert verifies(work, old)
    assert run_here(work, "publish", "--accept-log-key", other).code == 0
    assert (head(work).key, verifies(work, other)) == (other, True)
