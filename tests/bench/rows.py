"""What is measured: each row beside a calibration of the same run, as a ratio that means the same on any machine."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import shutil
import socket
import tempfile
import time
import traceback
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar, cast

import orjson
import yaml
from isal import igzip_lib

from registry_gen.ledger.embedded import EmbeddedServer
from registry_gen.model.address import ModuleAddress, Platform
from registry_gen.model.config import MEGABYTE, Limits, Network
from registry_gen.model.digest import Sha256
from registry_gen.publish.fsck import fsck
from registry_gen.publish.progress import Silent
from registry_gen.publish.stage_zip import stage_zip
from registry_gen.publish.staging import Staging
from registry_gen.render.package import render_package
from registry_gen.sources.hashing import hashing_beside
from registry_gen.sources.http import Fetcher
from registry_gen.verify.zip_directory import read_directory
from registry_gen.verify.zips import CHUNK, check_zip
from tests.bench.far import body, far_server
from tests.bench.program import write_program
from tests.bench.registry import Made
from tests.bench.shape import shape
from tests.support.postgres import FAST, Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry_gen.model.address import Address
    from registry_gen.publish.look import Sources

_Result = TypeVar("_Result")

SLICE: Final = 100_000
SMALL: Final = 100
ALLOW: Final = Network(schemes=("http",), allow_private=("127.0.0.0/8",))


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its calibration. ``reach`` is what the ratio should be: at most it, or at least where ``more``.

    ``memory`` is the largest that the process was until then, in MB.
    """

    what: str
    figure: float
    calibration: float
    unit: str
    reach: float
    more: bool = False
    detail: str = ""
    memory: int = field(default_factory=lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)

    @property
    def ratio(self) -> float:
        """The figure as a multiple of the calibration."""
        return self.figure / self.calibration

    @property
    def reached(self) -> bool:
        """Whether it is as good as it should be."""
        return self.ratio >= self.reach if self.more else self.ratio <= self.reach


def registry_rows(packages: int) -> Iterator[Row]:
    """Publishing a registry of the real one's shape: all of it, nothing new, and one new version."""
    with _postgres() as (root, postgres):
        small = Made(root / "small", postgres.create("small"), shape(SMALL))
        small.publish()
        made = Made(root / "made", postgres.create("made"), shape(packages))
        seconds, report = _timed(made.publish)
        assert not report.refusals, report.refusals[:3]
        files = [path for path in made.work.public.rglob("*") if path.is_file()]
        floor = _written(files, made.work.public, root / "floor")
        detail = f"{made.shape.packages} packages, {made.shape.versions} versions, {len(files)} objects"
        yield Row("first publish, against writing the same files", seconds, floor, "s", 2.0, detail=detail)

        floor = _timed(lambda: _parsed(made.work.root / "catalog"))[0]
        seconds, report = _timed(made.publish)
        assert (report.puts, report.published) == (0, ())
        yield Row("nothing new, against parsing the catalog", seconds, floor, "s", 5.0, detail="0 puts")

        for name, pick in (("a module", _middle_module), ("the largest provider", _largest_provider)):
            there, here = _one_more(small, pick(small)), _one_more(made, pick(made))
            yield Row(f"one new version of {name}, against {small.shape.packages} packages", here, there, "s", 1.2)

        yield _rendering(made)
        yield _fsck(made)


def rows_of_bytes(large: int) -> Iterator[Row]:
    """Fetching and verifying artifacts; ``large`` is the size of a large one in bytes."""
    with far_server(large) as port:
        floor = _timed(lambda: _raw(port))[0]
        with tempfile.TemporaryFile() as out:
            fetcher = Fetcher(ALLOW, Limits(provider_bytes=large))
            seconds = _timed(lambda: fetcher.download(f"http://127.0.0.1:{port}/", out, limit=large))[0]
        speed = large / MEGABYTE
        yield Row(
            "one large artifact, against a raw socket and SHA-256", speed / seconds, speed / floor, "MB/s", 0.8, True
        )
    with far_server(100_000, 50) as port:
        fetcher = Fetcher(ALLOW, Limits(workers=8))
        url = f"http://127.0.0.1:{port}/"
        serial = _timed(lambda: list(map(_small, [fetcher] * 20, [url] * 20)))[0]
        with ThreadPoolExecutor(Limits().workers) as pool:
            seconds = _timed(lambda: list(pool.map(_small, [fetcher] * 20, [url] * 20)))[0]
        yield Row("20 platforms over 50 ms, against one after the other", seconds, serial, "s", 1 / 6)
    archive = _archive(large)
    floor = _timed(lambda: hashlib.sha256(archive.getbuffer()).hexdigest())[0]
    seconds = _timed(lambda: _verified(archive))[0]
    size = len(archive.getbuffer()) / MEGABYTE
    yield Row("SHA-256 and h1 of a zip, against SHA-256 of it", size / seconds, size / floor, "MB/s", 0.3, more=True)
    archive = io.BytesIO()
    size = write_program(archive, large // 2) / MEGABYTE
    floor = _timed(lambda: _inflated(archive))[0]
    seconds = _timed(lambda: _checked(archive))[0]
    yield Row("h1 of a program in a zip, against inflating it", size / seconds, size / floor, "MB/s", 0.75, more=True)


def memory_rows(large: int) -> Iterator[Row]:
    """How much memory it takes to stage a provider of a large size and one of a tenth of it, over doing nothing."""
    idle, tenth, whole = _memory(lambda: None), _memory_of_staging(large // 10), _memory_of_staging(large)
    size = large // MEGABYTE
    yield Row(f"memory for a provider of {size} MB, against one of a tenth", whole, tenth, "MB", 1.2)
    yield Row(f"memory for a provider of {size} MB over an idle process, against 100 MB", whole - idle, 100, "MB", 1.0)


def _memory_of_staging(size: int) -> float:
    """The most memory of a process that fetches a provider's zip from far, checks and keeps it, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "provider.zip"
        _memory(lambda: _made(file, size))
        return _memory(lambda: _staged(file))


def _memory(work: Callable[[], object]) -> float:
    """The most memory, in MB, of a process of its own that does this work."""
    process = os.fork()
    if process == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must not go on with its parent's work
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status, used = os.wait4(process, 0)
    assert status == 0
    return used.ru_maxrss / 1024


def _made(file: Path, size: int) -> None:
    with file.open("wb") as out:
        write_program(out, size)


@dataclass(frozen=True, slots=True)
class _Workshop:
    """What staging a zip needs."""

    staging: Staging
    limits: Limits
    sources: Sources


def _staged(file: Path) -> None:
    with file.open("rb") as source:
        digest = Sha256(hashlib.file_digest(source, "sha256").hexdigest())
    size = file.stat().st_size
    limits = Limits(provider_bytes=size, provider_unpacked_bytes=10 * size)
    workshop = _Workshop(Staging(file.parent / "staging"), limits, cast("Sources", None))
    with far_server(size, file=file) as port:
        fetcher = Fetcher(ALLOW, limits)
        stage_zip(
            workshop,
            "bench",
            Platform("linux", "amd64"),
            file.name,
            digest,
            lambda out, limit: fetcher.download(f"http://127.0.0.1:{port}/", out, limit=limit),
            key="key",
            url=None,
            where="bench",
        )


def _one_more(made: Made, address: Address) -> float:
    times = []
    for _ in range(3):
        made.add(address)
        seconds, report = _timed(made.publish)
        quiet = _timed(made.publish)[0]
        changed = 4 if isinstance(address, ModuleAddress) else 2 + 12
        assert report.puts <= changed + 8, report.puts
        times.append(max(seconds - quiet, 0.001))
    return min(times)


def _rendering(made: Made) -> Row:
    with made.opened() as registry:
        packages = list(registry.ledger.packages(list(registry.ledger.heads())).values())
    site = registry.config.site
    seconds, count = _timed(lambda: sum(len(render_package(package, site)) for package in packages))
    documents = [document.content for package in packages for document in render_package(package, site)]
    parsed = [orjson.loads(content) for content in documents if content.startswith(b"{")]
    floor = _timed(lambda: [hashlib.sha256(orjson.dumps(one)).hexdigest() for one in parsed])[0]
    return Row(
        "rendering, against orjson and SHA-256", count / seconds, len(parsed) / floor, "documents/s", 0.2, more=True
    )


def _fsck(made: Made) -> Row:
    files = [path for path in made.work.public.rglob("*") if path.is_file()]
    floor = _timed(lambda: [hashlib.sha256(path.read_bytes()).hexdigest() for path in files])[0]
    with made.opened() as registry:
        seconds, checked = _timed(lambda: fsck(registry.ledger, registry.public, registry.config.site, Silent()))
    assert not checked.findings, checked.findings[:3]
    count = len(files)
    return Row(
        "fsck, against reading and hashing the files", count / seconds, count / floor, "objects/s", 0.4, more=True
    )


def _middle_module(made: Made) -> Address:
    return list(made.modules)[len(made.modules) // 2]


def _largest_provider(made: Made) -> Address:
    return next(iter(made.providers))


def _written(files: Sequence[Path], public: Path, root: Path) -> float:
    """The seconds that it takes to write the same files under the same keys, plainly and one after the other.

    A slice at a time, which goes before the next one comes: all of them twice are more than memory's file system holds.
    """
    return sum(_slice_written(files[at : at + SLICE], public, root) for at in range(0, len(files), SLICE))


def _slice_written(files: Sequence[Path], public: Path, root: Path) -> float:
    contents = [(root / path.relative_to(public), path.read_bytes()) for path in files]
    there: set[Path] = set()
    started = time.perf_counter()
    for path, content in contents:
        if path.parent not in there:
            there.add(path.parent)
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    seconds = time.perf_counter() - started
    shutil.rmtree(root)
    return seconds


def _parsed(catalog: Path) -> None:
    for path in catalog.rglob("*.yaml"):
        yaml.compose(path.read_bytes(), Loader=yaml.CSafeLoader)


def _raw(port: int) -> None:
    total = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port)) as connection, tempfile.TemporaryFile() as out:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        file = connection.makefile("rb")
        length = 0
        while line := file.readline().strip():
            name, _, value = line.partition(b": ")
            length = int(value) if name == b"Content-Length" else length
        while length and (chunk := file.read1(262_144)):
            total.update(chunk)
            out.write(chunk)
            length -= len(chunk)


def _small(fetcher: Fetcher, url: str) -> None:
    fetcher.download(url, io.BytesIO(), limit=1_000_000)


def _archive(size: int) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("terraform-provider-x", "w") as out:
        chance = Random(1)  # noqa: S311 - programs shrink to some half of their size
        for piece in body(size // 2):
            out.write(piece + chance.randbytes(len(piece)))
    return made


def _verified(archive: io.BytesIO) -> None:
    hashlib.sha256(archive.getbuffer()).hexdigest()
    _checked(archive)


def _checked(archive: io.BytesIO) -> None:
    size = len(archive.getbuffer())
    with hashing_beside() as hasher:
        check_zip(archive, size, max_unpacked=10**10, max_entries=10, where="the archive", hasher=hasher)


def _inflated(archive: io.BytesIO) -> None:
    """Only inflate: what no h1 can do without."""
    (entry,) = read_directory(
        archive, len(archive.getbuffer()), max_unpacked=10**10, max_entries=1, where="the archive"
    )
    stream = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
    archive.seek(entry.data)
    while not stream.eof:
        stream.decompress(archive.read(CHUNK) if stream.needs_input else b"", CHUNK)


def _timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


@contextmanager
def _postgres() -> Iterator[tuple[Path, Postgres]]:
    root = Path(tempfile.mkdtemp(prefix="registry-gen-bench-"))
    try:
        with EmbeddedServer.start(root / "postgres", FAST) as server:
            yield root, Postgres(root / "postgres", server)
    finally:
        shutil.rmtree(root)
