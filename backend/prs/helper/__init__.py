"""The root helper for what needs root on a node, and its client."""
