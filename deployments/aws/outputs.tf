output "domain_name" {
  description = "Where host_name has to point: a CNAME, or an alias record of Route 53."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "distribution_id" {
  description = "The distribution, for invalidations."
  value       = aws_cloudfront_distribution.this.id
}

output "storage" {
  description = "What to write under storage in registry.yaml."
  value = {
    public  = "s3://${trimsuffix("${aws_s3_bucket.this["public"].bucket}/${var.prefix}", "/")}"
    private = "s3://${aws_s3_bucket.this["private"].bucket}"
  }
}

output "publisher_role_arn" {
  description = "The role that the publishing pipeline takes."
  value       = aws_iam_role.publisher.arn
}
