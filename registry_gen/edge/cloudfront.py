"""Amazon CloudFront: invalidations, signed with AWS Signature Version 4.

Sources: docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html (2020-05-31), and the
Developer Guide's "Concurrent invalidation request maximum": 3,000 files and 15 wildcards in progress. A path counts
once for the bill, wildcard or not, and the first 1,000 of a month are free.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from registry_gen.edge import codes
from registry_gen.edge.client import Request
from registry_gen.edge.purge import Edge, Reach, path
from registry_gen.errors import EdgeError

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

    from registry_gen.edge.client import Answer, Client
    from registry_gen.edge.purge import Part
    from registry_gen.model.purge import CloudFront

API: Final = "https://cloudfront.amazonaws.com"
_VERSION: Final = "2020-05-31"
_REGION: Final = "us-east-1"  # CloudFront is global, and its requests are signed for this one
_BUSY: Final = (b"<Code>TooManyInvalidationsInProgress<", b"<Code>Throttling", b"<Code>RequestLimitExceeded<")


def cloudfront(options: CloudFront, client: Client, api: str | None) -> Edge:
    """A distribution; who we are is looked up when the first request is sent."""
    url = f"{(api or API).rstrip('/')}/{_VERSION}/distribution/{options.distribution}/invalidation"
    known: list[Credentials] = []

    def send(part: Part) -> str:
        if not known:
            known.append(_credentials(options, client))
        credentials = _now(known[0], client)
        body = _batch(_paths(part))
        # The same reference in each attempt: one whose answer was lost makes no second invalidation.
        client.send(lambda: _signed(url, body, credentials), _is_busy)
        return ""

    return Edge("CloudFront", Reach(most=100, batch=3000, prefixes=15, prefix_batch=15), send)


def _paths(part: Part) -> list[str]:
    if part.scope == "everything":
        return ["/*"]
    return [path(name) + ("*" if part.scope == "prefixes" else "") for name in part.names]


def _batch(paths: list[str]) -> bytes:
    items = "".join(f"<Path>{escape(each)}</Path>" for each in paths)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/{_VERSION}/">'
        f"<CallerReference>registry-gen-{secrets.token_hex(16)}</CallerReference>"
        f"<Paths><Items>{items}</Items><Quantity>{len(paths)}</Quantity></Paths></InvalidationBatch>"
    ).encode()


def _is_busy(answer: Answer) -> bool:
    return any(code in answer.body for code in _BUSY)


def _signed(url: str, body: bytes, credentials: ReadOnlyCredentials) -> Request:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("POST", url, {"Content-Type": "text/xml"}, body)
    SigV4Auth(credentials, "cloudfront", _REGION).add_auth(request)
    return Request("POST", url, dict(request.headers.items()), body)


def _credentials(options: CloudFront, client: Client) -> Credentials:
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    if options.access_key and options.secret_key:
        token = client.token(options.session_token) if options.session_token else None
        return Credentials(client.token(options.access_key), client.token(options.secret_key), token)
    try:
        found = get_session().get_credentials()
    except BotoCoreError as error:
        raise _nobody(type(error).__name__) from None
    if found is None:
        raise _nobody("none in the environment, AWS's files or the machine's role")
    return found


def _now(credentials: Credentials, client: Client) -> ReadOnlyCredentials:
    """What to sign with, once a role was taken or a token was read; AWS's errors repeat parts of what was signed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError) as error:
        raise _nobody(type(error).__name__) from None
    for secret in filter(None, (found.secret_key, found.token)):
        client.hidden(secret)
    return found


def _nobody(found: str) -> EdgeError:
    return EdgeError(codes.NO_SECRET, where="AWS", expected="credentials", found=found, hint=codes.NO_SECRET.fix)
