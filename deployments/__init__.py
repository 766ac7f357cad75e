"""Ways to run a registry. Not part of the package that is installed."""
