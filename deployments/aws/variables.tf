variable "name" {
  description = "A short name for everything that is made, such as acme-registry. Buckets are called NAME-public, NAME-private and NAME-logs, so it must be free on all of AWS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,50}[a-z0-9]$", var.name))
    error_message = "Give 3 to 52 lower-case letters, digits and dashes, with a letter or digit at both ends."
  }
}

variable "host_name" {
  description = "The host name that people write in sources, such as registry.example.com. Point it at the output domain_name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.host_name))
    error_message = "Give a DNS name in lower case, without scheme, port and path."
  }
}

variable "certificate_arn" {
  description = "The ACM certificate for host_name. CloudFront takes certificates of us-east-1 only."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/.+$", var.certificate_arn))
    error_message = "Give the ARN of an ACM certificate in us-east-1."
  }
}

variable "prefix" {
  description = "The part of the public bucket's keys that is the registry's: empty, or a folder that ends in a slash. The same as in storage.public of registry.yaml."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([0-9A-Za-z_][0-9A-Za-z._-]*/)*$", var.prefix))
    error_message = "Give an empty text, or names with a slash behind each, such as registry/."
  }
}

variable "issuer" {
  description = "Who signs the tokens of the publishing pipeline (OpenID Connect), without a slash at the end."
  type        = string
  default     = "https://token.actions.githubusercontent.com"
  nullable    = false

  validation {
    condition     = can(regex("^https://[^/?#]+(/[^?#]*[^/?#])?$", var.issuer))
    error_message = "Give an https URL without query and without a slash at the end."
  }
}

variable "issuer_provider_arn" {
  description = "The IAM identity provider of the issuer where the account has one already; null makes one."
  type        = string
  default     = null
}

variable "audience" {
  description = "The audience that the pipeline asks its token for."
  type        = string
  default     = "sts.amazonaws.com"
  nullable    = false
}

variable "subjects" {
  description = "Who may publish: subjects of the issuer's tokens, such as repo:acme/registry:environment:production. A star is taken as any text, so keep it out of the repository's name."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subjects) > 0 && alltrue([for subject in var.subjects : can(regex("^[^*?]{8,}", subject))])
    error_message = "Give at least one subject; each begins with eight characters or more that are no wildcard."
  }
}

variable "kms_key_arn" {
  description = "A KMS key for what is stored; null leaves it to S3's own keys. Its policy must also let CloudFront decrypt: see README.md."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give the ARN of a key, not of an alias."
  }
}

variable "price_class" {
  description = "How many of CloudFront's places serve the registry."
  type        = string
  default     = "PriceClass_100"
  nullable    = false

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "Give PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "former_versions_days" {
  description = "How long S3 keeps what was replaced or deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.former_versions_days >= 7
    error_message = "Give seven days or more: a mistake is not always seen on the day it is made."
  }
}

variable "log_days" {
  description = "How long access logs are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.log_days >= 1
    error_message = "Give a day or more."
  }
}

variable "tags" {
  description = "Tags on everything that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
