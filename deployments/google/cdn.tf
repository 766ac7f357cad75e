# The CDN keeps each object as long as the object's own Cache-Control says, and nothing that is missing.

locals {
  # One segment a star. Nothing else may carry X-Terraform-Get.
  download = "/v1/modules/*/*/*/*/download"

  answers = [
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "Referrer-Policy: no-referrer",
    "Strict-Transport-Security: max-age=31536000",
    "X-Content-Type-Options: nosniff",
  ]
}

# Two views of one bucket, because headers belong to a backend.
resource "google_compute_backend_bucket" "this" {
  for_each = { plain = [], download = ["X-Terraform-Get: ./get.html"] }

  project                 = var.project
  name                    = "${var.name}-${each.key}"
  bucket_name             = google_storage_bucket.this["public"].name
  enable_cdn              = true
  compression_mode        = "DISABLED"
  custom_response_headers = concat(local.answers, each.value)

  cdn_policy {
    cache_mode         = "USE_ORIGIN_HEADERS"
    request_coalescing = true

    # A leaf that was asked for too early would outlive its listing otherwise.
    negative_caching = false

    # Objects say themselves how long they may be served stale; the default here is a day.
    serve_while_stale = 0
  }
}

resource "google_compute_url_map" "this" {
  project         = var.project
  name            = var.name
  default_service = google_compute_backend_bucket.this["plain"].id

  host_rule {
    hosts        = ["*"]
    path_matcher = "registry"
  }

  path_matcher {
    name            = "registry"
    default_service = google_compute_backend_bucket.this["plain"].id

    route_rules {
      priority = 1
      service  = google_compute_backend_bucket.this["download"].id

      match_rules {
        path_template_match = local.download
      }
    }
  }
}

resource "google_compute_url_map" "redirect" {
  project = var.project
  name    = "${var.name}-redirect"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT"
    strip_query            = false
  }
}

resource "google_compute_managed_ssl_certificate" "this" {
  project = var.project
  name    = var.name

  managed {
    domains = [var.host_name]
  }
}

resource "google_compute_ssl_policy" "this" {
  project         = var.project
  name            = var.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "this" {
  project          = var.project
  name             = var.name
  url_map          = google_compute_url_map.this.id
  ssl_certificates = [google_compute_managed_ssl_certificate.this.id]
  ssl_policy       = google_compute_ssl_policy.this.id
}

resource "google_compute_target_http_proxy" "redirect" {
  project = var.project
  name    = "${var.name}-redirect"
  url_map = google_compute_url_map.redirect.id
}

resource "google_compute_global_address" "this" {
  project = var.project
  name    = var.name
}

resource "google_compute_global_forwarding_rule" "https" {
  project               = var.project
  name                  = "${var.name}-https"
  target                = google_compute_target_https_proxy.this.id
  ip_address            = google_compute_global_address.this.id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}

resource "google_compute_global_forwarding_rule" "http" {
  project               = var.project
  name                  = "${var.name}-http"
  target                = google_compute_target_http_proxy.redirect.id
  ip_address            = google_compute_global_address.this.id
  port_range            = "80"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
