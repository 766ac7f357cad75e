"""The CDNs of deployments/ compared with paths.py, key by key, and who may read and write behind them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry_gen import paths
from registry_gen.shim.static import TERRAFORM_GET
from tests.support.planned import SUBJECT, planned
from tests.support.sample_keys import COMPRESSED, DOWNLOAD, KEYS
from tests.support.terraform import Terraform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.planned import Plan

AS_THE_OBJECT_SAYS: Final = "as the object says"


@dataclass(frozen=True, slots=True)
class Served:
    """What a CDN does with a key: the headers it adds, whether it may compress, and how long it keeps the answer."""

    headers: Mapping[str, str]
    compressed: bool
    kept: timedelta | str


def _plan(tmp_path_factory: pytest.TempPathFactory, name: str, **variables: Any) -> Plan:
    folder = tmp_path_factory.mktemp(name)
    return planned(Terraform("1.15", folder / "home"), name, folder / "module", variables)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    key = "arn:aws:kms:eu-central-1:123456789012:key/0f0f"
    return _plan(tmp_path_factory, "aws", prefix="registry/", kms_key_arn=key)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return _plan(tmp_path_factory, "google")


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return _plan(tmp_path_factory, "azure", log_workspace_id="/subscriptions/0/workspaces/logs")


def _by_cloudfront(plan: Plan, key: str) -> Served:
    """CloudFront: the first behaviour whose pattern fits, "*" for any text and "?" for one character."""
    distribution = plan.one("aws_cloudfront_distribution")
    behaviours = [*distribution["ordered_cache_behavior"], *distribution["default_cache_behavior"]]
    found = next(each for each in behaviours if _fits(each.get("path_pattern", "*"), key))
    (policy,) = (p for p in plan.all("aws_cloudfront_cache_policy").values() if p["id"] == found["cache_policy_id"])
    assert (policy["min_ttl"], policy["default_ttl"]) == (0, 0)
    assert policy["max_ttl"] >= 31536000
    (accepted,) = policy["parameters_in_cache_key_and_forwarded_to_origin"]
    responses = plan.all("aws_cloudfront_response_headers_policy").values()
    (response,) = (p for p in responses if p["id"] == found["response_headers_policy_id"])
    custom = [item for config in response["custom_headers_config"] for item in config["items"]]
    (security,) = response["security_headers_config"]
    assert security["content_type_options"]
    assert security["strict_transport_security"]
    compressed = found["compress"] or accepted["enable_accept_encoding_gzip"]
    return Served({item["header"]: item["value"] for item in custom}, compressed, AS_THE_OBJECT_SAYS)


def _fits(pattern: str, key: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), key))


def _by_cloud_cdn(plan: Plan, key: str) -> Served:
    """Google: the first route whose template fits, "*" for one segment; else the default."""
    (url_map,) = (
        each.values for each in plan.resources if each.type == "google_compute_url_map" and each.name == "this"
    )
    (matcher,) = url_map["path_matcher"]
    backend = matcher["default_service"]
    for route in sorted(matcher["route_rules"], key=lambda route: -route["priority"]):
        (match,) = route["match_rules"]
        template = re.escape(match["path_template_match"]).replace(r"\*", "[^/]+")
        if re.fullmatch(template, f"/{key}"):
            backend = route["service"]
    (found,) = (each for each in plan.all("google_compute_backend_bucket").values() if each["id"] == backend)
    (policy,) = found["cdn_policy"]
    assert policy["cache_mode"] == "USE_ORIGIN_HEADERS"
    headers = dict(header.split(": ", 1) for header in found["custom_response_headers"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    return Served(headers, found["compression_mode"] != "DISABLED", AS_THE_OBJECT_SAYS)


def _by_front_door(plan: Plan, key: str) -> Served:
    """Azure: every rule whose conditions hold, in their order; what a later one says holds."""
    headers: dict[str, str] = {}
    kept: timedelta | str = ""
    compressed = False
    for rule in sorted(plan.all("azurerm_cdn_frontdoor_rule").values(), key=lambda rule: rule["order"]):
        if not all(_holds(each, key) for group in rule["conditions"] for each in group["url_path_condition"]):
            continue
        (actions,) = rule["actions"]
        assert len(actions["response_header_action"]) + 1 <= 5, "Front Door takes five actions a rule"
        headers |= {each["header_name"]: each["value"] for each in actions["response_header_action"]}
        for route in actions["route_configuration_override_action"]:
            behaviour = {"HonorOrigin": AS_THE_OBJECT_SAYS, "Disabled": "never"}.get(route["cache_behavior"])
            kept = behaviour or _duration(route["cache_duration"])
            compressed = bool(route["compression_enabled"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    return Served(headers, compressed, kept)


def _holds(condition: Mapping[str, Any], key: str) -> bool:
    test: Callable[[str], bool] = {"BeginsWith": key.startswith, "EndsWith": key.endswith}[condition["operator"]]
    return any(test(value) for value in condition["match_values"])


def _duration(text: str) -> timedelta:
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


CDNS: Final = {"aws": _by_cloudfront, "google": _by_cloud_cdn, "azure": _by_front_door}


@pytest.fixture(params=CDNS)
def served(request: pytest.FixtureRequest) -> Callable[[str], Served]:
    plan = request.getfixturevalue(request.param)
    return lambda key: CDNS[request.param](plan, key)


@pytest.mark.parametrize("key", KEYS)
def test_downloads_of_modules_carry_the_constant_header_and_nothing_else_does(
    served: Callable[[str], Served], key: str
) -> None:
    assert served(key).headers.get("X-Terraform-Get") == (TERRAFORM_GET if key == DOWNLOAD else None)


@pytest.mark.parametrize("key", KEYS)
def test_a_cdn_keeps_a_key_no_longer_than_paths_says(served: Callable[[str], Served], key: str) -> None:
    kept = served(key).kept

    rule = paths.rule(key)
    if isinstance(kept, timedelta):
        fresh = re.search(r"max-age=(\d+)", rule.cache_control)
        assert fresh
        assert kept == timedelta(seconds=int(fresh[1]))
        lasting = rule.immutable and not key.startswith(paths.SCRATCH)  # which doctor alone asks for, and deletes
        assert not lasting, "an archive that is not there yet would be kept for good with its 404"
    else:
        assert kept in (AS_THE_OBJECT_SAYS, "never" if rule.cache_control == "no-cache" else AS_THE_OBJECT_SAYS)


@pytest.mark.parametrize("key", [key for key in KEYS if key.endswith(COMPRESSED)])
def test_no_cdn_compresses_archives(served: Callable[[str], Served], key: str) -> None:
    assert not served(key).compressed


def test_cloudfront_keeps_no_error(aws: Plan) -> None:
    responses = {each["error_code"]: each for each in aws.one("aws_cloudfront_distribution")["custom_error_response"]}

    assert responses.keys() >= {403, 404, 500, 502, 503, 504}
    assert {each["error_caching_min_ttl"] for each in responses.values()} == {0}
    assert {each["response_page_path"] for each in responses.values()} == {None}, "a page would say 200 or be kept"


def test_cloud_cdn_keeps_no_error_and_nothing_stale_that_the_object_does_not_allow(google: Plan) -> None:
    for backend in google.all("google_compute_backend_bucket").values():
        (policy,) = backend["cdn_policy"]
        assert policy["negative_caching"] is False
        assert policy["serve_while_stale"] == 0


def test_only_reading_over_tls_of_today_reaches_cloudfront(aws: Plan) -> None:
    distribution = aws.one("aws_cloudfront_distribution")
    behaviours = [*distribution["ordered_cache_behavior"], *distribution["default_cache_behavior"]]

    assert all(sorted(each["allowed_methods"]) == ["GET", "HEAD"] for each in behaviours)
    assert {each["viewer_protocol_policy"] for each in behaviours} == {"redirect-to-https"}
    (certificate,) = distribution["viewer_certificate"]
    assert certificate["minimum_protocol_version"] == "TLSv1.2_2021"


def test_buckets_of_s3_are_out_of_the_publics_reach(aws: Plan) -> None:
    buckets = aws.all("aws_s3_bucket")
    blocks = aws.all("aws_s3_bucket_public_access_block")

    assert buckets.keys() == blocks.keys() == {"public", "private", "logs"}
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    assert all(block[switch] for block in blocks.values() for switch in switches)
    controls = aws.all("aws_s3_bucket_ownership_controls").values()
    assert {rule["object_ownership"] for each in controls for rule in each["rule"]} == {"BucketOwnerEnforced"}
    versioning = aws.all("aws_s3_bucket_versioning").values()
    assert [rule["status"] for each in versioning for rule in each["versioning_configuration"]] == ["Enabled"] * 3
    assert aws.all("aws_s3_bucket_logging").keys() == {"public", "private"}


def test_cloudfront_alone_reads_the_public_bucket_and_is_told_what_is_missing(aws: Plan) -> None:
    control = aws.one("aws_cloudfront_origin_access_control")
    assert (control["signing_behavior"], control["signing_protocol"]) == ("always", "sigv4")
    distribution = aws.one("aws_cloudfront_distribution")
    (origin,) = distribution["origin"]
    assert origin["origin_access_control_id"] == control["id"]
    assert origin["origin_path"] == "/registry"
    assert distribution["default_root_object"], "the root would list the bucket"

    allowed = [s for s in _statements(aws.all("aws_s3_bucket_policy")["public"]["policy"]) if s["Effect"] == "Allow"]

    assert {s["Action"]: s["Resource"] for s in allowed} == {
        "s3:GetObject": "{aws_s3_bucket.arn:acme-registry-public}/registry/*",
        "s3:ListBucket": "{aws_s3_bucket.arn:acme-registry-public}",
    }
    assert all(s["Principal"] == {"Service": "cloudfront.amazonaws.com"} for s in allowed)
    assert all(s["Condition"] == {"StringEquals": {"AWS:SourceArn": distribution["arn"]}} for s in allowed)


def test_no_policy_of_a_bucket_allows_anybody_or_plain_http(aws: Plan) -> None:
    for policy in aws.all("aws_s3_bucket_policy").values():
        statements = _statements(policy["policy"])
        assert [s["Sid"] for s in statements if s["Effect"] == "Deny"] == ["OnlyOverTls"]
        assert all("Service" in s["Principal"] and s["Condition"] for s in statements if s["Effect"] == "Allow")


def test_the_publisher_may_do_on_aws_what_the_storage_asks_for_and_no_more(aws: Plan) -> None:
    statements = _statements(aws.one("aws_iam_role_policy")["policy"])

    actions = {action for s in statements for action in _list(s["Action"])}
    assert actions == {
        *("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        *("kms:Decrypt", "kms:GenerateDataKey"),
        "cloudfront:CreateInvalidation",
    }
    assert {resource for s in statements for resource in _list(s["Resource"])} == {
        "{aws_s3_bucket.arn:acme-registry-public}/registry/*",
        "{aws_s3_bucket.arn:acme-registry-private}/*",
        "{aws_s3_bucket.arn:acme-registry-public}",
        "{aws_s3_bucket.arn:acme-registry-private}",
        "arn:aws:kms:eu-central-1:123456789012:key/0f0f",
        aws.one("aws_cloudfront_distribution")["arn"],
    }
    assert all(s["Effect"] == "Allow" for s in statements)


def test_only_the_named_pipeline_takes_the_role(aws: Plan) -> None:
    (statement,) = _statements(aws.one("aws_iam_role")["assume_role_policy"])

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": aws.one("aws_iam_openid_connect_provider")["arn"]}
    assert statement["Condition"] == {
        "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
        "StringLike": {"token.actions.githubusercontent.com:sub": [SUBJECT]},
    }


def test_a_prefix_that_is_not_there_lets_the_publisher_have_the_whole_bucket(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    plan = _plan(tmp_path_factory, "aws", issuer_provider_arn="arn:aws:iam::123456789012:oidc-provider/example")

    assert plan.all("aws_iam_openid_connect_provider") == {}
    (origin,) = plan.one("aws_cloudfront_distribution")["origin"]
    assert origin["origin_path"] == ""
    assert '"{aws_s3_bucket.arn:acme-registry-public}/*"' in plan.one("aws_iam_role_policy")["policy"]
    rules = plan.all("aws_s3_bucket_server_side_encryption_configuration").values()
    assert {
        a["sse_algorithm"] for r in rules for x in r["rule"] for a in x["apply_server_side_encryption_by_default"]
    } == {"AES256"}


def test_buckets_of_google_have_one_way_in_and_the_private_one_is_private(google: Plan) -> None:
    buckets = google.all("google_storage_bucket")

    assert all(bucket["uniform_bucket_level_access"] for bucket in buckets.values())
    assert buckets["private"]["public_access_prevention"] == "enforced"
    assert all(bucket["versioning"] == [{"enabled": True}] for bucket in buckets.values())
    assert buckets["public"]["website"], "the root would list the bucket"
    everybody = [m for m in google.all("google_storage_bucket_iam_member").values() if m["member"] == "allUsers"]
    assert [(m["bucket"], m["role"]) for m in everybody] == [("acme-registry-public", "roles/storage.objectViewer")]


def test_the_publisher_may_write_objects_on_google_and_nothing_else(google: Plan) -> None:
    role = google.one("google_project_iam_custom_role")
    verbs = ("create", "delete", "get", "list", "update")

    assert sorted(role["permissions"]) == [f"storage.objects.{verb}" for verb in verbs]
    members = google.all("google_storage_bucket_iam_member")
    assert {members[key]["role"] for key in ("public", "private")} == {role["id"]}
    assert google.all("google_project_iam_member") == {}


def test_only_the_named_pipeline_gets_an_identity_on_google(google: Plan) -> None:
    provider = google.one("google_iam_workload_identity_pool_provider")
    (binding,) = google.all("google_service_account_iam_member").values()

    assert provider["attribute_condition"] == f'assertion.sub in ["{SUBJECT}"]'
    assert provider["attribute_mapping"] == {"google.subject": "assertion.sub"}
    assert binding["role"] == "roles/iam.workloadIdentityUser"
    assert binding["member"].endswith(f"/subject/{SUBJECT}")


def test_the_balancer_of_google_speaks_tls_of_today(google: Plan) -> None:
    policy = google.one("google_compute_ssl_policy")

    assert (policy["min_tls_version"], policy["profile"]) == ("TLS_1_2", "MODERN")
    assert google.one("google_compute_target_https_proxy")["ssl_policy"] == policy["id"]


def test_accounts_of_azure_have_no_keys_and_the_private_one_shows_nothing(azure: Plan) -> None:
    accounts = azure.all("azurerm_storage_account")
    containers = azure.all("azurerm_storage_container")

    assert all(account["shared_access_key_enabled"] is False for account in accounts.values())
    assert all(account["local_user_enabled"] is False for account in accounts.values())
    assert all(account["min_tls_version"] == "TLS1_2" for account in accounts.values())
    assert all(account["https_traffic_only_enabled"] for account in accounts.values())
    assert all(account["blob_properties"][0]["versioning_enabled"] for account in accounts.values())
    assert accounts["private"]["allow_nested_items_to_be_public"] is False
    assert {key: each["container_access_type"] for key, each in containers.items()} == {
        "public": "blob",
        "private": "private",
    }


def test_the_publisher_may_write_blobs_of_the_two_containers_and_nothing_else(azure: Plan) -> None:
    grants = azure.all("azurerm_role_assignment").values()

    assert {each["role_definition_name"] for each in grants} == {"Storage Blob Data Contributor"}
    assert all(each["scope"].startswith("{azurerm_storage_container.id") for each in grants)
    assert {each["principal_id"] for each in grants} == {azure.one("azurerm_user_assigned_identity")["principal_id"]}


def test_only_the_named_pipeline_becomes_the_identity(azure: Plan) -> None:
    (credential,) = azure.all("azurerm_federated_identity_credential").values()

    assert credential["subject"] == SUBJECT
    assert credential["audience"] == ["api://AzureADTokenExchange"]


def test_front_door_keeps_tokens_of_clients_from_the_account(azure: Plan) -> None:
    rules = [each.values for each in azure.resources if each.type == "azurerm_cdn_frontdoor_rule"]

    removed = [each for rule in rules for each in rule["actions"][0]["request_header_action"]]
    assert [(each["header_action"], each["header_name"]) for each in removed] == [("Delete", "Authorization")]


def test_front_door_serves_one_name_over_tls_of_today(azure: Plan) -> None:
    route = azure.one("azurerm_cdn_frontdoor_route")
    (tls,) = azure.one("azurerm_cdn_frontdoor_custom_domain")["tls"]

    assert tls["minimum_tls_version"] == "TLS12"
    assert route["forwarding_protocol"] == "HttpsOnly"
    assert route["https_redirect_enabled"]
    assert route["link_to_default_domain"] is False
    assert route["cdn_frontdoor_origin_path"] == "/registry"


def _statements(policy: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return statements


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
