"""Certificates of one's own, and the server that uses them."""

from __future__ import annotations

import http.client
import os
import queue
import signal
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store
from starlette.responses import PlainTextResponse

from registry_gen.errors import InputError, StorageError
from registry_gen.shim import codes
from registry_gen.shim.server import serve
from registry_gen.shim.tls import Certificate, server_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime.now(UTC)
HOST = "registry.example.com"


@pytest.fixture
def made(tmp_path: Path) -> Certificate:
    return server_certificate(tmp_path, [HOST, "127.0.0.1:8443"], NOW)


def _server(made: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.cert_file.read_bytes())


def _authority(made: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.ca_file.read_bytes())


def test_an_independent_verifier_accepts_the_chain_for_each_name(made: Certificate) -> None:
    store = Store([_authority(made)])
    for name in (HOST, "localhost"):
        verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(name))
        assert verifier.verify(_server(made), [])


def test_the_certificate_keeps_to_what_clients_ask_of_one(made: Certificate) -> None:
    certificate = _server(made)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {HOST, "localhost"}
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=397)


def test_keys_are_readable_by_their_owner_alone_and_never_in_what_clients_get(made: Certificate) -> None:
    folder = made.ca_file.parent
    for file in folder.iterdir():
        assert file == made.ca_file or file.stat().st_mode & 0o777 == 0o600, file
    assert b"PRIVATE" not in made.ca_file.read_bytes()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_authority_is_trusted_for_its_hosts_and_nothing_else(made: Certificate, tmp_path: Path) -> None:
    other = server_certificate(tmp_path / "other", ["bank.example.org"], NOW)
    assert _authority(other) != _authority(made)
    constraints = _authority(made).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert x509.DNSName(HOST) in (constraints.value.permitted_subtrees or [])


def test_a_second_start_finds_the_same_files(made: Certificate, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in made.ca_file.parent.iterdir()}
    assert server_certificate(tmp_path, ["127.0.0.1:8443", HOST], NOW + timedelta(days=1)) == made
    assert {file.name: file.read_bytes() for file in made.ca_file.parent.iterdir()} == before


def test_a_certificate_near_its_end_is_made_again_by_the_same_authority(made: Certificate, tmp_path: Path) -> None:
    authority, server = _authority(made), _server(made)
    later = server_certificate(tmp_path, [HOST], NOW + timedelta(days=61))
    assert _authority(later) == authority
    assert _server(later) != server
    assert _server(later).not_valid_after_utc > NOW + timedelta(days=140)


def test_a_certificate_of_the_future_is_made_again(made: Certificate, tmp_path: Path) -> None:
    server = _server(made)
    assert _server(server_certificate(tmp_path, [HOST], NOW - timedelta(days=10))) != server


def test_an_authority_near_its_end_is_made_again(made: Certificate, tmp_path: Path) -> None:
    authority = _authority(made)
    later = server_certificate(tmp_path, [HOST], NOW + timedelta(days=3600))
    assert _authority(later) != authority
    _server(later).verify_directly_issued_by(_authority(later))


def test_a_new_host_gets_a_new_authority_since_the_old_one_may_not_vouch_for_it(
    made: Certificate, tmp_path: Path
) -> None:
    authority = _authority(made)
    later = server_certificate(tmp_path, ["registry.example.net"], NOW)
    assert _authority(later) != authority
    _server(later).verify_directly_issued_by(_authority(later))


def test_an_authority_that_others_could_read_is_made_again(made: Certificate, tmp_path: Path) -> None:
    authority = _authority(made)
    (made.ca_file.parent / "authority.pem").chmod(0o644)
    assert _authority(server_certificate(tmp_path, [HOST], NOW)) != authority


def test_a_planted_authority_for_more_hosts_is_made_again(made: Certificate, tmp_path: Path) -> None:
    wide = server_certificate(tmp_path / "wide", [HOST, "com"], NOW)
    planted = made.ca_file.parent / "authority.pem"
    planted.write_bytes((wide.ca_file.parent / "authority.pem").read_bytes())
    later = server_certificate(tmp_path, [HOST], NOW)
    assert _authority(later) != _authority(wide)
    _server(later).verify_directly_issued_by(_authority(later))


def test_a_planted_authority_that_lives_longer_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("registry_gen.shim.tls._AUTHORITY_LIFE", timedelta(days=36500))
        planted = _authority(server_certificate(tmp_path, [HOST], NOW))
    assert _authority(server_certificate(tmp_path, [HOST], NOW)) != planted


@pytest.mark.parametrize("name", ["authority.pem", "server.pem", "ca.pem"])
@pytest.mark.parametrize("damage", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_file_is_made_again(made: Certificate, tmp_path: Path, name: str, damage: bytes) -> None:
    (made.ca_file.parent / name).write_bytes(damage)
    again = server_certificate(tmp_path, [HOST], NOW)
    _server(again).verify_directly_issued_by(_authority(again))


def test_a_key_that_belongs_to_another_certificate_is_not_used(made: Certificate, tmp_path: Path) -> None:
    pem = made.cert_file.read_bytes()
    other = server_certificate(tmp_path / "other", [HOST], NOW).cert_file.read_bytes()
    certificate = pem[pem.index(b"-----BEGIN CERTIFICATE") :]
    made.cert_file.write_bytes(other[: other.index(b"-----BEGIN CERTIFICATE")] + certificate)
    server_certificate(tmp_path, [HOST], NOW)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.cert_file)


@pytest.mark.parametrize("host", ["", "a b", "https://example.com", "user@example.com", "-a.example", "*.example.com"])
def test_what_is_no_host_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError) as refused:
        server_certificate(tmp_path, [host], NOW)
    assert refused.value.code is codes.BAD_HOST


def test_an_ipv6_host_is_named_by_its_address(tmp_path: Path) -> None:
    names = _server(server_certificate(tmp_path, ["[::1]"], NOW)).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "::1" in [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)]


def test_a_state_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StorageError) as refused:
        server_certificate(tmp_path / "state", [HOST], NOW)
    assert refused.value.code is codes.TLS_FILES


def test_keys_are_of_a_curve_that_every_client_knows(made: Certificate) -> None:
    for certificate in (_server(made), _authority(made)):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"


@pytest.fixture
def port(made: Certificate) -> Iterator[int]:
    started: queue.Queue[int] = queue.Queue()
    stop = threading.Event()
    app = PlainTextResponse("hello")
    arguments = (app, "127.0.0.1", 0, made.cert_file, made.key_file, lambda _, port: started.put(port), stop)
    thread = threading.Thread(target=serve, args=arguments, daemon=True)
    thread.start()
    yield started.get(timeout=30)
    stop.set()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_port_0_reports_the_real_port_and_the_certificate_is_good_for_it(made: Certificate, port: int) -> None:
    context = ssl.create_default_context(cafile=made.ca_file)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.read() == b"hello"
    assert "server" not in {name.lower() for name, _ in response.getheaders()}
    connection.close()


def test_tls_older_than_1_2_is_not_spoken(port: int) -> None:
    context = ssl._create_unverified_context()  # noqa: S323 - the handshake is refused before any name is
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


def test_a_port_in_use_is_a_clear_error(made: Certificate, port: int) -> None:
    with pytest.raises(InputError) as refused:
        serve(PlainTextResponse(), "127.0.0.1", port, made.cert_file, made.key_file)
    assert refused.value.code is codes.CANNOT_LISTEN
    assert f"127.0.0.1:{port}" in str(refused.value)
    assert "in use" in str(refused.value)


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("no such host", 0), ("127.0.0.1", 70_000), ("a" * 70, 0)]
)
def test_an_address_that_cannot_be_had_is_a_clear_error(made: Certificate, host: str, port: int) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(InputError) as refused:
        serve(PlainTextResponse(), host, port, made.cert_file, made.key_file, stop=stop)
    assert refused.value.code is codes.CANNOT_LISTEN


def test_a_certificate_that_is_gone_is_a_clear_error(made: Certificate) -> None:
    made.cert_file.unlink()
    with pytest.raises(StorageError) as refused:
        serve(PlainTextResponse(), "127.0.0.1", 0, made.cert_file, made.key_file)
    assert refused.value.code is codes.TLS_FILES


PROGRAM = """
import pathlib, sys
from starlette.responses import PlainTextResponse
from registry_gen.shim.server import serve

pem = pathlib.Path(sys.argv[1])
serve(PlainTextResponse(), "127.0.0.1", 0, pem, pem, lambda address, port: print("started", flush=True))
print("cleaned up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_traceback_and_lets_the_caller_clean_up(
    made: Certificate, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(made.cert_file)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "cleaned up\n", "")
