variable "name" {
  description = "What the names of all subnets begin with."
  type        = string
}

variable "block" {
  description = "The whole address space, in CIDR notation."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.block, 4, 15))
    error_message = "The block must be a CIDR block with at least four bits to spare."
  }
}

variable "zones" {
  description = "Availability zones, at most eight. Add new ones at the end."
  type        = list(string)

  validation {
    condition     = length(var.zones) <= 8
    error_message = "A network has room for eight zones."
  }
}
