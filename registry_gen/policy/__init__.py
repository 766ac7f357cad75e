"""Rules that a team may choose, decided without I/O."""
