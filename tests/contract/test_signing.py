"""Private keys: where they come from, who may read them, and what they sign."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pysequoia
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from registry_gen.errors import InputError
from registry_gen.log.note import Checkpoint, key_id, parse_checkpoint, parse_verifier_key
from registry_gen.signing import keys
from registry_gen.signing.log import LogSigner, make_log_key, open_log_signer, retire_log_key, rotate_log_key
from registry_gen.signing.openpgp import SumsSigner, make_sums_key, open_sums_signer, rotate_sums_key
from registry_gen.verify.dsse import IN_TOTO, open_envelope
from registry_gen.verify.openpgp import verify_detached
from tests.support.openpgp_keys import make_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "registry.example.test/log"
ROOT = bytes(range(32))
SUMS = b"%s  terraform-provider-widget_1.0.0_linux_amd64.zip\n" % (b"0" * 64)


def log_key(seed: bytes = bytes(32)) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


REVOKED = datetime(2023, 1, 1, tzinfo=UTC)
NEW = log_key(bytes([1]) * 32)


def never() -> bytes:
    raise AssertionError("a key was made")


class TestWhereKeysComeFrom:
    def test_an_environment_variable_holds_the_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOG_KEY", "the key")
        assert keys.private_key("env:LOG_KEY", tmp_path / "own", never, create=True) == b"the key"

    def test_a_file_holds_the_key(self, tmp_path: Path) -> None:
        path = private_file(tmp_path / "log.pem", b"the key")
        assert keys.private_key(f"file:{path}", tmp_path / "own", never, create=True) == b"the key"

    @pytest.mark.parametrize("value", [None, ""])
    def test_a_variable_that_is_not_set_is_missing(self, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
        monkeypatch.delenv("LOG_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("LOG_KEY", value)
        assert code(lambda: keys.read_reference("env:LOG_KEY")) == "KEY002"

    def test_a_file_that_is_not_there_is_missing_and_not_made(self, tmp_path: Path) -> None:
        path = tmp_path / "log.pem"
        assert code(lambda: keys.private_key(f"file:{path}", tmp_path / "own", never, create=True)) == "KEY002"
        assert not path.exists()

    @pytest.mark.parametrize(
        "reference", ["", "env:", "env:A B", "file:", "vault:x", "-----BEGIN PRIVATE KEY-----\nMC4"]
    )
    def test_anything_else_is_no_reference_and_is_not_shown(self, reference: str) -> None:
        with pytest.raises(InputError) as refused:
            keys.read_reference(reference)
        assert refused.value.code.id == "KEY001"
        assert "MC4" not in str(refused.value)

    def test_an_own_key_is_made_once_and_stays(self, tmp_path: Path) -> None:
        own = tmp_path / "state" / "keys" / "log.key"
        assert keys.private_key(None, own, lambda: b"first", create=True) == b"first"
        assert keys.private_key(None, own, never, create=True) == b"first"
        assert keys.private_key(None, own, never, create=False) == b"first"
        assert [path.name for path in own.parent.iterdir()] == ["log.key"]

    def test_an_own_key_is_for_its_owner_alone_even_under_a_loose_umask(self, tmp_path: Path) -> None:
        own = tmp_path / "state" / "keys" / "log.key"
        before = os.umask(0)
        try:
            keys.private_key(None, own, lambda: b"first", create=True)
        finally:
            os.umask(before)
        assert stat.S_IMODE(own.stat().st_mode) == 0o600
        assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700

    def test_of_many_that_make_the_own_key_at_once_all_use_the_same(self, tmp_path: Path) -> None:
        own = tmp_path / "state" / "keys" / "log.key"

        def use(number: int) -> bytes:
            return keys.private_key(None, own, lambda: b"%d" % number, create=True)

        with ThreadPoolExecutor(8) as executor:
            used = set(executor.map(use, range(8)))
        assert used == {own.read_bytes()}

    def test_a_key_that_another_process_made_first_stays(self, tmp_path: Path) -> None:
        own = tmp_path / "state" / "keys" / "log.key"

        def slow() -> bytes:
            keys.private_key(None, own, lambda: b"fast", create=True)
            return b"slow"

        assert keys.private_key(None, own, slow, create=True) == b"fast"
        assert [path.name for path in own.parent.iterdir()] == ["log.key"]

    def test_a_lost_key_is_not_replaced_where_the_registry_has_published(self, tmp_path: Path) -> None:
        own = tmp_path / "keys" / "log.key"
        with pytest.raises(InputError) as refused:
            keys.private_key(None, own, never, create=False)
        assert refused.value.code.id == "KEY004"
        for way in ("backup", "log rotate --lost", "sums rotate", "docs/operations.md"):
            assert way in refused.value.hint
        assert not own.parent.exists()

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
    def test_a_key_that_others_may_read_or_write_is_refused_with_the_command_that_mends_it(
        self, tmp_path: Path, mode: int
    ) -> None:
        path = private_file(tmp_path / "log.pem", b"the key")
        path.chmod(mode)
        uses: list[Callable[[], bytes]] = [
            lambda: keys.read_reference(f"file:{path}"),
            lambda: keys.private_key(None, path, never, create=True),
        ]
        for use in uses:
            with pytest.raises(InputError) as refused:
                use()
            assert refused.value.code.id == "KEY003"
            assert refused.value.hint == f"chmod 600 {path}"

    @pytest.mark.parametrize("name", ["pipe", "huge", "."])
    def test_what_is_no_file_of_a_keys_size_is_refused_without_waiting_for_it(self, tmp_path: Path, name: str) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        private_file(tmp_path / "huge", bytes(keys.MAX_KEY_BYTES + 1))
        assert code(lambda: keys.read_reference(f"file:{tmp_path / name}")) == "KEY006"

    def test_a_path_through_a_file_is_an_error_with_the_systems_reason(self, tmp_path: Path) -> None:
        private_file(tmp_path / "file", b"")
        with pytest.raises(InputError, match="Not a directory") as refused:
            keys.read_reference(f"file:{tmp_path}/file/key")
        assert refused.value.code.id == "KEY006"

    def test_a_state_folder_that_cannot_be_written_is_an_error_and_leaves_no_half_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own = tmp_path / "keys" / "log.key"

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert code(lambda: keys.private_key(None, own, lambda: b"key", create=True)) == "KEY006"
        assert list(own.parent.iterdir()) == []


class TestSumsSigner:
    @pytest.mark.parametrize("algorithm", ["ed25519", "rsa2048"])
    def test_it_signs_with_the_key_it_was_given(self, algorithm: str) -> None:
        key = make_key("registry", algorithm=algorithm)  # type: ignore[arg-type]
        signer = SumsSigner(key.secret_armor.encode())
        assert signer.key.fingerprint == key.fingerprint
        assert signed_by(signer, SUMS, signer.sign(SUMS)) == key.fingerprint

    def test_its_signature_is_binary_and_detached(self) -> None:
        signature = SumsSigner(make_key("registry").secret_armor.encode()).sign(SUMS)
        assert signature[0] & 0x80
        assert b"PGP" not in signature
        assert SUMS not in signature

    def test_a_key_of_its_own_making_passes_the_rules_for_publishers(self, tmp_path: Path) -> None:
        signer = open_sums_signer(None, tmp_path, "registry.example.test", create=True)
        again = open_sums_signer(None, tmp_path, "registry.example.test", create=False)
        assert again.key == signer.key
        now = datetime.now(UTC)
        found = verify_detached(SUMS, signer.sign(SUMS), (again.key,), "SHA256SUMS", now)
        assert found == signer.key.fingerprint

    def test_a_key_of_its_own_making_is_small_never_expires_and_names_the_registry(self) -> None:
        signer = SumsSigner(make_sums_key("registry.example.test"))
        certificate = pysequoia.Cert.from_bytes(signer.key.armor.encode())
        assert certificate.expiration is None
        assert [str(user) for user in certificate.user_ids] == ["Registry registry.example.test"]
        assert len(signer.key.armor) < 2_000

    def test_what_it_publishes_holds_no_secret(self) -> None:
        key = make_key("registry")
        signer = SumsSigner(key.secret_armor.encode())
        assert "PUBLIC KEY" in signer.key.armor
        assert "PRIVATE" not in signer.key.armor + repr(signer) + repr(signer.key)

    def test_several_threads_may_sign_at_once(self) -> None:
        signer = SumsSigner(make_key("registry").secret_armor.encode())
        with ThreadPoolExecutor(8) as executor:
            for signature in executor.map(signer.sign, [SUMS] * 32):
                assert signed_by(signer, SUMS, signature) == signer.key.fingerprint

    @pytest.mark.parametrize(
        ("secret", "why"),
        [
            (make_key("x", revoked=datetime(2024, 1, 1, tzinfo=UTC)).secret_armor.encode(), "revoked"),
            (make_key("x", expires=datetime(2024, 1, 1, tzinfo=UTC)).secret_armor.encode(), "expired"),
            (make_key("x").armor.encode(), "public"),
            (bytes(pysequoia.Tsk.generate("x", profile=pysequoia.Profile.RFC9580)), "version"),
            (b"", "something else"),
            (b"\xff" * 100, "something else"),
            (log_key(), "something else"),
        ],
    )
    def test_a_key_that_clients_would_not_take_is_refused_without_showing_it(self, secret: bytes, why: str) -> None:
        with pytest.raises(InputError) as refused:
            SumsSigner(secret, "env:SUMS_KEY")
        assert refused.value.code.id == "KEY005"
        assert refused.value.where == "env:SUMS_KEY"
        assert why in refused.value.found
        assert "\n" not in refused.value.message
        assert secret.decode(errors="replace")[40:80] not in str(refused.value) or not secret


class TestLogSigner:
    def test_its_checkpoints_are_verified_with_its_verifier_key(self) -> None:
        signer = LogSigner(NAME, log_key())
        checkpoint = parse_checkpoint(signer.sign_checkpoint(42, ROOT), *parse_verifier_key(signer.vkey))
        assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (NAME, 42, ROOT)

    def test_the_same_checkpoint_has_the_same_bytes_every_time(self) -> None:
        assert LogSigner(NAME, log_key()).sign_checkpoint(1, ROOT) == LogSigner(NAME, log_key()).sign_checkpoint(
            1, ROOT
        )

    def test_its_statements_are_verified_with_the_key_and_the_hash_of_its_verifier_key(self) -> None:
        signer = LogSigner(NAME, log_key())
        statement = signer.sign_statement(b"{}")
        name, key = parse_verifier_key(signer.vkey)
        assert open_envelope(statement, IN_TOTO, {key_id(name, key).hex(): key}, "statement") == b"{}"
        assert signer.vkey.split("+")[1] in statement.decode()
        assert LogSigner(NAME, log_key()).sign_statement(b"{}") == statement

    def test_beside_a_former_key_whoever_knows_one_of_them_verifies_what_it_signs(self) -> None:
        old, new = LogSigner(NAME, log_key()), LogSigner(NAME, NEW)
        both = LogSigner(NAME, NEW, former=[(log_key(), "env:FORMER")])
        assert both.vkeys == (new.vkey, old.vkey)
        assert both.vkey == new.vkey
        statement = both.sign_statement(b"{}")
        for vkey in both.vkeys:
            name, key = parse_verifier_key(vkey)
            assert parse_checkpoint(both.sign_checkpoint(7, ROOT), name, key) == Checkpoint(NAME, 7, ROOT)
            assert open_envelope(statement, IN_TOTO, {key_id(name, key).hex(): key}, "statement") == b"{}"

    def test_a_key_that_is_given_twice_signs_once(self) -> None:
        both = LogSigner(NAME, NEW, former=[(log_key(), "env:A"), (NEW, "env:B"), (log_key(), "env:C")])
        assert both.vkeys == (LogSigner(NAME, NEW).vkey, LogSigner(NAME, log_key()).vkey)
        assert both.sign_checkpoint(7, ROOT).decode().count(f"\n— {NAME} ") == 2

    def test_a_former_key_of_another_kind_is_refused_by_its_own_place(self) -> None:
        with pytest.raises(InputError) as refused:
            LogSigner(NAME, NEW, "env:LOG_KEY", [(b"BEGIN", "env:FORMER")])
        assert (refused.value.code.id, refused.value.where) == ("KEY005", "env:FORMER")

    def test_former_keys_are_read_from_where_registry_yaml_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOG_KEY", NEW.decode())
        former = private_file(tmp_path / "2025.pem", log_key())
        signer = open_log_signer("env:LOG_KEY", tmp_path, NAME, create=False, former=[f"file:{former}"])
        assert signer.vkeys == (LogSigner(NAME, NEW).vkey, LogSigner(NAME, log_key()).vkey)
        assert code(lambda: open_log_signer("env:LOG_KEY", tmp_path, NAME, create=False, former=["env:NONE"])) == (
            "KEY002"
        )

    def test_an_own_former_key_is_no_part_of_a_log_whose_key_is_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_log_signer(None, tmp_path, NAME, create=True)
        rotate_log_key(None, tmp_path, lost=False)
        monkeypatch.setenv("LOG_KEY", NEW.decode())
        assert open_log_signer("env:LOG_KEY", tmp_path, NAME, create=False).vkeys == (LogSigner(NAME, NEW).vkey,)

    def test_a_key_of_its_own_making_stays_the_same(self, tmp_path: Path) -> None:
        first = open_log_signer(None, tmp_path, NAME, create=True)
        assert open_log_signer(None, tmp_path, NAME, create=False).vkey == first.vkey
        assert open_log_signer(f"file:{tmp_path}/keys/log.key", tmp_path, NAME, create=False).vkey == first.vkey
        assert LogSigner(NAME, make_log_key()).vkey != first.vkey

    def test_a_log_that_was_published_does_not_get_a_new_key(self, tmp_path: Path) -> None:
        assert code(lambda: open_log_signer(None, tmp_path, NAME, create=False)) == "KEY004"

    @pytest.mark.parametrize(
        "secret",
        [
            b"",
            b"\xff",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            make_key("x").secret_armor.encode(),
            X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ],
    )
    def test_a_key_of_another_kind_is_refused_without_showing_it(self, secret: bytes) -> None:
        with pytest.raises(InputError) as refused:
            LogSigner(NAME, secret, "env:LOG_KEY")
        assert refused.value.code.id == "KEY005"
        assert refused.value.where == "env:LOG_KEY"
        assert "BEGIN" not in str(refused.value)


class TestRotation:
    def test_the_present_key_becomes_the_former_one_and_goes_when_it_is_retired(self, tmp_path: Path) -> None:
        old = open_log_signer(None, tmp_path, NAME, create=True)
        rotate_log_key(None, tmp_path, lost=False)
        both = open_log_signer(None, tmp_path, NAME, create=False)
        assert both.vkeys == (both.vkey, old.vkey)
        assert both.vkey != old.vkey
        for path in (tmp_path / "keys").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert retire_log_key(None, tmp_path)
        assert open_log_signer(None, tmp_path, NAME, create=False).vkeys == (both.vkey,)
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["log.key"]
        assert not retire_log_key(None, tmp_path), "nothing is left to retire"

    def test_a_second_rotation_waits_for_the_end_of_the_first(self, tmp_path: Path) -> None:
        open_log_signer(None, tmp_path, NAME, create=True)
        rotate_log_key(None, tmp_path, lost=False)
        both = open_log_signer(None, tmp_path, NAME, create=False).vkeys
        for lost in (False, True):
            assert code(lambda: rotate_log_key(None, tmp_path, lost=lost)) == "KEY007"  # noqa: B023
        assert open_log_signer(None, tmp_path, NAME, create=False).vkeys == both

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_a_rotation_that_is_cut_short_keeps_the_old_key_and_can_be_repeated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        old = open_log_signer(None, tmp_path, NAME, create=True)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(os, step, full)
            if step == "replace":
                broken.setattr(type(tmp_path), "replace", full)
            assert code(lambda: rotate_log_key(None, tmp_path, lost=False)) == "KEY006"
        assert open_log_signer(None, tmp_path, NAME, create=False).vkeys == (old.vkey,)
        rotate_log_key(None, tmp_path, lost=False)
        assert open_log_signer(None, tmp_path, NAME, create=False).vkeys[1:] == (old.vkey,)
        assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["log.former.key", "log.key"]

    def test_a_lost_key_is_replaced_only_where_that_is_asked_for(self, tmp_path: Path) -> None:
        assert code(lambda: rotate_log_key(None, tmp_path, lost=False)) == "KEY004"
        assert list(tmp_path.iterdir()) == []
        rotate_log_key(None, tmp_path, lost=True)
        assert len(open_log_signer(None, tmp_path, NAME, create=False).vkeys) == 1

    def test_a_key_that_is_there_is_kept_even_where_it_was_said_to_be_lost(self, tmp_path: Path) -> None:
        old = open_log_signer(None, tmp_path, NAME, create=True)
        rotate_log_key(None, tmp_path, lost=True)
        assert open_log_signer(None, tmp_path, NAME, create=False).vkeys[1:] == (old.vkey,)

    @pytest.mark.parametrize(
        "end",
        [
            lambda state: rotate_log_key("env:LOG_KEY", state, lost=False),
            lambda state: retire_log_key("env:LOG_KEY", state),
        ],
    )
    def test_a_key_that_is_kept_elsewhere_is_changed_there(self, tmp_path: Path, end: Callable[[Path], None]) -> None:
        open_log_signer(None, tmp_path, NAME, create=True)
        rotate_log_key(None, tmp_path, lost=False)
        before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
        assert code(lambda: end(tmp_path)) == "KEY008"
        assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before


class TestRotationOfTheSumsKey:
    HOST = "registry.example.test"

    def opened(self, state: Path) -> SumsSigner:
        return open_sums_signer(None, state, self.HOST, create=False)

    def test_a_new_key_takes_the_place_and_each_former_one_is_kept_under_its_name(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            old = open_sums_signer(None, tmp_path, self.HOST, create=True).key
            secret = (tmp_path / "keys/openpgp.asc").read_bytes()
            former = rotate_sums_key(None, tmp_path, self.HOST)
            second = self.opened(tmp_path).key
            rotate_sums_key(None, tmp_path, self.HOST)
        finally:
            os.umask(before)
        assert former == tmp_path / f"keys/openpgp.former.{old.fingerprint}.asc"
        assert former.read_bytes() == secret
        third = self.opened(tmp_path).key
        assert len({old.fingerprint, second.fingerprint, third.fingerprint}) == 3
        assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == sorted(
            ["openpgp.asc", *(f"openpgp.former.{key.fingerprint}.asc" for key in (old, second))]
        )
        for path in (tmp_path / "keys").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_lost_key_is_replaced_and_nothing_is_kept(self, tmp_path: Path) -> None:
        assert rotate_sums_key(None, tmp_path, self.HOST) is None
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["openpgp.asc"]
        assert self.opened(tmp_path).sign(SUMS)

    @pytest.mark.parametrize(
        ("secret", "name"),
        [
            (b"\xff", "unreadable-"),
            (b"", "unreadable-"),
            (make_key("x", revoked=REVOKED).secret_armor.encode(), make_key("x").fingerprint),
            (make_key("x", expires=REVOKED).secret_armor.encode(), make_key("x").fingerprint),
        ],
        ids=["other", "empty", "revoked", "expired"],
    )
    def test_a_key_that_cannot_be_used_is_replaced_and_kept(self, tmp_path: Path, secret: bytes, name: str) -> None:
        (tmp_path / "keys").mkdir()
        private_file(tmp_path / "keys/openpgp.asc", secret)
        assert code(lambda: self.opened(tmp_path)) == "KEY005"
        former = rotate_sums_key(None, tmp_path, self.HOST)
        assert former is not None
        assert (former.read_bytes(), name in former.name) == (secret, True)
        assert self.opened(tmp_path).sign(SUMS)

    def test_a_former_key_that_came_back_is_replaced_again(self, tmp_path: Path) -> None:
        old = open_sums_signer(None, tmp_path, self.HOST, create=True).key
        former = rotate_sums_key(None, tmp_path, self.HOST)
        assert former is not None
        (tmp_path / "keys/openpgp.asc").write_bytes(former.read_bytes())
        assert rotate_sums_key(None, tmp_path, self.HOST) == former
        assert self.opened(tmp_path).key.fingerprint != old.fingerprint

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_a_rotation_that_is_cut_short_keeps_the_old_key_and_can_be_repeated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        old = open_sums_signer(None, tmp_path, self.HOST, create=True).key

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(os if step == "fsync" else type(tmp_path), step, full)
            assert code(lambda: rotate_sums_key(None, tmp_path, self.HOST)) == "KEY006"
        assert self.opened(tmp_path).key == old
        rotate_sums_key(None, tmp_path, self.HOST)
        assert self.opened(tmp_path).key != old
        names = sorted(path.name for path in (tmp_path / "keys").iterdir())
        assert names == ["openpgp.asc", f"openpgp.former.{old.fingerprint}.asc"]

    def test_a_key_that_others_can_read_and_one_that_is_kept_elsewhere_are_left_alone(self, tmp_path: Path) -> None:
        old = open_sums_signer(None, tmp_path, self.HOST, create=True).key
        with pytest.raises(InputError) as refused:
            rotate_sums_key("env:SUMS_KEY", tmp_path, self.HOST)
        assert (refused.value.code.id, refused.value.where) == ("KEY009", "signing.openpgp: env:SUMS_KEY")
        assert "name it in signing.openpgp" in refused.value.hint
        (tmp_path / "keys/openpgp.asc").chmod(0o644)
        assert code(lambda: rotate_sums_key(None, tmp_path, self.HOST)) == "KEY003"
        (tmp_path / "keys/openpgp.asc").chmod(0o600)
        assert self.opened(tmp_path).key == old
        assert len(list((tmp_path / "keys").iterdir())) == 1


def private_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def code(use: Callable[[], object]) -> str:
    with pytest.raises(InputError) as refused:
        use()
    return refused.value.code.id


def signed_by(signer: SumsSigner, data: bytes, signature: bytes) -> str:
    """The fingerprint of the certificate that OpenPGP says signed ``data``."""
    certificate = pysequoia.Cert.from_bytes(signer.key.armor.encode())
    found = pysequoia.verify(bytes=data, store=lambda _: [certificate], signature=pysequoia.Sig.from_bytes(signature))
    return str(found.valid_sigs[0].certificate).upper()
