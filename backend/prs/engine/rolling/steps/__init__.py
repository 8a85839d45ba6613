"""What is done at each step of a node's turn."""
