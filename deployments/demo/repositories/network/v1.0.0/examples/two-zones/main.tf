module "network" {
  source = "../.."

  name  = "shop"
  block = "10.20.0.0/16"
  zones = ["eu-central-1a", "eu-central-1b"]
}

output "private_subnets" {
  value = module.network.private_subnets
}
