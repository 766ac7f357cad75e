"""Azure Front Door: paths, or all of a domain, in operations that take minutes.

Sources: learn.microsoft.com/rest/api/frontdoorservice/azurefrontdoorstandardpremium/afd-endpoints/purge-content
(2023-05-01), learn.microsoft.com/azure/frontdoor/standard-premium/how-to-cache-purge (single paths and "/*"), and
learn.microsoft.com/azure/azure-resource-manager/management/async-operations.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from registry_gen.edge import codes
from registry_gen.edge.client import Request, origin, read_json, retry_after
from registry_gen.edge.purge import Edge, Reach, path
from registry_gen.errors import EdgeError

if TYPE_CHECKING:
    from registry_gen.edge.client import Answer, Client
    from registry_gen.edge.purge import Part
    from registry_gen.model.purge import AzureFrontDoor

API: Final = "https://management.azure.com"
AUTHORITY: Final = "https://login.microsoftonline.com"
"""Where Entra ID is unless AZURE_AUTHORITY_HOST says otherwise, as it does to azure-identity."""

_VERSION: Final = "2023-05-01"
_PATIENCE: Final = 60.0
_POLL: Final = 5.0
_BATCH: Final = 100


def azure(options: AzureFrontDoor, client: Client, api: str | None, host: str) -> Edge:
    """An endpoint, and of it only the domain ``host``; who we are is looked up when the first request is sent."""
    base = (api or API).rstrip("/")
    url = (
        f"{base}/subscriptions/{options.subscription}/resourceGroups/{options.resource_group}"
        f"/providers/Microsoft.Cdn/profiles/{options.profile}/afdEndpoints/{options.endpoint}/purge"
        f"?api-version={_VERSION}"
    )
    known: list[str] = []

    def send(part: Part) -> str:
        if not known:
            known.append(client.hidden(_token(options, client, f"{base}/.default")))
        headers = {"Authorization": f"Bearer {known[0]}", "Content-Type": "application/json"}
        paths = ["/*"] if part.scope == "everything" else [path(name) for name in part.names]
        body = json.dumps({"contentPaths": paths, "domains": [host.partition(":")[0]]}).encode()
        return _settled(client, base, headers, client.send(partial(Request, "POST", url, headers, body)))

    return Edge("Azure Front Door", Reach(most=_BATCH, batch=_BATCH), send)


def _settled(client: Client, base: str, headers: dict[str, str], answer: Answer) -> str:
    """Watch the operation for a while; raises EdgeError EDG007 where it fails."""
    at = answer.headers.get("azure-asyncoperation") or answer.headers.get("location")
    if answer.status != 202 or not at:
        return ""
    if origin(at) != origin(base) or urlsplit(at).fragment:
        return "Azure took the request; how it goes on is told elsewhere"  # our token is for Azure's API alone
    waited = 0.0
    while True:
        asked = retry_after(answer.headers.get("retry-after"), client.now())
        pause = max(1.0, _POLL if asked is None else asked)
        if waited + pause > _PATIENCE or pause >= client.left():
            return "Azure took the request and goes on with it"
        client.pause(pause)
        waited += pause
        answer = client.send(partial(Request, "GET", at, headers))
        status = _status(answer)
        if status == "Succeeded":
            return ""
        if status in ("Failed", "Canceled"):
            raise client.error(codes.FAILED, at, f"an operation that is {status}", answer.body)


def _status(answer: Answer) -> str:
    """How an operation is: by its body, or by the status of the answer where that says nothing."""
    said = read_json(answer.body)
    status = said.get("status") if isinstance(said, dict) else None
    if isinstance(status, str):
        return status
    return "InProgress" if answer.status == 202 else "Succeeded"


def _token(options: AzureFrontDoor, client: Client, scope: str) -> str:
    if options.tenant_id and options.client_id and options.client_secret:
        return _client_token(options.tenant_id, options.client_id, client.secret(options.client_secret), client, scope)
    from azure.core.exceptions import AzureError
    from azure.identity import DefaultAzureCredential

    try:
        with DefaultAzureCredential() as credential:
            return credential.get_token(scope).token
    except AzureError as error:
        raise EdgeError(codes.NO_SECRET, where="Azure", found=type(error).__name__, hint=codes.NO_SECRET.fix) from None


def _client_token(tenant: str, application: str, secret: str, client: Client, scope: str) -> str:
    """A token by an application's secret (OAuth 2.0 client credentials); raises EdgeError EDG002."""
    authority = os.environ.get("AZURE_AUTHORITY_HOST") or AUTHORITY
    url = f"{authority if '://' in authority else f'https://{authority}'}/{tenant}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": application,
        "client_secret": secret,
        "scope": scope,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = client.send(partial(Request, "POST", url, headers, urlencode(form).encode()))
        token = read_json(answer.body)["access_token"]
    except EdgeError as error:  # Entra ID answers 400 and 401 to a wrong tenant, application or secret
        if error.code is codes.REFUSED:
            raise EdgeError(codes.DENIED, where=error.where, found=error.found, hint=codes.DENIED.fix) from None
        raise
    except (LookupError, TypeError):
        raise EdgeError(codes.DENIED, where=origin(url), found="no token", hint=codes.DENIED.fix) from None
    return str(token)
