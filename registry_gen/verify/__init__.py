"""Pure checks on bytes that came through the door: sums, signatures, archives, trees."""
