"""Rolling maintenance: one node after the other."""
