"""The demo: ``python -m deployments.demo`` makes sources, publishes the sample catalog and installs from it."""
