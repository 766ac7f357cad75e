"""A private bucket is asked for at its vendor's own address, as a stranger asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_gen.doctor.private_checks import Private, answers_nobody, direct_url
from registry_gen.doctor.result import Failed, NotApplicable, Ok
from registry_gen.doctor.scratch import scratch
from registry_gen.model.config import Network
from registry_gen.model.places import AzurePlace, FolderPlace, GcsPlace, S3Place
from registry_gen.storage.file import FileStorage
from tests.support.http_server import HttpServer, Reply
from tests.support.static_site import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry_gen.doctor.result import Verdict
    from registry_gen.model.places import Place
    from tests.support.http_server import Request


class Vendor(HttpServer):
    """Answers whoever asks for an object of a bucket, or says 403 as it should."""

    def __init__(self, folder: Path, prefix: str, *, public: bool) -> None:
        super().__init__()
        self._folder = folder
        self._prefix = prefix
        self._public = public

    def _find(self, path: str) -> Reply | Callable[[Request], Reply]:
        file = self._folder / path.removeprefix(self._prefix)
        if not path.startswith(self._prefix) or not file.is_file():
            return Reply(404)
        return Reply(body=file.read_bytes()) if self._public else Reply(403)


def ask(tmp_path: Path, place: Place) -> Verdict:
    storage = FileStorage(tmp_path)
    with scratch(storage) as folder:
        return answers_nobody(Private(storage, place, folder, Network()))


PLACES: list[tuple[str, Callable[[str], Place]]] = [
    ("/acme-private/state/", lambda url: S3Place("acme-private", "state/", endpoint=url)),
    ("/acme-private/", lambda url: GcsPlace("acme-private", endpoint=url)),
    ("/registry/state/", lambda url: AzurePlace("acme", "registry", "state/", endpoint=url)),
]


@pytest.mark.parametrize(("prefix", "place"), PLACES, ids=["s3", "gcs", "azure"])
def test_a_private_bucket_that_answers_strangers_is_found(
    tmp_path: Path, prefix: str, place: Callable[[str], Place]
) -> None:
    with Vendor(tmp_path, prefix, public=True) as vendor:
        verdict = ask(tmp_path, place(vendor.url("")))
        assert isinstance(verdict, Failed)
        assert f"{prefix}scratch/" in verdict.expected
    with Vendor(tmp_path, prefix, public=False) as vendor:
        assert ask(tmp_path, place(vendor.url(""))) == Ok("403 to strangers")


def test_what_cannot_be_asked_is_not_taken_for_private(tmp_path: Path) -> None:
    verdict = ask(tmp_path, S3Place("acme-private", endpoint=f"http://127.0.0.1:{free_port()}"))

    assert isinstance(verdict, NotApplicable)
    assert "NET004" in verdict.why


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (S3Place("acme.private", "a b/"), "https://s3.amazonaws.com/acme.private/a%20b/"),
        (S3Place("acme", region="eu-central-1"), "https://s3.eu-central-1.amazonaws.com/acme/"),
        (GcsPlace("acme", "state/"), "https://storage.googleapis.com/acme/state/"),
        (AzurePlace("acme", "registry"), "https://acme.blob.core.windows.net/registry/"),
        (FolderPlace("/srv/private"), None),
    ],
)
def test_each_vendor_has_an_address_for_a_bucket(place: Place, url: str | None) -> None:
    assert direct_url(place) == url
