variable "name" {
  description = "A short name for everything that is made, such as acmeregistry. Storage accounts are called NAMEpub and NAMEpriv, so it must be free on all of Azure."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,18}$", var.name))
    error_message = "Give 3 to 19 lower-case letters and digits that begin with a letter: storage accounts take no more."
  }
}

variable "resource_group_name" {
  description = "The resource group that everything is made in."
  type        = string
  nullable    = false
}

variable "location" {
  description = "Where the storage accounts are, such as westeurope."
  type        = string
  nullable    = false
}

variable "host_name" {
  description = "The host name that people write in sources, such as registry.example.com. Point it at the output domain_name, and prove that it is yours with the output validation_token."
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
  description = "Who may publish: subjects of the issuer's tokens, letter by letter, such as repo:acme/registry:environment:production. Azure takes twenty at most."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subjects) > 0 && length(var.subjects) <= 20 && alltrue([for subject in var.subjects : can(regex("^[^*]{8,}$", subject))])
    error_message = "Give one to twenty subjects of eight characters or more, without stars: Azure compares letter by letter."
  }
}

variable "replication_type" {
  description = "How often and where Azure keeps each object: LRS, ZRS, GRS or GZRS."
  type        = string
  default     = "ZRS"
  nullable    = false

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.replication_type)
    error_message = "Give LRS, ZRS, GRS or GZRS."
  }
}

variable "former_versions_days" {
  description = "How long Azure keeps what was deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.former_versions_days >= 7 && var.former_versions_days <= 365
    error_message = "Give 7 to 365 days."
  }
}

variable "log_workspace_id" {
  description = "A Log Analytics workspace for access logs of the CDN; null keeps none."
  type        = string
  default     = null

  validation {
    condition     = var.log_workspace_id == null || can(regex("^/subscriptions/.+/workspaces/[^/]+$", var.log_workspace_id))
    error_message = "Give the resource ID of a workspace."
  }
}

variable "tags" {
  description = "Tags on everything that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
