"""Reading out of a package what its record and its pages need."""
