"""One suite for every CDN: what is purged, in which requests, with how much patience, and what is told of failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from registry_gen import wiring
from registry_gen.edge import codes
from registry_gen.edge.client import Client
from registry_gen.edge.purge import purge
from registry_gen.errors import InputError
from registry_gen.model.config import Network
from registry_gen.model.purge import AzureFrontDoor, CloudFront, Purging
from registry_gen.signing import codes as key_codes
from tests.support.cdns import (
    ALL,
    HOST,
    SECRET,
    FakeAzure,
    FakeCloudflare,
    FakeCloudFront,
    FakeFastly,
    FakeGoogle,
    FakeWebhook,
)
from tests.support.http_server import HttpServer, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from registry_gen.edge.purge import Edge, Purged
    from tests.support.cdns import FakeCdn
    from tests.support.tls import Authority

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LISTING = "v1/modules/acme/network/aws/versions"
LEAF = "v1/modules/acme/network/aws/1.0.0+b1/download"
ZIP = "v1/providers/acme/widget/1.0.0/terraform-provider-widget_1.0.0_linux_amd64.zip"


class Bench:
    """A CDN, a client for it that does not really wait, and what it waited for."""

    def __init__(self, server: HttpServer, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.network = Network(allow_private=("127.0.0.0/8",), ca_file=authority.ca_file)
        self.pauses: list[float] = []
        self.seconds = 600.0
        self.late = 0.0
        self._monkeypatch = monkeypatch

    def edge(self, cdn: FakeCdn, secrets: Mapping[str, str] | None = None) -> Edge:
        known = cdn.secrets if secrets is None else secrets
        if isinstance(cdn, FakeAzure):
            self._monkeypatch.setenv("AZURE_AUTHORITY_HOST", cdn.authority)

        def read(reference: str) -> bytes:
            if reference not in known:
                raise InputError(key_codes.MISSING, where=reference, found="no such environment variable")
            return known[reference].encode()

        client = Client(
            self.network,
            self.seconds,
            read,
            clock=lambda: self.late,
            now=lambda: NOW + timedelta(seconds=self.late),
            sleep=self._sleep,
        )
        return wiring.edge_of(Purging(cdn.options, cdn.api), client, HOST)

    def purge(self, cdn: FakeCdn, keys: Sequence[str], *, most: int | None = None, everything: bool = False) -> Purged:
        return purge(self.edge(cdn), keys, most=most, everything=everything)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.late += seconds


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(authority=authority) as made:
        yield made


@pytest.fixture
def bench(server: HttpServer, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(server, authority, monkeypatch)


@pytest.fixture(params=ALL, ids=lambda kind: kind.kind)
def cdn(request: pytest.FixtureRequest, server: HttpServer) -> FakeCdn:
    made: FakeCdn = request.param(server)
    return made


def leaves(count: int, package: str = "acme/network/aws") -> list[str]:
    return [f"v1/modules/{package}/1.{minor}.0/download" for minor in range(count)]


def urls(keys: Sequence[str]) -> list[str]:
    return [f"https://{HOST}/{key}" for key in keys]


def test_exactly_the_keys_that_are_named_are_purged_under_the_urls_that_clients_ask_for(
    bench: Bench, cdn: FakeCdn
) -> None:
    done = bench.purge(cdn, [LISTING, LEAF, ZIP, LISTING])

    assert sorted(cdn.purged) == sorted(urls([LISTING, LEAF, ZIP])), "each once, and + as it is"
    assert (done.scope, done.left, done.failures) == ("keys", (), ())
    assert sorted(done.done) == sorted([LISTING, LEAF, ZIP])


def test_what_a_cdn_would_take_for_a_wildcard_is_encoded(bench: Bench, cdn: FakeCdn) -> None:
    bench.purge(cdn, ["v1/modules/a/b/c/*", "v1/modules/a/b/c/x y?#%"])

    assert cdn.purged == urls(["v1/modules/a/b/c/%2A", "v1/modules/a/b/c/x%20y%3F%23%25"])


def test_no_keys_ask_nobody(bench: Bench, cdn: FakeCdn) -> None:
    done = bench.purge(cdn, [])

    assert (cdn.asked, done.done, done.failures) == (0, (), ())


def test_everything_of_the_site_is_purged_in_one_request(bench: Bench, cdn: FakeCdn) -> None:
    done = bench.purge(cdn, [], everything=True)

    assert (cdn.requests, done.scope, done.failures) == ([[f"https://{HOST}/*"]], "everything", ())


def test_more_keys_than_a_request_takes_go_in_several(bench: Bench, cdn: FakeCdn) -> None:
    batch = bench.edge(cdn).reach.batch
    keys = leaves(2 * batch + 1)
    done = bench.purge(cdn, keys, most=10_000)

    assert done.failures == ()
    assert sorted(cdn.purged) == sorted(urls(keys))
    assert sorted(map(len, cdn.requests)) == [1, batch, batch], "the fakes refuse more than the vendors take"


def test_too_many_keys_go_with_their_packages_where_a_cdn_knows_prefixes_and_else_with_everything(
    bench: Bench, cdn: FakeCdn
) -> None:
    keys = [*leaves(6), LISTING, *leaves(6, "acme/other/aws"), "log/checkpoint", ".well-known/terraform.json"]
    done = bench.purge(cdn, keys, most=10)

    wild = [f"https://{HOST}/v1/modules/acme/{name}/aws/*" for name in ("network", "other")]
    if cdn.kind in ("cloudflare", "cloudfront", "google"):
        assert done.scope == "prefixes"
        assert sorted(cdn.purged) == sorted([*wild, *urls(["log/checkpoint", ".well-known/terraform.json"])])
        assert done.notes == ("15 keys are too many to purge one by one: 2 folders of packages went as a whole",)
    else:
        assert (done.scope, cdn.purged) == ("everything", [f"https://{HOST}/*"])
        assert done.notes[0] == "15 keys are too many to purge one by one: everything was"
    assert sorted(done.done) == sorted(keys)


def test_too_many_packages_are_everything(bench: Bench, cdn: FakeCdn) -> None:
    keys = [key for number in range(60) for key in leaves(2, f"acme/m{number}/aws")]
    done = bench.purge(cdn, keys, most=100)

    assert (done.scope, cdn.purged) == ("everything", [f"https://{HOST}/*"])


def test_a_busy_cdn_is_given_the_pause_that_it_asks_for(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(Reply.busy("7"), Reply.busy(retry_after="Fri, 02 Jan 2026 03:04:21 GMT", status=503))
    done = bench.purge(cdn, [LISTING])

    assert (cdn.purged, done.failures) == (urls([LISTING]), ())
    assert bench.pauses[:2] == [7.0, 9.0], "until 03:04:21, when seven seconds of it are over"


def test_a_cdn_that_asks_for_more_than_a_minute_is_left_for_the_next_run(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(Reply.busy("61"))
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], done.left, bench.pauses) == ([codes.BUSY], (LISTING,), [])


def test_a_fault_of_the_cdn_passes_or_is_told_after_four_attempts(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(Reply(500), Reply(drop=True), Reply(502))
    assert bench.purge(cdn, [LISTING]).failures == ()
    assert bench.pauses[:3] == [1.0, 2.0, 4.0]

    asked = cdn.asked
    cdn.interfere(*[Reply(500, b"out of order")] * 20)
    done = bench.purge(cdn, leaves(3))
    assert [error.code for error in done.failures] == [codes.UNREACHABLE], "told once, however many requests are left"
    assert "out of order" in done.failures[0].found
    assert (len(done.left), cdn.asked) == (3, asked + 4)


def test_attempts_end_with_the_time_that_a_purge_has(bench: Bench, cdn: FakeCdn) -> None:
    bench.seconds = 5.0
    cdn.interfere(*[Reply(500)] * 20)
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], bench.pauses) == ([codes.UNREACHABLE], [1.0, 2.0])


def test_a_cdn_that_does_not_answer_is_left_alone(bench: Bench, cdn: FakeCdn) -> None:
    bench.seconds = 0.4
    cdn.interfere(*[Reply(hold_at=0)] * 20)
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], done.left) == ([codes.UNREACHABLE], (LISTING,))


def test_wrong_credentials_are_told_once_and_never_shown(bench: Bench, cdn: FakeCdn) -> None:
    wrong = dict.fromkeys(cdn.secrets, "wrong-SECRET-wrong")
    done = purge(bench.edge(cdn, wrong), leaves(40))

    expected = codes.NO_SECRET if isinstance(cdn, FakeGoogle) else codes.DENIED
    assert [error.code for error in done.failures] == [expected]
    assert (len(done.left), cdn.purged) == (40, [])
    assert "wrong-SECRET-wrong" not in "".join(map(str, done.failures))
    assert cdn.asked <= 1


def test_a_secret_that_is_not_there_is_told_by_its_reference(bench: Bench, cdn: FakeCdn) -> None:
    done = purge(bench.edge(cdn, {}), [LISTING])

    assert ([error.code for error in done.failures], cdn.asked) == ([codes.NO_SECRET], 0)
    assert done.failures[0].where in cdn.secrets
    assert done.failures[0].found == "no such environment variable"


@pytest.mark.parametrize("kind", [FakeFastly, FakeCloudflare, FakeCloudFront], ids=lambda kind: kind.kind)
def test_a_secret_that_would_forge_a_header_is_not_sent(bench: Bench, server: HttpServer, kind: type[FakeCdn]) -> None:
    cdn = kind(server)
    done = purge(bench.edge(cdn, dict.fromkeys(cdn.secrets, "one\r\nHost: elsewhere")), [LISTING])

    assert ([error.code for error in done.failures], cdn.asked) == ([codes.NO_SECRET], 0)
    assert "elsewhere" not in str(done.failures[0])


def test_a_batch_that_is_refused_stops_no_other_and_stays(bench: Bench, cdn: FakeCdn) -> None:
    keys = [*leaves(2 * bench.edge(cdn).reach.batch, "acme/one/aws"), "v1/providers/acme/odd/versions"]
    cdn.refuse("odd")
    done = bench.purge(cdn, keys, most=10_000)

    assert [error.code for error in done.failures] == [codes.REFUSED]
    assert (done.left, sorted(done.done)) == (("v1/providers/acme/odd/versions",), sorted(keys[:-1]))
    assert sorted(cdn.purged) == sorted(urls(done.done))


def test_a_redirect_is_not_followed(bench: Bench, cdn: FakeCdn, server: HttpServer) -> None:
    cdn.interfere(Reply.redirect(server.url("/elsewhere"), 307))
    done = bench.purge(cdn, [LISTING])

    assert {error.code for error in done.failures} <= {codes.REFUSED, codes.DENIED}
    assert (len(done.failures), server.asked("/elsewhere")) == (1, 0)


def test_an_answer_without_end_is_cut(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(*[Reply(body=b"x" * 300_000)] * 4)
    done = bench.purge(cdn, [LISTING])

    assert [error.code for error in done.failures] == [codes.UNREACHABLE]


def test_private_addresses_are_for_those_who_allow_them(bench: Bench, cdn: FakeCdn) -> None:
    bench.network = Network(ca_file=bench.network.ca_file)
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], cdn.asked) == ([codes.FORBIDDEN_ADDRESS], 0)


def test_a_certificate_that_nobody_vouches_for_is_refused(bench: Bench, cdn: FakeCdn) -> None:
    bench.network = Network(allow_private=("127.0.0.0/8",))
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], cdn.asked) == ([codes.UNREACHABLE], 0)
    assert "certificate" in done.failures[0].found


def test_no_fault_shows_a_secret(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(Reply(400, f"you sent {SECRET}".encode()))
    done = bench.purge(cdn, [LISTING])

    shown = "".join(map(str, done.failures))
    assert len(done.failures) == 1
    assert isinstance(cdn, FakeGoogle | FakeWebhook) or SECRET not in shown


def test_no_part_of_a_secret_is_shown_wherever_an_answer_repeats_it(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(Reply(400, b" " * (4096 - 30) + SECRET.encode()))
    done = bench.purge(cdn, [LISTING])

    assert isinstance(cdn, FakeGoogle | FakeWebhook) or SECRET[:10] not in str(done.failures[0])


def test_a_secret_is_not_shown_as_a_form_has_it(bench: Bench, server: HttpServer) -> None:
    cdn = FakeFastly(server)
    cdn.secrets = {"env:FASTLY": "a+secret/with=signs"}
    cdn.interfere(Reply(400, b"you sent token=a%2Bsecret%2Fwith%3Dsigns"))

    assert "you sent token=…" in bench.purge(cdn, [LISTING]).failures[0].found


def test_an_answer_that_is_nested_without_end_is_refused_as_any_other(bench: Bench, cdn: FakeCdn) -> None:
    cdn.interfere(Reply(200, b"[" * 200_000))
    done = bench.purge(cdn, [LISTING])

    assert [error.code for error in done.failures] in ([], [codes.DENIED], [codes.REFUSED])


def test_fastly_purges_by_surrogate_keys_in_batches(bench: Bench, server: HttpServer) -> None:
    cdn = FakeFastly(server, surrogate_keys=True)
    done = bench.purge(cdn, leaves(600))

    assert (done.failures, sorted(map(len, cdn.requests))) == ((), [88, 256, 256])
    assert sorted(cdn.purged) == sorted(urls(leaves(600)))


def test_fastly_purges_documents_softly_on_request_and_what_was_deleted_never(bench: Bench, server: HttpServer) -> None:
    cdn = FakeFastly(server, soft=True)
    bench.purge(cdn, [LISTING, ZIP])

    assert (sorted(cdn.purged), cdn.soft) == (sorted(urls([LISTING, ZIP])), urls([LISTING]))


def test_cloudflare_may_refuse_with_a_good_status(bench: Bench, server: HttpServer) -> None:
    cdn = FakeCloudflare(server)
    cdn.interfere(Reply.json({"success": False, "errors": [{"code": 1134, "message": "Not your URL"}]}))
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], done.left) == ([codes.REFUSED], (LISTING,))
    assert "Not your URL" in done.failures[0].found


def test_cloudfront_is_waited_for_while_too_much_is_in_progress_and_makes_no_second_invalidation(
    bench: Bench, server: HttpServer
) -> None:
    cdn = FakeCloudFront(server)
    cdn.interfere(cdn.too_many(), cdn.too_many())
    assert bench.purge(cdn, [LISTING]).failures == ()
    assert bench.pauses == [1.0, 2.0]

    answered = cdn.answer
    cdn.answer = lambda *request: (answered(*request), Reply(drop=True))[1]  # type: ignore[method-assign]
    bench.purge(cdn, [LISTING])
    assert len(cdn.references) == 5
    assert len(set(cdn.references)) == 2, "attempts of one request are one invalidation"


def test_cloudfront_takes_what_the_environment_says_where_no_keys_are_named(
    bench: Bench, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdn = FakeCloudFront(server)
    cdn.options = CloudFront("EDFDVBD6EXAMPLE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    assert bench.purge(cdn, [LISTING]).failures == ()
    assert cdn.purged == urls([LISTING])


def test_nothing_that_signs_for_cloudfront_is_shown_where_its_answer_repeats_what_was_signed(
    bench: Bench, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdn = FakeCloudFront(server)
    cdn.options = CloudFront("EDFDVBD6EXAMPLE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLE")
    cdn.interfere(
        Reply(403, b"<Message>The Canonical String is x-amz-security-token:IQoJb3JpZ2luX2VjEXAMPLE</Message>")
    )

    assert "x-amz-security-token:…" in bench.purge(cdn, [LISTING]).failures[0].found


def test_a_role_that_cannot_be_taken_is_told(
    bench: Bench, server: HttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cdn = FakeCloudFront(server)
    cdn.options = CloudFront("EDFDVBD6EXAMPLE")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/registry")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "missing"))
    done = bench.purge(cdn, [LISTING])

    assert [(error.code, error.found) for error in done.failures] == [(codes.NO_SECRET, "FileNotFoundError")]


def test_google_asks_for_one_token_and_waits_where_its_quota_is_used_up(bench: Bench, server: HttpServer) -> None:
    cdn = FakeGoogle(server)
    edge = bench.edge(cdn)
    assert purge(edge, [LISTING]).failures == ()
    cdn.interfere(cdn.throttled())
    assert purge(edge, leaves(3)).failures == ()
    assert (cdn.tokens, bench.pauses) == (1, [1.0])


@pytest.mark.parametrize("by_location", [False, True])
def test_azure_is_watched_until_its_operation_ends(bench: Bench, server: HttpServer, by_location: bool) -> None:
    cdn = FakeAzure(server)
    cdn.by_location, cdn.polls = by_location, 3
    done = bench.purge(cdn, [LISTING])

    assert (done.failures, done.notes, cdn.polled) == ((), (), 3)
    assert bench.pauses == ([10.0, 10.0, 10.0] if by_location else [10.0, 5.0, 5.0])


def test_an_operation_of_azure_that_fails_is_told_and_its_keys_stay(bench: Bench, server: HttpServer) -> None:
    cdn = FakeAzure(server)
    cdn.ends = "Failed"
    done = bench.purge(cdn, [LISTING])

    assert ([error.code for error in done.failures], done.left) == ([codes.FAILED], (LISTING,))
    assert "on strike" in done.failures[0].found


def test_azure_is_not_waited_for_longer_than_a_minute(bench: Bench, server: HttpServer) -> None:
    cdn = FakeAzure(server)
    cdn.polls = 1000
    done = bench.purge(cdn, [LISTING])

    assert (done.done, done.notes) == ((LISTING,), ("Azure took the request and goes on with it",))
    assert sum(bench.pauses) <= 60


def test_azures_token_goes_to_azure_alone(bench: Bench, server: HttpServer) -> None:
    cdn = FakeAzure(server)
    with HttpServer() as other:
        cdn.elsewhere = other.url("/operations/1")
        done = bench.purge(cdn, [LISTING])
        assert (done.done, other.requests) == ((LISTING,), [])
    assert done.notes == ("Azure took the request; how it goes on is told elsewhere",)


@pytest.mark.parametrize("place", ["https://[", "https://[x]/", "nowhere"])
def test_an_operation_at_no_url_is_not_watched(bench: Bench, server: HttpServer, place: str) -> None:
    cdn = FakeAzure(server)
    cdn.elsewhere = place
    done = bench.purge(cdn, [LISTING])

    assert (done.done, done.failures) == ((LISTING,), ())


def test_an_application_of_azure_that_is_unknown_is_told(bench: Bench, server: HttpServer) -> None:
    cdn = FakeAzure(server)
    cdn.options = AzureFrontDoor("sub-1", "registry", "front", "edge", "tenant-2", "app-1", "env:AZURE")
    done = bench.purge(cdn, [LISTING])

    assert [error.code for error in done.failures] == [codes.DENIED]


def test_a_webhook_knows_a_message_that_comes_twice_by_its_id_and_when_each_was_sent(
    bench: Bench, server: HttpServer
) -> None:
    cdn = FakeWebhook(server)
    answered = cdn.answer
    lost = iter([True, False])

    def once_lost(*request: object) -> Reply:
        reply = answered(*request)  # type: ignore[arg-type]
        return Reply(drop=True) if next(lost) else reply

    cdn.answer = once_lost  # type: ignore[assignment,method-assign]
    assert bench.purge(cdn, [LISTING]).failures == ()
    assert (len(cdn.ids), len(set(cdn.ids))) == (2, 1)
    assert cdn.times == [int(NOW.timestamp()), int(NOW.timestamp()) + 1]


def test_a_url_of_a_webhook_is_not_shown_for_its_path_may_be_a_secret(bench: Bench, server: HttpServer) -> None:
    cdn = FakeWebhook(server)
    cdn.interfere(Reply(404, b"no"))
    done = bench.purge(cdn, [LISTING])

    assert "/hook" not in str(done.failures[0])
    assert done.failures[0].where == server.url("").rstrip("/")
