# How long Front Door keeps documents is said here and not left to the objects: it knows no stale-while-revalidate, and was
# seen to keep what carries it for days. Artifacts carry none, so the objects' own rule holds for them.

locals {
  # The rules in the order in which they are applied. Front Door's paths have no slash in front.
  rules = {
    answers = {
      order  = 1
      begins = null
      ends   = null
      headers = {
        "Content-Security-Policy"   = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
        "Referrer-Policy"           = "no-referrer"
        "Strict-Transport-Security" = "max-age=31536000"
        "X-Content-Type-Options"    = "nosniff"
      }
      keep = "00:05:00"
    }

    # Terraform reads where a module is from this header, and nothing else may carry it.
    download = {
      order   = 2
      begins  = "v1/modules/"
      ends    = ["/download"]
      headers = { "X-Terraform-Get" = "./get.html" }
      keep    = "00:05:00"
    }

    listings = {
      order   = 3
      begins  = "v1/"
      ends    = ["/versions", "/index.json"]
      headers = {}
      keep    = "00:01:00"
    }

    archives = {
      order   = 4
      begins  = "v1/"
      ends    = [".tar.gz", ".intoto.jsonl", ".zip", "_SHA256SUMS", "_SHA256SUMS.sig"]
      headers = {}
      keep    = "as the object says"
    }

    records = {
      order   = 5
      begins  = "records/"
      ends    = null
      headers = {}
      keep    = "as the object says"
    }

    tiles = {
      order   = 6
      begins  = "log/tile/"
      ends    = null
      headers = {}
      keep    = "as the object says"
    }

    checkpoint = {
      order   = 7
      begins  = "log/checkpoint"
      ends    = null
      headers = {}
      keep    = "never"
    }
  }
}

resource "azurerm_cdn_frontdoor_profile" "this" {
  name                = "${var.name}-cdn"
  resource_group_name = var.resource_group_name
  sku_name            = "Standard_AzureFrontDoor"
  tags                = var.tags
}

resource "azurerm_cdn_frontdoor_endpoint" "this" {
  name                     = var.name
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
  tags                     = var.tags
}

resource "azurerm_cdn_frontdoor_origin_group" "this" {
  name                     = "public"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
  session_affinity_enabled = false

  load_balancing {}
}

resource "azurerm_cdn_frontdoor_origin" "this" {
  name                           = "public"
  cdn_frontdoor_origin_group_id  = azurerm_cdn_frontdoor_origin_group.this.id
  enabled                        = true
  certificate_name_check_enabled = true
  host_name                      = azurerm_storage_account.this["public"].primary_blob_host
  origin_host_header             = azurerm_storage_account.this["public"].primary_blob_host
}

resource "azurerm_cdn_frontdoor_rule_set" "this" {
  name                     = "registry"
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
}

resource "azurerm_cdn_frontdoor_rule" "this" {
  for_each = local.rules

  name                      = each.key
  cdn_frontdoor_rule_set_id = azurerm_cdn_frontdoor_rule_set.this.id
  order                     = each.value.order
  behavior_on_match         = "Continue"

  dynamic "conditions" {
    for_each = each.value.begins == null ? [] : [each.value]

    content {
      url_path_condition {
        operator     = "BeginsWith"
        match_values = [conditions.value.begins]
      }

      dynamic "url_path_condition" {
        for_each = conditions.value.ends == null ? [] : [conditions.value.ends]

        content {
          operator     = "EndsWith"
          match_values = url_path_condition.value
        }
      }
    }
  }

  actions {
    dynamic "response_header_action" {
      for_each = each.value.headers

      content {
        header_action = "Overwrite"
        header_name   = response_header_action.key
        value         = response_header_action.value
      }
    }

    route_configuration_override_action {
      cache_behavior                = lookup({ "as the object says" = "HonorOrigin", "never" = "Disabled" }, each.value.keep, "OverrideAlways")
      cache_duration                = can(regex("^[0-9.:]+$", each.value.keep)) ? each.value.keep : null
      compression_enabled           = each.value.keep == "never" ? null : each.value.keep != "as the object says"
      query_string_caching_behavior = each.value.keep == "never" ? null : "IgnoreQueryString"
    }
  }

  # Front Door takes rules only once there is something to route to.
  depends_on = [azurerm_cdn_frontdoor_origin.this]
}

# Clients send the token of this host, if somebody gave them one; the account would take it for its own and refuse it.
resource "azurerm_cdn_frontdoor_rule" "tokens" {
  name                      = "tokens"
  cdn_frontdoor_rule_set_id = azurerm_cdn_frontdoor_rule_set.this.id
  order                     = 8
  behavior_on_match         = "Continue"

  actions {
    request_header_action {
      header_action = "Delete"
      header_name   = "Authorization"
    }
  }

  depends_on = [azurerm_cdn_frontdoor_origin.this]
}

resource "azurerm_cdn_frontdoor_custom_domain" "this" {
  name                     = replace(var.host_name, ".", "-")
  cdn_frontdoor_profile_id = azurerm_cdn_frontdoor_profile.this.id
  host_name                = var.host_name

  tls {
    certificate_type    = "ManagedCertificate"
    minimum_tls_version = "TLS12"
  }
}

resource "azurerm_cdn_frontdoor_route" "this" {
  name                            = "registry"
  cdn_frontdoor_endpoint_id       = azurerm_cdn_frontdoor_endpoint.this.id
  cdn_frontdoor_origin_group_id   = azurerm_cdn_frontdoor_origin_group.this.id
  cdn_frontdoor_origin_ids        = [azurerm_cdn_frontdoor_origin.this.id]
  cdn_frontdoor_origin_path       = "/${azurerm_storage_container.this["public"].name}"
  cdn_frontdoor_rule_set_ids      = [azurerm_cdn_frontdoor_rule_set.this.id]
  cdn_frontdoor_custom_domain_ids = [azurerm_cdn_frontdoor_custom_domain.this.id]
  link_to_default_domain          = false
  patterns_to_match               = ["/*"]
  supported_protocols             = ["Http", "Https"]
  https_redirect_enabled          = true
  forwarding_protocol             = "HttpsOnly"

  # Documents only: archives are checked by digest, and nothing on the way may compress them.
  cache {
    query_string_caching_behavior = "IgnoreQueryString"
    compression_enabled           = true
    content_types_to_compress     = ["application/json", "text/html", "text/css", "application/javascript"]
  }
}

resource "azurerm_cdn_frontdoor_custom_domain_association" "this" {
  cdn_frontdoor_custom_domain_id = azurerm_cdn_frontdoor_custom_domain.this.id
  cdn_frontdoor_route_ids        = [azurerm_cdn_frontdoor_route.this.id]
}

resource "azurerm_monitor_diagnostic_setting" "cdn" {
  count = var.log_workspace_id == null ? 0 : 1

  name                       = "access"
  target_resource_id         = azurerm_cdn_frontdoor_profile.this.id
  log_analytics_workspace_id = var.log_workspace_id

  enabled_log {
    category = "FrontDoorAccessLog"
  }
}
