# The pipeline shows a token that its issuer signed and becomes this identity: there is no key to keep or to lose.

resource "azurerm_user_assigned_identity" "publisher" {
  name                = "${var.name}-publisher"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

resource "azurerm_federated_identity_credential" "pipeline" {
  for_each = { for index, subject in var.subjects : subject => index }

  name                = "pipeline-${each.value}"
  resource_group_name = var.resource_group_name
  parent_id           = azurerm_user_assigned_identity.publisher.id
  issuer              = var.issuer
  subject             = each.key
  audience            = ["api://AzureADTokenExchange"]
}

# Blobs of the two containers and nothing else: no settings of accounts, and no other container.
resource "azurerm_role_assignment" "publisher" {
  for_each = local.accounts

  scope                = azurerm_storage_container.this[each.key].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.publisher.principal_id
  principal_type       = "ServicePrincipal"
}
