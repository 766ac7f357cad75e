"""Carrying a plan out: look, stage without the lock, commit under it in the order of design section 7."""
