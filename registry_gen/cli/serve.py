"""``serve``: the public folder over TLS, as a CDN would show it, and what to type to install from it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from registry_gen import wiring
from registry_gen.model.places import FolderPlace
from registry_gen.shim.server import serve
from registry_gen.shim.snippets import offered, snippets
from registry_gen.shim.static import public_files
from registry_gen.shim.tls import server_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry_gen.cli.output import Output
    from registry_gen.model.config import Site

DEFAULT_PORT: Final = 8443


@click.command("serve", epilog="Example: registry-gen serve --watch")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", metavar="PORT", type=int, help="The port; 0 takes any.  [default: the site's, or 8443]")
@click.option("--watch", is_flag=True, help="Publish now, and again whenever the catalog changes.")
@click.pass_obj
def command(output: Output, host: str, port: int | None, watch: bool) -> None:
    """Serve the public folder over TLS as a CDN in front of the bucket would, until Ctrl-C.

    The certificate is made by an authority of its own in the state folder. The private storage is never served.
    """
    config = wiring.read_settings(output.config)
    public = wiring.folder_of(config.public)
    private = wiring.folder_of(config.private) if isinstance(config.private, FolderPlace) else None
    app = public_files(public, private, urlsplit(config.site.url).path or "/")
    wiring.prepare_state(config.state)
    certificate = server_certificate(config.state, [config.site.host, host], datetime.now(UTC))

    def started(address: str, real_port: int) -> None:
        output.say(click.style(f"Serving {public} at https://{address}:{real_port}/", bold=True))
        shown = offered(public)
        if shown is None:
            output.say("Nothing is published yet: registry-gen publish changes that, and this goes on serving.")
        else:
            output.result(snippets(config.site, address, real_port, certificate.ca_file, shown))
        output.say("Stop with Ctrl-C.")

    with _watching(output, config.catalog) if watch else _nothing():
        serve(
            app,
            host,
            _port(config.site) if port is None else port,
            certificate.cert_file,
            certificate.key_file,
            started,
        )


def _port(site: Site) -> int:
    """The port that the site's own address names, so that what was published points here."""
    return urlsplit(site.url).port or DEFAULT_PORT


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _watching(output: Output, catalog: Path) -> Iterator[None]:
    """Publish now, and on every change of the catalog or of registry.yaml."""
    _publish(output)
    stop = threading.Event()
    one_at_a_time = threading.Lock()
    config = output.config.absolute()
    watched = (
        (catalog, True, lambda _, __: True),
        (config.parent, False, lambda _, path: path == str(config)),
    )
    threads = [
        threading.Thread(target=_watch, args=(output, one_at_a_time, stop, *what), daemon=True) for what in watched
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _watch(
    output: Output,
    one_at_a_time: threading.Lock,
    stop: threading.Event,
    folder: Path,
    recursive: bool,
    concerns_us: Callable[[object, str], bool],
) -> None:
    from watchfiles import watch

    for _ in watch(folder, watch_filter=concerns_us, stop_event=stop, recursive=recursive):
        with one_at_a_time:
            output.say("The catalog or registry.yaml changed; publishing.")
            _publish(output)


def _publish(output: Output) -> None:
    from registry_gen.cli.main import run

    run([*(["--quiet"] if output.quiet else []), "--config", str(output.config), "publish"])
