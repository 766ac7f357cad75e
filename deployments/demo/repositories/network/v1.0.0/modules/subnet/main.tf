variable "block" {
  description = "The network's whole address space, in CIDR notation."
  type        = string
}

variable "number" {
  description = "Which sixteenth of the block this subnet is, from 0 to 15."
  type        = number
}

variable "name" {
  description = "The subnet's name."
  type        = string
}

output "block" {
  description = "The subnet's address space, in CIDR notation."
  value       = cidrsubnet(var.block, 4, var.number)
}

output "name" {
  description = "The subnet's name."
  value       = var.name
}
