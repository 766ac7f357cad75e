# The pipeline shows a token that its issuer signed and gets an hour's credentials: there is no key to keep or to lose.

locals {
  issuer = trimprefix(var.issuer, "https://")
}

resource "aws_iam_openid_connect_provider" "this" {
  count = var.issuer_provider_arn == null ? 1 : 0

  url            = var.issuer
  client_id_list = [var.audience]
  tags           = var.tags
}

resource "aws_iam_role" "publisher" {
  name                 = "${var.name}-publisher"
  description          = "Writes the registry's objects; see publisher.tf for what it may do"
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Federated = var.issuer_provider_arn == null ? aws_iam_openid_connect_provider.this[0].arn : var.issuer_provider_arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = { "${local.issuer}:aud" = var.audience }
          StringLike   = { "${local.issuer}:sub" = var.subjects }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "publisher" {
  name = "publish"
  role = aws_iam_role.publisher.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        # Former versions stay out of its reach, and so do the buckets' own settings.
        {
          Sid    = "Objects"
          Effect = "Allow"
          Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
          Resource = [
            "${aws_s3_bucket.this["public"].arn}/${var.prefix}*",
            "${aws_s3_bucket.this["private"].arn}/*",
          ]
        },
        # Looking for an object that is not there needs it too, without a prefix in the request: hence "IfExists".
        {
          Sid       = "ListPublic"
          Effect    = "Allow"
          Action    = "s3:ListBucket"
          Resource  = aws_s3_bucket.this["public"].arn
          Condition = { StringLikeIfExists = { "s3:prefix" = "${var.prefix}*" } }
        },
        {
          Sid      = "ListPrivate"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = aws_s3_bucket.this["private"].arn
        },
        # To tell the CDN what changed: "purge" in registry.yaml.
        {
          Sid      = "Purge"
          Effect   = "Allow"
          Action   = "cloudfront:CreateInvalidation"
          Resource = aws_cloudfront_distribution.this.arn
        },
      ],
      var.kms_key_arn == null ? [] : [
        {
          Sid      = "Key"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = var.kms_key_arn
        },
      ],
    )
  })
}
