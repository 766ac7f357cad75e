variable "project" {
  description = "The project that everything is made in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "Give the ID of a project, not its name or number."
  }
}

variable "name" {
  description = "A short name for everything that is made, such as acme-registry. Buckets are called NAME-public and NAME-private, so it must be free on all of Google Cloud."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !startswith(var.name, "goog")
    error_message = "Give 3 to 20 lower-case letters, digits and dashes that begin with a letter, and not with goog."
  }
}

variable "location" {
  description = "Where the buckets are, such as EU or europe-west3."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]+$", var.location))
    error_message = "Give a region, a dual-region or a multi-region."
  }
}

variable "host_name" {
  description = "The host name that people write in sources, such as registry.example.com. Point it at the output address; the certificate is made once it does."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.host_name))
    error_message = "Give a DNS name in lower case, without scheme, port and path."
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

variable "subjects" {
  description = "Who may publish: subjects of the issuer's tokens, letter by letter, such as repo:acme/registry:environment:production."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subjects) > 0 && alltrue([for subject in var.subjects : can(regex("^[^*'\"\\\\]{8,127}$", subject))])
    error_message = "Give at least one subject of 8 to 127 characters, without stars, quotes and backslashes."
  }
}

variable "kms_key_name" {
  description = "A Cloud KMS key for what is stored (projects/…/cryptoKeys/…); null leaves it to Google's own keys. The service agent of Cloud Storage must be allowed to use it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    error_message = "Give the full name of a key, not of one of its versions."
  }
}

variable "former_versions_days" {
  description = "How long Cloud Storage keeps what was replaced or deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.former_versions_days >= 7
    error_message = "Give seven days or more: a mistake is not always seen on the day it is made."
  }
}

variable "labels" {
  description = "Labels on everything that takes labels."
  type        = map(string)
  default     = {}
  nullable    = false
}
