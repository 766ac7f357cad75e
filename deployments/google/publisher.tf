# The pipeline shows a token that its issuer signed and gets an hour's credentials: there is no key to keep or to lose.

resource "google_iam_workload_identity_pool" "this" {
  project                   = var.project
  workload_identity_pool_id = var.name
  display_name              = var.name
  description               = "Pipelines that publish the registry"
}

resource "google_iam_workload_identity_pool_provider" "this" {
  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.this.workload_identity_pool_id
  workload_identity_pool_provider_id = "pipeline"
  display_name                       = "pipeline"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }

  # Others have tokens of the same issuer. Theirs get nothing, not even an identity in this pool.
  attribute_condition = "assertion.sub in ${jsonencode(var.subjects)}"

  oidc {
    issuer_uri = var.issuer
  }
}

resource "google_service_account" "publisher" {
  project      = var.project
  account_id   = "${var.name}-publish"
  display_name = "Writes the registry's objects"
}

resource "google_service_account_iam_member" "pipeline" {
  for_each = toset(var.subjects)

  service_account_id = google_service_account.publisher.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.this.name}/subject/${each.value}"
}

# Objects and nothing else: no settings and policies of buckets. Replacing an object needs delete; new labels update.
resource "google_project_iam_custom_role" "publisher" {
  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_publisher"
  title       = "Publisher of ${var.name}"
  description = "Writes the registry's objects"

  permissions = [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
    "storage.objects.update",
  ]
}

resource "google_storage_bucket_iam_member" "publisher" {
  for_each = local.buckets

  bucket = google_storage_bucket.this[each.key].name
  role   = google_project_iam_custom_role.publisher.id
  member = google_service_account.publisher.member
}
