"""The Terraforms that the other tests here rely on are the real ones, each of the version it claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.terraform import Terraform

if TYPE_CHECKING:
    from pathlib import Path


def test_each_terraform_says_its_own_version(terraform: Terraform, tmp_path: Path) -> None:
    result = terraform.run(tmp_path / "empty", ["version"])

    assert result.code == 0, result
    assert result.out.startswith(f"Terraform v{terraform.version}."), result


def test_init_of_an_empty_folder_succeeds(terraform: Terraform, tmp_path: Path) -> None:
    result = terraform.init(tmp_path / "empty")

    assert result.code == 0, result
    assert "initialized in an empty directory" in result.out


def test_init_sees_the_working_directory_the_cli_configuration_and_reports_failures(
    terraform: Terraform, tmp_path: Path
) -> None:
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "main.tf").write_text('module "m" {\n  source = "reg.example.test/acme/network/aws"\n}\n')
    terraform.configure('host "reg.example.test" {\n  services = { "modules.v1" = "http://127.0.0.1:1/" }\n}\n')

    result = terraform.init(folder)

    assert result.code == 1, result
    assert "127.0.0.1:1" in result.err, result


def test_a_terraform_that_is_missing_fails_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.terraform._ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FileNotFoundError, match=r"run: make \.cache/terraform-1\.15/bin/terraform"):
        Terraform("1.15", tmp_path / "home")
