"""``python -m registry_gen`` is ``registry-gen``."""

from registry_gen.cli import main

main()
