# Two storage accounts, because whether anybody may read is a setting of the account. Neither has a key that works:
# whoever writes shows who they are to Entra ID.

locals {
  accounts = {
    public  = { name = "${var.name}pub", anonymous = true }
    private = { name = "${var.name}priv", anonymous = false }
  }
}

resource "azurerm_storage_account" "this" {
  for_each = local.accounts

  name                             = each.value.name
  resource_group_name              = var.resource_group_name
  location                         = var.location
  account_kind                     = "StorageV2"
  account_tier                     = "Standard"
  account_replication_type         = var.replication_type
  https_traffic_only_enabled       = true
  min_tls_version                  = "TLS1_2"
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  allow_nested_items_to_be_public  = each.value.anonymous
  cross_tenant_replication_enabled = false
  tags                             = var.tags

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = var.former_versions_days
    }

    container_delete_retention_policy {
      days = var.former_versions_days
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

# "blob" lets anybody read a blob whose name they know, and list nothing. A blob that is not there is 404.
resource "azurerm_storage_container" "this" {
  for_each = local.accounts

  name                  = "registry"
  storage_account_id    = azurerm_storage_account.this[each.key].id
  container_access_type = each.value.anonymous ? "blob" : "private"

  lifecycle {
    prevent_destroy = true
  }
}

# Azure keeps former versions until a rule deletes them.
resource "azurerm_storage_management_policy" "this" {
  for_each = local.accounts

  storage_account_id = azurerm_storage_account.this[each.key].id

  rule {
    name    = "former-versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = var.former_versions_days
      }
    }
  }
}
