output "domain_name" {
  description = "Where host_name has to point (a CNAME record)."
  value       = azurerm_cdn_frontdoor_endpoint.this.host_name
}

output "validation_token" {
  description = "What a TXT record at _dnsauth.HOST_NAME has to say before Azure makes the certificate."
  value       = azurerm_cdn_frontdoor_custom_domain.this.validation_token
}

output "storage" {
  description = "What to write under storage in registry.yaml."
  value = {
    for key, container in azurerm_storage_container.this : key => "az://${local.accounts[key].name}/${container.name}"
  }
}

output "publisher_client_id" {
  description = "The client ID of the identity that the pipeline becomes."
  value       = azurerm_user_assigned_identity.publisher.client_id
}
