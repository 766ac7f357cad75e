"""Each check of a storage passes on one that keeps its promises, and fails on one that breaks just this one."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from registry_gen import paths
from registry_gen.doctor import storage_checks
from registry_gen.doctor.platforms import Platform
from registry_gen.doctor.result import Failed, NotApplicable, Ok, Outcome, examine
from registry_gen.doctor.scratch import scratch
from registry_gen.doctor.storage_checks import Trial, cleanup_check
from registry_gen.model.digest import sha256
from registry_gen.storage.file import FileStorage
from tests.support import bent_storages as bent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry_gen.doctor.result import Result, Verdict


def now() -> datetime:
    return datetime.now(UTC)


def run(storage: FileStorage, check: Callable[[Trial], Verdict]) -> Verdict:
    with scratch(storage) as folder:
        return check(Trial(storage, folder, now))


def examined(storage: FileStorage) -> dict[str, Result]:
    with scratch(storage) as folder:
        trial = Trial(storage, folder, now)
        checks = (*storage_checks.storage_checks(trial), cleanup_check(trial))
        results = list(examine("public storage", lambda: Platform.FOLDER, checks))
    return dict(zip([check.code.id for check in checks], results, strict=True))


def test_a_storage_that_keeps_its_promises_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    results = examined(FileStorage(tmp_path / "public"))

    assert {code for code, result in results.items() if result.outcome is not Outcome.OK} == {"DIA019"}
    assert results["DIA019"].outcome is Outcome.NOT_APPLICABLE, "a folder keeps no labels"
    assert [path for path in (tmp_path / "public").rglob("*") if ".staging" not in path.parts] == []


BROKEN = [
    (bent.Overwrites, storage_checks.created_once, "it was told that it wrote"),
    (bent.Pretends, storage_checks.created_once, "it was told that it wrote"),
    (bent.CreatesOverDocuments, storage_checks.created_once, "it was told that it wrote"),
    (bent.OverwritesAtOnce, storage_checks.created_once_at_once, "both were told that they won"),
    (bent.LetsTheLoserWin, storage_checks.created_once_at_once, "others"),
    (bent.IgnoresEtags, storage_checks.swapped_by_etag, "it was told that it wrote"),
    (bent.IgnoresEtagsAtOnce, storage_checks.swapped_once_at_once, "both were told that they won"),
    (bent.RefusesAtOnce, storage_checks.swapped_once_at_once, "both were refused"),
    (bent.OneEtag, storage_checks.etag_changes, "one as before"),
    (bent.DeletesBlindly, storage_checks.deleted_by_etag, "it is gone"),
    (bent.KeepsSilently, storage_checks.deleted_by_etag, "none, though the document stayed"),
    (bent.ListsNothing, storage_checks.in_listing, "nothing"),
    (bent.LosesLabels, storage_checks.labels_kept, "binary/octet-stream and public, max-age=300"),
    (bent.HeadsNothing, storage_checks.labels_kept, "nothing"),
    (bent.NeverDeletes, storage_checks.deleted, "/new"),
    (bent.Forgets, storage_checks.kept, "nothing"),
    (bent.AnswersWithOthers, storage_checks.kept, "other bytes"),
    (bent.AnswersWithAnotherEtag, storage_checks.kept, "another"),
]


@pytest.mark.parametrize(("kind", "check", "found"), BROKEN, ids=[f"{each[0].__name__}" for each in BROKEN])
def test_a_broken_promise_is_found(
    tmp_path: Path, kind: type[FileStorage], check: Callable[[Trial], Verdict], found: str
) -> None:
    assert isinstance(run(FileStorage(tmp_path / "good"), check), Ok | NotApplicable)

    verdict = run(kind(tmp_path / "bent"), check)

    assert isinstance(verdict, Failed)
    assert found in verdict.found
    assert verdict.expected


def test_writers_that_come_one_after_another_do_not_show_what_two_at_once_do(tmp_path: Path) -> None:
    assert run(bent.OverwritesAtOnce(tmp_path), storage_checks.created_once) == Ok()
    assert run(bent.IgnoresEtagsAtOnce(tmp_path), storage_checks.swapped_by_etag) == Ok()


def test_labels_that_are_kept_pass(tmp_path: Path) -> None:
    assert run(bent.KeepsLabels(tmp_path), storage_checks.labels_kept) == Ok()


def test_a_clock_that_is_an_hour_off_is_told_with_both_times(tmp_path: Path) -> None:
    verdict = run(bent.AnHourAhead(tmp_path), storage_checks.same_clock)

    assert isinstance(verdict, Failed)
    assert verdict.found.endswith("UTC")
    assert verdict.expected != verdict.found


def test_without_access_nothing_else_is_tried(tmp_path: Path) -> None:
    results = examined(bent.Denies(tmp_path))

    assert results["DIA010"].outcome is Outcome.FAILED
    assert "STO006" in results["DIA010"].found
    assert results["DIA010"].fix.startswith("Allow it. "), "what the storage itself advises comes first"
    assert results["DIA012"].found == "not tried: DIA010 above comes first"
    assert {result.outcome for code, result in results.items() if code not in ("DIA010", "DIA022")} == {
        Outcome.NOT_APPLICABLE
    }


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    assert examined(bent.RefusesToDelete(tmp_path / "a"))["DIA022"].outcome is Outcome.FAILED
    silent = examined(bent.NeverDeletes(tmp_path / "b"))["DIA022"]
    assert silent.outcome is Outcome.FAILED
    assert silent.found.startswith("scratch/")


def test_the_scratch_folder_is_removed_also_where_a_trial_ends_badly(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        examined(bent.IsInterrupted(tmp_path))
    assert list(FileStorage(tmp_path).list("")) == []


def test_what_a_killed_doctor_left_is_removed_by_a_later_one_and_what_another_is_at_work_with_is_not(
    tmp_path: Path,
) -> None:
    storage = FileStorage(tmp_path)
    old, young = paths.scratch_swap("a" * 32), paths.scratch_new("b" * 32)
    storage.put_if(old, b"left", None)
    storage.put_new(young, b"at work", sha256(b"at work"))
    before = (now() - timedelta(hours=2)).timestamp()
    somebodys = tmp_path / "scratch/notes"
    somebodys.write_bytes(b"not ours")
    for path in (tmp_path / old, somebodys):
        os.utime(path, (before, before))

    assert examined(storage)["DIA022"].found == "1 left by an earlier doctor, too"

    assert [stored.key for stored in storage.list("")] == [young, "scratch/notes"]


def test_a_storage_that_fails_at_the_end_does_not_hide_why_a_trial_ended(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch(bent.RefusesToDelete(tmp_path)) as folder:
        raise ZeroDivisionError(folder.new())
