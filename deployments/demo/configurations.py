"""What the demo installs: the Terraform configurations of somebody who uses the registry."""

from __future__ import annotations


def from_registry(host: str) -> str:
    """Modules (one nested, one linked) and providers (one signed by the registry) by their addresses."""
    return f'''terraform {{
  required_providers {{
    widget = {{
      source  = "{host}/acme/widget"
      version = "~> 1.0"
    }}
    gadget = {{
      source  = "{host}/acme/gadget"
      version = ">= 0.3.0"
    }}
  }}
}}

module "network" {{
  source  = "{host}/acme/network/aws"
  version = "~> 1.0"

  name  = "shop"
  zones = ["eu-central-1a", "eu-central-1b"]
}}

module "subnet" {{
  source  = "{host}/acme/network/aws//modules/subnet"
  version = "1.1.0"

  name   = "shop-management"
  block  = "10.0.0.0/16"
  number = 15
}}

module "queue" {{
  source  = "{host}/acme/queue/aws"
  version = "~> 0.1"

  name = "orders"
}}

module "linked" {{
  source  = "{host}/acme/network-link/aws"
  version = "~> 1.1"

  name  = "linked"
  zones = ["eu-central-1a"]
}}
'''


def from_mirror(provider: str) -> str:
    """A provider of another registry, by its own address."""
    return f'''terraform {{
  required_providers {{
    sprocket = {{
      source  = "{provider}"
      version = "~> 2.0"
    }}
  }}
}}
'''


def mirror_cli_config(url: str, hostname: str) -> str:
    """A CLI configuration that takes the providers of one host from the network mirror at ``url``."""
    return f'''provider_installation {{
  network_mirror {{
    url     = "{url}"
    include = ["{hostname}/*/*"]
  }}
  direct {{
    exclude = ["{hostname}/*/*"]
  }}
}}
'''
