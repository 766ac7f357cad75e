output "address" {
  description = "The address that host_name has to point at (an A record)."
  value       = google_compute_global_address.this.address
}

output "storage" {
  description = "What to write under storage in registry.yaml."
  value       = { for key, bucket in google_storage_bucket.this : key => "gs://${bucket.name}" }
}

output "workload_identity_provider" {
  description = "The provider that the pipeline names when it asks for credentials."
  value       = google_iam_workload_identity_pool_provider.this.name
}

output "service_account" {
  description = "The service account that the pipeline becomes."
  value       = google_service_account.publisher.email
}
