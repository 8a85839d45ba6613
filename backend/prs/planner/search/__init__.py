"""Ways to look for the steps of a plan, and their order."""
