# The CDN keeps each object as long as the object's own Cache-Control says, and nothing that is missing.

locals {
  # Patterns of CloudFront: a star is any text, slashes too. Only the first may carry X-Terraform-Get.
  download = "v1/modules/*/download"
  archives = ["v1/modules/*.tar.gz", "v1/providers/*.zip", "v1/providers/*_SHA256SUMS*", "v1/mirror/*.zip", "log/tile/*"]

  errors = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.name
  description                       = "CloudFront reads ${local.buckets.public}"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "this" {
  for_each = { documents = true, archives = false }

  name        = "${var.name}-${each.key}"
  comment     = "As long as the object says, and no query, cookie or header of the client"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = each.value
    enable_accept_encoding_gzip   = each.value

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "this" {
  for_each = { plain = {}, download = { "X-Terraform-Get" = "./get.html" } }

  name    = "${var.name}-${each.key}"
  comment = each.key == "download" ? "Where Terraform finds a module" : "What every answer carries"

  dynamic "custom_headers_config" {
    for_each = length(each.value) > 0 ? [each.value] : []

    content {
      dynamic "items" {
        for_each = custom_headers_config.value

        content {
          header   = items.key
          value    = items.value
          override = true
        }
      }
    }
  }

  remove_headers_config {
    dynamic "items" {
      for_each = toset(["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-version-id"])

      content {
        header = items.value
      }
    }
  }

  security_headers_config {
    content_type_options {
      override = true
    }

    content_security_policy {
      content_security_policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
      override                = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  comment             = "Terraform registry ${var.host_name}"
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  price_class         = var.price_class
  aliases             = [var.host_name]
  default_root_object = "index.html"
  tags                = var.tags

  origin {
    origin_id                = "public"
    domain_name              = aws_s3_bucket.this["public"].bucket_regional_domain_name
    origin_path              = var.prefix == "" ? "" : "/${trimsuffix(var.prefix, "/")}"
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  ordered_cache_behavior {
    path_pattern               = local.download
    target_origin_id           = "public"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.this["documents"].id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this["download"].id
  }

  # Bytes that clients check against a digest: nothing on the way may compress them.
  dynamic "ordered_cache_behavior" {
    for_each = local.archives

    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = "public"
      allowed_methods            = ["GET", "HEAD"]
      cached_methods             = ["GET", "HEAD"]
      viewer_protocol_policy     = "redirect-to-https"
      compress                   = false
      cache_policy_id            = aws_cloudfront_cache_policy.this["archives"].id
      response_headers_policy_id = aws_cloudfront_response_headers_policy.this["plain"].id
    }
  }

  default_cache_behavior {
    target_origin_id           = "public"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.this["documents"].id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this["plain"].id
  }

  # A leaf that was asked for too early would outlive its listing otherwise.
  dynamic "custom_error_response" {
    for_each = local.errors

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}

# CloudFront hands its logs to CloudWatch's deliveries, which are made in us-east-1.
resource "aws_cloudwatch_log_delivery_source" "cdn" {
  region       = "us-east-1"
  name         = "${var.name}-cdn"
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.this.arn
  tags         = var.tags
}

resource "aws_cloudwatch_log_delivery_destination" "cdn" {
  region        = "us-east-1"
  name          = "${var.name}-cdn"
  output_format = "json"
  tags          = var.tags

  delivery_destination_configuration {
    destination_resource_arn = "${aws_s3_bucket.this["logs"].arn}/cdn"
  }
}

resource "aws_cloudwatch_log_delivery" "cdn" {
  region                   = "us-east-1"
  delivery_source_name     = aws_cloudwatch_log_delivery_source.cdn.name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.cdn.arn
  tags                     = var.tags

  depends_on = [aws_s3_bucket_policy.this]
}
