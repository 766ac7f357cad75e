"""A static registry generator for Terraform and OpenTofu."""

__version__ = "0.1.0"
