# A bucket that the load balancer serves, and a private one.

locals {
  buckets = {
    public  = "inherited"
    private = "enforced"
  }
}

resource "google_storage_bucket" "this" {
  for_each = local.buckets

  project                     = var.project
  name                        = "${var.name}-${each.key}"
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = each.value
  force_destroy               = false
  labels                      = var.labels

  versioning {
    enabled = true
  }

  # Without a page for the root, a request for it would list the bucket.
  dynamic "website" {
    for_each = each.key == "public" ? ["index.html"] : []

    content {
      main_page_suffix = website.value
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = var.former_versions_days
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 1
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key_name == null ? [] : [var.kms_key_name]

    content {
      default_kms_key_name = encryption.value
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

# A backend bucket reads as anybody does. This role may list too: who may not is told 403 for a key that is not there,
# which clients take for missing credentials. So the names of objects are no secret here: see README.md.
resource "google_storage_bucket_iam_member" "everybody" {
  bucket = google_storage_bucket.this["public"].name
  role   = "roles/storage.objectViewer"
  member = "allUsers"
}
