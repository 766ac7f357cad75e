module "public" {
  source   = "./modules/subnet"
  for_each = local.places

  block  = var.block
  number = each.value
  name   = "${var.name}-public-${each.key}"
}

module "private" {
  source   = "./modules/subnet"
  for_each = local.places

  block  = var.block
  number = each.value + 8
  name   = "${var.name}-private-${each.key}"
}

locals {
  places = { for place, zone in var.zones : zone => place }
}
