terraform {
  required_version = ">= 1.3.0"
}

variable "name" {
  description = "The queue's name."
  type        = string
}

variable "attempts" {
  description = "How often a message is tried before it becomes a dead letter."
  type        = number
  default     = 3
}

output "name" {
  description = "The queue's name."
  value       = var.name
}

output "dead_letter_name" {
  description = "The name of the queue for messages that could not be handled."
  value       = "${var.name}-dead-letters"
}

output "redrive_policy" {
  description = "The policy that moves a message after too many attempts, as JSON."
  value       = jsonencode({ maxReceiveCount = var.attempts, deadLetterQueue = "${var.name}-dead-letters" })
}

output "names" {
  description = "Both names, for permissions that cover either."
  value       = [var.name, "${var.name}-dead-letters"]
}
