"""Facts in, protocol documents out: pure, and byte for byte the same for the same facts in any order."""
