"""The purge APIs of CDNs on loopback: each checks method, path, who asks, body and batch, and answers as the real one.

cdn = FakeFastly(server)                # mounted on an HttpServer
cdn.options, cdn.secrets                # what to configure, and what the references lead to
cdn.purged                              # URLs that are gone; "https://HOST/v1/*" for all below
cdn.interfere(Reply.busy("7"))          # the next answers, whatever is asked
cdn.refuse("versions")                  # a request that names such a key is refused, as for a vendor's own reasons
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from registry_gen.model.purge import AzureFrontDoor, Cloudflare, CloudFront, Fastly, GoogleCdn, Webhook
from tests.support.http_server import Reply

if TYPE_CHECKING:
    import http.server
    from collections.abc import Mapping

    from registry_gen.model.purge import Cdn
    from tests.support.http_server import HttpServer

HOST: Final = "registry.example.com"
ACCESS_KEY: Final = "AKIDEXAMPLE"
SECRET: Final = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


class FakeCdn:
    """What all of them have in common."""

    kind: str
    options: Cdn
    secrets: Mapping[str, str]
    prefix: str

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.purged: list[str] = []
        self.requests: list[list[str]] = []
        """What each request that came through named."""
        self.asked = 0
        self._next: list[Reply] = []
        self._refused = ""
        server.mount(self.prefix, self._handle)

    @property
    def api(self) -> str | None:
        """The vendor's API."""
        return self.server.url(self.prefix.rstrip("/"))

    def interfere(self, *replies: Reply) -> None:
        self._next += replies

    def refuse(self, part: str) -> None:
        self._refused = part

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        raise NotImplementedError

    def take(self, names: list[str], most: int) -> bool:
        """Whether a batch is one that is taken; what it names is purged then."""
        if not 1 <= len(names) <= most or (self._refused and any(self._refused in name for name in names)):
            return False
        self.requests.append(names)
        self.purged += names
        return True

    def _handle(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked += 1
        path = "/" + handler.path.removeprefix(self.prefix)
        reply = self._next.pop(0) if self._next else self.answer(handler.command, path, headers, body)
        assert isinstance(reply.body, bytes)
        if reply.hold_at is not None:
            self.server.wait()
        if reply.drop:
            handler.close_connection = True
            return
        handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.content_type)
        handler.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)


class FakeFastly(FakeCdn):
    """By URL, or by surrogate keys that are the objects' own keys."""

    kind = "fastly"
    prefix = "/fastly/"
    secrets: Mapping[str, str] = {"env:FASTLY": SECRET}

    def __init__(self, server: HttpServer, *, surrogate_keys: bool = False, soft: bool = False) -> None:
        super().__init__(server)
        self.options = Fastly("SU1Z0isxPaozGVKXdv0eY", "env:FASTLY", surrogate_keys=surrogate_keys, soft=soft)
        self.soft: list[str] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if headers.get("fastly-key") != SECRET:
            return Reply.json({"msg": "Provided credentials are missing or invalid"}, 401)
        service = "/service/SU1Z0isxPaozGVKXdv0eY/"
        if method == "POST" and path == f"{service}purge_all" and "fastly-soft-purge" not in headers:
            self.take([f"https://{HOST}/*"], 1)
        elif method == "POST" and path == f"{service}purge":
            names = [f"https://{HOST}/{key}" for key in json.loads(body)["surrogate_keys"]]
            if not self.take(names, 256):
                return Reply.json({"msg": "Bad request"}, 400)
            self.soft += names if "fastly-soft-purge" in headers else []
        elif method == "POST" and path.startswith(f"/purge/{HOST}/") and not body:
            name = f"https://{path.removeprefix('/purge/')}"
            if not self.take([name], 1):
                return Reply.json({"msg": "Bad request"}, 400)
            self.soft += [name] if "fastly-soft-purge" in headers else []
        else:
            return Reply.json({"msg": "Record not found"}, 404)
        return Reply.json({"status": "ok", "id": "108-1391560174-974124"})


class FakeCloudflare(FakeCdn):
    """``success`` tells, beside the status."""

    kind = "cloudflare"
    prefix = "/client/v4/"
    secrets: Mapping[str, str] = {"env:CLOUDFLARE": SECRET}
    options = Cloudflare("023e105f4ecef8ad9ca31a8372d0c353", "env:CLOUDFLARE")

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if headers.get("authorization") != f"Bearer {SECRET}":
            return self._error(10000, "Authentication error", 403)
        if (method, path) != ("POST", "/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache"):
            return self._error(7003, "Could not route to the zone", 404)
        ((what, names),) = json.loads(body).items()
        wanted = {
            "files": names,
            "prefixes": [f"https://{each}*" for each in names],
            "hosts": [f"https://{each}/*" for each in names],
        }
        if not self.take(wanted[what], 30):
            return self._error(1094, "Could not purge", 400)
        return Reply.json({"success": True, "errors": [], "messages": [], "result": {"id": "9a7806061c88ada191ed06f9"}})

    @staticmethod
    def _error(code: int, message: str, status: int) -> Reply:
        return Reply.json({"success": False, "errors": [{"code": code, "message": message}], "result": None}, status)


class FakeCloudFront(FakeCdn):
    """Signatures are computed again, by hand."""

    kind = "cloudfront"
    prefix = "/cloudfront/"
    secrets: Mapping[str, str] = {"env:AWS_ID": ACCESS_KEY, "env:AWS_KEY": SECRET}
    options = CloudFront("EDFDVBD6EXAMPLE", "env:AWS_ID", "env:AWS_KEY")

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self.references: list[str] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        full = self.prefix.rstrip("/") + path
        if not _is_signed(method, full, headers, body):
            return self._error("SignatureDoesNotMatch", 403)
        if path != "/2020-05-31/distribution/EDFDVBD6EXAMPLE/invalidation":
            return self._error("NoSuchDistribution", 404)
        space = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
        tree = ET.fromstring(body)  # noqa: S314 - our own client sent it
        paths = [item.text or "" for item in tree.iter(f"{space}Path")]
        quantity, reference = tree.find(f".//{space}Quantity"), tree.find(f"{space}CallerReference")
        assert quantity is not None
        assert reference is not None
        if quantity.text != str(len(paths)):
            return self._error("InconsistentQuantities", 400)
        self.references.append(reference.text or "")
        names = [f"https://{HOST}{each}" for each in paths]
        wild = [name for name in names if name.endswith("*")]
        if len(wild) > 15 or not self.take(names, 3000):
            return self._error("InvalidArgument", 400)
        return Reply(201, b"<Invalidation><Status>InProgress</Status></Invalidation>", "text/xml")

    @staticmethod
    def _error(code: str, status: int) -> Reply:
        text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"
        return Reply(status, text.encode(), "text/xml")

    @classmethod
    def too_many(cls) -> Reply:
        return cls._error("TooManyInvalidationsInProgress", 400)


def _is_signed(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bool:
    """AWS Signature Version 4, as the documentation of AWS describes it."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/us-east-1/cloudfront/aws4_request), SignedHeaders=([^,]+), "
        r"Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not found or found[1] != ACCESS_KEY:
        return False
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in found[3].split(";"))
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"{method}\n{path}\n\n{lines}\n{found[3]}\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{found[2]}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in found[2].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), found[4])


class FakeGoogle(FakeCdn):
    """With the token endpoint that a service account's key names."""

    kind = "google"
    prefix = "/google/"
    options = GoogleCdn("acme-registry", "registry", "env:GOOGLE")

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self._key = rsa.generate_private_key(65537, 2048)
        self.token_uri = server.url("/google/token")
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        info = {
            "type": "service_account",
            "project_id": "acme-registry",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "purger@acme-registry.iam.gserviceaccount.com",
            "token_uri": self.token_uri,
        }
        self.secrets = {"env:GOOGLE": json.dumps(info)}
        self.tokens = 0

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path == "/token":
            return self._grant(parse_qs(body.decode()))
        if headers.get("authorization") != f"Bearer {SECRET}":
            return Reply.json({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401)
        if (method, path) != ("POST", "/compute/v1/projects/acme-registry/global/urlMaps/registry/invalidateCache"):
            return Reply.json({"error": {"code": 404, "status": "NOT_FOUND"}}, 404)
        said = json.loads(body)
        wild = said["path"][:-1].count("*") or (said["path"].endswith("*") and not said["path"].endswith("/*"))
        if said.keys() != {"host", "path"} or said["host"] != HOST or wild or "?" in said["path"]:
            return Reply.json({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, 400)
        if not self.take([f"https://{said['host']}{said['path']}"], 1):
            return Reply.json({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, 400)
        return Reply.json({"kind": "compute#operation", "name": "operation-1", "status": "RUNNING"})

    def _grant(self, form: Mapping[str, list[str]]) -> Reply:
        head, payload, signature = form["assertion"][0].split(".")
        self._key.public_key().verify(
            _unpadded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        claims = json.loads(_unpadded(payload))
        if (
            claims["aud"] != "https://oauth2.googleapis.com/token"
            or claims["scope"] != "https://www.googleapis.com/auth/compute"
        ):
            return Reply.json({"error": "invalid_grant"}, 400)
        self.tokens += 1
        return Reply.json({"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"})

    @staticmethod
    def throttled() -> Reply:
        return Reply.json({"error": {"code": 403, "errors": [{"reason": "rateLimitExceeded"}]}}, 403)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class FakeAzure(FakeCdn):
    """With Entra ID's token endpoint, and operations that end after ``polls`` questions, in ``ends``."""

    kind = "azure"
    prefix = "/azure/"
    secrets: Mapping[str, str] = {"env:AZURE": SECRET}
    options = AzureFrontDoor("sub-1", "registry", "front", "edge", "tenant-1", "app-1", "env:AZURE")
    token = "eyJ0eXAiOiJKV1QifQ.azure"

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self.polls = 1
        self.ends: str = "Succeeded"
        self.by_location = False
        self.elsewhere = ""
        self.polled = 0

    @property
    def authority(self) -> str:
        return self.server.url("/azure/login")

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path == "/login/tenant-1/oauth2/v2.0/token":
            return self._grant(parse_qs(body.decode()))
        if headers.get("authorization") != f"Bearer {self.token}":
            return Reply.json({"error": {"code": "AuthenticationFailed"}}, 401)
        if method == "GET" and path == "/operations/1?api-version=2023-05-01":
            return self._operation()
        wanted = (
            "/subscriptions/sub-1/resourceGroups/registry/providers/Microsoft.Cdn/profiles/front/afdEndpoints/edge/purge"
            "?api-version=2023-05-01"
        )
        if (method, path) != ("POST", wanted):
            return Reply.json({"error": {"code": "ResourceNotFound"}}, 404)
        said = json.loads(body)
        if said["domains"] != [HOST] or not self.take([f"https://{HOST}{each}" for each in said["contentPaths"]], 100):
            return Reply.json({"error": {"code": "BadRequest", "message": "ContentPaths are invalid"}}, 400)
        at = self.elsewhere or self.server.url("/azure/operations/1?api-version=2023-05-01")
        name = "Location" if self.by_location else "Azure-AsyncOperation"
        self.polled = 0
        return Reply(202, headers={name: at, "Retry-After": "10"})

    def _operation(self) -> Reply:
        self.polled += 1
        if self.by_location:
            return Reply(202, headers={"Retry-After": "10"}) if self.polled < self.polls else Reply(200)
        said: dict[str, Any] = {"status": self.ends if self.polled >= self.polls else "InProgress"}
        if said["status"] == "Failed":
            said["error"] = {"code": "InternalError", "message": "The edge is on strike"}
        return Reply.json(said)

    def _grant(self, form: Mapping[str, list[str]]) -> Reply:
        wanted = {
            "grant_type": ["client_credentials"],
            "client_id": ["app-1"],
            "client_secret": [SECRET],
            "scope": [f"{self.api}/.default"],
        }
        if form != wanted:
            said = f"AADSTS7000215: Invalid client secret provided: {form['client_secret'][0]}"
            return Reply.json({"error": "invalid_client", "error_description": said}, 401)
        return Reply.json({"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"})


class FakeWebhook(FakeCdn):
    """Verifies as the Standard Webhooks specification says."""

    kind = "webhook"
    prefix = "/hook"
    secrets: Mapping[str, str] = {"env:HOOK": "whsec_" + base64.b64encode(SECRET.encode()).decode()}

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self.options = Webhook(server.url("/hook"), "env:HOOK")
        self.ids: list[str] = []
        self.times: list[int] = []

    @property
    def api(self) -> None:
        return None

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
        if headers["webhook-signature"] != f"v1,{wanted}":
            return Reply(401, b"bad signature")
        self.ids.append(headers["webhook-id"])
        self.times.append(int(headers["webhook-timestamp"]))
        said = json.loads(body)
        assert [f"https://{HOST}/{key}" for key in said["keys"]] == [unquote(url) for url in said["urls"]]
        if not self.take([f"https://{HOST}/*"] if said["everything"] else said["urls"], 1000):
            return Reply(400, b"no")
        return Reply(204)


ALL: Final = (FakeFastly, FakeCloudflare, FakeCloudFront, FakeGoogle, FakeAzure, FakeWebhook)
