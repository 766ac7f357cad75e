"""Verifying the log from outside: signatures, what was kept from last time, tiles, bundles, and keys that change."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from registry_gen import paths
from registry_gen.errors import InputError
from registry_gen.inspect.reader import FolderReader
from registry_gen.inspect.remembered import default_file, load
from registry_gen.inspect.whole_log import MAX_SIZE
from registry_gen.log.note import parse_verifier_key, verifier_key
from registry_gen.model.address import module_address
from registry_gen.render.records import canonical
from registry_gen.signing.log import LogSigner, make_log_key
from tests.support.made_registry import MadeRegistry
from tests.support.outsider import NETWORK, WIDGET, Outsider, found, small_registry

BUNDLE, TILE = "log/tile/entries/000.p/4", "log/tile/0/000.p/4"


@pytest.fixture
def made(tmp_path: Path) -> MadeRegistry:
    return small_registry(tmp_path / "public")


@pytest.fixture
def outsider(made: MadeRegistry, tmp_path: Path) -> Outsider:
    return Outsider(made, tmp_path / "state" / "host.json")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> MadeRegistry:
    """A log of 700 entries: three bundles, one of them partial, and tiles on two levels."""
    made = MadeRegistry(tmp_path_factory.mktemp("long") / "public")
    made.module(NETWORK, "1.0.0")
    made.entries += [filler(index) for index in range(699)]
    made.write()
    return made


def filler(index: int) -> bytes:
    """An entry about a package of which nothing is listed."""
    address = str(module_address("acme", f"filler{index}", "aws"))
    fields = {"type": "undeprecated", "kind": "module", "address": address, "revision": 1}
    return canonical({**fields, "time": "2026-01-02T03:04:05Z"})


def test_without_a_key_nothing_is_believed_and_the_hint_does_not_name_the_server(outsider: Outsider) -> None:
    with pytest.raises(InputError) as refusal:
        outsider(keys=())

    assert refusal.value.code.id == "INS001"
    assert "registry-gen log key" in refusal.value.hint
    assert load(outsider.state) is None


def test_the_key_is_kept_for_the_next_time(outsider: Outsider) -> None:
    assert outsider().good
    assert outsider(keys=()).good
    assert stat.S_IMODE(outsider.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(outsider.state.parent.stat().st_mode) == 0o700
    assert [path.name for path in outsider.state.parent.iterdir()] == [outsider.state.name]


def test_a_checkpoint_by_another_key_is_refused_and_not_kept(made: MadeRegistry, outsider: Outsider) -> None:
    made.log(made.entries, LogSigner(made.signer.name, make_log_key()))
    report = outsider()

    assert [code for code, _ in found(report)] == ["LOG005"]
    assert (report.complete, report.checkpoint) == (False, None)
    assert load(outsider.state) is None


def test_a_checkpoint_of_another_log_is_refused(made: MadeRegistry, outsider: Outsider) -> None:
    other = LogSigner("other.example.com/log", make_log_key())
    made.log(made.entries, other)

    assert [code for code, _ in found(outsider())] == ["LOG005"]
    assert [code for code, _ in found(outsider(keys=(verifier_key(made.signer.name, raw(other)),)))] == ["LOG005"]
    with pytest.raises(InputError) as refusal:
        outsider(keys=(made.vkey, other.vkey))
    assert refusal.value.code.id == "INS002"


def raw(signer: LogSigner) -> bytes:
    return parse_verifier_key(signer.vkey)[1]


def test_what_is_no_key_is_refused(outsider: Outsider) -> None:
    with pytest.raises(InputError) as refusal:
        outsider(keys=("registry.example.com/log",))
    assert refusal.value.code.id == "LOG007"


@pytest.mark.parametrize("how", ["whole", "address", "monitor"])
def test_a_log_that_grew_goes_on(made: MadeRegistry, outsider: Outsider, how: str) -> None:
    outsider()
    made.module(NETWORK, "1.2.0")
    made.write()
    report = outsider(NETWORK if how == "address" else None, monitor=how == "monitor")

    assert report.good
    assert report.kept
    assert report.checkpoint
    assert (report.kept.size, report.checkpoint.size) == (4, 5)
    kept = load(outsider.state)
    assert kept
    assert kept.signed.checkpoint.size == 5


@pytest.mark.parametrize("how", ["whole", "address", "monitor"])
@pytest.mark.parametrize("lie", ["rolled back", "forked at the same size", "forked and longer"])
def test_a_rewritten_log_is_an_alarm_with_both_checkpoints_as_evidence(
    made: MadeRegistry, outsider: Outsider, how: str, lie: str
) -> None:
    outsider()
    before = outsider.state.read_bytes()
    kept = made.get(paths.CHECKPOINT)
    if lie == "rolled back":
        made.log(made.entries[:3])
    else:
        forged = json.loads(made.entries[0])
        made.entries[0] = canonical({**forged, "tag": "v0.9.9"})
        if lie == "forked and longer":
            made.module(NETWORK, "1.2.0")
        made.write()
    report = outsider(NETWORK if how == "address" else None, monitor=how == "monitor")

    assert [code for code, _ in found(report)] == ["INS010"]
    assert not report.complete
    assert "4 entries" in report.problems[0].expected
    texts = [(outsider.state.parent / path).read_bytes() for path in report.evidence]
    assert texts == [kept, made.get(paths.CHECKPOINT)]
    assert outsider.state.read_bytes() == before, "the checkpoint of before stays"
    assert [code for code, _ in found(outsider(monitor=True))] == ["INS010"], "and so does the alarm"


def test_one_bit_of_a_tile_is_named_and_all_else_is_checked(made: MadeRegistry, outsider: Outsider) -> None:
    made.flip(TILE)
    report = outsider()

    assert found(report) == [("INS011", TILE)]
    assert report.complete
    assert report.counts["versions"] == 4


def test_one_bit_of_a_tile_breaks_the_proof_of_an_address(made: MadeRegistry, outsider: Outsider) -> None:
    made.flip(TILE)

    assert [code for code, _ in found(outsider(NETWORK))] == ["INS013", "INS013"]


def test_a_tile_that_is_cut_or_missing_is_named_and_the_entries_are_believed(
    made: MadeRegistry, outsider: Outsider
) -> None:
    made.put(TILE, made.get(TILE)[:-1])
    assert found(outsider()) == [("INS011", TILE)]
    made.remove(TILE)
    report = outsider()
    assert found(report) == [("INS006", TILE)]
    assert report.counts["versions"] == 4


@pytest.mark.parametrize("how", ["whole", "monitor"])
def test_one_bit_of_a_bundle_is_named_with_its_entry(made: MadeRegistry, outsider: Outsider, how: str) -> None:
    made.flip(BUNDLE)
    report = outsider(monitor=how == "monitor")

    assert found(report) == [("INS012", f"{BUNDLE}, entry 3 of the log")]
    assert not report.complete


def test_one_bit_of_a_bundle_is_named_by_the_address_whose_entry_it_is(made: MadeRegistry, outsider: Outsider) -> None:
    made.flip(BUNDLE)

    assert found(outsider("registry.example.net/hashicorp/random")) == [("INS012", f"{BUNDLE}, entry 3 of the log")]
    assert outsider(WIDGET).good


def test_a_bundle_and_its_tile_altered_together_do_not_lead_to_the_checkpoint(
    made: MadeRegistry, outsider: Outsider
) -> None:
    checkpoint = made.get(paths.CHECKPOINT)
    made.log([*made.entries[:3], made.entries[2]])
    made.put(paths.CHECKPOINT, checkpoint)
    report = outsider()

    assert found(report) == [("INS013", paths.CHECKPOINT)]
    assert not report.complete


def test_a_bundle_that_is_cut_short_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    made.put(BUNDLE, made.get(BUNDLE)[:-1])
    assert found(outsider()) == [("INS012", BUNDLE)]
    made.put(BUNDLE, b"")
    assert found(outsider()) == [("INS012", BUNDLE)]
    made.remove(BUNDLE)
    assert found(outsider()) == [("INS006", BUNDLE)]


def test_what_could_not_be_compared_with_last_time_is_not_kept(made: MadeRegistry, outsider: Outsider) -> None:
    outsider()
    before = outsider.state.read_bytes()
    made.module(NETWORK, "1.2.0")
    made.write()
    made.remove("log/tile/entries/000.p/5")
    assert not outsider().good
    assert outsider.state.read_bytes() == before


def test_a_signed_entry_that_cannot_be_read_is_named(made: MadeRegistry, outsider: Outsider) -> None:
    made.entries.insert(2, b"{}")
    made.log(made.entries)

    assert found(outsider()) == [("LOG008", "entry 2 of the log")]
    outsider.state.unlink()
    assert found(outsider(monitor=True)) == [("LOG008", "entry 2 of the log")]


def test_a_long_log_is_read_proved_and_continued(long: MadeRegistry, tmp_path: Path) -> None:
    outsider = Outsider(long, tmp_path / "state.json")
    whole = outsider()
    assert whole.good
    assert whole.counts["entries of the log"] == 700
    assert outsider(NETWORK).good

    grown = MadeRegistry(tmp_path / "public")
    grown.signer = long.signer
    grown.module(NETWORK, "1.0.0")
    grown.entries = [*long.entries, *(filler(index) for index in range(700, 900))]
    grown.write()
    outsider.made = grown
    report = outsider(monitor=True)
    assert report.good
    assert report.counts == {"entries of the log": 200}
    grown.entries[650] = filler(5000)
    grown.write()
    assert [code for code, _ in found(outsider(monitor=True))] == ["INS010"]


@pytest.mark.parametrize("key", ["log/tile/0/001", "log/tile/0/002.p/188", "log/tile/1/000.p/2"])
def test_a_tile_anywhere_in_a_long_log_is_compared(long: MadeRegistry, tmp_path: Path, key: str) -> None:
    long.flip(key)
    report = Outsider(long, tmp_path / "state.json")()
    long.flip(key)

    assert found(report) == [("INS011", key)]


def test_a_full_tile_stands_for_a_partial_one_that_was_deleted(long: MadeRegistry, tmp_path: Path) -> None:
    """C2SP tlog-tiles allows it, and a checkpoint that was read a moment before may still need the partial one."""
    made = MadeRegistry(tmp_path / "public")
    made.signer = long.signer
    made.module(NETWORK, "1.0.0")
    made.entries = long.entries[:200]
    made.write()
    checkpoint = made.get(paths.CHECKPOINT)
    made.entries = list(long.entries)
    made.write()
    made.put(paths.CHECKPOINT, checkpoint)
    for key in ("log/tile/0/000.p/200", "log/tile/entries/000.p/200"):
        made.remove(key)

    assert Outsider(made, tmp_path / "state.json")().good
    assert Outsider(made, tmp_path / "other.json")(NETWORK).good


@pytest.mark.parametrize("size", [MAX_SIZE + 1, 10**18])
def test_a_log_of_endless_size_is_refused_as_a_whole(made: MadeRegistry, outsider: Outsider, size: int) -> None:
    made.put(paths.CHECKPOINT, made.signer.sign_checkpoint(size, b"\0" * 32))

    for report in (outsider(), outsider(monitor=True)):
        assert found(report) == [("INS014", paths.CHECKPOINT)]
    # A single entry needs few tiles of it, which such a server would have to have.
    assert {code for code, _ in found(outsider(NETWORK))} == {"INS006"}


def test_a_server_without_the_log_that_it_promises_is_left_soon(made: MadeRegistry, outsider: Outsider) -> None:
    made.put(paths.CHECKPOINT, made.signer.sign_checkpoint(MAX_SIZE, b"\0" * 32))

    for report in (outsider(), outsider(monitor=True)):
        assert {code for code, _ in found(report)} == {"INS006"}
        assert len(report.problems) <= 20


def test_a_rotated_key_is_learnt_from_the_log_and_the_old_one_is_believed_no_more(
    made: MadeRegistry, outsider: Outsider
) -> None:
    old = made.signer
    assert outsider().good
    made.rotate()
    made.write()
    assert outsider(monitor=True).good
    kept = load(outsider.state)
    assert kept
    assert (kept.keys, kept.retired) == ((made.vkey,), (old.vkey,))

    made.retire()
    made.module(NETWORK, "1.2.0")
    made.write()
    assert outsider().good, "although --key still names the old one"
    made.log([*made.entries, filler(1)], old)
    assert [code for code, _ in found(outsider())] == ["LOG005"]


def test_a_rotation_is_learnt_by_the_whole_registry_too(made: MadeRegistry, outsider: Outsider) -> None:
    made.rotate()
    made.write()
    assert outsider().good
    made.retire()
    made.write()
    assert outsider(keys=()).good


def test_a_rotation_between_looks_at_one_address_is_not_lost(made: MadeRegistry, outsider: Outsider) -> None:
    outsider()
    made.rotate()
    made.write()
    assert outsider(NETWORK).good
    assert outsider(monitor=True).good
    made.retire()
    made.module(NETWORK, "1.2.0")
    made.write()
    assert outsider(keys=()).good


def test_a_key_of_another_log_in_an_entry_is_not_learnt(made: MadeRegistry, outsider: Outsider) -> None:
    other = LogSigner("evil.example.com/log", make_log_key())
    entry = {"type": "key-changed", "kind": "log", "address": made.signer.name, "revision": 0}
    made.entries.append(canonical({**entry, "time": "2026-01-02T03:04:05Z", "keys": [other.vkey]}))
    made.write()

    assert [code for code, _ in found(outsider())] == ["INS002"]
    assert load(outsider.state) is None


def test_a_lost_key_needs_the_new_one_from_the_operator(made: MadeRegistry, outsider: Outsider) -> None:
    outsider()
    made.rotate(lost=True)
    made.write()
    assert [code for code, _ in found(outsider())] == ["LOG005"]
    assert outsider(keys=(made.vkey,)).good
    assert outsider(keys=()).good
    kept = load(outsider.state)
    assert kept
    assert (kept.keys, kept.retired) == ((made.vkey,), (outsider.key,)), "whoever has the lost one is not believed"


def test_a_key_that_is_newer_than_the_log_says_stays_believed(made: MadeRegistry, outsider: Outsider) -> None:
    newer = LogSigner(made.signer.name, make_log_key()).vkey
    made.rotate()
    made.write()
    assert outsider(keys=(outsider.key, newer)).good
    kept = load(outsider.state)
    assert kept
    assert (kept.keys, kept.retired) == ((made.vkey, newer), (outsider.key,))
    assert outsider().good
    kept = load(outsider.state)
    assert kept
    assert newer in kept.keys


def test_entries_that_could_not_be_believed_are_read_again(made: MadeRegistry, outsider: Outsider) -> None:
    assert outsider().good
    made.rotate()
    made.write()
    made.flip("log/tile/entries/000.p/5")
    assert not outsider(monitor=True).good
    kept = load(outsider.state)
    assert kept
    assert (kept.read, kept.keys) == (4, (outsider.key,))
    made.write()
    assert outsider(monitor=True).good
    kept = load(outsider.state)
    assert kept
    assert (kept.read, kept.keys) == (5, (made.vkey,))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"checkpoint": "x"}', "x" * 2_000_000])
def test_a_state_file_that_cannot_be_read_is_not_begun_anew(outsider: Outsider, text: str) -> None:
    outsider.state.parent.mkdir()
    outsider.state.write_text(text)
    with pytest.raises(InputError) as refusal:
        outsider()

    assert refusal.value.code.id == "INS003"
    assert outsider.state.read_text() == text


def test_where_nothing_can_be_kept_the_report_says_so(made: MadeRegistry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = Outsider(made, tmp_path / "file" / "state.json")

    with pytest.raises(InputError) as refusal:  # it cannot even be looked for
        report()
    assert refusal.value.code.id == "INS003"
    (problem,) = Outsider(made, Path("/proc/nobody/writes/here.json"))().problems
    assert problem.code.id == "INS004"
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError):
        Outsider(made, tmp_path / "folder.json")()


def test_the_state_file_is_named_by_host_and_path(tmp_path: Path) -> None:
    base = tmp_path / "registry-gen" / "verify"
    environment = {"XDG_STATE_HOME": str(tmp_path)}

    assert default_file("https://Registry.example.com/", environment) == base / "registry.example.com.json"
    assert default_file("https://registry.example.com", environment) == base / "registry.example.com.json"
    assert default_file("https://h.example/a/b/", environment) == base / "h.example%2Fa%2Fb.json"
    assert default_file("https://h.example:8443/", environment) == base / "h.example%3A8443.json"
    folder = default_file(str(tmp_path), environment)
    assert folder == default_file(f"file://{tmp_path}", environment)
    assert folder != default_file("/elsewhere", environment)
    assert str(default_file("/x", {"XDG_STATE_HOME": "relative"})).endswith(".json")
    assert "relative" not in str(default_file("/x", {"XDG_STATE_HOME": "relative"}))


def test_a_listing_is_read_under_a_checkpoint_that_grew_meanwhile(made: MadeRegistry, outsider: Outsider) -> None:
    """Documents of a publish that ended between checkpoint and listing name entries beyond that checkpoint."""
    checkpoint = made.get(paths.CHECKPOINT)
    made.module(NETWORK, "1.2.0")
    made.write()
    grown = made.get(paths.CHECKPOINT)
    made.put(paths.CHECKPOINT, checkpoint)
    reader = Moving(made, {paths.CHECKPOINT: [checkpoint, grown]})
    report = outsider(reader=reader)
    assert report.good
    assert report.checkpoint
    assert report.checkpoint.size == 5

    reader = Moving(made, {paths.CHECKPOINT: [checkpoint, grown]})
    outsider.state.unlink()
    assert outsider(NETWORK, reader=reader).good


def test_a_checkpoint_that_grew_into_a_fork_meanwhile_is_an_alarm(made: MadeRegistry, outsider: Outsider) -> None:
    checkpoint = made.get(paths.CHECKPOINT)
    made.entries[3] = filler(3)
    made.module(NETWORK, "1.2.0")
    made.write()
    reader = Moving(made, {paths.CHECKPOINT: [checkpoint, made.get(paths.CHECKPOINT)]})

    assert ("INS010", f"{paths.CHECKPOINT} of {made.signer.name}") in found(outsider(NETWORK, "1.2.0", reader=reader))


class Moving(FolderReader):
    """A folder in which some objects change while they are read: each is answered in turn, the last one for good."""

    def __init__(self, made: MadeRegistry, answers: dict[str, list[bytes]]) -> None:
        super().__init__(made.folder)
        object.__setattr__(self, "answers", answers)

    def read(self, key: str, limit: int) -> bytes:
        answers: dict[str, list[bytes]] = object.__getattribute__(self, "answers")
        if key not in answers:
            return super().read(key, limit)
        return answers[key].pop(0) if len(answers[key]) > 1 else answers[key][0]
