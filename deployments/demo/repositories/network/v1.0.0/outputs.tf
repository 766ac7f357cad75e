output "public_subnets" {
  description = "CIDR blocks of the public subnets, by zone."
  value       = { for zone, subnet in module.public : zone => subnet.block }
}

output "private_subnets" {
  description = "CIDR blocks of the private subnets, by zone."
  value       = { for zone, subnet in module.private : zone => subnet.block }
}
